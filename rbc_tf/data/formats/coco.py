"""COCO detection JSON (cocodataset.org, "Data format"), out and in.

COCO gives an annotation one category, and a region may have several types. So what is written
has the one category that the detector has, `region`, and its types stand in further fields, which
readers of COCO pass over:

    coco.json           images, categories, and an annotation per region: bbox, area, iscrowd,
                        segmentation (the box), `types`, and where known `num_cells`, `complete`,
                        `score`, `probabilities` by type, `abnormal_probability`
    coco_results.json   of an analysis: [{image_id, category_id, bbox, score}], for COCO's
                        evaluation against a dataset

An image's id follows from its name, so that those of any two exports match.

`bbox` is [x, y, width, height] in pixels from the image's top left corner: the same edges as ours.
Labelled cells (points) are not written.
"""

import contextlib
import hashlib
import json
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

import numpy as np

import rbc_tf
from rbc_tf.core import files, names
from rbc_tf.data.formats import parts, run_lengths, values
from rbc_tf.data.formats.marked import MarkedCell, MarkedImage, MarkedRegion

DATASET, RESULTS = "coco.json", "coco_results.json"

# In pixels: tools round edges, and count the last pixel in or not.
_TOLERANCE = 3

_CATEGORY = {"id": 1, "name": "region", "supercategory": "region"}


@contextlib.contextmanager
def writer(
    output_dir: str | pathlib.Path, type_names: Sequence[str], predicted: bool
) -> Iterator[Callable[[MarkedImage], None]]:
    """Gives a function that takes the images one by one; the files are there at the end.

    Args:
        output_dir: folder for the files.
        type_names: the types, listed in `info`.
        predicted: also write the results file; every region must have a score.
    """
    with contextlib.ExitStack() as stack:

        def open_file(name: str) -> IO[str]:
            path = stack.enter_context(files.atomic_path(pathlib.Path(output_dir) / name))
            return stack.enter_context(path.open("w", encoding="utf-8"))

        dataset = open_file(DATASET)
        info = {"description": f"rbc_tf {rbc_tf.__version__}", "cell_types": list(type_names)}
        head = {"info": info, "licenses": [], "categories": [_CATEGORY]}
        dataset.write(f'{_dump(head)[:-1]}, "annotations": [')
        annotations = _Items(dataset)
        images: list[dict] = []
        results = _Items(open_file(RESULTS)) if predicted else None
        if results:
            results.file.write("[")

        names_by_id: dict[int, str] = {}

        def write(image: MarkedImage) -> None:
            image_id = id_of_image(image.name)
            other = names_by_id.setdefault(image_id, image.name)
            if other != image.name:
                raise ValueError(f"has the same COCO id as {other}; rename one of them")
            images.append(_image(image_id, image))
            for region in image.regions:
                annotation = _annotation(annotations.count + 1, image_id, region)
                annotations.add(annotation)
                if results:
                    keys = ("image_id", "category_id", "bbox", "score")
                    results.add({key: annotation[key] for key in keys})

        yield write
        dataset.write(f'\n], "images": {_dump(images)}}}\n')
        if results:
            results.file.write("\n]\n")


def id_of_image(name: str) -> int:
    """The COCO id of an image, from its name alone: the same in every export, of results or truth.

    `images/a.png` of a dataset folder that was analysed as a whole is its image `a.png`.

    Returns:
        An id from 1 to 2**48, which every reader of JSON and pycocotools' float64 hold exactly.
        Two of 10,000 names have the same with a probability of 2e-7.
    """
    name = names.normal(name).removeprefix("images/")
    return 1 + int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest()[:6], "big")


class _Items:
    """Items of a JSON array, one to a line, written as they come."""

    def __init__(self, file: IO[str]):
        self.file = file
        self.count = 0

    def add(self, item: dict) -> None:
        self.file.write(f"{',' if self.count else ''}\n{_dump(item)}")
        self.count += 1


def _dump(value) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _image(image_id: int, image: MarkedImage) -> dict:
    return {"id": image_id, "file_name": image.name, "width": image.width, "height": image.height}


def _annotation(annotation_id: int, image_id: int, region: MarkedRegion) -> dict:
    ymin, xmin, ymax, xmax = region.box
    width, height = xmax - xmin, ymax - ymin
    known = {
        "num_cells": region.num_cells,
        "complete": region.complete,
        "score": region.score,
        "probabilities": dict(region.probabilities) or None,
        "abnormal_probability": region.abnormal_probability,
    }
    return {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": _CATEGORY["id"],
        "bbox": [xmin, ymin, width, height],
        "area": width * height,
        "iscrowd": 0,
        "segmentation": [[xmin, ymin, xmax, ymin, xmax, ymax, xmin, ymax]],
        "types": list(region.types),
        **{key: value for key, value in known.items() if value is not None},
    }


def read(path: str | pathlib.Path, problems: list[str]) -> list[MarkedImage]:
    """Reads a COCO file of boxes or keypoints.

    The type of an annotation is the name of its category, or its own `types` (a list) where it has
    them; `num_cells` and `complete` are read where they are there. An annotation with a box is a
    region. One without, but with keypoints, is a cell at each keypoint that is labelled (v > 0).
    An image without annotations counts as looked at and empty.

    Args:
        path: the file.
        problems: takes one line for whatever is wrong with the file; what is wrong is left out.
    """
    path = pathlib.Path(path)
    try:
        content = values.mapping(values.load_json(path), f"{path}: the file")
        lists = {
            key: values.sequence(content.get(key), f"{path}: '{key}'")
            for key in ("images", "annotations", "categories")
        }
    except ValueError as error:
        problems.append(f"{error}")
        return []
    categories = _by_id(path, "category", lists["categories"], _category_name, problems)
    images = _by_id(path, "image", lists["images"], _read_image, problems)
    regions: dict[object, list] = {image_id: [] for image_id in images}
    cells: dict[object, list] = {image_id: [] for image_id in images}
    for number, entry in enumerate(lists["annotations"], start=1):
        where = f"{path}: annotation {number}"
        try:
            entry = values.mapping(entry, "an annotation")
            where += f" (id {entry['id']})" if "id" in entry else ""
            image_id = _known(entry, "image_id", images)
            found = _read_annotation(entry, categories, images[image_id][1:], where)
        except ValueError as error:
            problems.append(f"{where}: {error}")
            continue
        for one in found:
            (regions if isinstance(one, MarkedRegion) else cells)[image_id].append(one)
    return [
        MarkedImage(
            name, height, width, tuple(regions[image_id]), tuple(cells[image_id]), f"{path}"
        )
        for image_id, (name, height, width) in images.items()
    ]


def _by_id(
    path: pathlib.Path, kind: str, entries: list, parse: Callable[[dict], object], problems
) -> dict:
    """{id: parsed} of the entries with an id of their own."""
    found = {}
    for number, entry in enumerate(entries, start=1):
        try:
            entry = values.mapping(entry, f"a {kind}")
            key = values.number(entry.get("id"), "id")
            if key in found:
                raise ValueError(f"id {key} is given twice")
            found[key] = parse(entry)
        except ValueError as error:
            problems.append(f"{path}: {kind} {number}: {error}")
    return found


def _category_name(entry: dict) -> str:
    return values.text(entry.get("name"), "name")


def _read_image(entry: dict) -> tuple[str, int | None, int | None]:
    """(name, height, width)"""
    # Some tools write 0 where they do not know.
    height, width = (
        None if not entry.get(side) else values.whole(entry[side], side)
        for side in ("height", "width")
    )
    return values.text(entry.get("file_name"), "file_name"), height, width


def _known(entry: dict, key: str, known: dict):
    value = entry.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or value not in known:
        raise ValueError(f"{key} must be an id of the file. Received: {value!r}")
    return value


def _read_annotation(
    entry: dict, categories: dict, size: tuple[int | None, int | None], where: str
) -> list[MarkedRegion] | list[MarkedCell]:
    if entry.get("types") is not None:
        types = tuple(values.text(t, "a type") for t in values.sequence(entry["types"], "types"))
    else:
        types = (categories[_known(entry, "category_id", categories)],)
    if entry.get("iscrowd"):
        raise ValueError(
            "iscrowd marks a group without saying where its regions are; mark these, or remove it"
        )
    if entry.get("bbox"):
        return [_read_region(entry, types, size, where)]
    if not entry.get("keypoints"):
        raise ValueError("a bbox or keypoints are required; it has none")
    if len(types) > 1:
        raise ValueError(f"a keypoint is one cell and has one type. Received: {', '.join(types)}")
    flat = [values.number(v, "keypoints") for v in values.sequence(entry["keypoints"], "keypoints")]
    if len(flat) % 3:
        raise ValueError(f"keypoints must be triples x, y, v. Received: {len(flat)} numbers")
    triples = zip(flat[::3], flat[1::3], flat[2::3], strict=True)
    return [MarkedCell(x, y, "".join(types), where) for x, y, labelled in triples if labelled > 0]


def _read_region(
    entry: dict, types: tuple[str, ...], size: tuple[int | None, int | None], where: str
) -> MarkedRegion:
    numbers = [values.number(v, "bbox") for v in values.sequence(entry["bbox"], "bbox")]
    if len(numbers) != 4:
        raise ValueError(f"bbox must be [x, y, width, height]. Received: {numbers}")
    x, y, width, height = numbers
    box = values.box(y, x, y + height, x + width)
    # CVAT writes the rectangle before it was turned, and its outline not at all.
    attributes = entry.get("attributes")
    degrees = attributes.get("rotation") if isinstance(attributes, dict) else None
    area = None if degrees or entry.get("segmentation") else entry.get("area")
    if degrees:
        box = values.rotated_box(box, values.number(degrees, "rotation"))
    else:
        _check_outline(entry, box, size)
    return MarkedRegion(
        box=box,
        types=types,
        num_cells=values.num_cells(entry.get("num_cells")),
        complete=values.complete(entry.get("complete")),
        area=area,
        where=where,
    )


def _check_outline(
    entry: dict, box: tuple[float, float, float, float], size: tuple[int | None, int | None]
) -> None:
    """Raises ValueError where the box is not that of the segmentation, or has less than the area.

    Segmentations are not read beyond that: a region is its box.
    """
    ymin, xmin, ymax, xmax = box
    found = _parts_of_outline(entry.get("segmentation"), size)
    if found:
        parts.check_together(found)
        low, high = np.array(found)[:, :2].min(axis=0), np.array(found)[:, 2:].max(axis=0)
        outline = (*low.tolist(), *high.tolist())
        tolerance = max(_TOLERANCE, 0.1 * max(ymax - ymin, xmax - xmin))
        if max(abs(ours - theirs) for ours, theirs in zip(box, outline, strict=True)) > tolerance:
            raise ValueError(
                f"bbox must be the box around the segmentation, [x, y, width, height]. Received: "
                f"bbox {entry['bbox']}; the segmentation reaches from x {outline[1]:g}, y "
                f"{outline[0]:g} to x {outline[3]:g}, y {outline[2]:g}{_hint(entry, outline)}"
            )
    if entry.get("area") is not None:
        area = values.number(entry["area"], "area")
        most = (ymax - ymin + _TOLERANCE) * (xmax - xmin + _TOLERANCE)
        if area > most:
            raise ValueError(
                f"area must be that of the region, at most that of its bbox. Received: {area:g} "
                f"in bbox {entry['bbox']}"
            )


def _hint(entry: dict, outline: tuple[float, float, float, float]) -> str:
    ymin, xmin, ymax, xmax = outline
    corners = (xmin, ymin, xmax, ymax)
    near = all(abs(a - b) <= _TOLERANCE for a, b in zip(entry["bbox"], corners, strict=True))
    return ". These are corners, not width and height" if near else ""


def _parts_of_outline(segmentation: Any, size: tuple[int | None, int | None]) -> list[parts.Extent]:
    """(ymin, xmin, ymax, xmax) of polygons or of the parts of a run-length mask; [] of none."""
    if isinstance(segmentation, dict):
        return run_lengths.parts(segmentation, size)
    if not segmentation:
        return []
    polygons = (values.sequence(p, "part") for p in values.sequence(segmentation, "segmentation"))
    return [_extent(polygon) for polygon in polygons if polygon]


def _extent(polygon: list) -> parts.Extent:
    flat = [values.number(v, "segmentation") for v in polygon]
    if len(flat) % 2:
        raise ValueError(
            f"a part of the segmentation must be pairs x, y. Received: {len(flat)} numbers"
        )
    return parts.extent(flat[::2], flat[1::2])
