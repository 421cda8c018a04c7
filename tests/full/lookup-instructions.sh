#!/bin/sh
# Instructions of one routing decision at 100,000 hosts against 10, for uniformly random hosts.
# Fails when the ratio is above 1.3. Needs valgrind.
#
# Two runs that differ only in the number of look-ups: building the table cancels out.
set -eu
cd "$(dirname "$0")/../.."

few=20000
many=220000
limit=1.3

command -v valgrind >/dev/null || { echo "lookup-instructions: needs valgrind (Debian: apt install valgrind)" >&2; exit 2; }
cargo build --quiet --release --package net-pingora-routing --example lookups
log=$(mktemp)
trap 'rm -f "$log"' EXIT
program="${CARGO_TARGET_DIR:-target}/release/examples/lookups"

# instructions HOSTS LOOKUPS: instructions of the whole run
instructions() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file="$log" "$program" "$1" "$2" >/dev/null
    sed -n 's/.*Collected : //p' "$log"
}

# per_lookup HOSTS: instructions of one look-up
per_lookup() {
    low=$(instructions "$1" "$few")
    high=$(instructions "$1" "$many")
    echo $(((high - low) / (many - few)))
}

small=$(per_lookup 10)
large=$(per_lookup 100000)
echo "$small $large" | awk -v limit="$limit" '{
    ratio = $2 / $1
    printf "instructions per look-up: %d at 10 hosts, %d at 100,000 hosts, ratio %.3f (limit %s)\n", $1, $2, ratio, limit
    exit ratio > limit
}'
