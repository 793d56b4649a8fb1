#!/bin/sh
# Detects attacks in an export with GNU parallel: analyze_parallel.sh EXPORT TRUST RULES [PARTS]
#
# PARALLEL_OPTIONS may contain options for parallel, such as `--sshloginfile machines.txt --return part-{}.piece`.
set -eu
export=$1 trust=$2 rules=$3 parts=${4:-16}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
case $export in s3://* | gs://* | az://*) ;; *) export=$(realpath "$export") ;; esac
trust=$(realpath "$trust")
rules=$(realpath "$rules")
cd "$folder"
# A part that fails is tried again twice. A piece appears only when it is complete.
# shellcheck disable=SC2086 # PARALLEL_OPTIONS contains several words.
seq "$parts" | parallel --will-cite --retries 3 ${PARALLEL_OPTIONS:-} \
  countersign analyze "$export" --rules "$rules" --threads 1 --part "{}/$parts" -o "part-{}.piece"
countersign analyze --trust "$trust" --rules "$rules" --pieces part-*.piece
