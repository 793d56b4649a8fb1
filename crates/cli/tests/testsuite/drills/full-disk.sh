# kinds: ordinary tenants
# The disk is full, gets room again, and is full again, until the log moves to a larger one.
# Only Linux can change a process's limits from outside.
[ "$(uname)" = Linux ] || exit 0

# Limits the size of the server's files: a full disk.
limit() { prlimit --pid "$(cat "served.$PORT.pid")" --fsize="$1:"; }

set_up
record 3
erase
limit 0
rejected server.unavailable
wait_until unhealthy disk
export_log
limit unlimited
# The server needs no restart.
resend
healthy
whole

stop_server
rm "$DIR"/search.sqlite* 2> /dev/null || [ "$KIND" = tenants ]
systemctl start countersign
whole
limit 0
rejected server.unavailable
kill_server

page disk-full.md "Move the log to another disk" 1
mv "$DIR" "$DIR-old"
DIR=$ROOT/mnt/new/countersign
configure
systemctl start countersign
resend
healthy
whole

# A copy that the server isn't told about.
stop_server
mv "$DIR" moved
cp -a moved "$DIR"
systemctl start countersign
stopped log.copied
stop_server
# Within one file system, the folder itself can move.
rm -rf "$DIR"
mv moved "$DIR"
systemctl start countersign
resend
healthy
whole
sound
