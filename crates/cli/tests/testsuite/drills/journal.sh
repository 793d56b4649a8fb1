# kinds: ordinary tenants
# A journal has what the last backup lacks when the disk is lost.
set_up
if [ "$KIND" = tenants ]; then
  use globex
  record 1
  use acme
fi
record 4
stop_server
page backup.md "Journal" 1
cp "$DIR"/{log.key,trust.txt,readers.txt} backup/
# The newest event is in the backup.
erase
record 2
if [ "$KIND" = tenants ]; then
  add_tenant umbrella
  record 2
fi

lose_the_disk() {
  kill_server
  rm -rf "$DIR"
  mkdir -m 700 "$DIR"
  cp backup/{log.sqlite,log.key,trust.txt,readers.txt} "$DIR/"
}
all_whole() {
  local name
  healthy
  for name in $logs; do
    use "$name"
    whole
  done
}
[ "$KIND" = ordinary ] && logs=audit || logs='globex umbrella acme'
lose_the_disk
page backup.md "Journal" 2
all_whole
sound

# The journal can't be written: submissions wait.
mv s3/audit-journal unmounted
rejected server.unavailable
wait_until unhealthy journal
mv unmounted s3/audit-journal
resend
healthy

page backup.md "Journal" 3
record 1
lose_the_disk
page backup.md "Journal" 2
all_whole
record 1
kill_server
# The journal's disk isn't mounted.
mv s3/audit-journal unmounted
refused journal.unusable countersign serve --dir "$DIR" --journal "$ROOT/s3/audit-journal/app"
# The rejected server wrote nothing there.
rmdir s3/audit-journal/app s3/audit-journal
mv unmounted s3/audit-journal
# A journal of another log.
mkdir -m 700 other
countersign keygen "$ORIGIN" -o other/log.key
refused journal.unusable countersign serve --dir other --journal "$ROOT/s3/audit-journal/app"
configure "journal = \"$ROOT/s3/audit-journal/app\""
systemctl start countersign
all_whole
sound
