#!/usr/bin/env bash
# ResNet-50 taught by the network of chula12 ('A taught ResNet-50' in docs/RESULTS.md), from what
# chula_transfer.sh leaves; an hour and a half on two cores.
#
# bash tools/taught_resnet50.sh chula_run
set -euo pipefail
run="$(realpath "$1")"
cd "$(dirname "$0")/.."
source tools/steps.sh

step "$PYTHON" tools/finetune_backbone.py --regions=also_unlabelled \
  --dataset_dir="$run/chula_rbc12" --dataset_dir="$run/composed" \
  --backbone=resnet50 --weights=scratch --teacher=chula12 \
  --crop_mode=fixed_scale_fitted --window=64 --context=0.05 --patch_size=80 --background=190 \
  --config_file=classifier_configs/taught_resnet50_backbone.yaml --output_dir="$run/taught_resnet50"

# Heads on its features, and on those of its teacher.
scored() {
  step "$PYTHON" tools/extract_features.py --dataset_dir="$run/chula_rbc12" \
    --features_dir="$run/$1_features" "$2"
  step "$PYTHON" tools/train_classifier.py --features_dir="$run/$1_features" \
    --output_dir="$run/$1_classifier" --config_file=classifier_configs/chula_heads.yaml
  step "$PYTHON" tools/evaluate_classifier.py --features_dir="$run/$1_features" \
    --classifier_dir="$run/$1_classifier" --output_dir="$run/$1_scores"
}
scored taught --weights="$run/taught_resnet50/backbone.keras"
scored teacher --bundle=chula12
