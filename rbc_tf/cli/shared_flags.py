"""Flags that several commands have."""

import dataclasses
import typing
from collections.abc import Iterable

from absl import flags

if typing.TYPE_CHECKING:
    from rbc_tf.core.intensity import IntensityRange
    from rbc_tf.features import crops
    from rbc_tf.inference import run_config
    from rbc_tf.inference.view_config import ViewConfig

# As graphs.frozen has them, which loads TensorFlow: flags and --help do without.
AUTO, FLOAT32 = "auto", "float32"
PRECISIONS = (AUTO, FLOAT32, "bfloat16", "float16")

# As inference.pretrained has it.
DEFAULT_BUNDLE = "chula12"

# Of every command.
_VERBOSE = flags.DEFINE_bool("verbose", False, "Log more, and show the traceback of an error.")


def is_verbose() -> bool:
    """Whether --verbose was given; False before flags are read."""
    return flags.FLAGS.is_parsed() and bool(_VERBOSE.value)


@dataclasses.dataclass(frozen=True)
class AnalysisFlags:
    """Values of the flags of `define_analysis`, as the library takes them."""

    bundle_path: str
    input_path: str
    output_dir: str
    plain_thresholds: bool
    retry_failed: bool
    overwrite: bool
    config: "run_config.RunConfig"


def define_intensity() -> None:
    """--bit_depth and --intensity_range; `intensity` reads them."""
    flags.DEFINE_integer(
        "bit_depth",
        None,
        "Bits that the camera fills of images of more than 8 bits, such as 12; by default as the "
        "files say, else one estimate for the folder.",
    )
    flags.DEFINE_string(
        "intensity_range",
        None,
        "LOW,HIGH: what is black and what white in images of more than 8 bits, such as 0,4095; "
        "instead of --bit_depth.",
    )


def intensity() -> "IntensityRange | None":
    """The range that was given, or None. Raises ValueError where it makes no sense."""
    from rbc_tf.core import intensity as intensities

    return intensities.from_flags(flags.FLAGS.bit_depth, flags.FLAGS.intensity_range)


def define_bundle(more: str = "", default: str | None = None) -> None:
    """--bundle, which version 0.1.0 knew as --bundle_dir; `more` ends the line of its help."""
    flags.DEFINE_string(
        "bundle",
        default,
        "The bundle: a folder, a packed file, or the name of one that comes with rbc_tf ('rbc_tf "
        f"bundles' lists them){more}.",
    )
    flags.DEFINE_alias("bundle_dir", "bundle")


def check_one_bundle(arguments: Iterable[str]) -> None:
    """Raises flags.Error where --bundle is given by both of its names: the last would be taken."""
    names = {argument.partition("=")[0].lstrip("-") for argument in arguments}
    if {"bundle", "bundle_dir"} <= names:
        raise flags.Error("--bundle and --bundle_dir are one flag. Received: both")


def define_analysis(default_output: str = "") -> None:
    """Those of `analyze` and `analyze-beam`; `default_output` says where results go without."""
    define_bundle(f"; {DEFAULT_BUNDLE} by default")
    flags.DEFINE_string("input", None, "An image, or a folder with images in it and below.")
    flags.DEFINE_string("output_dir", None, f"Folder for the results{default_output}.")
    flags.DEFINE_enum(
        "thresholds",
        "bundle",
        ["bundle", "plain"],
        "bundle: those of the bundle; plain: 0.5 for every type, and no type where none is above "
        "it, as in the paper.",
    )
    flags.DEFINE_bool("report", True, "Write report.html, which opens in a browser.")
    flags.DEFINE_integer(
        "report_image_size",
        960,
        "Longer side of the pictures in report.html, in pixels; 0: none. At 960 a picture takes "
        "some 30 to 100 kB.",
        lower_bound=0,
    )
    flags.DEFINE_string(
        "tile_size",
        AUTO,
        "Larger images are cut for detection into tiles of this size, HxW in pixels; auto: that "
        "of the detector's training images; none: every image whole.",
    )
    flags.DEFINE_integer(
        "tile_overlap",
        None,
        "Size in pixels up to which a region is in one tile as a whole (larger ones are joined); "
        "by default that of the largest region of the training, at most a third of a tile.",
    )
    define_view()
    define_precision(AUTO)
    define_intensity()
    flags.DEFINE_string(
        "group",
        "folder",
        "Which images belong together, one patient's for instance, in groups.csv and the report: "
        "folder: those of one folder; or a pattern whose first parenthesis is the group's name in "
        "the path of an image, such as '(P[0-9]+)_'.",
    )
    flags.DEFINE_bool("retry_failed", True, "Try again images that failed in an earlier run.")
    flags.DEFINE_bool("overwrite", False, "Analyse again what is done already.")


def analysis() -> AnalysisFlags:
    """What was given. Raises ValueError where tiles, view, groups or intensities make no sense."""
    from rbc_tf.detection import tiling
    from rbc_tf.inference import group_shares, run_config

    given = flags.FLAGS
    return AnalysisFlags(
        bundle_path=_bundle(given.bundle),
        input_path=given.input,
        output_dir=given.output_dir,
        plain_thresholds=given.thresholds == "plain",
        retry_failed=given.retry_failed,
        overwrite=given.overwrite,
        config=run_config.RunConfig(
            tiling_config=tiling.TilingConfig(given.tile_size, given.tile_overlap),
            precision=given.precision,
            view_config=view(),
            intensity=intensity(),
            grouping=group_shares.Grouping(given.group),
            report_image_size=given.report_image_size if given.report else None,
        ),
    )


def _bundle(given: str | None) -> str:
    if given is not None:
        return given
    from rbc_tf.inference import pretrained

    if DEFAULT_BUNDLE not in pretrained.names():
        raise ValueError(f"--bundle must be given: {DEFAULT_BUNDLE} is not in this installation")
    print(f"bundle: {DEFAULT_BUNDLE}, for stained smears; --bundle names others")
    return DEFAULT_BUNDLE


def define_view() -> None:
    """--scale, --light and --rotations; `view` reads them."""
    define_scale_and_light()
    flags.DEFINE_enum(
        "rotations",
        "1",
        ["1", "2", "4"],
        "Quarter turns that the types of each region are averaged over: a little better, and as "
        "many times the features.",
    )


def define_scale_and_light() -> None:
    """--scale and --light alone, for commands that find no types."""
    flags.DEFINE_string(
        "scale",
        AUTO,
        "Factor by which images are scaled for the analysis; auto: where their cells are larger or "
        "smaller than those that the bundle learnt from, what makes them as large, one factor for "
        "a folder whose images are alike; none: not at all. Results are in pixels of the images as "
        "they are.",
    )
    flags.DEFINE_enum(
        "light",
        AUTO,
        (AUTO, "none"),
        "auto: images darker than those that the bundle learnt from are made as bright for the "
        "analysis; none: every image as it is.",
    )


def view() -> "ViewConfig":
    """What was given. Raises ValueError where it makes no sense."""
    from rbc_tf.inference.view_config import ViewConfig

    return ViewConfig(flags.FLAGS.scale, int(flags.FLAGS.rotations), flags.FLAGS.light)


def define_precision(default: str, note: str = "") -> None:
    flags.DEFINE_enum(
        "precision",
        default,
        PRECISIONS,
        "Numbers that the networks compute with; auto: float16 on a GPU, bfloat16 on processors "
        f"that have it, else float32.{note}",
    )


_CROP_FLAGS = ("crop_mode", "patch_size", "context", "window", "supersample", "background")


def define_crop(patch_size: int | None) -> None:
    """How patches are cut, for commands that cut them for a backbone."""
    from rbc_tf.features import backbone_spec, crops

    size = "the backbone's own" if patch_size is None else str(patch_size)
    flags.DEFINE_enum("crop_mode", crops.CropConfig.mode, crops.MODES, f"{crops.describe_modes()}.")
    flags.DEFINE_integer("patch_size", patch_size, f"Side of a patch in pixels; left out, {size}.")
    flags.DEFINE_float("context", 0.0, "Margin around a box, as a share of its sides.")
    flags.DEFINE_float(
        "window", None, f"Side of the window in pixels, for {crops.describe_modes('window')}."
    )
    flags.DEFINE_integer(
        "supersample",
        1,
        "Samples per pixel and axis; 2 or 3 where patches are smaller than regions.",
    )
    flags.DEFINE_float(
        "background",
        None,
        "Brightness, 1 to 255, that the empty background of each image is brought to, so that "
        "lamps and white balances agree; left out, images are taken as they are.",
        lower_bound=1,
        upper_bound=255,
    )
    flags.DEFINE_enum(
        "backbone",
        None,
        backbone_spec.names(),
        "The network; left out, that of a .keras file, and "
        f"{backbone_spec.DEFAULT} for other weights.",
    )


def crop_is_given() -> bool:
    return any(flags.FLAGS[name].present for name in _CROP_FLAGS)


def crop() -> "crops.CropConfig":
    """What was given, with the fill of the backbone. Raises ValueError where it makes no sense."""
    from rbc_tf.features import backbone_spec, crops

    given = flags.FLAGS
    spec = backbone_spec.find(given.backbone or backbone_spec.DEFAULT)
    size = given.patch_size or spec.patch_size
    spec.check_patch_size(size)
    config = crops.CropConfig(
        mode=given.crop_mode,
        size=size,
        context=given.context,
        window=given.window,
        supersample=given.supersample,
        background=given.background,
    )
    return crops.for_backbone(config, spec)
