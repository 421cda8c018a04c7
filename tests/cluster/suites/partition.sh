#!/usr/bin/env bash
# parts: networking
# Packets between the gateway and the API server dropped silently, under load and while routes change.
. "$(dirname "$0")/../lib/suite.sh"

# rules FLAG: inserts or deletes those that drop the packets, behind the translation of the Service's address
rules() {
    local address
    for address in $addresses; do
        iptables --wait "$1" INPUT --source "$address" --protocol tcp --dport 6443 --jump DROP
        iptables --wait "$1" OUTPUT --destination "$address" --protocol tcp --sport 6443 --jump DROP
    done
}

dropped_packets() {
    iptables --wait --list INPUT --verbose --exact --numeric | awk '/DROP.*dpt:6443/ {sum += $1} END {print sum + 0}'
}

# cut_off SECONDS
cut_off() {
    sleep 5
    rules --insert
    say "the gateway is cut off for $1 s"
    sleep "$1"
    say "$(dropped_packets) packets of the gateway were dropped"
    [ "$(dropped_packets)" -gt 0 ] || fail "the gateway was not cut off"
    rules --delete
}

long() {
    cut_off 120
}

short() {
    cut_off 15
}

once install_networking_images
once install_gateway
addresses=$(kubectl --namespace knative-serving get pods --selector app.kubernetes.io/name=net-pingora --output jsonpath='{.items[*].status.podIP}')
# After so long the dead connections were noticed, and the gateway keeps trying.
failed=0
disturb long -changes 200 -every 500ms -max-effect 2s -max-ready 15s || failed=1
# These may still have to be.
disturb short -changes 20 -every 500ms -max-effect 35s -max-ready 50s || failed=1
exit $failed
