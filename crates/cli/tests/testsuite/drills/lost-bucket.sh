# kinds: ordinary tenants
# A bucket is lost for good.
BUCKET=$ROOT/s3/bucket/logs/audit
create_keys
[ "$KIND" = ordinary ] || SERVE_OPTIONS=--tenants
countersign serve --dir "$DIR" --store "$BUCKET"
SERVE_OPTIONS=
create_logs
record 3
erase
record 1
stop_server
page object-stores.md "Backups" 1
rm -rf "$BUCKET"

# From the backup.
mkdir -m 700 restored
cp backup/log.sqlite "$DIR"/{log.key,trust.txt,readers.txt} restored/
refused log. countersign serve --dir restored --after-restore
countersign serve --dir restored --after-restore --nothing-newer
healthy
whole
stop_server
command countersign fsck --dir restored
rm -rf restored

# From the server's folder.
if [ "$KIND" = ordinary ]; then
  command countersign backup --dir "$DIR" --to backup/later.sqlite
  mv "$DIR/log.key" backup/
  mv "$DIR" "$DIR-before"
  mkdir -m 700 "$DIR"
  cp backup/log.key "$DIR-before"/{trust.txt,readers.txt} "$DIR/"
  cp backup/later.sqlite "$DIR/log.sqlite"
  countersign serve --dir "$DIR" --after-restore --nothing-newer
else
  refused log.unremembered countersign serve --dir "$DIR" --after-restore
  page object-stores.md "Continue without the bucket" 1
fi
healthy
whole
stop_server
configure
systemctl start countersign
healthy
record 1
whole
sound
