#!/usr/bin/env bash
# Every figure of RESULTS.md, from a clone of the Chula RBC-12 dataset; hours on two cores.
#
# bash tools/chula_results.sh Chula-RBC-12-Dataset chula_run
set -euo pipefail
chula="$(realpath "$1")"
mkdir -p "$2"
run="$(realpath "$2")"
cd "$(dirname "$0")/.."
PYTHON="${PYTHON:-python}"

step() {
  printf '\n$ %s\n' "$*"
  "$@"
}

# Two divisions of the same images. For the detector: two thirds to train on.
step "$PYTHON" tools/import_chula.py --chula_dir="$chula" --output_dir="$run/detector_data"
step "$PYTHON" tools/split_dataset.py --dataset_dir="$run/detector_data" --seed=0
# For the types: half of the images are scored, by cross-validation; the backbone that makes their
# features learns from others.
step "$PYTHON" tools/import_chula.py --chula_dir="$chula" --output_dir="$run/types_data"
step "$PYTHON" tools/split_dataset.py --dataset_dir="$run/types_data" --validation=0.1 --test=0.5 \
  --seed=0

# Detection.
step "$PYTHON" tools/create_detection_records.py --dataset_dir="$run/detector_data" \
  --output_dir="$run/records"
step "$PYTHON" tools/train_detector.py --experiment=rbc_fasterrcnn_resnet_fpn \
  --config_file=object_detection_configs/chula_r101_fpn_cpu.yaml --records_dir="$run/records" \
  --model_dir="$run/detector"
step "$PYTHON" tools/export_detector.py --model_dir="$run/detector" \
  --export_dir="$run/detector_export"
step "$PYTHON" tools/evaluate_detector.py --detector_dir="$run/detector_export" \
  --dataset_dir="$run/detector_data" --output_dir="$run/detector_scores"

# Backbones: two ways to cut patches, each for as many steps; the better is trained further.
short='{epochs: 4, norm_momentum: 0.99, precision: mixed_bfloat16}'
long='{epochs: 8, learning_rate: 7e-4, norm_momentum: 0.99, precision: mixed_bfloat16}'
step "$PYTHON" tools/finetune_backbone.py --dataset_dir="$run/types_data" \
  --output_dir="$run/backbone_fixed_scale" --crop_mode=fixed_scale --window=80 --patch_size=64 \
  --params_override="$short"
step "$PYTHON" tools/finetune_backbone.py --dataset_dir="$run/types_data" \
  --output_dir="$run/backbone_letterbox" --crop_mode=letterbox --patch_size=64 \
  --params_override="$short"
step "$PYTHON" tools/finetune_backbone.py --dataset_dir="$run/types_data" \
  --output_dir="$run/backbone" --crop_mode=letterbox --patch_size=64 \
  --weights="$run/backbone_letterbox/backbone.keras" --params_override="$long"

# Features, and the heads that serve best on validation images.
step "$PYTHON" tools/extract_features.py --dataset_dir="$run/types_data" \
  --features_dir="$run/features" --weights="$run/backbone/backbone.keras"
of_512='batch_size: 256, max_epochs: 40, patience: 4'
of_128='hidden_units: 128, learning_rate: 3e-4, batch_size: 64, l2: 1e-3, max_epochs: 30, patience: 6'
chosen="{$of_128, standardise: true}"
step "$PYTHON" tools/compare_features.py --features_dir="$run/features" \
  --output_dir="$run/compared_heads" \
  --heads="512, 1e-4={learning_rate: 1e-4, $of_512}" \
  --heads="512, 3e-4={learning_rate: 3e-4, $of_512}" \
  --heads="512, 1e-4, L2 1e-3={learning_rate: 1e-4, l2: 1e-3, $of_512}" \
  --heads="128, 3e-4={$of_128}" \
  --heads="128, 3e-4, standardised=$chosen"

# Table 1, on groups that the backbone has not seen.
step "$PYTHON" tools/cross_validate.py --features_dir="$run/features" --splits=test \
  --output_dir="$run/table1" --params_override="{heads: $chosen}"

# The classifier alone, with its calibration.
step "$PYTHON" tools/train_classifier.py --features_dir="$run/features" \
  --output_dir="$run/classifier" --params_override="{heads: $chosen}"
step "$PYTHON" tools/evaluate_classifier.py --features_dir="$run/features" \
  --classifier_dir="$run/classifier" --output_dir="$run/classifier_scores"

# Baselines. The features are random: what is compared here does not use them.
step "$PYTHON" tools/extract_features.py --dataset_dir="$run/detector_data" \
  --features_dir="$run/features_random" --weights=random --crop_mode=fixed_scale --window=80 \
  --patch_size=112
step "$PYTHON" tools/compare_baselines.py --dataset_dir="$run/detector_data" \
  --features_dir="$run/features_random" --output_dir="$run/baselines" \
  --params_override='{heads: {max_epochs: 10}}'

# The paper's figures 1 and 6, which need no bundle.
step "$PYTHON" tools/make_figures.py --dataset_dir="$run/types_data" \
  --cross_validation_dir="$run/table1" --figures=1,6 --output_dir="$run/figures"
