"""Features for TensorBoard's projector, with thumbnails and what is known of each patch.

projector_config.pbtxt   what the projector reads first
metadata.tsv             one row per point
sprite.png               all thumbnails, row by row
features.ckpt-*          the features, as the checkpoint that the projector wants
"""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from tensorboard.plugins import projector

from rbc_tf.core import image_io

# Larger pictures are refused by browsers' WebGL.
LARGEST_SPRITE = 8192

_METADATA, _SPRITE, _CHECKPOINT = "metadata.tsv", "sprite.png", "features.ckpt"
# What tf.train.Checkpoint calls its attribute `features`.
_TENSOR = "features/.ATTRIBUTES/VARIABLE_VALUE"


def write_projection(
    folder: str | pathlib.Path,
    features: np.ndarray,
    columns: Mapping[str, Sequence],
    thumbnails: np.ndarray,
) -> None:
    """Writes the files into a folder that TensorBoard knows as a run, since it holds events.

    Args:
        folder: of the run.
        features: float32 [N, D], N points.
        columns: N values each, by what the projector is to call them; two columns or more, or
            it takes the first value for one and no header.
        thumbnails: uint8 [N, S, S, 3].

    Raises:
        ValueError: lengths differ, there are fewer than two columns or no points, or all
            thumbnails do not fit into one picture.
    """
    lengths = {len(features), len(thumbnails), *map(len, columns.values())}
    if len(lengths) != 1 or not len(features) or len(columns) < 2:
        raise ValueError(
            "One thumbnail and one value in each of two or more columns are required for each of "
            f"one or more points. Received: {len(features)} points, {len(thumbnails)} thumbnails "
            f"and {[len(values) for values in columns.values()]} values"
        )
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    image_io.write_png(folder / _SPRITE, sprite(thumbnails))
    _write_metadata(folder / _METADATA, columns)
    checkpoint = tf.train.Checkpoint(features=tf.Variable(features))
    checkpoint.save(str(folder / _CHECKPOINT))
    config = projector.ProjectorConfig()
    embedding = config.embeddings.add()
    embedding.tensor_name = _TENSOR
    embedding.metadata_path = _METADATA
    embedding.sprite.image_path = _SPRITE
    embedding.sprite.single_image_dim.extend(thumbnails.shape[2:0:-1])  # width, height
    projector.visualize_embeddings(str(folder), config)


def sprite(thumbnails: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3], N thumbnails [N, S, S, 3] in a square grid, row by row; black at the end.

    Raises:
        ValueError: it would be larger than `LARGEST_SPRITE`.
    """
    count, height, width, _ = thumbnails.shape
    side = int(np.ceil(np.sqrt(count)))
    if side * max(height, width) > LARGEST_SPRITE:
        raise ValueError(
            f"All thumbnails must fit into a picture of {LARGEST_SPRITE} pixels. Received: {count} "
            f"of {width}x{height}, which need {side * max(height, width)}"
        )
    grid = np.zeros((side * side, height, width, 3), np.uint8)
    grid[:count] = thumbnails
    grid = grid.reshape(side, side, height, width, 3).transpose(0, 2, 1, 3, 4)
    return grid.reshape(side * height, side * width, 3)


def _write_metadata(path: pathlib.Path, columns: Mapping[str, Sequence]) -> None:
    lines = [columns.keys(), *zip(*columns.values(), strict=True)]
    text = "".join("\t".join(map(_cell, line)) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8")


def _cell(value) -> str:
    """A tab or a line break within would shift all that follows."""
    return " ".join(str(value).split())
