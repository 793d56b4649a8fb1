# kinds: ordinary tenants
# Files of the folder are deleted, moved, or replaced while the server runs, and while it doesn't.
set_up
record 3
erase
record 1

mkdir moved
mv "$DIR"/log.sqlite* moved/
rejected server.unavailable
wait_until unhealthy disk
stop_server
mv moved/log.sqlite* "$DIR/"
systemctl start countersign
resend
whole

# Only one of the database's three files.
kill_server
mv "$DIR/log.sqlite" moved/
refused 'the database is missing, but its write-ahead log is there' systemctl start countersign
mv moved/log.sqlite "$DIR/"
systemctl start countersign
whole

mv "$DIR/signed.txt" moved/
record 1
wait_until test -s "$DIR/signed.txt"
healthy

cp "$DIR/signed.txt" other
mv "$DIR/signed.txt" moved/signed.txt
mv other "$DIR/signed.txt"
rejected server.unavailable
wait_until unhealthy disk
mv moved/signed.txt "$DIR/signed.txt"
resend
healthy
whole

# Without a server.
stop_server
mv "$DIR/signed.txt" moved/
systemctl start countersign
stopped log.unremembered
stop_server
mv moved/signed.txt "$DIR/"
systemctl start countersign
resend
healthy
stop_server
mv "$DIR/signed.txt" moved/
refused log.unremembered countersign serve --dir "$DIR" --after-restore
countersign serve --dir "$DIR" --after-restore --nothing-newer
systemctl start countersign
healthy
whole

if [ "$KIND" = tenants ]; then
  stop_server
  mv "$DIR/heads.bin" moved/
  systemctl start countersign
  listed acme log.unremembered
  rejected log.unremembered
  stop_server
  mv moved/heads.bin "$DIR/"
  systemctl start countersign
  resend
  listed acme live
  stop_server
  mv "$DIR/heads.bin" moved/
  countersign serve --dir "$DIR" --after-restore --nothing-newer
  systemctl start countersign
  healthy
  record 1
  whole
fi
sound
