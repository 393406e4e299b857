# Sourced by the demos, after run=FOLDER.
source tools/steps.sh

# What is done, the command, and what it says.
titled() {
  printf '\n== %s' "$1"
  shift
  step "$@"
}

# The images of the test split, in a folder of their own.
held_out() {
  mkdir -p "$run/held_out"
  awk -F, '$3 == "test" { print $1 }' "$run/smears/images.csv" | while read -r name; do
    cp "$run/smears/images/$name.png" "$run/held_out/"
  done
}

# The bundle on smears that it has not seen: scored, then analysed as images without labels. Their
# cells are of the size that it learnt from: there is nothing to be scaled.
score_and_analyze() {
  titled "Scores on held-out smears" \
    "$PYTHON" tools/evaluate.py --bundle="$run/bundle" --dataset_dir="$run/smears" \
    --split=test --scale=none --rotations=4 --output_file="$run/scores.json" --record
  held_out
  titled "Analysis of held-out smears" \
    "$PYTHON" tools/analyze.py --bundle="$run/bundle" --input="$run/held_out" \
    --scale=none --rotations=4 --output_dir="$run/results" --overwrite
}

# Where everything is.
where() {
  cat <<END

report:    $run/results/report.html (open it in a browser)
scores:    $run/scores.json
overlays:  $run/results/overlays/
table:     $run/results/regions.csv
summary:   $run/results/summary.json
bundle:    $run/bundle/ (MODEL_CARD.md describes it)
curves:    tensorboard --logdir=$run
END
}
