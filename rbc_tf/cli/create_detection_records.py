"""Writes TFRecords for training a detector, in the TF Object Detection API's field names.

rbc_tf create-detection-records --dataset_dir=chula --output_dir=records

Give --dataset_dir several times for a detector that is to learn from several datasets.
"""

from absl import flags

from rbc_tf.data import regions

REQUIRED = ("dataset_dir", "output_dir")

_DEFAULTS = regions.RegionConfig()

_DATASET_DIR = flags.DEFINE_multi_string("dataset_dir", None, "A dataset folder, with splits.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for the records.")
_NUM_SHARDS = flags.DEFINE_integer("num_shards", 10, "Files a split is spread over.")
_CONNECTIVITY = flags.DEFINE_integer(
    "connectivity", _DEFAULTS.connectivity, "8, or 4: pixels that touch at a corner are apart."
)
_MIN_AREA = flags.DEFINE_integer(
    "min_area", _DEFAULTS.min_area, "Smaller regions, in pixels, are dropped as dirt."
)


def main() -> None:
    from rbc_tf.data import dataset, detection_records

    info = detection_records.write_detection_records(
        [dataset.load_dataset(folder) for folder in _DATASET_DIR.value],
        _OUTPUT_DIR.value,
        _NUM_SHARDS.value,
        regions.RegionConfig(_CONNECTIVITY.value, _MIN_AREA.value),
    )
    for split, counts in info.splits.items():
        print(
            f"{split}: {counts.num_images} images, {counts.num_boxes} regions, "
            f"at most {counts.max_boxes} in one image"
        )
