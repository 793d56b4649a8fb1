# kinds: ordinary tenants
# The log's key is replaced, by mistake and on purpose.
set_up
record 2
erase

export_log
cp whole.ndjson before.ndjson

# Another key of the same name is there by mistake.
stop_server
mv "$DIR/log.key" right.key
countersign keygen "$ORIGIN" -o "$DIR/log.key"
refused log.wrong_key systemctl start countersign
mv right.key "$DIR/log.key"
systemctl start countersign
record 1
whole

page rotating-the-log-key.md "Rotate a log's key" 1
for file in "$DIR/trust.txt" "$TRUST"; do
  { echo "log $NEW_VKEY"; echo "emitter $NEW_VKEY"; } >> "$file"
done
page rotating-the-log-key.md "Rotate a log's key" 2
healthy
record 2
whole

# The old key was stolen: files that it signed last are untrusted, and a new export is not.
# Revocations have whole seconds here: after what the old key signed last.
sleep 1
for file in "$DIR/trust.txt" "$TRUST"; do
  { grep -vF "log $LOG_VKEY" "$file"; echo "revoke $LOG_VKEY $(date -u +%Y-%m-%dT%H:%M:%S.000Z)"; } > changed
  cat changed > "$file"
done
record 1
whole
refused log.unknown command countersign verify before.ndjson --trust "$TRUST"
sound
