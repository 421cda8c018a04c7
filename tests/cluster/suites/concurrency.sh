#!/usr/bin/env bash
# parts: networking serving serving_tests
# Pods that bear one request at once, asked by many clients: none gets two, and as much is answered as through
# Serving's activator. ROUNDS=N of load through each.
. "$(dirname "$0")/../lib/suite.sh"
. "$harness/lib/services.sh"
. "$harness/lib/activators.sh"

rounds=${ROUNDS:-3}
pods=3

make_service() {
    serving_images autoscale
    service single autoscale containerConcurrency=1 autoscaling.knative.dev/target-burst-capacity=-1 \
        autoscaling.knative.dev/min-scale=$pods autoscaling.knative.dev/max-scale=$pods
    services_are_ready
}

# load SECONDS [COMMAND...]: of 30 clients, by which COMMAND is run
load() {
    answered_200 "${@:2}" hey -z "$1s" -c 30 -disable-keepalive -host single.default.example.com "$(gateway_url)/?sleep=20"
}

# round LIST [COMMAND...]: adds the requests a second
round() {
    local -n list=$1
    wait_for 60 "requests to go through the activators" in_the_path
    load 3 >/dev/null
    load 15 "${@:2}" >"$state/tmp/round"
    list+=("$(awk '/Requests\/sec/ { print $2 }' "$state/tmp/round")")
    say "$1: ${list[-1]} requests a second"
}

# The endpoints of the revision are those of the activators.
in_the_path() {
    [ "$(endpoints knative-serving activator-service)" = "$(endpoints default single-00001)" ]
}

# endpoints NAMESPACE SERVICE: the addresses of those that are ready, sorted
endpoints() {
    kubectl --namespace "$1" get "endpoints/$2" --output jsonpath='{.subsets[*].addresses[*].ip}' | tr ' ' '\n' | sort
}

# counted COMMAND...: fails if a pod has two requests of the gateway at once while it runs
counted() {
    "$(part harness)/concurrency" -gateways "$(endpoints knative-serving net-pingora | paste --serial --delimiters=,)" -pods $pods -most 1 "$@"
}

one_at_once_and_no_fewer_answers() {
    local ours=() theirs=() turn
    for turn in $(seq "$rounds"); do
        round theirs
        there
        round ours counted
        [ "$turn" = "$rounds" ] || back
    done
    echo "requests a second: ${ours[*]}; through Serving's activator: ${theirs[*]}"
    awk -v ours="$(percentile 50 "${ours[@]}")" -v theirs="$(percentile 50 "${theirs[@]}")" \
        'BEGIN { printf "ratio of the medians: %.3f (at least 0.95)\n", ours / theirs; exit ours < 0.95 * theirs }' ||
        fail "fewer requests are answered than through Serving's activator"
}

once install_serving
kubectl --namespace knative-serving scale deployment/activator --replicas="$REPLICAS" >/dev/null
install_gateway knative
wait_for 60 "Serving's activators" only_activators activator
make_service
run_steps one_at_once_and_no_fewer_answers
