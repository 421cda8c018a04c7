#!/usr/bin/env bash
# parts: networking serving serving_tests
# Requests that wait in two gateways: a pod's CloudEvents, a gateway that is killed, no API server, pods that go, TLS.
. "$(dirname "$0")/../lib/suite.sh"
. "$harness/lib/services.sh"
. "$harness/lib/tls.sh"

# One of them is killed.
[ "$REPLICAS" != 1 ] || REPLICAS=2
# Requests at a gateway.
held=100
# Requests in the only pod of service narrow, at most: its containerConcurrency.
under_way=2

make_services() {
    set_config config-autoscaler allow-zero-initial-scale=true
    serving_images helloworld autoscale
    import_images $images/serving-tests $tag "$(part harness)/events"
    service step events autoscaling.knative.dev/initial-scale=0
    kubectl label ksvc/step networking.knative.dev/visibility=cluster-local >/dev/null
    service cordoned helloworld autoscaling.knative.dev/initial-scale=0
    service asleep helloworld autoscaling.knative.dev/initial-scale=0
    service awake helloworld autoscaling.knative.dev/min-scale=1
    service narrow autoscale autoscaling.knative.dev/min-scale=1 autoscaling.knative.dev/max-scale=1 containerConcurrency=2
    services_are_ready
}

# hold SERVICE ADDRESS: many requests at once, at the gateway of that address
hold() {
    answered_200 hey -n $held -c $held -t 300 -host "$1.default.example.com" "http://$2:8080/"
}

# holds COUNT ADDRESS: whether the gateway of that address holds so many requests
holds() {
    [ "$(curl --silent --fail "http://$2:9001/metrics" | awk '/^net_pingora_held_requests/ { print $2 }')" = "$1" ]
}

# gateways [FLAGS]: their addresses
gateways() {
    kubectl --namespace knative-serving get pods --selector app.kubernetes.io/name=net-pingora "$@" --output jsonpath='{.items[*].status.podIP}'
}

no_gateway_drains() {
    [ "$(gateways | wc --words)" = "$REPLICAS" ]
}

# outcomes FILE: of a report of hey, "200 N" for each status, "none N" for requests without an answer
outcomes() {
    awk '/^Error distribution/ { errors = 1 }
        $1 ~ /^\[[0-9]+\]$/ { gsub(/[][]/, "", $1); if (errors) none += $1; else print $1, $2 }
        END { if (none) print "none", none }' "$1"
}

milliseconds() {
    date +%s%3N
}

is_asleep() {
    expect "the pods of $1" "" "$(pods_of "$1")"
}

a_cloudevent_reaches_a_sleeping_service_once() {
    expect "the service's address" http://step.default.svc.cluster.local "$(kubectl get ksvc/step --output jsonpath='{.status.url}')"
    is_asleep step
    send_events to-a-sleeping-service
    send_events to-one-that-is-awake
    # A second delivery has some time to come.
    sleep 2
    kubectl logs --selector serving.knative.dev/service=step --container user-container --tail=-1 | sort >"$state/tmp/delivered"
    { kubectl logs to-a-sleeping-service && kubectl logs to-one-that-is-awake; } | sort >"$state/tmp/sent"
    echo "$(wc --lines <"$state/tmp/sent") events sent, $(wc --lines <"$state/tmp/delivered") delivered"
    expect "the events sent" 8 "$(wc --lines <"$state/tmp/sent")"
    diff "$state/tmp/sent" "$state/tmp/delivered" || fail "other events were delivered (>) than were sent (<)"
}

# send_events POD: by a pod of that name
send_events() {
    kubectl run "$1" --image "$images/serving-tests/events:$tag" --restart=Never -- send step.default.svc.cluster.local >/dev/null
    kubectl wait --for=jsonpath='{.status.phase}'=Succeeded --timeout=150s "pod/$1" >/dev/null || {
        kubectl logs "$1"
        fail "not every event was answered as it asked"
    }
}

# While the node takes no pod, a service stays asleep.
a_replica_that_is_killed_fails_only_what_it_held() {
    local doomed address others other loads=() load started took
    is_asleep cordoned
    trap 'kubectl uncordon $node >/dev/null' EXIT
    kubectl cordon $node >/dev/null
    doomed=$(leader)
    address=$(gateways --field-selector "metadata.name=$doomed")
    others=$(gateways --field-selector "metadata.name!=$doomed")
    hey -n $held -c $held -t 60 -host cordoned.default.example.com "http://$address:8080/" >"$state/tmp/doomed" &
    load=$!
    for other in $others; do
        hold cordoned "$other" &
        loads+=($!)
    done
    for other in $address $others; do
        wait_for 20 "$held requests to wait at $other" holds $held "$other"
    done
    started=$(milliseconds)
    processes net-pingora "POD_NAME=$doomed" | xargs kill -KILL
    wait $load
    took=$(($(milliseconds) - started))
    kubectl --namespace knative-serving delete "pod/$doomed" --grace-period=0 --force >/dev/null 2>&1
    echo "the requests of the killed one ended within $took ms"
    expect "the outcomes of the killed one" "none $held" "$(outcomes "$state/tmp/doomed")"
    [ $took -le 2000 ] || fail "they were to fail within 2 s"
    sleep 3
    for other in $others; do
        holds $held "$other" || fail "$other holds $held requests no longer"
    done
    kubectl uncordon $node >/dev/null
    for load in "${loads[@]}"; do
        wait "$load"
    done
    wait_for 60 "$REPLICAS ready replicas of the gateway" gateway_is_ready
}

a_pod_deleted_by_force_fails_only_what_it_had() {
    under_load $under_way delete_by_force
}

a_pod_that_refuses_fails_only_what_it_had() {
    under_load $under_way kill_queue_proxy
}

a_pod_that_hangs_fails_nothing() {
    under_load 0 stop_queue_proxy
}

# under_load MOST COMMAND: POSTs, which are not sent twice, at a service while the command disturbs its only pod; at most
# MOST may be lost
under_load() {
    local load lost
    hey -m POST -z 20s -c 20 -t 60 -host narrow.default.example.com "$(gateway_url)/?sleep=200" >"$state/tmp/narrow" &
    load=$!
    sleep 5
    "$2"
    wait $load
    outcomes "$state/tmp/narrow" | paste --serial --delimiters=' '
    lost=$(outcomes "$state/tmp/narrow" | awk '$1 != "200" { sum += $2 } END { print sum + 0 }')
    [ "$lost" -le "$1" ] || fail "$lost requests were lost, $1 at most were to be"
}

delete_by_force() {
    kubectl delete "$(pods_of narrow)" --grace-period=0 --force >/dev/null 2>&1
}

# The kubelet starts it again.
kill_queue_proxy() {
    queue_proxies narrow | xargs kill -KILL
}

stop_queue_proxy() {
    queue_proxies narrow | xargs kill -STOP
    sleep 5
    queue_proxies narrow | xargs kill -CONT
}

# queue_proxies SERVICE: their processes
queue_proxies() {
    processes queue "SERVING_SERVICE=$1"
}

a_sleeping_service_is_woken_with_system_internal_tls() {
    local listener
    trap 'internal_tls_off default; kubectl delete kcert/serving-certs >/dev/null' EXIT
    internal_tls_on default
    for listener in public http https; do
        service "sealed-$listener" helloworld autoscaling.knative.dev/initial-scale=0
    done
    services_are_ready
    wakes sealed-public sealed-public.default.example.com "$(gateway_url)/"
    wakes sealed-http "$(revision_host sealed-http)" "http://$(revision_address sealed-http)/"
    wakes sealed-https "$(revision_host sealed-https)" "https://$server_name/" --cacert "$state/pki/ca.crt" \
        --resolve "$server_name:443:$(revision_address sealed-https)"
    expect "pods that were spoken to in TLS" 3 "$(pods_spoken_to_in_tls | wc --lines)"
}

# Connections of the gateways that are established (01) to port 8112 (1FB0), queue-proxy's for TLS.
pods_spoken_to_in_tls() {
    pgrep --exact net-pingora | sed 's#.*#/proc/&/net/tcp#' | xargs cat | grep --only-matching --extended-regexp '[0-9A-F]{8}:1FB0 01 ' | sort --unique
}

and_without_it_again() {
    service plain helloworld autoscaling.knative.dev/initial-scale=0
    services_are_ready
    wakes plain plain.default.example.com "$(gateway_url)/"
}

# wakes SERVICE HOST URL [FLAGS]
wakes() {
    is_asleep "$1"
    expect "the answer of $1" "200 Hello World! How about some tasty noodles?" "$(curl --silent --show-error --max-time 60 \
        --header "Host: $2" --output "$state/tmp/answer" --write-out '%{http_code} ' "${@:4}" "$3" && cat "$state/tmp/answer")"
}

# revision_host SERVICE: the name of its revision's own Service
revision_host() {
    echo "$(revision "$1").default.svc.cluster.local"
}

# revision_address SERVICE: of its revision's own Service
revision_address() {
    kubectl get "service/$(revision "$1")" --output jsonpath='{.spec.clusterIP}'
}

# revision SERVICE: its only one
revision() {
    kubectl get "ksvc/$1" --output jsonpath='{.status.latestReadyRevisionName}'
}

# At the addresses of the gateways: Kubernetes may take its own node for lost in the time after, with all endpoints on it.
requests_go_on_without_the_api_server() {
    local all address back loads=() waiting=() load
    is_asleep asleep
    wait_for 60 "the gateways of before to go" no_gateway_drains
    all=$(gateways)
    for address in $all; do
        answered_200 hey -z 80s -c 5 -q 10 -host awake.default.example.com "http://$address:8080/" &
        loads+=($!)
    done
    sleep 5
    stop apiserver
    for address in $all; do
        hold asleep "$address" &
        waiting+=($!)
    done
    sleep 60
    for address in $all; do
        holds $held "$address" || fail "$address does not hold $held requests without the API server"
    done
    start_apiserver
    back=$SECONDS
    for load in "${loads[@]}" "${waiting[@]}"; do
        wait "$load"
    done
    echo "who waited has an answer $((SECONDS - back)) s after the API server is back"
}

install_gateway_as_activator
make_services
run_steps a_cloudevent_reaches_a_sleeping_service_once a_replica_that_is_killed_fails_only_what_it_held \
    a_pod_deleted_by_force_fails_only_what_it_had a_pod_that_refuses_fails_only_what_it_had a_pod_that_hangs_fails_nothing \
    a_sleeping_service_is_woken_with_system_internal_tls and_without_it_again \
    requests_go_on_without_the_api_server
