# kinds: ordinary tenants
# A backup is tested, and the whole folder is lost afterward.
start_mirror
set_up "mirror = [\"$MIRROR/\"]"
record 4
erase
mirrored
page backup.md "Back up and restore a log" 1
page backup.md "Test a backup" 1
if [ "$KIND" = ordinary ]; then
  page backup.md "Test a backup" 2
fi
cp "$DIR"/{log.key,trust.txt,readers.txt} backup/
monitored
stop_server
rm -rf "$DIR"

mkdir -m 700 "$DIR"
cp backup/{log.sqlite,log.key,trust.txt,readers.txt} "$DIR/"
refused log.unremembered countersign serve --dir "$DIR" --after-restore
page backup.md "Restore" 2
systemctl start countersign
healthy
whole
record 2
whole
monitored
sound
