"""Writes the page: head, one image after the other, tail; one image in memory at a time.

The file holds everything: styles, scripts, data and pictures. Its content security policy lets
the browser load nothing else, and run no script but ours (known by its hash).
"""

import base64
import hashlib
import pathlib
import string
from collections.abc import Callable, Iterable

from absl import logging

from rbc_tf.core import files, image_io
from rbc_tf.core.intensity import IntensityRange
from rbc_tf.inference.report import embedding, overview
from rbc_tf.inference.report.image_data import image_data

DEFAULT_IMAGE_SIZE = 960

# Browsers hold the whole file in memory.
_LARGE_BYTES = 500_000_000

_FOLDER = pathlib.Path(__file__).parent
_IMAGES_HERE = "<!-- images -->"
# In the order in which they stand in the page: each uses what the ones before define.
_SCRIPTS = (
    "elements",
    "data",
    "filters",
    "csv",
    "drawing",
    "image_table",
    "image_view",
    "review",
    "printing",
    "main",
)


def write_report(
    path: str | pathlib.Path,
    run: overview.Run,
    images: Iterable[tuple[dict, str | pathlib.Path]],
    image_size: int = DEFAULT_IMAGE_SIZE,
    intensity: IntensityRange | None = None,
    read: Callable[[str | pathlib.Path], bytes] = image_io.read_bytes,
) -> None:
    """Writes the report of a run as one HTML file, whole or not at all.

    Args:
        path: of the file.
        run: facts about the whole run.
        images: the JSON of each analysed image (see `Analysis.to_json`), and the image's file.
        image_size: longer side of the embedded pictures, in pixels; 0: no pictures.
        intensity: range of values of more than 8 bits.
        read: gives the content of an image's file; raises ImageError.

    Raises:
        ValueError: `image_size` is negative.
    """
    if image_size < 0:
        raise ValueError(f"The size of pictures must not be negative. Received: {image_size}")
    head, tail = _page(run)
    with (
        files.atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as file,
    ):
        file.write(head)
        for index, (result, image_path) in enumerate(images):
            data = embedding.json_for_script(image_data(result, run.cell_types, run.thresholds))
            file.write(f'<script type="application/json" class="image-data">{data}</script>\n')
            if image_size:
                picture = _picture(image_path, result["image_sha256"], image_size, intensity, read)
                file.write(_picture_element(index, picture) if picture else "")
        file.write(tail)
    size = pathlib.Path(path).stat().st_size
    if size > _LARGE_BYTES:
        logging.warning("%s has %d MB: browsers may fail on it", path, size // 1_000_000)


def _page(run: overview.Run) -> tuple[str, str]:
    """What stands before and after the images."""
    style = _read("style.css")
    script = (
        '"use strict";\n(() => {\n' + "\n".join(_read(f"js/{n}.js") for n in _SCRIPTS) + "})();\n"
    )
    known = {
        "types": [{"name": t.name, "abnormal": t.abnormal} for t in run.cell_types],
        "thresholds": list(run.thresholds),
        "abnormalThreshold": run.abnormal_threshold,
    }
    values = overview.fragments(run) | {
        "style": style,
        "style_hash": _csp_hash(style),
        "script": script,
        "script_hash": _csp_hash(script),
        "run": embedding.json_for_script(known),
    }
    # Cut first: a name among the values may hold the mark of the place where images go.
    head, tail = _read("page.html").split(_IMAGES_HERE)
    return string.Template(head).substitute(values), string.Template(tail).substitute(values)


def _picture(
    path: str | pathlib.Path,
    sha256: str | None,
    image_size: int,
    intensity: IntensityRange | None,
    read: Callable[[str | pathlib.Path], bytes],
) -> str | None:
    """The picture of an image, base64; None where its file is gone or another one by now.

    Its regions are listed all the same.
    """
    try:
        content = read(path)
        if sha256 is not None and files.sha256_of_bytes(content) != sha256:
            raise image_io.ImageError(f"{path}: has been changed since it was analysed")
        return embedding.jpeg_base64(image_io.decode_image(content, path, intensity), image_size)
    except image_io.ImageError as error:
        logging.warning("No picture in the report: %s", error)
        return None


def _picture_element(index: int, picture: str) -> str:
    return f'<script type="text/plain" id="picture-{index}">{picture}</script>\n'


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _csp_hash(text: str) -> str:
    """As a content security policy names a script or style element with this content."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode()
