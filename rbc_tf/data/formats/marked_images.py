"""Which file a marked image is, where its annotations may name one and be called after another."""

import contextlib
import pathlib

from rbc_tf.data.formats.image_finder import ImageFinder
from rbc_tf.data.formats.marked import MarkedImage


def find(marked: MarkedImage, finder: ImageFinder) -> pathlib.Path:
    """The image; raises ValueError where the file of annotations is called after another one."""
    like = None
    with contextlib.suppress(ValueError):
        like = finder.find(marked.named_like) if marked.named_like else None
    advice = "rename the file, or correct the name in it"
    try:
        path = finder.find(marked.name)
    except ValueError as error:
        if like is None:
            raise
        raise ValueError(f"{error}; by its name it is of {finder.relative(like)}: {advice}") from (
            error
        )
    if like is not None and like != path:
        raise ValueError(
            f"the file must be of the image that it names. It names {finder.relative(path)}, and "
            f"by its own name it is of {finder.relative(like)}: {advice}"
        )
    return path
