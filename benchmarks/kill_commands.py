"""The commands that benchmarks.kills kills, on a chain that is as small as it can be.

In this order: what one leaves undisturbed is kept, and others begin with it.
"""

import dataclasses
import pathlib
import shutil

from rbc_tf.core import image_io
from rbc_tf.core.cell_types import PAPER
from rbc_tf.data import dataset

_ROOT = pathlib.Path(__file__).parents[1]

# A detector that is built and trained in seconds, on demo_r18_fpn.yaml.
TINY_DETECTOR = {
    "task.model.backbone.resnet.model_id": 10,
    "task.model.min_level": 3,
    "task.model.max_level": 4,
    "task.model.input_size": [128, 128, 3],
    "task.model.roi_generator.num_proposals": 50,
    "task.train_data.global_batch_size": 2,
    "task.validation_data.global_batch_size": 1,
    "trainer.train_epochs": 0,
    "trainer.train_steps": 4,
    "trainer.validation_interval": 4,
    "trainer.checkpoint_interval": 2,
    "trainer.steps_per_loop": 2,
    "trainer.summary_interval": 2,
    "trainer.optimizer_config.warmup.linear.warmup_steps": 1,
}
_HEADS = "heads: {max_epochs: 2, hidden_units: 8}, boosting: {n_estimators: 5}"


@dataclasses.dataclass(frozen=True)
class Command:
    """A command and its flags, in which {out} is where it writes.

    Attributes:
        before: folder that lies at its output before, a copy of what another command left.
        first: flags with which the same command runs before, so that it finds what it replaces.
    """

    flags: tuple[str, ...]
    before: pathlib.Path | None = None
    first: tuple[str, ...] = ()


def commands(folder: pathlib.Path, sickle_dir: pathlib.Path | None) -> dict[str, Command]:
    """{name: command}. `folder` / name is where the output of each is kept.

    A clone of the cells of Xu et al. is needed for import-sickle alone.
    """
    found = _of_datasets(folder) | _of_trainings(folder) | _of_bundles(folder)
    if sickle_dir is not None:
        few = folder / "few_sickle_cells"
        found["import-sickle"] = Command(
            ("import-sickle", f"--sickle_dir={few}", "--output_dir={out}")
        )
    return found


def write_sources(name: str, folder: pathlib.Path, sickle_dir: pathlib.Path | None) -> None:
    """Makes the files of others that an import begins with, of what earlier commands left."""
    if name == "import-chula":
        _write_as_chula(folder / "split-dataset", folder / "as_chula")
    if name == "import-sickle":
        _write_few(sickle_dir, folder / "few_sickle_cells")


def _of_datasets(folder: pathlib.Path) -> dict[str, Command]:
    made, split = folder / "make-synthetic-smears", folder / "split-dataset"
    of_smears = f"--dataset_dir={split}"
    records = ("create-detection-records", of_smears, "--output_dir={out}")
    size = ("--height=128", "--width=160")
    annotations = folder / "export-annotations" / "coco.json"
    return {
        "make-synthetic-smears": Command(
            (
                *("make-synthetic-smears", "--output_dir={out}", "--num_processes=1", *size),
                *("--num_images=28", "--num_cells=8", "--cell_diameter=28"),
            )
        ),
        "split-dataset": Command(("split-dataset", "--dataset_dir={out}"), before=made),
        "export-annotations": Command(
            ("export-annotations", of_smears, "--format=coco", "--output_dir={out}")
        ),
        "import-annotations": Command(
            (
                *("import-annotations", "--format=coco", f"--images_dir={split}/images"),
                *(f"--annotations={annotations}", "--output_dir={out}"),
                f"--cell_types={split}/cell_types.yaml",
            )
        ),
        "import-chula": Command(
            ("import-chula", f"--chula_dir={folder / 'as_chula'}", "--output_dir={out}")
        ),
        "compose-smears": Command(
            (
                *("compose-smears", of_smears, "--output_dir={out}", *size),
                *("--num_images=2", "--num_buckets=2", "--num_processes=1"),
            )
        ),
        "create-detection-records": Command(records),
        "create-detection-records, again": Command(records, first=("--num_shards=1",)),
    }


def _of_trainings(folder: pathlib.Path) -> dict[str, Command]:
    of_smears = f"--dataset_dir={folder / 'split-dataset'}"
    network = ("--backbone=efficientnet_lite0", "--crop_mode=letterbox", "--patch_size=32")
    features = f"--features_dir={folder / 'extract-features'}"
    # Without a seed, as the weights of two runs differ: one that goes on draws other images.
    override = ",".join(f"{key}={value}" for key, value in TINY_DETECTOR.items())
    return {
        "train-detector": Command(
            (
                *("train-detector", "--experiment=rbc_fasterrcnn_resnet_fpn"),
                f"--config_file={_ROOT / 'object_detection_configs' / 'demo_r18_fpn.yaml'}",
                *(f"--params_override={override}", "--model_dir={out}"),
                f"--records_dir={folder / 'create-detection-records'}",
            )
        ),
        "export-detector": Command(
            ("export-detector", f"--model_dir={folder / 'train-detector'}", "--export_dir={out}")
        ),
        "finetune-backbone": Command(
            (
                *("finetune-backbone", of_smears, "--output_dir={out}", *network),
                *("--weights=random", "--params_override={epochs: 2, batch_size: 32, dropout: 0}"),
            )
        ),
        "extract-features": Command(
            (
                *("extract-features", of_smears, "--features_dir={out}", *network),
                "--weights=random",
            )
        ),
        "train-classifier": Command(
            (
                *("train-classifier", features, "--output_dir={out}"),
                f"--params_override={{{_HEADS}}}",
            )
        ),
        "evaluate-classifier": Command(
            (
                *("evaluate-classifier", features, "--output_dir={out}"),
                f"--classifier_dir={folder / 'train-classifier'}",
            )
        ),
        "cross-validate": Command(
            (
                *("cross-validate", features, "--output_dir={out}", "--models=A,B"),
                *("--num_folds=2", "--num_resamples=20"),
                f"--params_override={{{_HEADS}}}",
            )
        ),
    }


def _of_bundles(folder: pathlib.Path) -> dict[str, Command]:
    smears = folder / "split-dataset"
    of_bundle = f"--bundle={folder / 'export-bundle'}"
    of_smears = f"--dataset_dir={smears}"
    return {
        "export-bundle": Command(
            (
                *("export-bundle", f"--detector_dir={folder / 'export-detector'}"),
                *(f"--features_dir={folder / 'extract-features'}", "--output_dir={out}"),
                f"--classifier_dir={folder / 'train-classifier'}",
                "--score_threshold=0.02",
            )
        ),
        "analyze": Command(
            ("analyze", of_bundle, f"--input={smears}/images", "--output_dir={out}")
        ),
        "evaluate": Command(("evaluate", of_bundle, of_smears, "--output_file={out}/scores.json")),
        "pack-bundle": Command(("pack-bundle", of_bundle, "--output_file={out}/packed.rbc")),
        "export-saved-model": Command(("export-saved-model", of_bundle, "--output_dir={out}")),
    }


def _write_as_chula(smears: pathlib.Path, target: pathlib.Path) -> None:
    """The images of a dataset folder as Chula RBC-12 has them: numbered, a text of points each."""
    for name in ("Dataset", "Label"):
        (target / name).mkdir(parents=True, exist_ok=True)
    loaded = dataset.load_dataset(smears)
    for number, sample in enumerate(loaded, start=1):
        pixels = image_io.read_image(sample.image_path)
        image_io.write_jpeg(target / "Dataset" / f"{number}.jpg", pixels)
        points = [
            f"{round(cell.x)} {round(cell.y)} {PAPER.names.index(cell.type)}\n"
            for cell in sample.cells
        ]
        (target / "Label" / f"{number}.txt").write_text("".join(points))


def _write_few(sickle_dir: pathlib.Path, target: pathlib.Path) -> None:
    """The first five patches of each class of Xu et al."""
    for classes in sickle_dir.glob("SickleRBC_Classes_dataset_*/*/"):
        place = target / classes.relative_to(sickle_dir)
        place.mkdir(parents=True, exist_ok=True)
        for patch in sorted(classes.glob("*.png"))[:5]:
            shutil.copyfile(patch, place / patch.name)
