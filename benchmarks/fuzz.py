"""Feeds mutated files to every reader: none may hang, or end in anything but a plain refusal.

python -m benchmarks.fuzz --count=5000 --seed=0

Of formats with checksums, what is accepted must be what was there before it was mutated. Prints a
line for each kind of file; ends with status 1 where something went wrong, and how to repeat it.
"""

import argparse
import collections
import dataclasses
import json
import pathlib
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable

import cv2
import numpy as np

from rbc_tf.core import archives, config, files, image_io
from rbc_tf.core.cell_types import PAPER, CellTypes
from rbc_tf.core.fingerprint import Fingerprint
from rbc_tf.data import dataset
from rbc_tf.data.formats import coco, geojson, voc

# What a reader may answer: the user's to mend, in words.
_REFUSALS = (ValueError, OSError)
_NOT_REFUSALS = (UnicodeError, json.JSONDecodeError)

# Of computing, and of waiting for what never comes, on a machine that may be busy.
_HANG_SECONDS, _WAIT_SECONDS = 20, 200

ACCEPTED, REFUSED, WRONG = "accepted", "refused", "wrong"


@dataclasses.dataclass(frozen=True)
class Subject:
    """A kind of file and its reader.

    Attributes:
        name: of the kind.
        file: name of the file; the end of it may matter.
        content: of a good one.
        read: gives a comparable value of the file; raises what refuses it.
        checksummed: whether no mutation may change the value without a word.
    """

    name: str
    file: str
    content: bytes
    read: Callable[[pathlib.Path], object]
    checksummed: bool = False


@dataclasses.dataclass
class Report:
    """Answers by kind of file, and what to do to see again what went wrong."""

    counts: dict[str, collections.Counter]
    wrong: list[str]
    slowest: float = 0.0


class Hang(BaseException):
    """A reader that did not answer in time."""


def run(
    subjects: Iterable[Subject], count: int, seed: int, seconds: float = float("inf")
) -> Report:
    """Mutates files of all subjects in turn, `count` in all or as many as the time allows."""
    subjects = list(subjects)
    report = Report({s.name: collections.Counter() for s in subjects}, [])
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        good = {s.name: _good_value(s, pathlib.Path(folder)) for s in subjects}
        for number in range(count):
            if time.monotonic() > end:
                break
            subject = subjects[number % len(subjects)]
            mutated = mutate(subject.content, random.Random(f"{seed} {number}"))
            _try(subject, mutated, good[subject.name], pathlib.Path(folder), number, report)
    return report


def _good_value(subject: Subject, folder: pathlib.Path) -> object:
    path = folder / subject.file
    path.write_bytes(subject.content)
    return subject.read(path)


def _try(subject, mutated, good, folder, number, report) -> None:
    path = folder / subject.file
    path.write_bytes(mutated)
    began = time.monotonic()
    answer, what = _answer(subject, path)
    report.slowest = max(report.slowest, time.monotonic() - began)
    if answer == ACCEPTED and subject.checksummed and not _equal(what, good):
        answer, what = WRONG, "damage was accepted"
    report.counts[subject.name][answer] += 1
    if answer == WRONG:
        report.wrong.append(f"{subject.name}, number {number}: {what}")


def _answer(subject: Subject, path: pathlib.Path) -> tuple[str, object]:
    def hang(*_):
        raise Hang

    earlier = [signal.signal(number, hang) for number in (signal.SIGPROF, signal.SIGALRM)]
    signal.setitimer(signal.ITIMER_PROF, _HANG_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, _WAIT_SECONDS)
    try:
        return ACCEPTED, subject.read(path)
    except _REFUSALS as error:
        if isinstance(error, _NOT_REFUSALS) or not str(error):
            return WRONG, repr(error)
        return REFUSED, None
    except Hang:
        return WRONG, f"no answer within {_HANG_SECONDS} s of computing"
    except Exception as error:
        return WRONG, repr(error)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGPROF, earlier[0])
        signal.signal(signal.SIGALRM, earlier[1])


def _equal(one, other) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[k], other[k]) for k in one)
    return bool(np.array_equal(one, other)) if isinstance(one, np.ndarray) else one == other


# -- mutations


def mutate(content: bytes, draw: random.Random) -> bytes:
    """One to four changes of a kind each."""
    for _ in range(draw.randint(1, 4)):
        content = draw.choice(_MUTATIONS)(content, draw)
    return content


def _flip_bits(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 8))):
        if changed:
            changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content) + 1)]


def _zero(content: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(content) + 1)
    length = min(draw.choice((1, 4, 64, 4096)), len(content) - start)
    return content[:start] + bytes(length) + content[start + length :]


def _repeat(content: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(content) + 1)
    piece = content[start : start + draw.choice((1, 16, 256))]
    return content[:start] + piece * draw.choice((2, 3, 50)) + content[start:]


def _insert(content: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(content) + 1)
    return content[:start] + draw.choice(_TOKENS) + content[start:]


def _replace_number(content: bytes, draw: random.Random) -> bytes:
    digits = [place for place, byte in enumerate(content) if 48 <= byte <= 57]
    if not digits:
        return content
    place = draw.choice(digits)
    return content[:place] + draw.choice(_NUMBERS) + content[place + 1 :]


_MUTATIONS = (_flip_bits, _cut, _zero, _repeat, _insert, _replace_number)
_NUMBERS = (
    *(b"-1", b"0", b"1e400", b"-0.0", b"nan", b"NaN", b"Infinity", b"1_5", b"9" * 400, b"9" * 5000),
    *(b"true", b"null", b'"x"', b"[1]", b"{}", b"2147483648", b"1e-7", b"18446744073709551616"),
)
_TOKENS = (
    *(b"\0", b"\xff", b"\xef\xbb\xbf", b"\r", b"\n", b'"', b"'", b",", b"=1+1", b"../", b"<", b"&"),
    *(b"{" * 200, b"[" * 5000, b"&a [*a]", b"- " * 200, b"!!python/object:os.system ", b"? "),
    *(b"\xf0\x9f\xa9\xb8", "\u202e\u0661".encode(), b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"%", b";"),
)


# -- kinds of files


def subjects(folder: pathlib.Path) -> list[Subject]:
    """All kinds that need no TensorFlow; `folder` is for what they lie in."""
    return [*_images(), *_settings(), *_annotations(), *_arrays(folder), *_tables(folder)]


def _picture() -> np.ndarray:
    picture = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    return cv2.GaussianBlur(picture, (5, 5), 2)


def _images() -> list[Subject]:
    progressive = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    kept = [
        *(("png", [], True), ("jpg", [], False), ("jpg", progressive, False)),
        *(("bmp", [], False), ("tif", [], False)),
    ]
    return [
        Subject(
            f"image.{kind}{', progressive' if options else ''}",
            f"image.{kind}",
            cv2.imencode(f".{kind}", _picture(), options)[1].tobytes(),
            image_io.read_image,
            checksummed,
        )
        for kind, options, checksummed in kept
    ]


def _settings() -> list[Subject]:
    @dataclasses.dataclass(frozen=True)
    class Settings:
        rate: float = 0.1
        steps: int = 3
        names: tuple[str, ...] = ("a",)

    types = json.dumps({"types": PAPER.to_list()}, indent=1).encode()  # JSON is YAML
    settings = b"rate: 1e-5\nsteps: 12\nnames: [x, y]\n"
    kept = files.json_bytes({"a": [1, 2.5, {"b": "c"}], "sha256": "0" * 64})
    return [
        Subject("cell_types.yaml", "cell_types.yaml", types, CellTypes.load),
        Subject("settings.yaml", "settings.yaml", settings, lambda p: config.load(Settings, p)),
        Subject("record.json", "record.json", kept, Fingerprint.load),
    ]


def _annotations() -> list[Subject]:
    def read_with(reader):
        def read(path):
            problems: list[str] = []  # what is wrong with a part of a file is a line among them
            found = reader(path, problems)
            if problems:
                raise ValueError(problems[0])
            return found

        return read

    square = [[[1, 2], [9, 2], [9, 8], [1, 8], [1, 2]]]
    of_coco = {
        "images": [{"id": 1, "file_name": "a.png", "height": 24, "width": 32}],
        "categories": [{"id": 1, "name": "Oval"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 8, 6]}],
    }
    feature = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": square},
        "properties": {"classification": {"name": "Oval"}, "measurements": {"num_cells": 2}},
    }
    of_geojson = {"type": "FeatureCollection", "features": [feature]}
    of_voc = (
        "<annotation><filename>a.png</filename><size><width>32</width><height>24</height></size>"
        "<object><name>Oval</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>9</xmax><ymax>8</ymax>"
        "</bndbox><num_cells>1</num_cells></object></annotation>"
    )
    return [
        Subject("COCO", "instances.json", json.dumps(of_coco).encode(), read_with(coco.read)),
        Subject("GeoJSON", "a.geojson", json.dumps(of_geojson).encode(), read_with(geojson.read)),
        Subject("VOC", "a.xml", of_voc.encode(), read_with(voc.read)),
    ]


def _arrays(folder: pathlib.Path) -> list[Subject]:
    path = folder / "table.npz"
    np.savez(path, labels=np.eye(6, dtype=np.int8), images=np.array(["a", "b"]), record="{}")
    return [Subject("arrays.npz", "arrays.npz", path.read_bytes(), archives.load_npz, True)]


def _tables(folder: pathlib.Path) -> list[Subject]:
    root = folder / "dataset"
    image_io.write_png(root / "images" / "a.png", _picture())
    image_io.write_mask(root / "masks" / "a.png", np.ones((24, 32), bool))

    def read_as(name):
        def read(path):
            try:
                (root / name).write_bytes(path.read_bytes())
                return [sample.cells for sample in dataset.load_dataset(root)]
            finally:
                (root / name).unlink(missing_ok=True)

        return read

    rows = {
        "cells.csv": "image,x,y,type\na,3,4,Oval\na,9.5,8,Stom\n",
        "regions.csv": f"{','.join(dataset.REGIONS_HEADER)}\na,1,2,9,12,Oval;Stom,2,true\n",
        "images.csv": "image,group,split\na,slide_1,train\n",
    }
    return [Subject(name, name, text.encode(), read_as(name)) for name, text in rows.items()]


def part_subjects(folder: pathlib.Path, bundle_dir: pathlib.Path) -> list[Subject]:
    """The parts of a bundle as whoever made it may have changed them: no hash tells."""
    from rbc_tf.classification import abnormality
    from rbc_tf.core import network_files
    from rbc_tf.detection import record
    from rbc_tf.features import backbone_spec
    from rbc_tf.graphs import operations
    from rbc_tf.inference import bundle as bundles
    from rbc_tf.inference.packed import archive, packing

    backbone_spec.register_layers()
    packed = folder / "small.rbc"
    packing.pack(bundles.load_bundle(bundle_dir), packed)

    def compute(path):
        try:
            network_files.load(path)
        except network_files.ERRORS as error:  # what the callers name the file in
            raise ValueError(str(error) or "damaged") from error

    def unpack(path):
        with tempfile.TemporaryDirectory() as place:
            return dict(archive.unpack(path, pathlib.Path(place) / "bundle").files)

    in_folder = [
        ("detector/saved_model.pb", lambda path: operations.check_saved_model(path.parent)),
        ("detector/detector.json", lambda path: record.load(path.parent)),
        ("classifier/abnormality.json", lambda path: abnormality.load(path) and None),
        ("backbone.keras", compute),
    ]
    parts = [
        Subject(f"part: {name}", pathlib.Path(name).name, (bundle_dir / name).read_bytes(), read)
        for name, read in in_folder
    ]
    return [*parts, Subject("packed bundle", packed.name, packed.read_bytes(), unpack, True)]


def bundle_subjects(folder: pathlib.Path, bundle_dir: pathlib.Path) -> list[Subject]:
    """Manifest, graph and archives of a bundle, of which a copy is made."""
    import shutil

    from rbc_tf.inference import bundle as bundles
    from rbc_tf.manifest import manifest as manifests

    copy = folder / "bundle"
    shutil.copytree(bundle_dir, copy)

    def read_as(name):
        whole = (copy / name).read_bytes()

        def read(path):
            (copy / name).write_bytes(path.read_bytes())
            try:
                loaded = bundles.load_bundle(copy)
                # Not the hash of the manifest's file: a line more in JSON changes no content.
                return [manifests.to_json(loaded.manifest), dict(loaded.files)]
            finally:
                (copy / name).write_bytes(whole)

        return read

    names = ["manifest.json", "detector/saved_model.pb", "classifier/classifier.json"]
    return [
        Subject(f"bundle: {name}", "file", (copy / name).read_bytes(), read_as(name), True)
        for name in names
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bundle_dir", default="", help="a small bundle, to mutate its files too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kinds = subjects(pathlib.Path(folder))
        if given.bundle_dir:
            bundle_dir = pathlib.Path(given.bundle_dir)
            kinds += bundle_subjects(pathlib.Path(folder), bundle_dir)
            kinds += part_subjects(pathlib.Path(folder), bundle_dir)
        began = time.monotonic()
        report = run(kinds, given.count, given.seed)
    for name, counts in report.counts.items():
        answers = ", ".join(f"{counts[answer]} {answer}" for answer in (ACCEPTED, REFUSED, WRONG))
        print(f"{name:32} {answers}")
    print(f"slowest answer {report.slowest:.2f} s, all in {time.monotonic() - began:.0f} s")
    print(*report.wrong, sep="\n")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
