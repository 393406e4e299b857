"""A file of one page that says it is of several: stacks cut off, and files of a set."""

import io
import re

import numpy as np
import pytest
import tifffile

from rbc_tf.core import image_io
from tests.core.decoding.varieties import HEIGHT, WIDTH, one_directory, picture, raw_tiff, tiff

_GREY = picture()[..., 0]
_STACK = np.stack([_GREY] * 3)


def _refused(content, message):
    for read in (image_io.decode_image, image_io.header):
        with pytest.raises(image_io.ImageError, match=rf"a\.tif: .*{message}"):
            read(content, "a.tif")


@pytest.mark.parametrize("cut", [1, 100, HEIGHT * WIDTH, 2 * HEIGHT * WIDTH])
def test_an_imagej_stack_in_one_directory_that_is_cut_off(cut):
    _refused(one_directory(_STACK)[:-cut], "3 images, and 1 is there")


@pytest.mark.parametrize("axes", ["CYX", "ZYX", "TYX"])
def test_channels_slices_and_frames_of_imagej_in_one_directory(axes):
    stream = io.BytesIO()
    stack = np.stack([np.zeros_like(_GREY), _GREY, _GREY])
    tifffile.imwrite(stream, stack, imagej=True, truncate=True, metadata={"axes": axes})
    content = stream.getvalue()
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        assert len(file.pages) == 1
    _refused(content, "a TIFF file of one page is required. Received: 3 pages")


@pytest.mark.parametrize("count", ["images", "slices", "frames"])
def test_an_image_out_of_an_imagej_stack(count):
    text = f"ImageJ=1.53t\n{count}=4\n\0"
    _refused(tiff(_GREY, photometric="minisblack", description=text), "4 images, and 1 is there")


def _written(**settings):
    stream = io.BytesIO()
    tifffile.imwrite(stream, _STACK, photometric="minisblack", **settings)
    return stream.getvalue()


@pytest.mark.parametrize(
    "settings",
    [
        {"metadata": None},
        {"metadata": None, "bigtiff": True},
        {"metadata": None, "byteorder": ">"},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"ome": True, "metadata": {"axes": "ZYX"}},
        {"compression": "adobe_deflate"},
    ],
)
def test_no_length_of_a_file_of_several_pages_is_read_as_one_image(settings):
    content = _written(**settings)
    for length in sorted({*range(0, len(content), 61), *range(len(content) - 30, len(content))}):
        with pytest.raises(image_io.ImageError):
            image_io.decode_image(content[:length], "a.tif")


def test_a_directory_whose_end_is_cut_off():
    content = raw_tiff(_GREY.tobytes())
    assert image_io.decode_image(content, "a.tif").shape == (HEIGHT, WIDTH, 3)
    _refused(content[:-1], "damaged or truncated")


def _ome(channels=1, slices=1, times=1, others="", samples=1, prefix=""):
    sizes = f'SizeX="{WIDTH}" SizeY="{HEIGHT}" SizeC="{channels}" SizeZ="{slices}" SizeT="{times}"'
    named = f":{prefix}" if prefix else ""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<OME xmlns{named}="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="I:0">'
        f'<Pixels ID="P:0" DimensionOrder="XYCZT" Type="uint8" {sizes}>'
        f'<Channel ID="C:0" SamplesPerPixel="{samples}"/>{others}</Pixels></Image></OME>'
    )
    return re.sub("<(/?)(?=[A-Z])", rf"<\1{prefix}:", text) if prefix else text


def _files(axis):
    """Where the planes of a set are: each the only one of its own file."""
    return "".join(
        f'<TiffData First{axis}="{number}" IFD="0" PlaneCount="1">'
        f'<UUID FileName="{number}.ome.tif">urn:uuid:{number}</UUID></TiffData>'
        for number in range(3)
    )


def _described(text, pixels=_GREY):
    photometric = "minisblack" if pixels.ndim == 2 else "rgb"
    return tiff(pixels, photometric=photometric, description=text.encode())


@pytest.mark.parametrize(
    ("sizes", "axis"), [({"channels": 3}, "C"), ({"slices": 3}, "Z"), ({"times": 3}, "T")]
)
def test_one_file_of_a_set_of_ome(sizes, axis):
    content = _described(_ome(**sizes, others=_files(axis)))
    _refused(content, "Received: 3 channels, slices and times, of which 1 here")
    for others in ("", '<TiffData IFD="0"/>'):
        content = _described(_ome(**sizes, others=others, prefix="ome"))
        _refused(content, "Received: 3 (channels|pages)")


def test_a_slice_in_colours_of_a_set_of_ome():
    text = _ome(channels=3, slices=2, samples=3)
    _refused(_described(text, picture()), "Received: 6 channels.*of which 3 here")


def test_several_images_of_ome():
    text = _ome()
    image = text[text.index("<Image") : text.index("</OME>")]
    _refused(_described(text.replace("</OME>", image + "</OME>")), "2 channels.*of which 1 here")


def test_a_file_of_ome_whose_description_is_in_another():
    text = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<BinaryOnly MetadataFile="set.companion.ome" UUID="urn:uuid:1"/></OME>'
    )
    _refused(_described(text), "Received: a file that leaves this to another one")


@pytest.mark.parametrize("cut", [1, 8, 40, 200])
@pytest.mark.parametrize("channels", [1, 3])
def test_ome_that_is_cut_off(cut, channels):
    _refused(_described(_ome(channels)[:-cut]), "OME-XML of a TIFF file must be whole")


def test_ome_without_sizes_or_with_others_than_numbers():
    for text in (_ome().replace("SizeC", "Size"), _ome().replace('SizeZ="1"', 'SizeZ="one"')):
        _refused(_described(text), "(OME-XML of a TIFF file must be whole|is damaged)")


def test_ome_of_the_image_alone_is_read(tmp_path):
    """A file may have another name than when it was written; no other file is read for it."""
    other = '<TiffData IFD="0"><UUID FileName="other.ome.tif">urn:uuid:1</UUID></TiffData>'
    (tmp_path / "other.ome.tif").write_bytes(tiff(255 - _GREY, photometric="minisblack"))
    path = tmp_path / "a.ome.tif"
    for text in (_ome(), _ome(others=other), _ome().replace("I:0", "5 µm")):
        path.write_bytes(_described(text))
        np.testing.assert_array_equal(image_io.read_image(path)[..., 0], _GREY)
    for samples in (1, 3):
        path.write_bytes(_described(_ome(channels=3, samples=samples), picture()))
        np.testing.assert_array_equal(image_io.read_image(path), picture())


def test_other_descriptions_say_nothing_of_further_images():
    for text in ("a smear", "ImageJ=1.53t\nunit=um\n", "ImageJ=1\nimages=1\n", "<OMETIFF", "<a>"):
        content = tiff(_GREY, photometric="minisblack", description=text)
        np.testing.assert_array_equal(image_io.decode_image(content, "a.tif")[..., 0], _GREY)
