#!/usr/bin/env bash
# What rbc_tf does with what comes with it, on synthetic smears: every command here is one a user
# gives for real smears. tools/demo_training.sh trains a detector as well.
set -euo pipefail
cd "$(dirname "$0")/.."
run="${1:-demo_run}"
bundle=chula12
source tools/demo_steps.sh

titled "Synthetic smears with masks and labelled cells" \
  "$PYTHON" tools/make_synthetic_smears.py --output_dir="$run/smears" --num_images=160 \
  --height=480 --width=640 --num_cells=32 --cell_diameter=42
titled "Train, validation and test, by slide" \
  "$PYTHON" tools/split_dataset.py --dataset_dir="$run/smears" --validation=0.15 --test=0.15
titled "All of the folder checked, regions counted" \
  "$PYTHON" tools/check_dataset.py --dataset_dir="$run/smears"
titled "Features of the labelled regions, by the network that comes with rbc_tf" \
  "$PYTHON" tools/extract_features.py --dataset_dir="$run/smears" \
  --features_dir="$run/features" --bundle="$bundle"
titled "One head per cell type, and gradient boosting for abnormality" \
  "$PYTHON" tools/train_classifier.py --features_dir="$run/features" \
  --output_dir="$run/classifier" --config_file=classifier_configs/own_types_heads.yaml
titled "A bundle of the detector that comes with rbc_tf, its network and these heads" \
  "$PYTHON" tools/export_bundle.py --bundle="$bundle" --features_dir="$run/features" \
  --classifier_dir="$run/classifier" --dataset_dir="$run/smears" --output_dir="$run/bundle"
score_and_analyze

cat <<END

What this shows: heads for types of one's own, trained in a minute on features that come with
rbc_tf, and how well they do on smears held out. What it cannot show: how well that is on real
smears, as these are synthetic. For real stained smears nothing needs to be trained:

    $PYTHON tools/analyze.py YOUR_SMEARS --output_dir=RESULTS
END
where
