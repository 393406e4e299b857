"""Imports boxes or points that were annotated in another program as a dataset folder.

rbc_tf import-annotations --format=voc --annotations=BCCD/Annotations \\
    --images_dir=BCCD/JPEGImages --map=RBC= --ignore=WBC --ignore=Platelets --output_dir=bccd
"""

from absl import flags

from rbc_tf.cli import shared_flags
from rbc_tf.core.cell_types import PAPER, CellTypes
from rbc_tf.data.formats import importing, type_names

REQUIRED = ("format", "annotations", "images_dir", "output_dir")

_FORMAT = flags.DEFINE_enum(
    "format", None, importing.FORMATS, "COCO JSON, Pascal VOC XML, or GeoJSON as QuPath writes it."
)
_ANNOTATIONS = flags.DEFINE_string(
    "annotations", None, "The file; of VOC and GeoJSON also the folder of the files."
)
_IMAGES_DIR = flags.DEFINE_string("images_dir", None, "Folder of the images, in it and below.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Dataset folder to write.")
_CELL_TYPES = flags.DEFINE_string(
    "cell_types", None, "YAML list of types; the paper's six by default."
)
_MAP = flags.DEFINE_multi_string(
    "map",
    [],
    "OLD=NEW: type OLD of the file is NEW of the list, or 'other', or nothing (OLD=): a region of "
    "unknown type. Can be given several times.",
)
_IGNORE = flags.DEFINE_multi_string(
    "ignore", [], "What is of this type in the file is left out. Can be given several times."
)
_COMPLETE = flags.DEFINE_bool(
    "complete", True, "All cells of a region with types are labelled, where the file does not say."
)
_ZERO_BASED = flags.DEFINE_bool(
    "zero_based", False, "VOC files with edges counted from 0, against VOC's rule, as many write."
)
_MASKS_DIR = flags.DEFINE_string("masks_dir", None, "Masks NAME.png of images without boxes.")
_SEGMENT = flags.DEFINE_bool(
    "segment", False, "Make the masks of images without boxes by thresholding."
)
_STRICT = flags.DEFINE_bool("strict", False, "What is unlikely is an error.")
shared_flags.define_intensity()


def main() -> None:
    cell_types = PAPER if _CELL_TYPES.value is None else CellTypes.load(_CELL_TYPES.value)
    options = importing.ImportOptions(
        renames=type_names.parse_renames(_MAP.value),
        ignored=tuple(_IGNORE.value),
        complete=_COMPLETE.value,
        zero_based=_ZERO_BASED.value,
        masks_dir=_MASKS_DIR.value,
        segment=_SEGMENT.value,
        intensity=shared_flags.intensity(),
        strict=_STRICT.value,
    )
    summary = importing.import_annotations(
        _FORMAT.value,
        _ANNOTATIONS.value,
        _IMAGES_DIR.value,
        _OUTPUT_DIR.value,
        cell_types,
        options,
    )
    print(f"images: {summary.images}; without annotations and left out: {summary.images_left_out}")
    print(
        f"regions: {summary.regions}, of them with several types "
        f"{summary.regions_of_several_types}, without type {summary.regions_without_type}"
    )
    print(f"labelled cells: {summary.cells}")
    for doubt in summary.doubts:
        print(f"warning: {doubt}")
