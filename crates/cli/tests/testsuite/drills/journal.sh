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
configure "journal = \"$ROOT/s3/audit-journal/app\""
systemctl start countersign
all_whole
sound
