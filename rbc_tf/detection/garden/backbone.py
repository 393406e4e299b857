"""The weights that a backbone starts from."""

import http.client
import pathlib
import shutil
import tarfile
import urllib.error
import urllib.request

from absl import logging

from rbc_tf.core import files
from rbc_tf.detection.garden import checkpoints, configs

# Published on Model Garden's vision page, by ResNet depth.
_IMAGENET_URL = "https://storage.googleapis.com/tf_model_garden/vision/resnet/resnet-{}-i224.tar.gz"
_IMAGENET_DEPTHS = (50, 101, 152)
_TIMEOUT_SECONDS = 60


def checkpoint(task: configs.RegionDetectionTask) -> str:
    """Checkpoint that `task.init_checkpoint` stands for; '' for random weights.

    'imagenet' is downloaded once and kept in the cache folder.

    Raises:
        ValueError: no ImageNet weights are published for that backbone.
        FileNotFoundError: that checkpoint does not exist.
        ConnectionError: the weights had to be downloaded and could not be.
    """
    start = task.init_checkpoint
    if not start:
        return ""
    if start != configs.IMAGENET:
        return checkpoints.existing(start)
    depth = task.model.backbone.resnet.model_id if task.model.backbone.type == "resnet" else None
    if depth not in _IMAGENET_DEPTHS:
        raise ValueError(
            f"init_checkpoint 'imagenet' requires a ResNet of depth {_IMAGENET_DEPTHS}. Received: "
            f"{task.model.backbone.type} {depth}. Set task.init_checkpoint to a checkpoint, or to "
            "'' to start from random weights."
        )
    # Even where nothing is to be kept, a download must lie somewhere.
    folder = files.cache_dir() or files.user_cache_dir()
    return fetch(_IMAGENET_URL.format(depth), folder)


def fetch(url: str, folder: pathlib.Path) -> str:
    """Downloads and unpacks an archive of a checkpoint, unless `folder` already has it.

    Returns:
        The checkpoint, without the ending of its index file.

    Raises:
        ConnectionError: it could not be downloaded.
        ValueError: the archive is damaged or holds no checkpoint.
    """
    name = url.rsplit("/", 1)[-1].removesuffix(".tar.gz")
    unpacked = folder / name
    if not unpacked.is_dir():
        with files.atomic_folder(unpacked, marker="checkpoint") as temporary:
            archive = temporary / "archive.tar.gz"
            _download(url, archive)
            _unpack(archive, temporary, url)
            archive.unlink()
            _find_checkpoint(temporary, url)
    return _find_checkpoint(unpacked, url)


def _download(url: str, path: pathlib.Path) -> None:
    logging.info("Downloading %s", url)
    try:
        with (
            urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response,
            path.open("wb") as file,
        ):
            shutil.copyfileobj(response, file)
    except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
        raise ConnectionError(
            f"The start from ImageNet weights requires {url}, which could not be downloaded: "
            f"{error}. Fetch and unpack it where there is a network and give the path as "
            "--backbone_checkpoint=FOLDER/ckpt-N, or start from random weights with "
            "--backbone_checkpoint=none."
        ) from error


def _unpack(archive: pathlib.Path, folder: pathlib.Path, url: str) -> None:
    try:
        with tarfile.open(archive) as file:
            file.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"{url} must be a .tar.gz of a checkpoint: {error}") from error


def _find_checkpoint(folder: pathlib.Path, url: str) -> str:
    found = sorted(folder.rglob("*.index"))
    if len(found) != 1:
        raise ValueError(
            f"{url} must hold one checkpoint. Received: {[str(path.name) for path in found]}"
        )
    return str(found[0].with_suffix(""))
