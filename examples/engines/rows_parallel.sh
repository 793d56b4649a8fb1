#!/bin/sh
# Writes an export as Parquet with GNU parallel: rows_parallel.sh EXPORT TRUST FOLDER [PARTS]
#
# PARALLEL_OPTIONS may contain options for parallel, such as `--sshloginfile machines.txt`. All machines need EXPORT,
# TRUST, and FOLDER at the same paths. Summaries are in FOLDER.summaries meanwhile.
set -eu
export=$1 trust=$(realpath "$2") folder=$(realpath -m "$3") parts=${4:-16}
case $export in s3://* | gs://* | az://*) ;; *) export=$(realpath "$export") ;; esac
mkdir "$folder.summaries"
trap 'rm -rf "$folder.summaries"' EXIT

# A part that fails is tried again twice. Its files appear only when they are complete.
in_parts() {
  # shellcheck disable=SC2086 # PARALLEL_OPTIONS contains several words.
  seq "$parts" | parallel --will-cite --retries 3 --quote ${PARALLEL_OPTIONS:-} countersign "$@"
}
in_parts summarize "$export" --threads 1 --part "{}/$parts" -o "$folder.summaries/part-{}.summary"
set -- --format parquet "$export" --trust "$trust" --summaries "$folder.summaries"/part-*.summary
in_parts export "$@" --part "{}/$parts" -o "$folder"
# Checks that all parts are there. The exit status is that of the verdict.
countersign export "$@" --manifest -o "$folder"
