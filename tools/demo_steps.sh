# Sourced by the demos, after run=FOLDER.
PYTHON="${PYTHON:-python}"

# What is done, the command, and what it says.
step() {
  printf '\n== %s\n' "$1"
  shift
  printf '$ %s\n' "$*"
  "$@"
}

# The images of the test split, in a folder of their own.
held_out() {
  mkdir -p "$run/held_out"
  awk -F, '$3 == "test" { print $1 }' "$run/smears/images.csv" | while read -r name; do
    cp "$run/smears/images/$name.png" "$run/held_out/"
  done
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
