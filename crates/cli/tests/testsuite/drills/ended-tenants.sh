# kinds: tenants
# A customer leaves, and gets another log.
set_up
record 3
erase
page running-tenant-logs.md "End a customer's log" 1
wait_until listed acme ended
rejected log.ended
whole
page running-tenant-logs.md "Continue it as another log" 1
acme=$ID
use acme-2
record 2
whole
continues "log.example/audit/t/$acme"
use acme
whole
# Events of an ended log can still be erased.
erase
grep -q '"unrecorded"' waited
whole
healthy
# The server may be stopped.
stop_server
countersign tenant end globex
sound
systemctl start countersign
wait_until listed globex ended
whole
