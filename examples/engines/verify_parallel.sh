#!/bin/sh
# Verifies an export with GNU parallel: verify_parallel.sh EXPORT TRUST [PARTS]
#
# PARALLEL_OPTIONS may contain options for parallel, such as `--sshloginfile machines.txt --return part-{}.summary`.
set -eu
export=$1 trust=$2 parts=${3:-16}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
case $export in s3://* | gs://* | az://*) ;; *) export=$(realpath "$export") ;; esac
trust=$(realpath "$trust")
cd "$folder"
# A part that fails is tried again twice. A summary appears only when it is complete.
# shellcheck disable=SC2086 # PARALLEL_OPTIONS contains several words.
seq "$parts" | parallel --will-cite --retries 3 ${PARALLEL_OPTIONS:-} \
  countersign summarize "$export" --threads 1 --part "{}/$parts" -o "part-{}.summary"
countersign verify --trust "$trust" --summaries part-*.summary
