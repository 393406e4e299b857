"""Images of JPEG, PNG and BMP as TensorFlow operations, pixel by pixel as `image_io` reads them.

The one exception is JPEG of four colours (CMYK), whose values may differ by 1. What TensorFlow
would read wrongly is refused with an error that says so.
"""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from rbc_tf.core import image_io
from rbc_tf.core.intensity import IntensityRange
from rbc_tf.inference.serving import turning

# Bytes at the start of a file that hold all that must be known of it.
_HEADER = 66

# Before the place of a refused image in its batch.
AT_PLACE = "at this place in the batch, counted from 0:"

# Bytes of the header of every BMP file, and of the oldest that says all that is asked of it.
_BMP_FILE_HEADER, _BMP_INFO_HEADER = 14, 40
_BMP_PLAIN, _BMP_BIT_FIELDS = 0, 3
# Bit fields that change nothing: blue, green, red, one byte each.
_BMP_BGR = b"\x00\x00\xff\x00\x00\xff\x00\x00\xff\x00\x00\x00"


# Values of a tensor that an error shows: enough for the first bytes of a file.
_SHOWN = 8


def decode(
    content: tf.Tensor,
    intensity: IntensityRange | None = None,
    place: tf.Tensor | None = None,
) -> tf.Tensor:
    """uint8 [H, W, 3] RGB from the bytes of a file, a scalar string.

    As `image_io.read_image`: grey becomes RGB, alpha is dropped, the image is turned as its
    orientation tag says, and 16 bits are scaled from the range that is given.

    Args:
        content: the bytes.
        intensity: of images of 16 bits, which are refused without.
        place: of the image in its batch, a scalar; errors name it.

    Raises (when it runs):
        InvalidArgumentError: another format, a variety that is not read, damaged or too large. Its
            text is UTF-8, whatever the bytes are.
    """
    where = [] if place is None else [AT_PLACE, place]
    missing = tf.maximum(0, _HEADER - tf.strings.length(content))
    zeros = tf.strings.substr(b"\0" * _HEADER, 0, missing)
    header = tf.strings.join([tf.strings.substr(content, 0, _HEADER - missing), zeros])
    formats = [
        (b"\xff\xd8\xff", _decode_jpeg),
        (b"\x89PNG\r\n\x1a\n", functools.partial(_decode_png, intensity)),
        (b"BM", _decode_bmp),
    ]
    pixels = tf.case(
        [
            (_begins(header, magic), _reader(functools.partial(reader, where), content, header))
            for magic, reader in formats
        ],
        default=lambda: _refused(
            "JPEG, PNG or BMP bytes are required (TIFF goes through rbc_tf analyze). "
            "Received, as the first bytes:",
            # As numbers: clients refuse an error that is not UTF-8.
            tf.io.decode_raw(tf.strings.substr(header, 0, _SHOWN), tf.uint8),
            where,
        ),
        exclusive=True,
    )
    return tf.ensure_shape(turning.upright(pixels, turning.tag_of(content)), [None, None, 3])


def _begins(header: tf.Tensor, magic: bytes) -> tf.Tensor:
    return tf.strings.substr(header, 0, len(magic)) == magic


def _reader(reader: Callable, content: tf.Tensor, header: tf.Tensor) -> Callable[[], tf.Tensor]:
    return lambda: tf.ensure_shape(reader(content, header), [None, None, 3])


def _decode_jpeg(where: list, content: tf.Tensor, header: tf.Tensor) -> tf.Tensor:
    shape = functools.partial(tf.io.extract_jpeg_shape, output_type=tf.int64)
    size = _whole(shape, content, "JPEG", where)
    with tf.control_dependencies([_check_pixels(size[0], size[1], where)]):
        # The faster transform, TensorFlow's own choice, differs from other decoders by up to 12.
        return _whole(
            functools.partial(tf.io.decode_jpeg, channels=3, dct_method="INTEGER_ACCURATE"),
            content,
            "JPEG",
            where,
        )


def _decode_png(
    intensity: IntensityRange | None, where: list, content: tf.Tensor, header: tf.Tensor
) -> tf.Tensor:
    width, height = (
        turning.number(header, 16, 4, big_endian=True),
        turning.number(header, 20, 4, big_endian=True),
    )
    bits = turning.number(header, 24, 1)
    with tf.control_dependencies([_check_pixels(height, width, where)]):
        return tf.cond(
            bits == 16,
            lambda: _decode_deep_png(content, intensity, where),
            lambda: _whole(functools.partial(tf.io.decode_png, channels=3), content, "PNG", where),
        )


def _decode_deep_png(
    content: tf.Tensor, intensity: IntensityRange | None, where: list
) -> tf.Tensor:
    """uint8 from 16 bits, whose range no file of this format says."""
    if intensity is None:
        return _refused(
            "a PNG image of 8 bits is required; export the model with --bit_depth or "
            "--intensity_range for others. Received: bits:",
            tf.constant(16),
            where,
        )
    decode_png = functools.partial(tf.io.decode_png, channels=3, dtype=tf.uint16)
    values = _whole(decode_png, content, "PNG", where)
    table = tf.constant(intensity.to_bytes(np.arange(2**16, dtype=np.uint16)))
    return tf.gather(table, tf.cast(values, tf.int32))


def _decode_bmp(where: list, content: tf.Tensor, header: tf.Tensor) -> tf.Tensor:
    bits = turning.number(header, 28, 2)
    height, width = tf.abs(_signed(turning.number(header, 22, 4))), turning.number(header, 18, 4)
    checks = [_check_bmp(header, bits, where), _check_pixels(height, width, where)]
    with tf.control_dependencies(checks):
        return tf.cond(
            bits == 8,
            lambda: _with_palette(content, header, where),
            lambda: _whole(functools.partial(tf.io.decode_bmp, channels=3), content, "BMP", where),
        )


def _check_bmp(header: tf.Tensor, bits: tf.Tensor, where: list) -> tf.Operation:
    """TensorFlow looks at none of this, and would read other files wrongly."""
    compression = turning.number(header, 30, 4)
    fields_are_plain = tf.strings.substr(header, 54, len(_BMP_BGR)) == _BMP_BGR
    has_plain_fields = (compression == _BMP_BIT_FIELDS) & (bits == 32) & fields_are_plain
    readable = (
        (turning.number(header, 14, 4) >= _BMP_INFO_HEADER)
        & tf.reduce_any(bits == [8, 24, 32])
        & ((compression == _BMP_PLAIN) | has_plain_fields)
    )
    message = (
        "a BMP image of 8, 24 or 32 bits without compression is required; save it as PNG. "
        "Received: bits, compression:"
    )
    return tf.debugging.Assert(readable, [message, bits, compression, *where])


def _with_palette(content: tf.Tensor, header: tf.Tensor, where: list) -> tf.Tensor:
    """TensorFlow returns the places in the palette, whose colours are blue, green, red, nothing."""
    start = _BMP_FILE_HEADER + turning.number(header, 14, 4)
    count = turning.number(header, 46, 4)
    count = tf.where((count == 0) | (count > 256), tf.constant(256, tf.int64), count)
    stored = tf.strings.substr(content, start, 4 * count)
    colours = tf.reshape(tf.io.decode_raw(stored, tf.uint8), [-1, 4])[:, 2::-1]
    colours = tf.concat([colours, tf.zeros([256 - count, 3], tf.uint8)], axis=0)
    places = _whole(tf.io.decode_bmp, content, "BMP", where)
    return tf.gather(colours, tf.cast(places[..., 0], tf.int32))


def _whole(decoder: Callable, content: tf.Tensor, kind: str, where: list) -> tf.Tensor:
    """What a decoder of TensorFlow makes of a file, or an error that names its place.

    An operation cannot catch the error of another one, but a dataset can leave it out.
    """
    decoded = tf.data.Dataset.from_tensors(content).map(lambda data: (decoder(data), True))
    spec = decoded.element_spec[0]
    nothing = tf.zeros([side or 0 for side in spec.shape], spec.dtype), False
    either = decoded.ignore_errors().concatenate(tf.data.Dataset.from_tensors(nothing))
    value, is_whole = either.take(1).get_single_element()
    message = f"a {kind} image whose data are whole is required. Received: damaged data"
    with tf.control_dependencies([tf.debugging.Assert(is_whole, [message, *where])]):
        return tf.identity(value)


def _signed(value: tf.Tensor) -> tf.Tensor:
    return tf.where(value >= 2**31, value - 2**32, value)


def _check_pixels(height: tf.Tensor, width: tf.Tensor, where: list) -> tf.Operation:
    """Before anything is decoded, which would fill the memory."""
    most, side = image_io.MAX_PIXELS, image_io.MAX_SIDE
    message = (
        f"an image of 1 to {most:,} pixels, at most {side:,} on a side, is required. "
        "Received: height, width:"
    )
    fits = (height <= side) & (width <= side) & (height <= most // tf.maximum(width, 1))
    return tf.debugging.Assert(
        (height >= 1) & (width >= 1) & fits,
        [message, height, width, *where],
    )


def _refused(message: str, received: tf.Tensor, where: list) -> tf.Tensor:
    refusal = tf.debugging.Assert(False, [message, received, *where], summarize=_SHOWN)
    with tf.control_dependencies([refusal]):
        return tf.zeros([0, 0, 3], tf.uint8)
