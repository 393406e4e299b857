#!/usr/bin/env bash
# Every figure of 'Chula RBC-12 with networks from random weights' in docs/RESULTS.md, from a clone of
# the dataset; hours on two cores.
#
# bash tools/chula_results.sh Chula-RBC-12-Dataset chula_run
set -euo pipefail
source "$(dirname "$0")/chula_steps.sh" "$1" "$2"

# The types' division: half of the images are scored; detector and backbone are trained on the others.
import_at 0 "$run/chula_rbc12"
# The detector's: two thirds of the images are for training.
step "$PYTHON" tools/import_chula.py --chula_dir="$subset" --output_dir="$run/detector_data"
step "$PYTHON" tools/split_dataset.py --dataset_dir="$run/detector_data" --seed=0
step "$PYTHON" tools/check_dataset.py --dataset_dir="$run/detector_data"

# Detection. On both as many passes over the images.
step "$PYTHON" tools/create_detection_records.py --dataset_dir="$run/detector_data" \
  --output_dir="$run/detector_records"
step "$PYTHON" tools/train_detector.py --experiment=rbc_fasterrcnn_resnet_fpn \
  --config_file=object_detection_configs/chula_r101_fpn_cpu.yaml \
  --records_dir="$run/detector_records" --model_dir="$run/large_detector"
step "$PYTHON" tools/export_detector.py --model_dir="$run/large_detector" \
  --export_dir="$run/large_detector_export"
step "$PYTHON" tools/evaluate_detector.py --detector_dir="$run/large_detector_export" \
  --dataset_dir="$run/detector_data" --output_dir="$run/large_detector_scores"
step "$PYTHON" tools/create_detection_records.py --dataset_dir="$run/chula_rbc12" \
  --output_dir="$run/records"
step "$PYTHON" tools/train_detector.py --experiment=rbc_fasterrcnn_resnet_fpn \
  --config_file=object_detection_configs/chula_r101_fpn_cpu.yaml --records_dir="$run/records" \
  --params_override=trainer.train_steps=700,trainer.validation_interval=350 --seed=0 \
  --model_dir="$run/detector"
step "$PYTHON" tools/export_detector.py --model_dir="$run/detector" \
  --export_dir="$run/detector_export"
step "$PYTHON" tools/evaluate_detector.py --detector_dir="$run/detector_export" \
  --dataset_dir="$run/chula_rbc12" --output_dir="$run/detector_scores"

# Backbones: three ways to cut patches, each for four passes; the best is trained for longer, under
# strongly varied light and stain.
short=classifier_configs/chula_short_backbone.yaml
long=classifier_configs/chula_long_backbone.yaml
finetune() {
  step "$PYTHON" tools/finetune_backbone.py --dataset_dir="$run/chula_rbc12" --patch_size=64 "$@"
}
finetune --output_dir="$run/backbone_stretch" --crop_mode=stretch --config_file="$short"
finetune --output_dir="$run/backbone_letterbox" --crop_mode=letterbox --config_file="$short"
finetune --output_dir="$run/backbone_fixed_scale" --crop_mode=fixed_scale --window=80 \
  --config_file="$short"
finetune --output_dir="$run/backbone" --crop_mode=letterbox --config_file="$long"

# Features, and the heads that serve best on validation images.
for name in stretch letterbox fixed_scale; do
  step "$PYTHON" tools/extract_features.py --dataset_dir="$run/chula_rbc12" \
    --features_dir="$run/features_$name" --weights="$run/backbone_$name/backbone.keras"
done
step "$PYTHON" tools/extract_features.py --dataset_dir="$run/chula_rbc12" \
  --features_dir="$run/features_random" --weights=random --crop_mode=letterbox --patch_size=64
step "$PYTHON" tools/extract_features.py --dataset_dir="$run/chula_rbc12" \
  --features_dir="$run/features" --weights="$run/backbone/backbone.keras"
of_128='hidden_units: 128, learning_rate: 3e-4, batch_size: 64, l2: 1e-3, max_epochs: 30, patience: 6'
chosen=classifier_configs/chula_heads.yaml
step "$PYTHON" tools/compare_features.py --features_dir="$run/features_random" \
  --features_dir="$run/features_stretch" --features_dir="$run/features_letterbox" \
  --features_dir="$run/features_fixed_scale" --features_dir="$run/features" \
  --heads="128, 3e-4, standardised=$chosen" --output_dir="$run/compared_features"
step "$PYTHON" tools/compare_features.py --features_dir="$run/features" \
  --output_dir="$run/compared_heads" \
  --heads="paper: 512, 1e-5={max_epochs: 40}" \
  --heads="512, 1e-4={learning_rate: 1e-4, batch_size: 256, max_epochs: 40, patience: 4}" \
  --heads="128, 3e-4={$of_128}" \
  --heads="128, 3e-4, standardised=$chosen" \
  --heads="128, 3e-4, batch 256, standardised={hidden_units: 128, learning_rate: 3e-4,
    batch_size: 256, l2: 1e-3, max_epochs: 30, patience: 6, standardise: true}"

# Table 1. The images that the backbone has seen are trained on too, and are never scored.
step "$PYTHON" tools/cross_validate.py --features_dir="$run/features" --splits=test \
  --teaching_splits=train,validation --output_dir="$run/table1" \
  --config_file="$chosen" --params_override='{folds: {num_folds: 3}}'

# One classifier with its calibration, the bundle and the whole chain.
step "$PYTHON" tools/train_classifier.py --features_dir="$run/features" \
  --output_dir="$run/classifier" --config_file="$chosen"
step "$PYTHON" tools/evaluate_classifier.py --features_dir="$run/features" \
  --classifier_dir="$run/classifier" --output_dir="$run/classifier_scores"
step "$PYTHON" tools/export_bundle.py --detector_dir="$run/detector_export" \
  --features_dir="$run/features" --classifier_dir="$run/classifier" --output_dir="$run/bundle"
step "$PYTHON" tools/evaluate.py --bundle="$run/bundle" --dataset_dir="$run/chula_rbc12" \
  --split=test --output_file="$run/scores.json" --record

# Baselines, on the same images.
step "$PYTHON" tools/compare_baselines.py --dataset_dir="$run/chula_rbc12" \
  --features_dir="$run/features" --output_dir="$run/baselines" \
  --config_file="$chosen"

# The paper's figures.
step "$PYTHON" tools/make_figures.py --dataset_dir="$run/chula_rbc12" --bundle="$run/bundle" \
  --cross_validation_dir="$run/table1" --unet="$run/baselines/unet.keras" \
  --output_dir="$run/figures"
