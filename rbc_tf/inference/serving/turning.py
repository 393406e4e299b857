"""The orientation tag of JPEG and PNG as TensorFlow operations, as `core.decoding` reads it.

TensorFlow's own decoders pass over it. Loops go from segment to segment before the image's data
(JPEG), or from chunk to chunk (PNG), and stop at a block of EXIF. XMP, and EXIF in the text of a
PNG, are not looked for: that would take expressions that TensorFlow runs over all bytes of a file.
"""

from collections.abc import Callable

import tensorflow as tf

from rbc_tf.core.decoding import orientation

_JPEG_MAGIC, _PNG_MAGIC_LENGTH = b"\xff\xd8\xff", 8
_EXIF_SEGMENT, _EXIF_NAME = 0xE1, b"Exif\0\0"
_START_OF_SCAN, _END, _FILL = 0xDA, 0xD9, 0xFF

_TAG = 0x0112
# Of an entry in EXIF: which type of number its value is, by how many bytes that has.
_TYPES = {1: 1, 3: 2, 4: 4}


def upright(pixels: tf.Tensor, tag: tf.Tensor) -> tf.Tensor:
    """uint8 [H, W, 3] as stored, to the image as it is shown; `tag` is an int64 scalar."""
    for step, turn in enumerate(
        (
            lambda image: tf.transpose(image, [1, 0, 2]),
            lambda image: image[::-1],
            lambda image: image[:, ::-1],
        )
    ):
        tags = [place for place in range(1, 9) if orientation.steps(place)[step]]
        pixels = _if(tf.reduce_any(tag == tags), turn, pixels)
    return pixels


def tag_of(content: tf.Tensor) -> tf.Tensor:
    """int64, the orientation tag of the bytes of a file; 1 where there is none."""
    exif = tf.cond(
        tf.strings.substr(_padded(content, 3), 0, 3) == _JPEG_MAGIC,
        lambda: _exif_of_jpeg(content),
        lambda: tf.cond(
            tf.strings.substr(_padded(content, 4), 1, 3) == b"PNG",
            lambda: _exif_of_png(content),
            lambda: tf.constant(b""),
        ),
    )
    return tf.cond(
        tf.strings.length(exif) > 0, lambda: _tag_in_exif(exif), lambda: tf.constant(1, tf.int64)
    )


def number(
    text: tf.Tensor, start: tf.Tensor | int, count: int, big_endian: bool | tf.Tensor = False
) -> tf.Tensor:
    """int64, the unsigned number in so many bytes of a string, which must be there."""
    values = tf.cast(tf.io.decode_raw(tf.strings.substr(text, start, count), tf.uint8), tf.int64)
    weights = tf.constant([256**place for place in range(count)], tf.int64)
    return tf.reduce_sum(values * tf.where(big_endian, weights[::-1], weights))


def _if(condition: tf.Tensor, change: Callable, value: tf.Tensor) -> tf.Tensor:
    return tf.cond(condition, lambda: change(value), lambda: value)


def _padded(text: tf.Tensor, length: int | tf.Tensor) -> tf.Tensor:
    """The string with so many zeros after it that `length` bytes may be taken from any place."""
    zeros = tf.strings.substr(b"\0" * 16, 0, length)
    return tf.strings.join([text, zeros])


def _exif_of_jpeg(content: tf.Tensor) -> tf.Tensor:
    """The first block of EXIF before the image's data; b'' where there is none."""
    length = tf.strings.length(content)
    padded = _padded(content, 16)

    def goes_on(place: tf.Tensor, exif: tf.Tensor) -> tf.Tensor:
        is_marker = number(padded, tf.minimum(place, length), 1) == _FILL
        marker = number(padded, tf.minimum(place + 1, length), 1)
        ends = tf.reduce_any(marker == [_START_OF_SCAN, _END])
        return (place < length) & is_marker & ~ends & (exif == b"")

    def step(place: tf.Tensor, exif: tf.Tensor):
        marker = number(padded, place + 1, 1)
        size = tf.cast(number(padded, place + 2, 2, big_endian=True), tf.int32)
        is_exif = (marker == _EXIF_SEGMENT) & (
            tf.strings.substr(padded, place + 4, len(_EXIF_NAME)) == _EXIF_NAME
        )
        start = tf.minimum(place + 4 + len(_EXIF_NAME), length)
        block = tf.strings.substr(content, start, tf.maximum(size - 2 - len(_EXIF_NAME), 0))
        after = tf.where(marker == _FILL, place + 1, place + 2 + size)
        return after, tf.where(is_exif, block, exif)

    return tf.while_loop(goes_on, step, (tf.constant(2), tf.constant(b"")))[1]


def _exif_of_png(content: tf.Tensor) -> tf.Tensor:
    """The first chunk of EXIF, wherever it stands; b'' where there is none."""
    length = tf.strings.length(content)

    def kind(place: tf.Tensor) -> tf.Tensor:
        return tf.strings.substr(content, tf.minimum(place + 4, length), 4)

    def goes_on(place: tf.Tensor, exif: tf.Tensor) -> tf.Tensor:
        return (place + 8 <= length) & (place >= 0) & (kind(place) != b"IEND") & (exif == b"")

    def step(place: tf.Tensor, exif: tf.Tensor):
        # A length beyond the end of the file ends the loop, and the decoder reports it.
        size = tf.minimum(number(content, place, 4, big_endian=True), tf.cast(length, tf.int64))
        size = tf.cast(size, tf.int32)
        block = tf.strings.substr(content, tf.minimum(place + 8, length), size)
        return place + 12 + size, tf.where(kind(place) == b"eXIf", block, exif)

    return tf.while_loop(goes_on, step, (tf.constant(_PNG_MAGIC_LENGTH), tf.constant(b"")))[1]


def _tag_in_exif(exif: tf.Tensor) -> tf.Tensor:
    """int64, the tag in the first directory of a block of EXIF; 1 where there is none of the 8."""
    length = tf.cast(tf.strings.length(exif), tf.int64)
    exif = _padded(exif, 16)
    big_endian = tf.strings.substr(exif, 0, 2) == b"MM"
    start = tf.minimum(number(exif, 4, 4, big_endian), length)
    count = tf.minimum(number(exif, start, 2, big_endian), tf.maximum(length - start - 2, 0) // 12)
    entries = tf.strings.substr(exif, tf.minimum(start + 2, length), 12 * count)
    table = tf.reshape(tf.cast(tf.io.decode_raw(entries, tf.uint8), tf.int64), [-1, 12])

    def column(first: int, width: int) -> tf.Tensor:
        weights = tf.constant([256**place for place in range(width)], tf.int64)
        weights = tf.where(big_endian, weights[::-1], weights)
        return tf.reduce_sum(table[:, first : first + width] * weights, axis=1)

    is_single = (column(0, 2) == _TAG) & (column(4, 4) == 1)
    found = [
        tf.boolean_mask(column(8, width), is_single & (column(2, 2) == kind))
        for kind, width in _TYPES.items()
    ]
    values = tf.concat([*found, tf.constant([1], tf.int64)], axis=0)
    tag = values[0]
    return tf.where((tag >= 1) & (tag <= 8), tag, tf.constant(1, tf.int64))
