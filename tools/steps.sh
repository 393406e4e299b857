# For the scripts beside it, which source it: the Python to use, and `step`, which shows a command
# and runs it.
PYTHON="${PYTHON:-python}"

step() {
  printf '\n$ %s\n' "$*"
  "$@"
}
