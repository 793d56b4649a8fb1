# kinds: ordinary tenants
# The database was damaged, and an older one is restored.
set_up
record 4
if [ "$KIND" = tenants ]; then
  use globex
  record 2
  use acme
fi
page backup.md "Back up and restore a log" 1
erase
record 3
if [ "$KIND" = ordinary ]; then
  page backup.md "Back up and restore a log" 2
else
  add_tenant umbrella
  record 2
  use acme
fi
kill_server
head -c 20000 "$DIR/log.sqlite" > damaged
cp damaged "$DIR/log.sqlite"

FSCK_REPORTS=fsck.checkpoint
page backup.md "Restore" 1
FSCK_REPORTS=
gone
stopped log.rollback
refused 'signed before: ' countersign forks --dir "$DIR"

if [ "$KIND" = ordinary ]; then
  page stopped-log.md "Continue the log" 2
  healthy
  resend
  whole
else
  page stopped-log.md "An older database as a whole" 1
  healthy
  use globex
  record 1
  whole
  use acme
  listed acme log.rollback
  acme=$ID
  rejected log.rollback
  page running-tenant-logs.md "Continue a log that lost entries" 1
  listed acme 'ended (after log.rollback)'
  gone
  use acme-2
  record 2
  whole
  continues "log.example/audit/t/$acme"

  use umbrella
  umbrella=$ID
  listed lost "$ID"
  page running-tenant-logs.md "Continue a log that lost entries" 2
  use umbrella-2
  record 2
  whole
  continues "log.example/audit/t/$umbrella"
  healthy
fi
sound
page backup.md "Back up and restore a log" 1
