"""Writes the regions of an analysis, or of a dataset, in a format that other programs read.

rbc_tf export-annotations --results_dir=results --format=geojson --output_dir=qupath
rbc_tf export-annotations --dataset_dir=chula --format=coco --output_dir=coco
"""

from absl import flags

from rbc_tf.data.formats import exporting, geojson, sources

REQUIRED = ("format", "output_dir")

_RESULTS_DIR = flags.DEFINE_string("results_dir", None, "Results of analyze.")
_DATASET_DIR = flags.DEFINE_string("dataset_dir", None, "Or a dataset folder: its true regions.")
_FORMAT = flags.DEFINE_enum(
    "format",
    None,
    exporting.FORMATS,
    "coco: coco.json, and coco_results.json of an analysis; geojson: NAME.geojson for QuPath; "
    "imagej: NAME.zip for Fiji's ROI Manager.",
)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for the files.")
_OBJECT_TYPE = flags.DEFINE_enum(
    "object_type",
    None,
    geojson.OBJECT_TYPES,
    "In QuPath: detections are light and fixed, annotations can be edited. By default regions of "
    "an analysis are detections, those of a dataset annotations.",
)

flags.mark_flags_as_mutual_exclusive(["results_dir", "dataset_dir"], required=True)


def main() -> int:
    if _RESULTS_DIR.value is not None:
        source = sources.results(_RESULTS_DIR.value)
    else:
        source = sources.dataset(_DATASET_DIR.value)
    summary = exporting.export(source, _FORMAT.value, _OUTPUT_DIR.value, _OBJECT_TYPE.value or "")
    print(f"written: {summary.regions} regions of {summary.images} images, in {_OUTPUT_DIR.value}")
    for problem in summary.problems:
        print(f"  not written: {problem}")
    return 1 if summary.problems else 0
