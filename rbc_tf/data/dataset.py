"""The dataset folder: images, masks, labelled cells, groups and splits.

    images/NAME.ext    PNG, JPEG, TIFF or BMP
    masks/NAME.png     cells white, background black, of the image's size; or label images, in
                       which the pixels of each cell have its number from 1 on (also NAME.tif,
                       .tiff and NAME_cp_masks.png or .tif, as cellpose has them)
    cells.csv          image,x,y,type                  one row per labelled cell (optional)
    regions.csv        image,ymin,xmin,ymax,xmax,types,num_cells,complete      (optional)
    images.csv         image,group,split               (optional; subject, origin and
                       fully_labelled are further columns that it may have)
    cell_types.yaml    the list of types; the paper's six where absent
    intensity.json     range of images of more than 8 bits (`dataset_intensity`) (optional)

An image with rows in `regions.csv` needs no mask: its regions are taken from there. `subject` is
the patient and may span groups; `origin` names images that are no photographs (`composed`,
`synthetic`); where `fully_labelled` is true the labelled cells of a region are all that it holds,
whatever its shape.
"""

import collections
import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent import futures

from rbc_tf.core import exposure, files, image_io, walk
from rbc_tf.core.cell_types import OTHER, PAPER, SEPARATOR, CellTypes
from rbc_tf.core.intensity import IntensityRange
from rbc_tf.core.names import Lookup, is_utf8, normal, printable
from rbc_tf.core.types import MOST_CELLS, Cell, Region, Sample
from rbc_tf.data import csv_tables, dataset_intensity

SPLITS = ("train", "validation", "test")

CELLS_HEADER = ("image", "x", "y", "type")
REGIONS_HEADER = ("image", "ymin", "xmin", "ymax", "xmax", "types", "num_cells", "complete")
IMAGES_HEADER = ("image", "group", "split")
IMAGES_OPTIONAL = ("subject", "origin", "fully_labelled")  # further columns of images.csv

# Of a mask's file, after the image's name: masks are PNG or TIFF, and cellpose names its own.
MASK_ENDINGS = (".png", ".tif", ".tiff", "_cp_masks.png", "_cp_masks.tif")

_EDGES = ("ymin", "xmin", "ymax", "xmax")

_MOST_PROBLEMS_SHOWN = 50


class DatasetError(ValueError):
    """All that is wrong with a dataset folder, one line each in `problems`."""

    def __init__(self, root: pathlib.Path, problems: list[str]):
        self.problems = tuple(problems)
        shown = problems[:_MOST_PROBLEMS_SHOWN]
        if len(problems) > len(shown):
            shown.append(f"... and {len(problems) - len(shown)} more")
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        super().__init__(f"{root}: {count} found\n  " + "\n  ".join(shown))


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A checked dataset folder; samples are in the order of their names.

    `intensity` is the range of values of its images of more than 8 bits, None where all of them say
    their own. `exposures` names the images in which nothing can be seen ('nearly black' or 'nearly
    white'), where pixels were checked.
    """

    root: pathlib.Path
    samples: tuple[Sample, ...]
    cell_types: CellTypes
    intensity: IntensityRange | None = None
    exposures: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    @property
    def origins(self) -> tuple[str, ...]:
        """What its images are where they are no photographs, such as 'composed'; () otherwise."""
        return tuple(sorted({sample.origin for sample in self.samples} - {""}))

    def sample(self, name: str) -> Sample:
        """The sample of that name; raises KeyError naming the folder."""
        for sample in self.samples:
            if sample.name == name:
                return sample
        raise KeyError(f"{self.root}: there is no image '{name}'")

    def in_split(self, split: str) -> tuple[Sample, ...]:
        """The samples of one split; raises ValueError where no image is assigned to it."""
        chosen = tuple(sample for sample in self.samples if sample.split == split)
        if not chosen:
            raise ValueError(
                f"{self.root}: no image is assigned to the split '{split}'. "
                "Make splits with rbc_tf split-dataset (column `split` of images.csv)"
            )
        return chosen


def origin_of(samples: Iterable[Sample]) -> str:
    """What images are, for scores on them: '' for photographs, 'composed', 'composed and real'."""
    origins = {sample.origin for sample in samples}
    if origins <= {""}:
        return ""
    return " and ".join([*sorted(origins - {""}), *(["real"] if "" in origins else [])])


def write_images_table(root: str | pathlib.Path, samples: Iterable[Sample]) -> None:
    """Writes images.csv, with the optional columns that any of the samples uses."""
    samples = list(samples)
    optional = [name for name in IMAGES_OPTIONAL if any(getattr(s, name) for s in samples)]
    rows = [
        (s.name, s.group, s.split, *(_table_value(getattr(s, name)) for name in optional))
        for s in samples
    ]
    files.write_csv(pathlib.Path(root) / "images.csv", (*IMAGES_HEADER, *optional), rows)


def evenly_spaced(samples: Sequence[Sample], count: int | None) -> Sequence[Sample]:
    """So many of the samples, one of so many; all where None or there are no more."""
    if count is None or count >= len(samples):
        return samples
    return samples[:: len(samples) // count][:count]


def load_dataset(
    root: str | pathlib.Path,
    check_pixels: bool = False,
    intensity: IntensityRange | None = None,
) -> Dataset:
    """Reads and checks a dataset folder.

    Args:
        root: the folder.
        check_pixels: also decode every image and mask (slower); otherwise headers are read.
        intensity: range of values of more than 8 bits; None: that of intensity.json, of the files,
            or else estimated from the images.

    Raises:
        DatasetError: with every problem of the folder, each naming file, line and remedy.
    """
    return _Reader(pathlib.Path(root), check_pixels, intensity).read()


def unused_files(dataset: Dataset) -> tuple[str, ...]:
    """One line for each kind of file that looks as if it were part of the dataset, and is not."""
    lines = []
    names = {sample.image_path for sample in dataset}
    there = walk.find(
        dataset.root / "images", image_io.EXTENSIONS, others=image_io.OTHER_EXTENSIONS
    )
    below = set(there.paths.values()) - names
    masks = {sample.mask_path for sample in dataset}
    folder = dataset.root / "masks"
    loose = set(image_io.list_images(folder)) - masks if folder.is_dir() else set()
    for found, kind in (
        (below, "images lie in subfolders of images/, and count nowhere"),
        (loose, "masks belong to no image, or to one with rows in regions.csv, and count nowhere"),
    ):
        if found:
            lines.append(f"{len(found)} {kind}; first: {min(found)}")
    return (*lines, *there.warnings())


class _Reader:
    """Collects problems on the way, so that all are reported at once."""

    def __init__(self, root: pathlib.Path, check_pixels: bool, intensity: IntensityRange | None):
        self._root = root
        self._check_pixels = check_pixels
        self._intensity = intensity
        self._problems: list[str] = []
        self._sizes: dict[str, tuple[int, int] | None] = {}
        self._exposures: dict[str, str] = {}
        self._without_mask: set[str] = set()  # images that regions.csv names
        self._cell_types = PAPER
        self._names = Lookup(())
        self._types: Lookup | None = None  # where the list of types cannot be read

    def read(self) -> Dataset:
        images = self._list_images()
        self._names = Lookup(images)
        self._read_cell_types()
        self._find_intensity(images)
        self._read_sizes(images)
        regions = self._read_regions(images)
        masks = self._find_masks(images)
        cells = self._read_cells(images)
        about = self._read_images_table(images)
        if self._problems:
            raise DatasetError(self._root, self._problems)
        samples = []
        for name, path in images.items():
            given = tuple(regions[name]) if name in regions else None
            sample = Sample(
                name, path, masks.get(name), name, "", tuple(cells.get(name, ())), given
            )
            sample = dataclasses.replace(sample, intensity=self._intensity)
            samples.append(dataclasses.replace(sample, **about.get(name, {})))
        return Dataset(
            self._root, tuple(samples), self._cell_types, self._intensity, self._exposures
        )

    def _list_images(self) -> dict[str, pathlib.Path]:
        folder = self._root / "images"
        if not folder.is_dir():
            raise DatasetError(
                self._root, [f"{folder}: missing; put the images of the dataset there"]
            )
        images: dict[str, pathlib.Path] = {}
        names: dict[str, pathlib.Path] = {}
        for path in image_io.list_images(folder):
            other = names.setdefault(normal(path.stem), path)
            if not is_utf8(path.name):
                self._problems.append(f"{printable(path)}: the name must be UTF-8; rename the file")
            elif other != path:
                self._problems.append(
                    f"{path}: has the same name as {other.name}; rename one, since "
                    "masks and tables refer to images by name without extension"
                )
            elif not path.is_dir():
                images[path.stem] = path
        if not images:
            extensions = ", ".join(image_io.EXTENSIONS)
            raise DatasetError(self._root, [f"{folder}: holds no image ({extensions})"])
        return images

    def _read_cell_types(self) -> None:
        path = self._root / "cell_types.yaml"
        if path.exists():
            try:
                self._cell_types = CellTypes.load(path)
            except (ValueError, OSError) as error:
                self._problems.append(str(error))
                return
        self._types = Lookup((*self._cell_types.names, OTHER))

    def _find_intensity(self, images: dict[str, pathlib.Path]) -> None:
        if self._intensity is None:
            try:
                self._intensity = dataset_intensity.find(self._root, images.values())
            except ValueError as error:
                self._problems.append(str(error))

    def _read_sizes(self, images: dict[str, pathlib.Path]) -> None:
        """Fills in (height, width) of each image, None where it cannot be read (and noted)."""
        with futures.ThreadPoolExecutor() as pool:
            found = pool.map(self._size_or_problem, images.values())
        for name, (size, seen, problem) in zip(images, found, strict=True):
            self._sizes[name] = size
            if seen:
                self._exposures[name] = seen
            if problem:
                self._problems.append(f"{problem}; replace or remove the file")

    def _size_or_problem(
        self, path: pathlib.Path
    ) -> tuple[tuple[int, int] | None, str | None, str]:
        """(height, width), whether nothing can be seen in it, and what is wrong with it."""
        seen = None
        try:
            if self._check_pixels:
                seen = exposure.of(image_io.read_image(path, self._intensity))
            return image_io.image_size(path), seen, ""
        except image_io.ImageError as error:
            return None, None, str(error)

    def _find_masks(self, images: dict) -> dict[str, pathlib.Path]:
        masks = self._masks_by_name([name for name in images if name not in self._without_mask])
        for path in masks.values():
            if not path.exists():
                self._problems.append(
                    f"{path}: missing; each image without rows in regions.csv needs a mask "
                    "(PNG, cells white, background black)"
                )
        present = [(name, path) for name, path in masks.items() if path.exists()]
        with futures.ThreadPoolExecutor() as pool:
            problems = pool.map(lambda pair: self._problem_of_mask(*pair), present)
        self._problems += filter(None, problems)
        return masks

    def _masks_by_name(self, names: list[str]) -> dict[str, pathlib.Path]:
        """Where the mask of each image lies, or should lie, however its name is spelt."""
        folder = self._root / "masks"
        there = Lookup(path.name for path in folder.glob("*")) if names else Lookup(())
        masks = {}
        for name in names:
            try:
                found = [mask for end in MASK_ENDINGS if (mask := there.find(f"{name}{end}"))]
            except ValueError as error:
                self._problems.append(f"{folder}: {error}")
                continue
            if len(found) > 1:
                self._problems.append(
                    f"{folder}: one mask of an image is required. Received: {', '.join(found)}"
                )
            masks[name] = folder / (found[0] if found else f"{name}.png")
        return masks

    def _problem_of_mask(self, name: str, path: pathlib.Path) -> str:
        """What is wrong with a mask, '' where nothing is."""
        try:
            if self._check_pixels:
                image_io.read_mask(path)
            size = image_io.mask_size(path)
        except image_io.ImageError as error:
            return str(error)
        expected = self._sizes[name]
        if expected and size != expected:
            return (
                f"{path}: must be of the image's size, {expected[1]} x {expected[0]}. "
                f"Received: {size[1]} x {size[0]}; make the mask on the image as viewers show it"
            )
        return ""

    def _read_cells(self, images: dict) -> dict[str, list[Cell]]:
        def parse(row: csv_tables.Row) -> tuple[str, Cell]:
            name = self._known_image(row.cells["image"], images)
            x, y = row.number("x"), row.number("y")
            size = self._sizes[name]
            if size and not (0 <= x < size[1] and 0 <= y < size[0]):
                raise ValueError(
                    f"point ({x:g}, {y:g}) lies outside image '{name}' of "
                    f"{size[1]} x {size[0]}; x counts to the right, y down, from 0"
                )
            return name, Cell(x, y, self._known_type(row.text("type")))

        return _by_image(self._rows("cells.csv", CELLS_HEADER, ("x", "y"), parse))

    def _read_regions(self, images: dict) -> dict[str, list[Region]]:
        def parse(row: csv_tables.Row) -> tuple[str, Region]:
            name = self._known_image(row.cells["image"], images)
            self._without_mask.add(name)
            ymin, xmin, ymax, xmax = (row.number(edge) for edge in _EDGES)
            box = (ymin, xmin, ymax, xmax)
            height, width = self._sizes[name] or (float("inf"), float("inf"))
            if not (0 <= ymin < ymax <= height and 0 <= xmin < xmax <= width):
                raise ValueError(
                    f"box {box} (ymin, xmin, ymax, xmax) must have its minimum below its maximum "
                    f"and lie in image '{name}' of {width} x {height}"
                )
            if ymax - ymin < 1 or xmax - xmin < 1:
                raise ValueError(f"box {box} must have sides of one pixel or more")
            parts = [part for part in row.text("types").split(SEPARATOR) if part.strip()]
            types = tuple(sorted({self._known_type(part) for part in parts}))
            num_cells = row.number("num_cells")
            if not 1 <= num_cells <= MOST_CELLS or num_cells != int(num_cells):
                raise ValueError(
                    f"num_cells must be a whole number from 1 to {MOST_CELLS:,}. "
                    f"Received: {num_cells:g}"
                )
            border = ymin <= 0 or xmin <= 0 or ymax >= height or xmax >= width
            return name, Region(
                box=box,
                types=types,
                num_cells=int(num_cells),
                num_points=len(types),
                complete=row.truth("complete"),
                touches_border=border,
                area=int((ymax - ymin) * (xmax - xmin)),
            )

        return _by_image(self._rows("regions.csv", REGIONS_HEADER, (*_EDGES, "num_cells"), parse))

    def _read_images_table(self, images: dict) -> dict[str, dict]:
        """{image: the fields of its Sample that images.csv gives}."""

        def parse(row: csv_tables.Row) -> tuple[str, dict]:
            name = self._known_image(row.cells["image"], images)
            split = row.text("split")
            if split and split not in SPLITS:
                raise ValueError(f"split must be empty or one of {SPLITS}. Received: '{split}'")
            return name, {
                # What looks the same is one group: its images must not stand on both sides.
                "group": normal(row.text("group")) or name,
                "split": split,
                "subject": normal(row.text("subject")),
                "origin": row.text("origin"),
                "fully_labelled": bool(row.text("fully_labelled")) and row.truth("fully_labelled"),
            }

        found: dict[str, dict] = {}
        splits_of_group = collections.defaultdict(set)
        for name, fields in self._rows("images.csv", IMAGES_HEADER, (), parse):
            if name in found:
                self._problems.append(
                    f"{self._root / 'images.csv'}: image '{name}' is listed twice; keep one row"
                )
            found[name] = fields
            splits_of_group[fields["group"]].add(fields["split"])
        for group, splits in splits_of_group.items():
            if len(splits) > 1:
                self._problems.append(
                    f"{self._root / 'images.csv'}: group '{group}' stands in several splits "
                    f"({', '.join(sorted(s or 'none' for s in splits))}); what was photographed "
                    "together must be on one side. Run rbc_tf split-dataset again"
                )
        return found

    def _rows(
        self, name: str, columns: Sequence[str], numbers: Sequence[str], parse: Callable
    ) -> list:
        """Parses each row of a table (none where it is absent), noting what is wrong."""
        path = self._root / name
        parsed = []
        for row in csv_tables.read(path, columns, numbers, self._problems) if path.exists() else ():
            try:
                parsed.append(parse(row))
            except ValueError as error:
                self._problems.append(f"{path}: line {row.line}: {error}")
        return parsed

    def _known_image(self, name: str, images: dict) -> str:
        found = self._names.find(name)
        if found is None:
            # With its extension a name is the file's, where no other begins like it.
            stem, _, extension = name.strip().rpartition(".")
            found = self._names.find(stem)
            if found is None or images[found].suffix.lower() != f".{extension.lower()}":
                raise ValueError(
                    f"there is no image '{name.strip()}' in images/; give its file name without "
                    "extension"
                )
        return found

    def _known_type(self, name: str) -> str:
        found = self._types.find(name) if self._types else name
        if found is None:
            raise ValueError(
                f"unknown cell type '{name.strip()}'. Known: {', '.join(self._cell_types.names)}, "
                f"and '{OTHER}' for cells of no type in the list (list your own in cell_types.yaml)"
            )
        return found


def _table_value(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else value


def _by_image(pairs: list) -> dict[str, list]:
    found = collections.defaultdict(list)
    for name, value in pairs:
        found[name].append(value)
    return dict(found)
