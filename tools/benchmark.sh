#!/usr/bin/env bash
# Every figure of docs/benchmark.md, from nothing; two hours on two cores.
#
# bash tools/benchmark.sh benchmark_run
#
# Synthetic smears of 1920x1080; the detector of this project and one with Model Garden's own
# settings, trained from random weights on as many images; both at two input sizes; a bundle. Then
# the benchmark, twice.
set -euo pipefail
mkdir -p "$1"
run="$(realpath "$1")"
cd "$(dirname "$0")/.."
source tools/steps.sh
configs=object_detection_configs
heads='{heads: {learning_rate: 3e-4, batch_size: 64, max_epochs: 5, standardise: true}}'

step "$PYTHON" tools/make_synthetic_smears.py --output_dir="$run/smears" --num_images=60 \
  --num_cells=130
step "$PYTHON" tools/split_dataset.py --dataset_dir="$run/smears" --validation=0.133 --test=0.2
step "$PYTHON" tools/create_detection_records.py --dataset_dir="$run/smears" \
  --output_dir="$run/records" --num_shards=4

train() {
  name="$1"
  shift
  step "$PYTHON" tools/train_detector.py --experiment=rbc_fasterrcnn_resnet_fpn "$@" \
    --records_dir="$run/records" --model_dir="$run/$name" --mode=train --seed=0
  for size in 640,1152 1088,1920; do
    export_dir="$run/${name}_${size#*,}"
    step "$PYTHON" tools/export_detector.py --model_dir="$run/$name" \
      --checkpoint_path="$run/$name" --input_image_size="$size" --export_dir="$export_dir"
  done
}
train detector --config_file="$configs/synthetic_r101_fpn_cpu.yaml"
train stock --config_file="$configs/synthetic_r101_fpn_cpu.yaml" \
  --config_file="$configs/stock_r101_fpn.yaml"

step "$PYTHON" tools/extract_features.py --dataset_dir="$run/smears" \
  --features_dir="$run/features" --weights=random --precision=auto
step "$PYTHON" tools/train_classifier.py --features_dir="$run/features" \
  --output_dir="$run/classifier" --params_override="$heads"
step "$PYTHON" tools/export_bundle.py --detector_dir="$run/detector_1152" \
  --features_dir="$run/features" --classifier_dir="$run/classifier" --output_dir="$run/bundle"

for number in 1 2; do
  step "$PYTHON" tools/benchmark.py --bundle_dir="$run/bundle" --dataset_dir="$run/smears" \
    --detector="rbc_tf=$run/detector_1920" --detector="Model Garden=$run/stock_1152" \
    --detector="Model Garden=$run/stock_1920" --repetitions=3 --output_dir="$run/benchmark_$number"
done
