#!/usr/bin/env bash
# The bundle chula12 and its figures in docs/RESULTS.md, from what chula_transfer.sh leaves and a
# clone of the data of Xu et al. 2017; hours on two cores.
#
# bash tools/shipped_bundle.sh chula_run Sickle-RBC-data
set -euo pipefail
run="$(realpath "$1")"
sickle="$(realpath "$2")"
cd "$(dirname "$0")/.."
source tools/steps.sh

# Fields for the detector: crowded and sparse ones, of the training images' cells and of the grey
# ones, whose subjects are divided.
step "$PYTHON" tools/import_sickle.py --sickle_dir="$sickle" --output_dir="$run/sickle"
compose() {
  step "$PYTHON" tools/compose_smears.py --height=480 --width=640 "$@"
}
compose --dataset_dir="$run/data" --output_dir="$run/sparse" --num_images=60 --num_buckets=12 \
  --splits=train --region_shares=3,1 --coverage=0.05
compose --dataset_dir="$run/sickle" --output_dir="$run/sickle_fields" --num_images=300 \
  --num_buckets=20
compose --dataset_dir="$run/sickle" --output_dir="$run/sickle_sparse" --num_images=80 \
  --num_buckets=20 --region_shares=3,1 --coverage=0.05
for name in sickle_fields sickle_sparse; do
  step "$PYTHON" tools/split_dataset.py --dataset_dir="$run/$name" --group_by=subject \
    --validation=0.08 --test=0.12
done

step "$PYTHON" tools/create_detection_records.py --output_dir="$run/shipped_records" \
  --dataset_dir="$run/data" --dataset_dir="$run/composed" --dataset_dir="$run/sparse" \
  --dataset_dir="$run/sickle_fields" --dataset_dir="$run/sickle_sparse"
step "$PYTHON" tools/train_detector.py --experiment=rbc_fasterrcnn_resnet_fpn \
  --config_file=object_detection_configs/smears_r18_fpn.yaml --seed=0 \
  --records_dir="$run/shipped_records" --model_dir="$run/shipped_detector"
step "$PYTHON" tools/export_detector.py --model_dir="$run/shipped_detector" \
  --export_dir="$run/shipped_detector_export"
step "$PYTHON" tools/evaluate_detector.py --detector_dir="$run/shipped_detector_export" \
  --dataset_dir="$run/sickle_fields" --output_dir="$run/shipped_detector_scores"

step "$PYTHON" tools/export_bundle.py --detector_dir="$run/shipped_detector_export" \
  --features_dir="$run/lite0_features" --classifier_dir="$run/lite0_classifier" \
  --dataset_dir="$run/data" --output_dir="$run/chula12" \
  --data_description="Chula RBC-12: stained smears of 640x480 pixels at 1000x, blocks of 12 \
consecutive images; 240 images to learn from, 54 for validation. The detector learnt from fields \
composed of their cells and of those of Xu et al. 2017, too; the features from composed fields of \
the former."
step "$PYTHON" tools/evaluate.py --bundle_dir="$run/chula12" --dataset_dir="$run/data" \
  --split=test --output_file="$run/chula12_scores.json" --record
step "$PYTHON" tools/pack_bundle.py --bundle_dir="$run/chula12" --output_file="$run/chula12.rbc" \
  --dataset_dir="$run/data" --scores_file="$run/packing.json"
