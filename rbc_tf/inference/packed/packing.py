"""From a bundle to one small file."""

import pathlib

from rbc_tf.core import files
from rbc_tf.inference.bundle import Bundle, BundleError
from rbc_tf.inference.packed import archive, twin


def pack(bundle: Bundle, path: str | pathlib.Path) -> None:
    """Writes a packed bundle, and unpacks it once to see that it is whole.

    Args:
        bundle: what is packed; it stays as it is.
        path: the file to write, NAME.rbc; an earlier one is replaced.

    Raises:
        ValueError: the name ends otherwise, or weights are no finite numbers.
        BundleError: what comes out of the file is not what went in.
    """
    if pathlib.Path(path).suffix != archive.SUFFIX:
        raise ValueError(f"A packed bundle must be called NAME{archive.SUFFIX}. Received: {path}")
    with files.scratch_folder() as folder:
        with_8_bits, arrays = twin.write(bundle, folder / "twin")
        written = folder / f"packed{archive.SUFFIX}"
        archive.write(with_8_bits, arrays, written)
        if archive.unpack(written, folder / "unpacked").sha256 != with_8_bits.sha256:
            raise BundleError(f"{bundle.path}: what was packed is not what comes out")
        with files.atomic_path(path) as temporary:
            temporary.write_bytes(written.read_bytes())
