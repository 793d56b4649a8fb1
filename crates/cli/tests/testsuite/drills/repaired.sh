# kinds: ordinary
# The database is lost, and mirrors and exports have its entries.
start_mirror
set_up "mirror = [\"$MIRROR/\"]"
record 4
erase
record 2
export_log
gzip -c whole.ndjson > export.ndjson.gz
mirrored
stop_server
rm "$DIR"/log.sqlite*
refused log.rollback countersign serve --dir "$DIR" --after-restore
page stopped-log.md "Continue the log" 1
systemctl start countersign
healthy
whole
record 1
whole
sound
