# kinds: ordinary tenants
# An older backup is restored by mistake, and the newest database still exists.
set_up
record 3
page backup.md "Back up and restore a log" 1
erase
record 2
FSCK_REPORTS=fsck.checkpoint
page backup.md "Restore" 1
stopped log.rollback

# The right files are put back.
stop_server
rm "$DIR"/log.sqlite*
cp "$DIR-before"/log.sqlite* "$DIR/"
systemctl start countersign
healthy
resend
whole

# The newest database is only a source.
rm -rf "$DIR-before"
page backup.md "Restore" 1
FSCK_REPORTS=
stopped log.rollback
stop_server
if [ "$KIND" = ordinary ]; then
  countersign serve --dir "$DIR" --after-restore --repair "$DIR-before"
else
  # Its root log alone is repaired: the entries of tenant logs come from the newest database itself.
  rm "$DIR"/log.sqlite*
  cp "$DIR-before"/log.sqlite* "$DIR/"
fi
systemctl start countersign
healthy
resend
whole
rm -rf "$DIR-before"
sound
