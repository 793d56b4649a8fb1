# kinds: ordinary tenants
# A bucket loses objects, and servers' folders, a mirror, or an export have them.
BUCKET=$ROOT/s3/bucket/logs/audit
start_in_bucket() {
  if [ "$KIND" = ordinary ]; then
    page object-stores.md "Keep a log in an object store" 1
  else
    page object-stores.md "Tenant logs in a bucket" 1
  fi
}
newest_commit() { find "$BUCKET/private/commits" -type f | sort | tail -n 1; }

create_keys
start_mirror
SERVE_OPTIONS="--mirror $MIRROR/"
start_in_bucket
create_logs
record 4
erase
record 1

# The server's folder has a copy.
stop_server
lost=$(newest_commit)
rm "$lost"
FSCK_REPORTS='problem'
page object-stores.md "If the bucket lost objects" 1
FSCK_REPORTS=
countersign fsck --store "$BUCKET" --dir "$DIR" --repair
test -f "$lost"
rm "$lost"
start_in_bucket
healthy
test -f "$lost"
whole

# The server looks for it while it runs.
lost=$(newest_commit)
rm "$lost"
wait_until test -f "$lost"
record 1
whole

# Its folder has no copy.
mirrored
stop_server
if [ "$KIND" = ordinary ]; then
  rm "$(newest_commit)" "$DIR"/log.sqlite*
  refused 'error' start_in_bucket
  SERVE_OPTIONS="--repair whole.ndjson"
  page object-stores.md "If the bucket lost objects" 2
else
  mkdir -p "$ROOT/mnt/other/countersign"
  cp "$DIR"/{log.key,trust.txt,readers.txt} "$ROOT/mnt/other/countersign/"
  countersign serve --tenants --dir "$ROOT/mnt/other/countersign" --store "$BUCKET"
  record 1
  stop_server
  rm "$(newest_commit)"
  refused 'error' start_in_bucket
  SERVE_OPTIONS=
  page object-stores.md "After the loss of objects" 1
fi
SERVE_OPTIONS=
healthy
whole
stop_server
start_in_bucket
healthy
record 1
whole

# All servers of the bucket get another key.
stop_server
countersign fsck --store "$BUCKET" --dir "$DIR"
NEW_VKEY=$(countersign keygen "$ORIGIN" -o new.key)
cp new.key "$DIR/log.key"
for file in "$DIR/trust.txt" "$TRUST"; do
  printf '%s\n' "log $NEW_VKEY" "emitter $NEW_VKEY" >> "$file"
done
refused log.wrong_key start_in_bucket
SERVE_OPTIONS="--new-key $NEW_VKEY"
start_in_bucket
healthy
record 1
whole
