# kinds: tenants
# An older database is restored, and the root log's entries are only in a mirror.
start_mirror
set_up "mirror = [\"$MIRROR/\"]"
record 2
use globex
record 2
page backup.md "Back up and restore a log" 1
use acme
record 2
erase
mirrored
stop_server
rm -rf "$DIR"/log.sqlite* "$DIR/root-entries"
cp backup/log.sqlite "$DIR/log.sqlite"
systemctl start countersign
stopped log.rollback
stop_server
page stopped-log.md "An older database as a whole" 2
systemctl start countersign
healthy
listed acme log.rollback
use globex
record 1
whole
