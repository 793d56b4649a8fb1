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
healthy
stop_server
sound
systemctl start countersign
whole
