#!/usr/bin/env bash
# countersign and its peers, interleaved on one core: runs ../shared/bench and prints what countersign costs beside each, and the gates.
#
#   INSTALL=1 benches/peers.sh                       the peers from Debian, PyPI and crates.io (as root), then everything
#   ROUNDS=9 WORKLOADS=W1,W8 benches/peers.sh        some of it, more often
#
# BENCH      the harness                                             ../shared/bench beside this checkout
# BINARY     what is measured                                        what release/build left in target/shipping; built if it is not there
# OUT        where the results go                                    target/peers.json
# ROUNDS, SECONDS_EACH, WORKLOADS, PROXIES, WORKERS                   see below
# LATENCY=1  also measures latency at a fixed rate, which takes as long again
# STRICT=1   ends with 1 where a gate is missed or was not measured
set -eu -o pipefail
cd "$(dirname "$0")/.."
root=$PWD
target=${CARGO_TARGET_DIR:-$root/target}

bench=${BENCH:-$root/../shared/bench}
out=${OUT:-$target/peers.json}
rounds=${ROUNDS:-5}
seconds=${SECONDS_EACH:-2}
workloads=${WORKLOADS:-W1,W2,W3,W4,W5,W6,W8,W7,W7t}
proxies=${PROXIES:-countersign,nginx_plain,nginx_lua,haproxy_lua,pingora,envoy_plain}

[ -f "$bench/run.py" ] || { echo "there is no run.py in $bench: say where the harness is with BENCH=" >&2; exit 2; }

# What ships. Any other release binary is good for a look, not for figures.
binary() {
  local host static
  host=$(rustc -vV | sed -n 's/^host: //p')
  static=$target/shipping/$host/release/countersign
  if [ -n "${BINARY:-}" ]; then
    realpath "$BINARY"
  elif [ -x "$static" ]; then
    echo "$static"
  else
    release/build "$host" "$target/countersign" >&2 && echo "$static"
  fi
}

measured=$(binary)
"$measured" --version >&2
mkdir -p "$(dirname "$out")"
export COUNTERSIGN=$measured COUNTERSIGN_BENCH_YAML=$root/benches/bench.yaml PYTHONDONTWRITEBYTECODE=1
[ -z "${INSTALL:-}" ] || python3 "$bench/run.py" --install --rounds 0 --workloads W1 --proxies countersign
options=(--proxies "$proxies" --workloads "$workloads" --rounds "$rounds" --seconds "$seconds" --workers "${WORKERS:-1}" --base countersign --json "$out")
[ -n "${LATENCY:-}" ] || options+=(--no-latency)
python3 "$bench/run.py" "${options[@]}"
echo
echo "results: $out"
python3 "$root/benches/plot.py" ${STRICT:+--strict} --gates "$out"
