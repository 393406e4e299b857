"""Analyses a folder of images of nine varieties, a few of them bad, and checks what is reported.

python -m benchmarks.varieties --bundle_dir=demo_run/bundle --output_dir=varieties

With 1,000 images it takes some minutes. Exactly the bad ones must be listed as failed, and the
tables must have all others.
"""

import csv
import json
import pathlib
import sys
from collections.abc import Callable

import cv2
import numpy as np
import tifffile
from absl import flags
from PIL import Image

from rbc_tf.data import synthetic

REQUIRED = ("bundle_dir", "output_dir")

_BUNDLE_DIR = flags.DEFINE_string("bundle_dir", None, "The bundle.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "New folder for images and results.")
_NUM_IMAGES = flags.DEFINE_integer("num_images", 1000, "Of all varieties together.", lower_bound=9)

_BAD = ("bad_cut.jpg", "bad_empty.png", "bad_strip.tif")


def _write_16_bits(path: pathlib.Path, pixels: np.ndarray) -> None:
    """As a camera of 12 bits has them, with one hot pixel."""
    values = pixels[..., 1].astype(np.uint16) * 16
    values[0, 0] = 65535
    tifffile.imwrite(path, values, photometric="minisblack")


def _write_turned(path: pathlib.Path, pixels: np.ndarray) -> None:
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(np.rot90(pixels)).save(path, quality=95, exif=exif)


# What is written of uint8 [H, W, 3] RGB, by name of the variety and end of the file's name.
_VARIETIES: dict[tuple[str, str], Callable[[pathlib.Path, np.ndarray], object]] = {
    ("jpeg", ".jpg"): lambda path, pixels: Image.fromarray(pixels).save(path, quality=92),
    ("turned", ".jpeg"): _write_turned,
    ("png", ".png"): lambda path, pixels: Image.fromarray(pixels).save(path),
    ("palette", ".png"): lambda path, pixels: Image.fromarray(pixels).quantize(64).save(path),
    ("alpha", ".PNG"): lambda path, pixels: Image.fromarray(
        np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    ).save(path, format="PNG"),
    ("bmp", ".bmp"): lambda path, pixels: Image.fromarray(pixels).save(path),
    ("lzw", ".tif"): lambda path, pixels: tifffile.imwrite(path, pixels, compression="lzw"),
    ("planar", ".tiff"): lambda path, pixels: tifffile.imwrite(
        path, pixels.transpose(2, 0, 1).copy(), photometric="rgb", planarconfig="separate"
    ),
    ("sixteen", ".tif"): _write_16_bits,
}


def write_images(folder: pathlib.Path, count: int, height: int, width: int) -> tuple[str, ...]:
    """Writes images of all varieties into subfolders by variety.

    Args:
        folder: new folder.
        count: number of images, the bad ones among them.
        height, width: of each, in pixels.

    Returns:
        Names of the bad ones, below the folder.
    """
    config = synthetic.SmearConfig(height=height, width=width, num_cells=max(2, height // 40))
    pictures = [synthetic.render_smear(config, seed).image for seed in range(min(count, 40))]
    kinds = list(_VARIETIES.items())
    for number in range(count - len(_BAD)):
        (variety, end), write = kinds[number % len(kinds)]
        path = folder / variety / f"ausstrich é {number:04d}{end}"
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, pictures[number % len(pictures)])
    _write_bad(folder, pictures[0])
    return _BAD


def _write_bad(folder: pathlib.Path, pixels: np.ndarray) -> None:
    cut, empty, strip = (folder / name for name in _BAD)
    _, encoded = cv2.imencode(".jpg", pixels)
    cut.write_bytes(encoded.tobytes()[: len(encoded) // 2])
    empty.touch()
    tifffile.imwrite(strip, pixels, compression="zlib", rowsperstrip=8)
    content = bytearray(strip.read_bytes())
    with tifffile.TiffFile(strip) as file:
        start = file.pages.first.dataoffsets[1]
    content[start : start + 40] = bytes(40)
    strip.write_bytes(content)


def check_results(images: pathlib.Path, results: pathlib.Path, bad: tuple[str, ...]) -> str:
    """Holds tables and report against the images; what was found.

    Raises ValueError where others than the bad images failed, or a table lacks one.
    """
    names = {p.relative_to(images).as_posix() for p in images.rglob("*.*") if p.is_file()}
    summary = json.loads((results / "summary.json").read_text(encoding="utf-8"))
    if set(summary["failed"]) != set(bad) or summary["num_images"] != len(names) - len(bad):
        raise ValueError(
            f"{', '.join(bad)} must fail, and the others of {len(names)} images must be done. "
            f"Received: {summary['num_images']} done; failed: {summary['failed']}"
        )
    found = {}
    for name in names - set(bad):
        result = json.loads((results / "images" / f"{name}.json").read_text(encoding="utf-8"))
        found[name] = result["num_regions"]
    with (results / "regions.csv").open(newline="", encoding="utf-8") as file:
        listed = [row["image"] for row in csv.DictReader(file)]
    if sorted(listed) != sorted(name for name, count in found.items() for _ in range(count)):
        raise ValueError(f"{results / 'regions.csv'}: must list every region of every image once")
    report = (results / "report.html").read_text(encoding="utf-8")
    if report.count('class="image-data"') != len(found):
        raise ValueError(f"{results / 'report.html'}: must have every image once")
    return f"{len(names)} images: {len(bad)} failed as they should; {len(listed)} regions"


def main() -> None:
    from rbc_tf.inference import analyze, bundle

    output_dir = pathlib.Path(_OUTPUT_DIR.value)
    images, results = output_dir / "images", output_dir / "results"
    bad = write_images(images, _NUM_IMAGES.value, 480, 640)
    analyze.analyze(bundle.load_bundle(_BUNDLE_DIR.value), images, results)
    print(check_results(images, results, bad))


if __name__ == "__main__":
    from rbc_tf.cli import command

    command.run_module(sys.modules[__name__], "python -m benchmarks.varieties", sys.argv[1:])
