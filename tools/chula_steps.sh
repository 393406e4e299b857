# For the scripts beside it, which source it with their arguments: a clone of the Chula RBC-12
# dataset and the folder of the run. Takes the images that docs/RESULTS.md is about, and gives
# `import_at DISTANCE FOLDER`, which makes a dataset folder of them, divided as *types* there.
chula="$(realpath "$1")"
mkdir -p "$2"
run="$(realpath "$2")"
cd "$(dirname "$0")/.."
source tools/steps.sh

# Of every 48 images of consecutive numbers the first 36: 558 of 738.
subset="$run/chula_subset"
mkdir -p "$subset/Dataset" "$subset/Label"
for number in $(seq 738); do
  if (( (number - 1) % 48 < 36 )); then
    ln -sf "$chula/Dataset/$number.jpg" "$subset/Dataset/"
    # Not every image has labels.
    if [ -e "$chula/Label/$number.txt" ]; then
      ln -sf "$chula/Label/$number.txt" "$subset/Label/"
    fi
  fi
done

import_at() {
  step "$PYTHON" tools/import_chula.py --chula_dir="$subset" --output_dir="$2" \
    --touching_distance="$1"
  step "$PYTHON" tools/split_dataset.py --dataset_dir="$2" --validation=0.1 --test=0.5 --seed=0
}
