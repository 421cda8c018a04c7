#!/usr/bin/env bash
# parts: networking serving serving_tests
# A sleeping service: its first answer beside Knative's own activator, many requests at once, an autoscaler that goes away.
# PAIRS=N cold starts of each, or none with 0; CYCLES=N times of a load that comes and goes.
. "$(dirname "$0")/../lib/suite.sh"
. "$harness/lib/services.sh"

pairs=${PAIRS:-20}
cycles=${CYCLES:-12}
# Seconds between two cold starts.
rest=5

# Two gateways, each asked at its pod's address: one with the activator inside, one in front of Serving's.
install_both() {
    once install_serving
    install_gateway knative-activator
    # No endpoint of activator-service: Serving's activator is alone in it.
    kubectl --namespace knative-serving patch deployment/net-pingora --type json \
        --patch '[{"op": "remove", "path": "/spec/template/metadata/labels/app"}]' >/dev/null
    kubectl --namespace knative-serving get deployment/net-pingora --output json | jq '
        .metadata = {name: "beside", namespace: .metadata.namespace} | del(.status)
        | .spec.selector.matchLabels = {app: "beside"} | .spec.template.metadata.labels = {app: "beside"}
        | .spec.template.spec.containers[0].env |= map(select(.name | startswith("NET_PINGORA_ACTIVATOR") | not))' |
        kubectl apply --filename - >/dev/null
    kubectl --namespace knative-serving rollout status --timeout=60s deployment/net-pingora deployment/beside >/dev/null
    wait_for 60 "the pods of before to go" one_pod_each
    embedded=$(pod_address app.kubernetes.io/name=net-pingora)
    beside=$(pod_address app=beside)
}

one_pod_each() {
    [ "$(kubectl --namespace knative-serving get pods --selector app.kubernetes.io/name=net-pingora --output name | wc --lines)" = 1 ]
}

make_services() {
    local number
    set_config config-autoscaler stable-window=6s scale-to-zero-grace-period=6s
    serving_images helloworld autoscale
    service hello helloworld
    service busy autoscale autoscaling.knative.dev/target=5
    for number in $(seq $((2 * pairs))); do
        service "cold-$number" helloworld
    done
    services_are_ready
}

# sleeps [SERVICE]: or all
sleeps() {
    [ -z "$(kubectl get pods --selector "serving.knative.dev/service${1:+=$1}" --output name)" ]
}

# cold_start ADDRESS SERVICE: milliseconds until the answer
cold_start() {
    local answer
    answer=$(curl --silent --output /dev/null --max-time 60 --header "Host: $2.default.example.com" \
        --write-out '%{http_code} %{time_total}' "http://$1:8080/")
    [ "${answer% *}" = 200 ] || fail "a cold start was answered ${answer% *}"
    awk '{ printf "%d\n", $2 * 1000 }' <<<"$answer"
}

# Each start is that of another service, so that none has to wait for a pod to go. The autoscaler minds a first request
# at once only if it has seen the service before.
first_answers_are_no_later() {
    local ours=() theirs=() pair p50 p90
    wait_for 300 "all services to sleep" sleeps
    for pair in $(seq "$pairs"); do
        # In turns, each first every other time.
        [ $((pair % 2)) = 0 ] || start ours "$embedded" $((2 * pair))
        start theirs "$beside" $((2 * pair - 1))
        [ $((pair % 2)) = 1 ] || start ours "$embedded" $((2 * pair))
    done
    echo "ms until the first answer: ${ours[*]}; through Serving's activator: ${theirs[*]}"
    p50="$(percentile 50 "${ours[@]}") $(percentile 50 "${theirs[@]}")"
    p90="$(percentile 90 "${ours[@]}") $(percentile 90 "${theirs[@]}")"
    echo "p50 ms: $p50, p90 ms: $p90"
    awk '{ exit !($1 <= $2) }' <<<"$p50" || fail "the median is later than Serving's"
    awk '{ exit !($1 <= 1.05 * $2) }' <<<"$p90" || fail "p90 is more than 1.05 times Serving's"
}

# start LIST ADDRESS NUMBER: adds the milliseconds of a cold start, and rests
start() {
    local -n list=$1
    list+=("$(cold_start "$2" "cold-$3")")
    sleep "$rest"
}

a_thousand_requests_wait_and_are_answered() {
    wait_for 120 "the service to sleep" sleeps hello
    answered_200 hey -n 1000 -c 1000 -t 60 -host hello.default.example.com "http://$embedded:8080/"
}

requests_go_on_without_the_autoscaler() {
    local load
    cold_start "$embedded" hello >/dev/null
    answered_200 hey -z 80s -c 10 -q 20 -host hello.default.example.com "http://$embedded:8080/" &
    load=$!
    sleep 5
    kubectl --namespace knative-serving scale deployment/autoscaler --replicas=0 >/dev/null
    sleep 60
    kubectl --namespace knative-serving scale deployment/autoscaler --replicas=1 >/dev/null
    wait $load
    wait_for 120 "the service to sleep: nobody asks any more" sleeps hello
    cold_start "$embedded" hello >/dev/null
}

# A hundred requests a second for 20 s, whatever becomes of them, and nobody for 25; a pod is deleted meanwhile.
load_comes_and_goes() {
    local cycle load most=0 now
    for cycle in $(seq "$cycles"); do
        "$(loadtest)" -z 20s --rate 100 -c 2000 -t 60 --threshold errors=0 --host busy.default.example.com "http://$embedded:8080/?sleep=200" \
            >"$state/tmp/load" || { cat "$state/tmp/load"; fail "not every answer was good"; } &
        load=$!
        sleep $((RANDOM % 10 + 5))
        now=$(pods_of busy | wc --lines)
        [ "$now" -le $most ] || most=$now
        pods_of busy | shuf --head-count=1 | xargs --no-run-if-empty kubectl delete --wait=false >/dev/null
        wait $load
        sleep 25
        [ "$cycle" != "$cycles" ] || cat "$state/tmp/load"
    done
    echo "up to $most pods"
    [ $most -gt 4 ] || fail "it was scaled to $most pods only"
}

install_both
make_services
steps=(a_thousand_requests_wait_and_are_answered requests_go_on_without_the_autoscaler load_comes_and_goes)
[ "$pairs" = 0 ] || steps=(first_answers_are_no_later "${steps[@]}")
run_steps "${steps[@]}"
