"""Checks a whole dataset folder, lists all its problems, and counts its regions.

rbc_tf check-dataset --dataset_dir=chula
"""

from absl import flags

from rbc_tf.cli import shared_flags
from rbc_tf.core.types import Region

REQUIRED = ("dataset_dir",)

_DATASET_DIR = flags.DEFINE_string("dataset_dir", None, "The dataset folder.")
_MIN_AREA = flags.DEFINE_integer("min_area", 30, "Smaller regions, in pixels, are dirt.")
_STRICT = flags.DEFINE_bool("strict", False, "What is unlikely is an error.")
shared_flags.define_intensity()


def main() -> None:
    from rbc_tf.core import exposure, image_io
    from rbc_tf.data import dataset, dataset_intensity, examples, plausibility, regions

    given = shared_flags.intensity()
    checked = dataset.load_dataset(_DATASET_DIR.value, check_pixels=True, intensity=given)
    dataset_intensity.record(checked.root, checked.intensity)
    config = regions.RegionConfig(min_area=_MIN_AREA.value)
    check = plausibility.DatasetCheck()
    found: list[Region] = []
    for sample in checked:
        of_image = regions.find_regions(sample, config)
        header = image_io.read_header(sample.image_path)
        check.add_header(sample, header)
        check.add(sample, header.size, of_image)
        found += of_image
    dark = exposure.warning(checked.exposures, len(checked), checked.intensity is not None)
    doubts = tuple(filter(None, (*check.doubts(), *dataset.unused_files(checked), dark)))
    errors = check.errors()
    if errors or (doubts and _STRICT.value):
        raise dataset.DatasetError(checked.root, [*errors, *doubts])
    result = f"{len(doubts)} kinds of what is unlikely" if doubts else "no problems"
    print(f"{checked.root}: {result} in {len(checked)} images")
    if checked.intensity is not None:
        print(f"  images of more than 8 bits: {checked.intensity} ({dataset_intensity.FILE})")
    for doubt in doubts:
        print(f"  warning: {doubt}")
    for kind, count in examples.count_regions(found).items():
        print(f"  {kind}: {count}")
    for split in sorted({sample.split for sample in checked}):
        members = [sample for sample in checked if sample.split == split]
        agreed, total = regions.count_agreement(members, config)
        if total:
            print(
                f"  number of cells estimated from the shape, {split or 'all'} images labelled "
                f"nearly throughout: right in {agreed} of {total} regions ({agreed / total:.1%})"
            )
