#!/usr/bin/env bash
# The whole chain trained on synthetic smears, its detector included: every command here is one a
# user gives for real smears.
set -euo pipefail
cd "$(dirname "$0")/.."

run="${1:-demo_training_run}"
config=object_detection_configs/demo_r18_fpn.yaml
source tools/demo_steps.sh

titled "Synthetic smears with masks and labelled cells" \
  "$PYTHON" tools/make_synthetic_smears.py --output_dir="$run/smears" --num_images=48 \
  --height=720 --width=1280 --num_cells=60
titled "Train, validation and test, by slide" \
  "$PYTHON" tools/split_dataset.py --dataset_dir="$run/smears" --validation=0.15 --test=0.25
titled "All of the folder checked, regions counted" \
  "$PYTHON" tools/check_dataset.py --dataset_dir="$run/smears"
titled "Records for the detector" \
  "$PYTHON" tools/create_detection_records.py --dataset_dir="$run/smears" \
  --output_dir="$run/records" --num_shards=4
titled "Detector: Faster R-CNN, demo profile" \
  "$PYTHON" tools/train_detector.py --experiment=rbc_fasterrcnn_resnet_fpn \
  --config_file="$config" --records_dir="$run/records" --model_dir="$run/detector" \
  --mode=train_and_eval --seed=0
titled "Detector as a SavedModel" \
  "$PYTHON" tools/export_detector.py --model_dir="$run/detector" \
  --export_dir="$run/detector/export"
titled "Features: ResNet-50 with random weights, since the demo downloads none" \
  "$PYTHON" tools/extract_features.py --dataset_dir="$run/smears" \
  --features_dir="$run/features" --weights=random --crop_mode=letterbox --patch_size=112
titled "One head per cell type, and gradient boosting for abnormality" \
  "$PYTHON" tools/train_classifier.py --features_dir="$run/features" \
  --output_dir="$run/classifier" --config_file=classifier_configs/demo_heads.yaml
titled "The bundle" \
  "$PYTHON" tools/export_bundle.py --detector_dir="$run/detector/export" \
  --features_dir="$run/features" --classifier_dir="$run/classifier" \
  --dataset_dir="$run/smears" --output_dir="$run/bundle"
score_and_analyze

cat <<END

What this shows: the chain runs, and the detector finds regions it has never seen. What it cannot
show: how well cell types are recognised on real smears. The smears are synthetic, the detector is
small and was trained for minutes, and the features come from a ResNet-50 with random weights. For
that take your own smears, object_detection_configs/chula_r101_fpn_cpu.yaml, and --weights=imagenet
or a backbone of tools/finetune_backbone.py.
END
where
