"""Pascal VOC XML, one file per image, in only.

VOC (Everingham et al., "The PASCAL Visual Object Classes Challenge 2012 Development Kit") counts
pixels from 1, and its xmax and ymax are the last pixels of a box. Ours count from 0 and end behind
the last pixel, so that xmin and ymin become one less and xmax and ymax stay as they are. Many tools
write files of this form but count from 0 and give edges: `zero_based` takes these as they are.
"""

import pathlib
from xml.etree import ElementTree
from xml.parsers import expat

from rbc_tf.core import structured, walk
from rbc_tf.data.formats import values
from rbc_tf.data.formats.marked import MarkedImage, MarkedRegion

_MOST_DEPTH = 100


def read(
    path: str | pathlib.Path, problems: list[str], zero_based: bool = False
) -> list[MarkedImage]:
    """Reads VOC files; each `object` is a region, and its `name` is its type.

    `num_cells` and `complete` are read where an object has elements of that name. A file without
    objects is of an image that was looked at and is empty.

    Args:
        path: a folder of XML files, in it and below, or one such file.
        problems: takes one line for whatever is wrong with a file; what is wrong is left out.
        zero_based: boxes are edges counted from 0.

    Raises:
        ValueError: there is no such file or folder, or no file in it.
    """
    path = pathlib.Path(path)
    if path.is_file():
        files = [path]
    else:
        files = sorted(walk.find(path, (".xml",)).paths.values()) if path.is_dir() else []
    if not files:
        raise ValueError(f"{path}: a VOC file (.xml), or a folder with some, is required")
    folder = path.parent if path.is_file() else path
    found = (_read_file(folder, file, zero_based, problems) for file in files)
    return [image for image in found if image is not None]


def _read_file(
    folder: pathlib.Path, path: pathlib.Path, zero_based: bool, problems: list[str]
) -> MarkedImage | None:
    try:
        root = _parse(structured.read_bytes(path))
        if root.tag != "annotation":
            raise ValueError(f"the root element must be 'annotation'. Received: '{root.tag}'")
        height, width = _size(root)
        # `filename` has no folders; those of the XML file stand in for them.
        name = (_text(root, "filename") or "").strip() or path.stem
    except (expat.ExpatError, OSError, ValueError, LookupError) as error:
        problems.append(f"{path}: cannot be read as VOC XML ({error})")
        return None
    regions = []
    for number, entry in enumerate(root.iterfind("object"), start=1):
        where = f"{path}: object {number}"
        try:
            regions.append(_read_object(entry, zero_based, where))
        except ValueError as error:
            problems.append(f"{where}: {error}")
    below = path.relative_to(folder).parent
    return MarkedImage(
        (below / name).as_posix(),
        height,
        width,
        tuple(regions),
        where=f"{path}",
        named_like=(below / path.stem).as_posix(),
    )


def _parse(content: bytes) -> ElementTree.Element:
    """The root element; no document type, whose entities may stand for anything, and not deep."""
    builder, depth = ElementTree.TreeBuilder(), 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MOST_DEPTH:
            line = parser.CurrentLineNumber
            raise ValueError(f"line {line}: at most {_MOST_DEPTH} elements may be nested")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_) -> None:
        raise ValueError(f"line {parser.CurrentLineNumber}: a document type is not read")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = builder.data, refuse
    parser.Parse(content, True)
    return builder.close()


def _text(parent: ElementTree.Element, *tags: str) -> str | None:
    """The text of the one element at the end of such a path, None where there is none.

    Raises ValueError where there are several: which of them is meant nobody can say.
    """
    for tag in tags:
        found = parent.findall(tag)
        if len(found) > 1:
            raise ValueError(f"one {tag} is required. Received: {len(found)}")
        if not found:
            return None
        parent = found[0]
    return parent.text or ""


def _size(root: ElementTree.Element) -> tuple[int | None, int | None]:
    """(height, width); some tools write none, or 0, where they do not know."""
    height, width = (_text(root, "size", edge) for edge in ("height", "width"))
    if not (height and width and height.strip() and width.strip()):
        return None, None
    sides = structured.real(height), structured.real(width)
    if any(side < 0 or side != int(side) for side in sides):
        raise ValueError(f"height and width must be whole numbers. Received: {height}, {width}")
    return int(sides[0]) or None, int(sides[1]) or None


def _read_object(entry: ElementTree.Element, zero_based: bool, where: str) -> MarkedRegion:
    name = values.text(_text(entry, "name"), "name")
    edges = {edge: _edge(entry, edge) for edge in ("ymin", "xmin", "ymax", "xmax")}
    if not zero_based:
        if min(edges["xmin"], edges["ymin"]) < 1:
            raise ValueError(
                f"VOC counts pixels from 1. Received: xmin {edges['xmin']:g}, ymin "
                f"{edges['ymin']:g}; if what wrote the files counts from 0, say so (--zero_based)"
            )
        edges["xmin"] -= 1
        edges["ymin"] -= 1
    box = values.box(**edges)
    degrees = _attribute(entry, "rotation")
    if degrees:
        # CVAT writes the rectangle before it was turned.
        box = values.rotated_box(box, structured.real(degrees))
    return MarkedRegion(
        box=box,
        types=(name,),
        num_cells=values.num_cells(_text(entry, "num_cells")),
        complete=values.complete(_text(entry, "complete")),
        where=where,
    )


def _attribute(entry: ElementTree.Element, name: str) -> str:
    """One of the further attributes that CVAT writes, '' where it has none of that name."""
    found = [a for a in entry.iterfind("attributes/attribute") if a.findtext("name") == name]
    if len(found) > 1:
        raise ValueError(f"one attribute {name} is required. Received: {len(found)}")
    return "".join((a.findtext("value") or "").strip() for a in found)


def _edge(entry: ElementTree.Element, edge: str) -> float:
    text = _text(entry, "bndbox", edge)
    try:
        return structured.real(text or "")
    except ValueError as error:
        raise ValueError(f"bndbox must have a number {edge}. Received: {text!r}") from error
