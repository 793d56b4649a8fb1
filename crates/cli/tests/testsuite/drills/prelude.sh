# The functions of all drills. Each drill runs in an empty folder, whose tree stands for the operator's machine.
set -eu -o pipefail -E
trap 'echo "✗ ${FUNCNAME[0]-}: $BASH_COMMAND (lines $LINENO ${BASH_LINENO[*]})"' ERR
trap 'end_all' EXIT

ROOT=$PWD
MIRROR=http://127.0.0.1:$MIRROR_PORT
mkdir -p var/lib backup mnt/new etc/countersign s3/bucket/logs s3/audit-journal

# Selects a server by its folder, port, and origin.
server() {
  DIR=$1
  PORT=$2
  ORIGIN=$3
  SERVER=http://127.0.0.1:$PORT
  # The guides for tenants use the default folder.
  ln -sfn "$DIR" countersign-log
}
server "$ROOT/var/lib/countersign" "$PORT" log.example/audit

note() { echo "== $*"; }

# Waits until a command succeeds, for at most five minutes.
wait_until() {
  local deadline=$((SECONDS + 300))
  until "$@" > waited 2>&1; do
    if [ $SECONDS -gt $deadline ]; then
      echo "✗ not within five minutes: $*"
      cat waited
      return 1
    fi
    sleep 0.1
  done
}

# Succeeds if a command fails, and says in its output what it should.
refused() {
  local text=$1
  shift
  if "$@" > refusal 2>&1; then
    echo "✗ not refused: $*"
    return 1
  fi
  cat refusal
  grep -q -- "$text" refusal
}

# The program. A server continues in the background once it listens. A check must report $FSCK_REPORTS, if it is set.
countersign() {
  echo "+ countersign $*" >&2
  case "$1" in
    serve)
      shift
      serve "$@"
      ;;
    # Erased events are withheld.
    verify) command countersign "$@" || [ $? = 4 ] ;;
    fsck) ${FSCK_REPORTS:+refused "$FSCK_REPORTS"} command countersign "$@" ;;
    *) command countersign "$@" ;;
  esac
}

# A server has the address of $PORT, unless a configuration file or an option names one, and gets $SERVE_OPTIONS.
serve() {
  case " $* " in
    *" --listen "* | *" --config "*) ;;
    *) set -- "$@" --listen "127.0.0.1:$PORT" ;;
  esac
  local log=served.$PORT
  # Not the output of the server before.
  : > "$log"
  # File size limits then fail with an error.
  (trap '' XFSZ; exec countersign serve "$@" ${SERVE_OPTIONS-}) > "$log" 2>&1 &
  echo $! > "$log.pid"
  if ! wait_until listens_or_ends "$log" || ! grep -q 'listens on' "$log"; then
    cat "$log" >&2
    wait "$(cat "$log.pid")" || true
    rm -f "$log.pid"
    return 1
  fi
  sed 's/^/  /' "$log" >&2
}

listens_or_ends() { grep -q 'listens on' "$1" || ! kill -0 "$(cat "$1.pid")" 2> /dev/null; }

# Ends the server at $PORT with a signal, and waits for its end.
end_server() {
  local pid_file=served.$PORT.pid pid
  if [ -f "$pid_file" ]; then
    pid=$(cat "$pid_file")
    kill -s "$1" "$pid" 2> /dev/null || true
    wait_until has_ended "$pid"
    rm -f "$pid_file"
    sed 's/^/  /' "served.$PORT"
  fi
}

has_ended() { ! kill -0 "$1" 2> /dev/null; }

stop_server() { end_server TERM; }
kill_server() { end_server KILL; }

end_all() {
  local file
  for file in *.pid; do
    [ ! -f "$file" ] || kill -KILL "$(cat "$file")" 2> /dev/null || true
  done
}

# The unit of docs/deploy. A server that was started by hand ends before. The shell's background processes ignore Ctrl-C.
systemctl() {
  case "$1" in
    stop) end_server TERM ;;
    start)
      end_server TERM
      countersign serve --config "$ROOT/etc/countersign/countersign.toml"
      ;;
  esac
}

# No user needs to exist.
runuser() {
  shift 3
  "$@"
}
chown() { :; }

# Writes the configuration of a server, with additional lines.
configure() {
  printf '%s\n' "dir = \"$DIR\"" "origin = \"$ORIGIN\"" "listen = \"127.0.0.1:$PORT\"" "$@" > etc/countersign/countersign.toml
  [ "$KIND" = ordinary ] || echo 'tenants = true' >> etc/countersign/countersign.toml
}

# Prepares a log, with additional lines for its configuration, and starts its server. An ordinary log is `audit`. A log
# with tenants has those of $TENANTS, the last of which is selected: `globex` and `acme`.
set_up() {
  configure "$@"
  create_keys
  systemctl start countersign
  create_logs
}

# Creates the folder, the key, and the trust file of a log, if they don't exist.
create_keys() {
  [ ! -d "$DIR" ] || return 0
  mkdir -p -m 700 "$DIR"
  LOG_VKEY=$(countersign keygen "$ORIGIN" -o "$DIR/log.key")
  [ -f app.key ] || APP_VKEY=$(countersign keygen example.com/app -o app.key)
  printf 'log %s\nemitter %s\nemitter %s\n' "$LOG_VKEY" "$LOG_VKEY" "$APP_VKEY" > "$DIR/trust.txt"
  cp "$DIR/trust.txt" trust.txt
}

# Creates the token and the logs of a server that runs.
create_logs() {
  local rights=read,erase,admin
  if [ "$KIND" = ordinary ]; then
    TOKEN=$(countersign token add drill --right $rights --dir "$DIR")
    cp trust.txt audit-trust.txt
    use audit
  else
    TOKEN=$(countersign token add drill --right $rights --log all --dir "$DIR")
    local tenant
    for tenant in ${TENANTS-globex acme}; do
      add_tenant "$tenant"
    done
  fi
  export COUNTERSIGN_TOKEN=$TOKEN
}

# Creates a tenant, and selects it.
add_tenant() {
  countersign tenant add "$1" --no-token --dir "$DIR" -o "$1-trust.txt"
  use "$1"
}

# Selects the log whose trust file is NAME-trust.txt.
use() {
  NAME=$1
  TRUST=$ROOT/$1-trust.txt
  ID=$(sed -n 's/^origin .*\/t\/\([0-9a-f]*\).*/\1/p' "$TRUST")
  touch "recorded.$NAME" "erased.$NAME"
  LOG=$SERVER${ID:+/t/$ID}
  ACME=$LOG
}

# Records this many events in the selected log, each with a mark that no other event has.
record() {
  prepare "$1"
  wait_until send
  acknowledged
}

# Writes events to a file of their own, with an outbox.
prepare() {
  local last
  BATCH=$((${BATCH:-0} + 1))
  last=$((BATCH * 100 + $1))
  for number in $(seq $((BATCH * 100 + 1)) $last); do
    echo "{\"action\":\"job.delete\",\"actor\":{\"id\":\"mark-$number-\"},\"target\":{\"type\":\"job\",\"id\":\"$number\"}}"
  done > "batch.$BATCH"
}

send() {
  command countersign record "batch.$BATCH" --key app.key --to "$LOG" --trust "$TRUST" --outbox "outbox.$BATCH" --give-up "${GIVE_UP:-20s}"
}

acknowledged() { grep -o 'mark-[0-9]*-' "batch.$BATCH" >> "recorded.$NAME"; }

# Prints the number of events that are recorded and not erased.
count() { wc -l < "recorded.$NAME"; }

# Erases the newest event of the selected log.
erase() {
  local mark
  mark=$(tail -n 1 "recorded.$NAME")
  echo "$mark" >> "erased.$NAME"
  sed '$d' "recorded.$NAME" > rest
  mv rest "recorded.$NAME"
  wait_until post "$LOG/erase" "{\"filter\":{\"actor\":\"$mark\"},\"reason\":\"request 1\"}"
  cat waited
}

post() { curl -sS --fail-with-body -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' --data "$2" "$1"; }
get() { curl -sS --fail-with-body -H "Authorization: Bearer $TOKEN" "$1"; }

# The selected log is complete and verified: it has each recorded event once, and lacks only the erased ones.
whole() {
  local erased code=0
  export_log
  erased=$(wc -l < "erased.$NAME")
  command countersign verify whole.ndjson --trust "$TRUST" > verdict || code=$?
  cat verdict
  if [ "$erased" = 0 ]; then
    grep -q '^✓ Verified' verdict
  else
    grep -q '^✓ Unchanged, and no entry .* missing, but some events may be withheld' verdict
    grep -q " $erased withheld" verdict
  fi
  present
  gone
}

# The last export begins with the statement that its log continues the one with this origin.
continues() { grep -F log.continues whole.ndjson | grep -F -- "$1"; }

export_log() { wait_until command countersign export --dir "$LOG" -o whole.ndjson; }

# The export has each recorded event once.
present() {
  local mark times
  while read -r mark; do
    times=$(grep -c -- "$mark" whole.ndjson) || true
    [ "$times" = 1 ] || { echo "✗ $mark is $times times in the log"; return 1; }
  done < "recorded.$NAME"
}

# No file of the server and no export has an erased event.
gone() {
  local mark
  while read -r mark; do
    if grep -rlF -e "$mark" "$DIR" || grep -sF -e "$mark" whole.ndjson; then
      echo "✗ $mark is not erased"
      return 1
    fi
  done < "erased.$NAME"
}

# The server reports that it works.
healthy() { wait_until get "$SERVER/healthz"; }

# The server reports that a part is ill.
unhealthy() {
  curl -sS -H "Authorization: Bearer $TOKEN" "$SERVER/healthz" > health && cat health &&
    jq -e --arg part "$1" '.healthy == false and any(.problems[]; .part == $part)' health
}

# The server reports why it doesn't sign, and acknowledges nothing. The emitter keeps its events for `resend`.
stopped() {
  wait_until has_stopped "$1"
  rejected "$1"
}

has_stopped() {
  curl -sS -H "Authorization: Bearer $TOKEN" "$SERVER/healthz" > health && cat health &&
    jq -e --arg code "$1" '.healthy == false and .stopped.code == $code' health
}

# The selected log rejects an event with this code. The emitter keeps it.
rejected() {
  prepare 1
  GIVE_UP=0s refused "$1" send
}

# The emitter sends what it kept.
resend() {
  wait_until send
  acknowledged
}

# A check of all entries finds no problem.
sound() {
  command countersign fsck --dir "$DIR" > checked 2>&1 || { cat checked; return 1; }
  grep 'no problems in' checked
}

# `tenant list` shows a log in this state.
listed() {
  command countersign tenant list --dir "$DIR" > list
  cat list
  awk -v name="$1" '$1 == name' list | grep -q -- "$2"
}

# Waits until the mirror has a copy, whose address is then $MIRROR/$HASH.
mirrored() {
  wait_until ls mirror/public/*/checkpoint
  HASH=$(basename mirror/public/*)
}

# A monitor that followed the selected log reports nothing.
monitored() {
  echo "$TOKEN" > monitor.token
  countersign monitor "$LOG" --trust "$TRUST" --token-file monitor.token --state "monitor.$NAME.json" --once
}

# Starts a mirror that accepts uploads.
start_mirror() {
  create_keys
  countersign keygen mirror.example --witness -o mirror.key
  command countersign mirror --trust trust.txt --dir mirror --key mirror.key --listen "127.0.0.1:$MIRROR_PORT" > mirrored 2>&1 &
  echo $! > mirror.pid
  wait_until grep -q 'listens on' mirrored
}
