"""run.json: what made the results in a folder, so that no others are mixed with them."""

from rbc_tf.core import config, files
from rbc_tf.detection.tiling import TilingConfig
from rbc_tf.graphs import frozen
from rbc_tf.inference.bundle import Bundle
from rbc_tf.inference.results_folder import RUN, ResultsFolder


def prepare(
    folder: ResultsFolder,
    bundle: Bundle,
    tiling_config: TilingConfig,
    precision: str,
    overwrite: bool = False,
) -> None:
    """Writes run.json, or holds it against this run's bundle, thresholds, tiles and precision.

    With `overwrite`, results that are there are deleted.

    Raises:
        ValueError: the folder holds results of another bundle, at other thresholds, with other
            tiles or in another precision, and they are not to be overwritten.
        OSError: the folder cannot be written.
    """
    try:
        earlier = folder.read_json(RUN)
        if earlier is not None and not overwrite:
            _check(folder, earlier, _record(bundle, tiling_config, precision))
            return
        if earlier is not None:
            # All of them first: a run that is killed must leave none among its own.
            folder.delete_results()
        folder.write_json(RUN, _record(bundle, tiling_config, precision))
    except OSError as error:
        raise OSError(f"{folder}: results cannot be written there ({error})") from error


def _record(bundle: Bundle, tiling_config: TilingConfig, precision: str) -> dict:
    manifest = bundle.manifest
    tiles = tiling_config.resolve(manifest.provenance.detector)
    return {
        "bundle": str(bundle.source or bundle.path),
        "bundle_sha256": bundle.sha256,
        "cell_types": list(manifest.cell_types.names),
        "thresholds": list(manifest.thresholds),
        "threshold_objective": manifest.threshold_objective,
        "tiles": None if tiles is None else config.to_dict(tiles),
        "precision": precision,
        "versions": files.versions(),
    }


def _check(folder: ResultsFolder, earlier: dict, run: dict) -> None:
    if earlier.get("bundle_sha256") != run["bundle_sha256"]:
        raise ValueError(
            f"{folder}: holds results of another bundle ({earlier.get('bundle')}). "
            "Choose another output folder, or give --overwrite"
        )
    if earlier["thresholds"] != run["thresholds"]:
        raise ValueError(
            f"{folder}: holds results at other thresholds "
            f"({earlier['threshold_objective']}, not {run['threshold_objective']}). "
            "Choose another output folder, or give --overwrite"
        )
    if earlier.get("tiles") != run["tiles"]:
        raise ValueError(
            f"{folder}: holds results with other tiles ({_told(earlier.get('tiles'))}, "
            f"not {_told(run['tiles'])}). Choose another output folder, or give --overwrite"
        )
    # Before there was a choice, all was float32.
    computed = earlier.get("precision", frozen.FLOAT32)
    if computed != run["precision"]:
        raise ValueError(
            f"{folder}: holds results computed in {computed}, not in {run['precision']}. "
            f"Give --precision={computed}, choose another output folder, or give --overwrite"
        )


def _told(tiles: dict | None) -> str:
    if tiles is None:
        return "every image whole"
    return f"{tiles['height']}x{tiles['width']}, overlap {tiles['overlap']}"
