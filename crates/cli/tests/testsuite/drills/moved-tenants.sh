# kinds: tenants
# A customer's log moves from a server of its own to one for tenants, to another server, and on when that one is lost.
KIND=ordinary set_up
record 3
curl -sS "$SERVER/checkpoint" > checkpoint.txt
cp audit-trust.txt old-trust.txt
stop_server
port=$PORT

first() { server "$ROOT/var/lib/first" "$PORT2" log1.example/audit; }
first
TENANTS=globex set_up
first_token=$TOKEN
page running-tenant-logs.md "Continue a log without tenants" 1
use acme
record 2
whole
continues log.example/audit
get "$LOG/head" > acme-head.txt

second() { server "$ROOT/var/lib/second" "$port" log2.example/audit; }
second
TENANTS=globex set_up
second_token=$TOKEN
page running-tenant-logs.md "Move a tenant to another log server" 1
NEW_ORIGIN=$(sed -n 's/^origin \([^ ]*\).*/\1/p' acme-new-trust.txt)
first
page running-tenant-logs.md "Move a tenant to another log server" 2
TOKEN=$first_token COUNTERSIGN_TOKEN=$first_token
use acme
wait_until listed acme moved
rejected log.ended
whole
second
TOKEN=$second_token COUNTERSIGN_TOKEN=$second_token
use acme-new
record 2
whole
continues log1.example/audit/t/

# The second server is lost with its disk.
cp whole.ndjson acme.ndjson
cp acme-new-trust.txt acme-trust.txt
kill_server
rm -rf "$DIR"
server "$ROOT/var/lib/third" "$port" log3.example/audit
TENANTS=globex set_up
page running-tenant-logs.md "If the old server is lost" 1
use acme-new
: > recorded.acme-new
record 2
whole
continues log2.example/audit/t/
healthy
sound
