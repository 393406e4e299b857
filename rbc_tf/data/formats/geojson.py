"""GeoJSON as QuPath 0.4 and later write and read it, one file per image, out and in.

A FeatureCollection in pixels of the full-resolution image, from its top left corner: the same
edges as ours. A region is a rectangle, a labelled cell a point. Of its properties QuPath reads

    objectType       'detection' (light, many, fixed) or 'annotation' (to be edited)
    classification   {name, color}; of a region with several types {names, color}, which QuPath
                     shows as the derived class 'Oval: Stom'; none where it has no type
    name             'region 7', the number in regions.csv
    measurements     {name: number}: score, abnormal_probability and p_TYPE of each type of an
                     analysis; num_cells and complete (1 or 0) of the truth

Derived classes are QuPath's own way to give an object more than one class: each part can be
counted and selected by itself. They are separated by ':', which a name of a type cannot hold here.
QuPath before 0.4 has measurements as a list of {name, value} and nested classes: both are read,
neither is written.
"""

import functools
import json
import pathlib
from collections.abc import Callable, Iterator, Sequence

from rbc_tf.core import files as artifacts
from rbc_tf.core import walk
from rbc_tf.data.formats import parts, values
from rbc_tf.data.formats.marked import MarkedCell, MarkedImage, MarkedRegion, colour_of_types

OBJECT_TYPES = ("detection", "annotation")

_EXTENSIONS = (".geojson", ".json")
_SEPARATOR = ":"

_SPLIT = " (in QuPath: Objects, Annotations, Split)"


def writer(
    output_dir: str | pathlib.Path, type_names: Sequence[str], object_type: str
) -> Callable[[MarkedImage], None]:
    """A function that writes OUTPUT_DIR/NAME.geojson of an image, NAME with its extension.

    Raises:
        ValueError: the name of a type holds ':'.
    """
    wrong = [name for name in type_names if _SEPARATOR in name]
    if wrong:
        raise ValueError(
            f"QuPath takes '{_SEPARATOR}' in a class for the border between two classes, so no "
            f"type can have it in its name. Received: {', '.join(wrong)}"
        )
    return functools.partial(_write, pathlib.Path(output_dir), tuple(type_names), object_type)


def _write(
    output_dir: pathlib.Path, type_names: tuple[str, ...], object_type: str, image: MarkedImage
) -> None:
    features = [
        _feature_of_region(number, region, type_names, object_type)
        for number, region in enumerate(image.regions, start=1)
    ]
    features += [_feature_of_cell(cell, type_names) for cell in image.cells]
    lines = (json.dumps(f, ensure_ascii=False, allow_nan=False) for f in features)
    body = ",\n".join(lines)
    with artifacts.atomic_path(output_dir / f"{image.name}.geojson") as path:
        text = f'{{"type": "FeatureCollection", "features": [\n{body}\n]}}\n'
        path.write_text(text, encoding="utf-8")


def _feature_of_region(
    number: int, region: MarkedRegion, type_names: tuple[str, ...], object_type: str
) -> dict:
    ymin, xmin, ymax, xmax = region.box
    ring = [[xmin, ymin], [xmax, ymin], [xmax, ymax], [xmin, ymax], [xmin, ymin]]
    known = {
        "score": region.score,
        "abnormal_probability": region.abnormal_probability,
        **{f"p_{name}": value for name, value in region.probabilities.items()},
        "num_cells": region.num_cells,
        "complete": None if region.complete is None else int(region.complete),
    }
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {
            "objectType": object_type,
            "name": f"region {number}",
            **_classification(region.types, type_names),
            "isLocked": False,
            "measurements": {name: value for name, value in known.items() if value is not None},
        },
    }


def _feature_of_cell(cell: MarkedCell, type_names: tuple[str, ...]) -> dict:
    types = (cell.type,) if cell.type else ()
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [cell.x, cell.y]},
        "properties": {"objectType": "annotation", **_classification(types, type_names)},
    }


def _classification(types: tuple[str, ...], type_names: tuple[str, ...]) -> dict:
    if not types:
        return {}
    name = {"name": types[0]} if len(types) == 1 else {"names": list(types)}
    # Without a colour QuPath refuses the whole file.
    return {"classification": {**name, "color": list(colour_of_types(types, type_names))}}


def read(path: str | pathlib.Path, problems: list[str]) -> list[MarkedImage]:
    """Reads GeoJSON files of one image each.

    A polygon (ellipses are polygons too) is a region, with its bounding box; each point is a cell.
    Its classes are its types. `num_cells` and `complete` are read from its measurements, or from
    its metadata. Children of a feature are read as well.

    Args:
        path: a folder of files NAME.geojson (or .json), in it and below, or one such file. NAME is
            that of the image, with or without its extension.
        problems: takes one line for whatever is wrong with a file; what is wrong is left out.

    Raises:
        ValueError: there is no such file or folder, or no file in it.
    """
    path = pathlib.Path(path)
    if path.is_file():
        files = {path.name: path}
    else:
        found = walk.find(path, _EXTENSIONS).paths if path.is_dir() else {}
        files = {name: found[name] for name in sorted(found, key=found.__getitem__)}
    if not files:
        raise ValueError(f"{path}: a GeoJSON file, or a folder with some, is required")
    return [_read_file(name, file, problems) for name, file in files.items()]


def _read_file(name: str, path: pathlib.Path, problems: list[str]) -> MarkedImage:
    regions: list = []
    cells: list = []
    try:
        features = _features(values.load_json(path), f"{path}")
    except ValueError as error:
        problems.append(f"{error}")
        features = []
    for number, feature in enumerate(features, start=1):
        where = f"{path}: feature {number}"
        try:
            for one in _read_feature(feature, where):
                (regions if isinstance(one, MarkedRegion) else cells).append(one)
        except ValueError as error:
            problems.append(f"{where}: {error}")
    image = name[: -len(path.suffix)]
    return MarkedImage(image, None, None, tuple(regions), tuple(cells), f"{path}")


def _features(content, what: str) -> list:
    """The features of a collection, of an array, or a single one, each before its children."""
    if isinstance(content, dict) and content.get("type") == "FeatureCollection":
        content = content.get("features")
    elif isinstance(content, dict):
        content = [content]
    found = []
    for feature in values.sequence(content, f"{what}: the features"):
        found.append(feature)
        properties = feature.get("properties") if isinstance(feature, dict) else None
        if isinstance(properties, dict) and properties.get("childObjects"):
            found += _features(properties["childObjects"], what)
    return found


def _read_feature(feature, where: str) -> Iterator[MarkedRegion | MarkedCell]:
    feature = values.mapping(feature, "a feature")
    geometry = values.mapping(feature.get("geometry"), "geometry")
    properties = values.mapping(feature.get("properties") or {}, "properties")
    types = tuple(_class_names(properties.get("classification")))
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    points = list(_points(coordinates))
    if kind in ("Polygon", "MultiPolygon"):
        # The further rings of a polygon are holes, and lie in its first one.
        outlines = _rings(coordinates)
        parts.check_together([parts.extent(*zip(*ring, strict=True)) for ring in outlines], _SPLIT)
        _check_plane(geometry)
        measured = _measurements(properties)
        yield MarkedRegion(
            box=_bounding_box(points),
            types=types,
            num_cells=values.num_cells(measured.get("num_cells")),
            complete=values.complete(measured.get("complete")),
            where=where,
        )
    elif kind in ("Point", "MultiPoint"):
        if len(types) > 1:
            raise ValueError(f"a point is one cell and has one type. Received: {', '.join(types)}")
        yield from (MarkedCell(x, y, "".join(types), where) for x, y in points)
    else:
        raise ValueError(
            "geometry must be a Polygon or MultiPolygon (a region) or a Point or MultiPoint (a "
            f"cell). Received: {kind!r}"
        )


def _check_plane(geometry: dict) -> None:
    """Raises ValueError where something lies in a further slice or moment of a stack."""
    plane = geometry.get("plane")
    if isinstance(plane, dict) and (plane.get("z") or plane.get("t")):
        raise ValueError(
            "an annotation must lie in the first plane, z 0 and t 0: images have one. "
            f"Received: z {plane.get('z')}, t {plane.get('t')}"
        )


def _points(coordinates) -> Iterator[tuple[float, float]]:
    """(x, y) of all positions in arrays within arrays."""
    coordinates = values.sequence(coordinates, "coordinates")
    if coordinates and not isinstance(coordinates[0], list):
        if len(coordinates) < 2:
            raise ValueError(f"a position must be [x, y]. Received: {coordinates}")
        yield values.number(coordinates[0], "x"), values.number(coordinates[1], "y")
    else:
        for inner in coordinates:
            yield from _points(inner)


def _rings(coordinates) -> Iterator[list[tuple[float, float]]]:
    """The positions of each outline and hole, wherever in the arrays it is."""
    if not coordinates:
        return
    first = coordinates[0]
    if not isinstance(first, list) or (first and not isinstance(first[0], list)):
        yield list(_points(coordinates))
    else:
        for inner in coordinates:
            yield from _rings(inner)


def _bounding_box(points: list[tuple[float, float]]) -> tuple[float, float, float, float]:
    if not points:
        raise ValueError("a polygon must have positions; it has none")
    return values.box(*parts.extent(*zip(*points, strict=True)))


def _class_names(classification) -> list[str]:
    """The parts of a class: text, {name}, {names}, or, of old, {parentClass, name}."""
    if classification is None or classification == {}:
        return []
    if isinstance(classification, str):
        return [part.strip() for part in classification.split(_SEPARATOR) if part.strip()]
    classification = values.mapping(classification, "classification")
    if "names" in classification:
        return [values.text(n, "a name") for n in values.sequence(classification["names"], "names")]
    names = _class_names(classification.get("parentClass"))
    return names + _class_names(values.text(classification.get("name"), "name of a class"))


def _measurements(properties: dict) -> dict:
    """Measurements by name, and what the metadata has beyond them."""
    measurements = properties.get("measurements") or {}
    if isinstance(measurements, list):
        entries = [values.mapping(entry, "a measurement") for entry in measurements]
        measurements = {
            values.text(entry.get("name"), "name of a measurement"): entry.get("value")
            for entry in entries
        }
    metadata = values.mapping(properties.get("metadata") or {}, "metadata")
    return {**metadata, **values.mapping(measurements, "measurements")}
