#!/usr/bin/env bash
# What TLS and WebSocket cost: bench_ways.sh BROKER WAY_LOAD [PART...]; parts: pairs idle handshakes storm
# WAY_LOAD is the program of tests/bench. Compared with Mosquitto and openssl s_server, in turns and on this machine:
# all of them share its cores with the load, so trust CPU and ratios. Figures are medians of VMQ_BENCH_ROUNDS (3) rounds.
set -euo pipefail
broker=$(realpath "${1:?the vernemq program}") load=$(realpath "${2:?the way_load program}")
parts=" ${*:3} "
[[ $parts =~ [a-z] ]] || parts=" pairs idle handshakes storm "
rounds=${VMQ_BENCH_ROUNDS:-3}
work=$(mktemp -d)
cd "$work"
pids=()
stop() {
  local each
  for each in "${pids[@]}"; do
    kill "$each" 2>/dev/null || continue
    wait "$each" 2>/dev/null || true
  done
  pids=()
}
trap 'stop; rm -rf "$work"' EXIT
ulimit -n "$(ulimit -Hn)"

declare -A port pid
names=(tcp tls ws wss rsa mosquitto_tcp mosquitto_tls mosquitto_ws mosquitto_wss openssl_tls openssl_rsa)
free_ports=$(python3 -c 'import socket, sys
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in sys.argv[1:]]
print(*(s.getsockname()[1] for s in sockets))' "${names[@]}")
for name in "${names[@]}"; do
  port[$name]=${free_ports%% *}
  free_ports=${free_ports#* }
done

certificate() { # name, algorithm and its option
  openssl req -x509 -newkey "$2" -pkeyopt "$3" -nodes -days 2 -subj /CN=localhost -keyout "$1.key" -out "$1.pem" 2>/dev/null
}
certificate tls EC ec_paramgen_curve:P-256
certificate rsa RSA rsa_keygen_bits:2048

wait_for() { # port
  local tries
  for ((tries = 0; tries < 100; tries++)); do
    (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
    sleep 0.1
  done
  return 1
}

start_ours() { # further settings
  {
    printf '%s\n' 'allow_anonymous = on' "platform_data_dir = $work/data" 'max_inflight_messages = 1000' \
      'max_online_messages = 100000' 'listener.max_connections = infinity' 'log.console = off' \
      "listener.tcp.default = 127.0.0.1:${port[tcp]}" "listener.ws.default = 127.0.0.1:${port[ws]}" \
      "listener.ssl.default = 127.0.0.1:${port[tls]}" "listener.wss.default = 127.0.0.1:${port[wss]}" \
      "listener.ssl.rsa = 127.0.0.1:${port[rsa]}" "listener.ssl.rsa.certfile = $work/rsa.pem" \
      "listener.ssl.rsa.keyfile = $work/rsa.key"
    printf "listener.%s.default.certfile = $work/tls.pem\nlistener.%s.default.keyfile = $work/tls.key\n" ssl ssl wss wss
    printf '%s\n' "$@"
  } >ours.conf
  "$broker" console --config ours.conf >ours.log 2>&1 &
  pid[ours]=$!
  pids+=($!)
  wait_for "${port[tcp]}" || { cat ours.log >&2 && exit 1; }
}

mosquitto_listener() { # port, way
  printf 'listener %s 127.0.0.1\n' "$1"
  if [[ $2 == tls || $2 == wss ]]; then printf 'certfile %s\nkeyfile %s\n' "$work/tls.pem" "$work/tls.key"; fi
  if [[ $2 == ws || $2 == wss ]]; then echo 'protocol websockets'; fi
}
mosquitto_ways=(tcp tls ws wss)
start_mosquitto() {
  local way
  command -v mosquitto >/dev/null || mosquitto_ways=()
  ((${#mosquitto_ways[@]})) || return 0
  {
    printf '%s\n' "user $(id -un)" 'allow_anonymous true' 'log_type none' 'persistence false' 'sys_interval 0' 'max_queued_messages 1000000' \
      'max_inflight_messages 1000' 'set_tcp_nodelay true'
    for way in "${mosquitto_ways[@]}"; do mosquitto_listener "${port[mosquitto_$way]}" "$way"; done
  } >mosquitto.conf
  mosquitto -c mosquitto.conf >/dev/null 2>&1 &
  pid[mosquitto]=$!
  sleep 1
  if kill -0 "${pid[mosquitto]}" 2>/dev/null; then
    pids+=("${pid[mosquitto]}")
    wait_for "${port[mosquitto_tcp]}"
  elif ((${#mosquitto_ways[@]} == 4)); then # built without WebSocket
    mosquitto_ways=(tcp tls)
    start_mosquitto
  fi
}
mosquitto_has() { [[ " ${mosquitto_ways[*]} " == *" $1 "* ]]; }

field() { sed -n "s/.*\"$2\":\([-0-9.]*\).*/\1/p" <<<"$1"; }
median() { sort -g | awk '{ v[NR] = $1 } END { if (NR) print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2; else print "-" }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (a == "-" || b == "-" || b == 0) print "-"; else printf "%.2f", a / b }'; }

# Adds a line of results to a file of rounds; a failure is told and leaves the round out.
measure() { # file, arguments of way_load
  local file=$1 line
  shift
  if line=$(nice -n 10 "$load" "$@"); then echo "$line" >>"$file"; else echo "failed: way_load $*" >&2; fi
}
column() { # file, field: the values of all rounds
  local line
  [[ -f $1 ]] || return 0
  while read -r line; do field "$line" "$2"; done <"$1"
}
middle() { column "$@" | median; }

pairs() {
  local round way qos rate
  start_ours
  start_mosquitto
  for ((round = 0; round < rounds; round++)); do
    for qos in 0 1; do
      for way in tcp tls ws wss; do
        measure "pairs-ours-$way-$qos" pairs --way "$way" --qos "$qos" --port "${port[$way]}" --pid "${pid[ours]}" --messages 3000000
        mosquitto_has "$way" || continue
        measure "pairs-mosquitto-$way-$qos" pairs --way "$way" --qos "$qos" --port "${port[mosquitto_$way]}" --pid "${pid[mosquitto]}" --messages 300000
      done
    done
  done
  stop
  echo "| 10 pairs, 64 bytes | ours, µs | / tcp | messages/s | Mosquitto, µs | / tcp | messages/s |"
  echo "|---|---|---|---|---|---|---|"
  for qos in 0 1; do
    for way in tcp tls ws wss; do
      printf '| %s, QoS %s |' "$way" "$qos"
      for rate in ours mosquitto; do
        printf ' %s | %s | %s |' "$(middle "pairs-$rate-$way-$qos" cpu_us)" \
          "$(ratio "$(middle "pairs-$rate-$way-$qos" cpu_us)" "$(middle "pairs-$rate-tcp-$qos" cpu_us)")" \
          "$(middle "pairs-$rate-$way-$qos" messages_per_s)"
      done
      echo
    done
  done
}

idle() {
  local way
  for way in tcp tls ws wss; do
    start_ours
    measure "idle-ours-$way" idle --way "$way" --port "${port[$way]}" --pid "${pid[ours]}" --clients 5000
    stop
    start_mosquitto
    if mosquitto_has "$way"; then
      measure "idle-mosquitto-$way" idle --way "$way" --port "${port[mosquitto_$way]}" --pid "${pid[mosquitto]}" --clients 5000
    fi
    stop
  done
  echo "| bytes per idle connection, 5,000 on a fresh broker | ours | Mosquitto |"
  echo "|---|---|---|"
  for way in tcp tls ws wss; do echo "| $way | $(middle "idle-ours-$way" bytes) | $(middle "idle-mosquitto-$way" bytes) |"; done
}

handshakes() {
  local round key tls who
  start_ours
  for key in tls rsa; do
    openssl s_server -accept "127.0.0.1:${port[openssl_$key]}" -cert "$key.pem" -key "$key.key" -www -quiet -no_cache -num_tickets 1 \
      >/dev/null 2>&1 </dev/null &
    pid[openssl_$key]=$!
    pids+=($!)
    wait_for "${port[openssl_$key]}"
  done
  for ((round = 0; round < rounds; round++)); do
    for key in tls rsa; do
      for tls in 12 13; do
        measure "handshakes-ours-$key-$tls" handshakes --tls "$tls" --port "${port[$key]}" --pid "${pid[ours]}" --clients 10 --seconds 3
        measure "handshakes-openssl-$key-$tls" handshakes --tls "$tls" --port "${port[openssl_$key]}" --pid "${pid[openssl_$key]}" --clients 10 --seconds 3
      done
    done
  done
  stop
  echo "| full handshakes, 10 clients | ours, µs | per s and core | per s | openssl s_server, µs | per s and core | per s | ours / openssl per core |"
  echo "|---|---|---|---|---|---|---|---|"
  for key in tls rsa; do
    for tls in 12 13; do
      printf '| %s, TLS 1.%s |' "$([[ $key == tls ]] && echo P-256 || echo RSA-2048)" "$((tls - 10))"
      for who in ours openssl; do
        printf ' %s | %s | %s |' "$(middle "handshakes-$who-$key-$tls" cpu_us)" "$(middle "handshakes-$who-$key-$tls" per_core)" \
          "$(middle "handshakes-$who-$key-$tls" per_s)"
      done
      printf ' %s |\n' "$(ratio "$(middle "handshakes-ours-$key-$tls" per_core)" "$(middle "handshakes-openssl-$key-$tls" per_core)")"
    done
  done
}

# Whole connections; clients that only say hello, for which the broker does most of the work and the generator none,
# without a limit; and these with the limit that is the default. The flow's clients run in real time where that is
# allowed, the generator is nice: neither is to be the reason why a message is late.
storm() {
  local round qos kind file options rate=${VMQ_STORM_RATE:-2000} kinds="P-256 RSA-2048 P-256-hello RSA-2048-hello P-256-hello-limited"
  for kind in $kinds; do
    options=()
    if [[ $kind == *-hello ]]; then options=('listener.ssl.max_tls_handshakes = 100000'); fi
    start_ours "${options[@]}"
    for ((round = 0; round < rounds; round++)); do
      for qos in 0 1; do
        measure "storm-$kind-$qos" storm --flow-port "${port[tcp]}" --port "${port[$([[ $kind == RSA* ]] && echo rsa || echo tls)]}" \
          --pid "${pid[ours]}" --rate "$rate" --qos "$qos" --seconds 4 --flow-priority 30 --hang "$([[ $kind == *hello* ]] && echo 1 || echo 0)"
      done
    done
    stop
  done
  echo "| storm of $rate connections/s | flow: p50, p99, max before, ms | during, ms | begun/s | secured or answered/s | CONNACKs/s | ended by the broker | broker, cores | generator, cores |"
  echo "|---|---|---|---|---|---|---|---|---|"
  for kind in $kinds; do
    for qos in 0 1; do
      file=storm-$kind-$qos
      printf '| %s, QoS %s | %s, %s, %s | %s, %s, %s | %s | %s | %s | %s | %s | %s |\n' "$kind" "$qos" "$(middle "$file" before_p50_ms)" \
        "$(middle "$file" before_p99_ms)" "$(middle "$file" before_max_ms)" "$(middle "$file" p50_ms)" "$(middle "$file" p99_ms)" \
        "$(middle "$file" max_ms)" "$(middle "$file" begun_per_s)" "$(middle "$file" secured_per_s)" \
        "$(middle "$file" opened_per_s)" "$(middle "$file" ended_by_broker)" "$(middle "$file" broker_cores)" \
        "$(middle "$file" generator_cores)"
    done
  done
}

for part in pairs idle handshakes storm; do
  [[ $parts == *" $part "* ]] || continue
  "$part"
  echo
done
