# kinds: ordinary tenants
# An older database is restored, and no place has the missing entries: another log takes over.
set_up
record 4
page backup.md "Back up and restore a log" 1
erase
if [ "$KIND" = tenants ]; then
  use globex
  record 2
  add_tenant umbrella
  record 2
  umbrella=$ID
  use acme
fi
record 3
stop_server
rm -rf "$DIR"/log.sqlite* "$DIR/own-entries.ndjson" "$DIR/root-entries"
cp backup/log.sqlite "$DIR/log.sqlite"
systemctl start countersign
stopped log.rollback
stop_server
refused log.rollback countersign serve --dir "$DIR" --after-restore
page stopped-log.md "A root log that can't continue" 1
gone
ORIGIN=log.example/audit-2
configure
systemctl start countersign
if [ "$KIND" = ordinary ]; then
  # Readers and emitters get the new log's public key.
  grep -vF "$LOG_VKEY" "$DIR/trust.txt" > audit-2-trust.txt
  cat audit-2-trust.txt
  use audit-2
  record 2
  whole
  continues log.example/audit
  # The old log can still be read.
  command countersign export --dir "$DIR/ended/1" -o old.ndjson
  command countersign verify old.ndjson --trust audit-trust.txt || [ $? = 4 ]
else
  page stopped-log.md "A root log that can't continue" 2
  listed acme live
  for name in globex acme; do
    origin=$(awk -v name="$name" '$1 == name { print $NF }' list)
    cp "$DIR-trust/${origin##*/}.txt" "$name-2-trust.txt"
    use "$name"
    old=$ID
    use "$name-2"
    record 1
    whole
    continues "log.example/audit/t/$old"
  done
  # A tenant that was added since the backup.
  countersign tenant add umbrella --continues "log.example/audit/t/$umbrella" --dir "$DIR" -o umbrella-2-trust.txt
  use umbrella-2
  record 1
  whole
  continues "log.example/audit/t/$umbrella"
  # The old root log stays readable.
  command countersign tenant list --dir "$DIR/ended/1" | grep "^ *acme .*log.rollback"
fi
healthy
sound
