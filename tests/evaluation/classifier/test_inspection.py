"""A classifier shown in TensorBoard with its patches, on a small dataset folder."""

import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf

from rbc_tf.classification import fit
from rbc_tf.classification.abnormality import BoostingConfig
from rbc_tf.classification.folds import FoldsConfig
from rbc_tf.classification.heads import HeadsConfig
from rbc_tf.core import image_io
from rbc_tf.evaluation.classifier import inspection, validation_logs
from rbc_tf.features import cache, extract
from rbc_tf.features.crops import CropConfig
from tests import builders

_COLOURS = {"Oval": (200, 60, 60), "Stom": (60, 60, 200)}
_CONFIG = fit.ClassifierConfig(
    HeadsConfig(hidden_units=4, learning_rate=0.02, batch_size=8, max_epochs=12, patience=12),
    FoldsConfig(num_folds=3),
    BoostingConfig(n_estimators=3),
)
_SPLITS = ["train"] * 4 + ["validation"] * 2 + ["test"]


def _write_dataset(root):
    """Seven images of eight squares, red ones Oval and blue ones Stom.

    The first square of the first validation image is labelled wrongly, the last of each image
    incompletely.
    """
    images, regions = {}, []
    for number, split in enumerate(_SPLITS):
        image = np.full((40, 160, 3), 230, np.uint8)
        for place in range(8):
            name = "Oval" if (place + number) % 2 else "Stom"
            image[10:26, place * 20 + 2 : place * 20 + 18] = _COLOURS[name]
            if (split, number, place) == ("validation", 4, 0):
                name = "Oval"  # it is blue
            box = (10, place * 20 + 2, 26, place * 20 + 18)
            regions.append((f"smear{number}", box, name, 1, place < 7))
        image[0, 0] = number  # no image is another's copy
        images[f"smear{number}"] = image
    splits = [(f"smear{n}", f"slide{n}", split) for n, split in enumerate(_SPLITS)]
    builders.write_dataset(root, images, splits=splits, regions=regions)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folders of the dataset, the features and the classifier; to be copied before a change."""
    folder = tmp_path_factory.mktemp("made")
    root, features, classifier = (folder / n for n in ("dataset", "features", "classifier"))
    _write_dataset(root)
    with pytest.MonkeyPatch.context() as patch:
        backbone = builders.pooling_backbone(np.eye(3) / 64)
        patch.setattr(extract, "load_backbone", lambda *_: backbone)
        config = extract.ExtractionConfig("random", CropConfig(size=32))
        extract.extract_features(root, features, config)
    fit.fit_classifier(features, classifier, _CONFIG)
    return root, features, classifier


def test_worst_patches_and_projector(made, tmp_path):
    root, features, classifier = made
    settings = inspection.InspectionConfig(num_worst=3, num_worst_per_type=2, num_points=14)
    folder = inspection.inspect(features, classifier, root, tmp_path / "logs", settings)
    found = builders.summaries_by_tag(folder)
    # The blue square labelled Oval is what the classifier does worst.
    worst = builders.text_of(found["text", "worst_patches"]).splitlines()
    assert "| 1 | smear4 | 10, 2, 26, 18 | Oval | Stom |" in worst[4]
    assert worst[-1].startswith("| 3 |")
    assert ("images", "worst_patches/1") in found
    assert ("images", "worst_patches_of/Oval/1") in found
    assert ("images", "worst_patches_of/Elon/1") not in found  # no patch has it

    header, *rows = [
        line.split("\t") for line in (folder / "metadata.tsv").read_text().splitlines()
    ]
    assert len(rows) == 14  # of the 16 validation patches
    points = [dict(zip(header, row, strict=True)) for row in rows]
    assert {point["split"] for point in points} == {"validation"}
    assert {point["image"] for point in points} == {"smear4", "smear5"}
    # The thumbnail of each point shows its own square, whatever its label says.
    sprite = image_io.read_image(folder / "sprite.png")
    assert sprite.shape == (4 * 48, 4 * 48, 3)
    for number, point in enumerate(points):
        y, x = number // 4 * 48 + 24, number % 4 * 48 + 24
        colour = tuple(sprite[y, x].tolist())
        wrong_label = point["image"] == "smear4" and colour == _COLOURS["Stom"]
        assert colour == _COLOURS[point["types"]] or wrong_label
        partly = point["answer"] == "not fully labelled"
        assert point["type Gran"] == ("unknown" if partly else "absent")
        assert partly or (point["answer"] == "exactly right") == (
            point["types"] == point["predicted"]
        )
    reader = tf.train.load_checkpoint(str(folder))
    stored = reader.get_tensor("features/.ATTRIBUTES/VARIABLE_VALUE")
    table = cache.load_features(features)
    validation = table.features[table.splits == "validation"]
    assert all((validation == row).all(axis=1).any() for row in stored)


@pytest.mark.slow
def test_training_patches_can_be_projected_too(made, tmp_path):
    root, features, classifier = made
    settings = inspection.InspectionConfig(projected_splits=("validation", "train"))
    folder = inspection.inspect(features, classifier, root, tmp_path, settings)
    lines = (folder / "metadata.tsv").read_text().splitlines()
    assert len(lines) == 1 + 6 * 8
    again = inspection.inspect(features, classifier, root, tmp_path, settings)
    assert again == folder
    assert len(list(folder.glob("events.*"))) == 1


def test_validation_logs_stand_beside_those_of_training(made):
    _, features, classifier = made
    log_dir = classifier / fit.LOGS
    folder = validation_logs.write_validation_logs(features, classifier, log_dir)
    assert {"train", "validation", folder.name} <= {path.name for path in log_dir.iterdir()}
    found = builders.summaries_by_tag(folder)
    curves = {tag for plugin, tag in found if plugin == "pr_curves"}
    assert curves == {"types/Oval/pr_curves", "types/Stom/pr_curves"}
    # 14 of the 16 validation patches are completely labelled.
    assert "14 completely labelled validation" in builders.text_of(found["text", "label_sets"])
    assert ("images", "label_sets") in found


def test_other_images_are_refused(made, tmp_path):
    original, features, classifier = made
    root = shutil.copytree(original, tmp_path / "dataset")
    inspection.inspect(features, classifier, root, tmp_path / "logs")
    path = root / "images" / "smear5.png"
    image_io.write_png(path, 255 - image_io.read_image(path))
    with pytest.raises(ValueError, match=r"smear5\.png"):
        inspection.inspect(features, classifier, root, tmp_path / "logs")
    path.unlink()
    for table in (root / "regions.csv", root / "images.csv"):
        lines = table.read_text().splitlines(keepends=True)
        table.write_text("".join(line for line in lines if not line.startswith("smear5")))
    with pytest.raises(ValueError, match="a dataset without image 'smear5'"):
        inspection.inspect(features, classifier, root, tmp_path / "logs")
    # What an earlier call wrote is still there.
    assert (tmp_path / "logs" / inspection.RUN / "sprite.png").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_worst": 0}, "`num_worst` must be 1 or more"),
        ({"num_points": 0}, "`num_points` must be 1 or more"),
        ({"projected_splits": ("test",)}, r"must be of validation, train\. Received: test"),
        ({"projected_splits": ()}, "Received: none"),
    ],
)
def test_bad_settings(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(inspection.InspectionConfig(), **changes)
