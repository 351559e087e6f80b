#!/usr/bin/env bash
# What storing costs at each durability: bench_durability.sh BROKER BENCH_DIR
# BENCH_DIR has mqload.cpp of the comparison. A row of JSON per measurement; CPU is the broker's, in µs per message.
set -euo pipefail
broker=$(realpath "${1:?the vernemq program}") bench=${2:?folder of mqload.cpp}
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
g++ -std=c++20 -O2 -pthread "$bench/mqload.cpp" -o "$work/clean"
# The same clients with sessions that last.
sed 's/bool clean = true;/bool clean = false;/' "$bench/mqload.cpp" >"$work/lasting.cpp"
g++ -std=c++20 -O2 -pthread "$work/lasting.cpp" -o "$work/lasting"

start() { # durability
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  rm -rf "$work/data"
  cat >"$work/vernemq.conf" <<TEXT
allow_anonymous = on
listener.tcp.default = 127.0.0.1:$port
platform_data_dir = $work/data
durability = $1
max_inflight_messages = 1000
max_online_messages = 100000
max_offline_messages = 20000000
listener.max_connections = infinity
log.console = off
TEXT
  "$broker" console --config "$work/vernemq.conf" >/dev/null 2>&1 &
  pid=$!
  until (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.1; done
}
stop() { kill "$pid" && wait "$pid" || true; }

for durability in memory os fsync; do
  start "$durability"
  echo "$durability, 40 offline sessions: $("$work/clean" offline --port "$port" --pid "$pid" --qos 1 --count 400000 --subs 40)"
  stop
  start "$durability"
  echo "$durability, 500 publishers, retained: $("$work/clean" retain --port "$port" --pid "$pid" --count 20000)"
  for kind in clean lasting; do
    echo "$durability, 10 online pairs, QoS 1, $kind sessions: $("$work/$kind" p2p --port "$port" --pid "$pid" --pubs 10 --qos 1 --seconds 4)"
  done
  stop
done
