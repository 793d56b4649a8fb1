#!/usr/bin/env bash
# Writes what a version leaves behind into a new folder: make.sh PROGRAM FOLDER
set -euo pipefail
program=$(realpath "$1"); folder=$2
mkdir "$folder"; cd "$folder"
export NO_COLOR=1
log=$("$program" keygen log.example/audit --out log.key)
issuer=$("$program" keygen example.com --out issuer.key)
app=$("$program" keygen example.com/app --out app.key)
printf 'log %s\nemitter %s\nissuer %s\n' "$log" "$log" "$issuer" > trust.txt

"$program" serve --dir log --origin log.example/audit --key log.key --trust trust.txt --listen 127.0.0.1:0 2> serve.log &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
until url=$(sed -n 's/.* listens on //p' serve.log) && [ -n "$url" ]; do
  kill -0 $server
  sleep 0.1
done
COUNTERSIGN_TOKEN=$("$program" token add reader --dir log)
export COUNTERSIGN_TOKEN

events() {
  seq "$1" "$2" | sed 's/.*/{"action":"job.delete","actor":{"id":"user-&"},"target":{"type":"job","id":"&"},"outcome":"success"}/'
}
"$program" grant "$app" --key issuer.key --to "$url" --log "$log"
events 1 20 > events.ndjson
"$program" record events.ndjson --key app.key --to "$url" --log "$log" --outbox outbox
"$program" export --dir "$url" -o export.ndjson
"$program" verify export.ndjson --trust trust.txt --save-pin log.pin
"$program" check "$url" --trust trust.txt --save-pin check.pin || [ $? = 4 ]  # tiles have no events, so that they are not all of a log
"$program" watch "$url" --trust trust.txt --state watch --once --format json > findings.ndjson
printf '%s' "$COUNTERSIGN_TOKEN" > token

kill -9 $server; wait $server 2>/dev/null || true
# What could not be delivered waits in the outbox.
events 21 25 > later.ndjson
"$program" record later.ndjson --key app.key --to "$url" --log "$log" --outbox outbox --give-up 1s || true
rm -f serve.log events.ndjson later.ndjson
