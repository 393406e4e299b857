"""What a TIFF file says of images beyond the one that was found in it.

tifffile takes a stack that was cut off, and one file of several, for a file of one image. Each
would be read as a grey image, although it is one channel, slice or time of several.
"""

import re
from typing import Literal
from xml.parsers import expat

import tifffile

from rbc_tf.core.decoding.stored import ImageError, Path

# Of ImageJ's description; its channels may be the samples of one page.
_IMAGEJ_COUNTS = ("images", "slices", "frames")

# Of a text that tifffile does not know as OME where its end is missing.
_OME = re.compile(r"<(\w+:)?OME[\s>]")
_OME_COUNTS = ("SizeC", "SizeZ", "SizeT")


def check_none(file: tifffile.TiffFile, page: tifffile.TiffPage, path: Path) -> None:
    """Raises ImageError where the file of this one page says that there are further images."""
    if _has_next_page(file, page):
        raise ImageError(f"{path}: the TIFF file is damaged or truncated (a further page is)")
    count = _imagej_count(file)
    if count > 1:
        raise ImageError(
            f"{path}: the TIFF file is truncated, or one image out of a stack: ImageJ's "
            f"description says {count} images, and 1 is there; save that as a file of its own"
        )
    text = str(page.description)
    if _OME.search(text):
        _check_ome(text, page, path)


def _has_next_page(file: tifffile.TiffFile, page: tifffile.TiffPage) -> bool:
    """Whether the page names the place of a next one; that of the last is 0."""
    layout, stream = file.tiff, file.filehandle
    stream.seek(page.offset)
    order: Literal["little", "big"] = "little" if file.byteorder == "<" else "big"
    tags = int.from_bytes(stream.read(layout.tagnosize), order)
    stream.seek(page.offset + layout.tagnosize + tags * layout.tagsize)
    place = stream.read(layout.offsetsize)
    return len(place) < layout.offsetsize or any(place)


def _imagej_count(file: tifffile.TiffFile) -> float:
    about = (file.imagej_metadata if file.is_imagej else None) or {}
    counts = [about.get(name) for name in _IMAGEJ_COUNTS]
    return max([1, *(count for count in counts if isinstance(count, int | float))])


def _check_ome(text: str, page: tifffile.TiffPage, path: Path) -> None:
    """Raises ImageError where OME-XML is damaged, or says more than the samples of this page."""
    try:
        said, is_elsewhere = _ome_samples(text)
    except (expat.ExpatError, ValueError, KeyError) as error:
        raise ImageError(
            f"{path}: the OME-XML of a TIFF file must be whole, for it says what the image is one "
            f"of. Received: damaged XML ({error})"
        ) from error
    if is_elsewhere or said > page.samplesperpixel:
        received = "a file that leaves this to another one"
        if not is_elsewhere:
            received = f"{said} channels, slices and times, of which {page.samplesperpixel} here"
        raise ImageError(
            f"{path}: a TIFF file must hold all channels, slices and times that its OME-XML "
            f"names. Received: {received}; save what is to be analysed as a file of its own"
        )


def _ome_samples(text: str) -> tuple[int, bool]:
    """(samples of each pixel over all images named, whether only another file names them).

    Raises expat.ExpatError, ValueError or KeyError where it is no OME-XML.
    """
    sizes: list[int] = []
    elements = set()

    def start(name: str, attributes: dict[str, str]) -> None:
        element = name.rpartition(":")[2]
        elements.add(element)
        if element == "Pixels":
            channels, slices, times = (int(attributes[count]) for count in _OME_COUNTS)
            sizes.append(channels * slices * times)

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.Parse(text.strip(), True)
    return sum(sizes), "BinaryOnly" in elements
