#!/usr/bin/env bash
# parts: networking
# loadtest churn --kubernetes from the node: routes change through the API under load, and nothing of it is left.
. "$(dirname "$0")/../lib/suite.sh"

# objects: what runs of loadtest have made
objects() {
    kubectl get kingress,services,endpointslices --all-namespaces --selector app.kubernetes.io/managed-by=loadtest --output name
}

routes_change_without_an_error() {
    "${churn[@]}" --changes 100 --threshold 'effect_p90<100ms' --threshold errors=0 --threshold stale=0
    expect "what is left" "" "$(objects)"
}

an_interrupted_run_leaves_nothing() {
    local run report=$state/tmp/churn
    "${churn[@]}" --changes 1000 >"$report" &
    run=$!
    wait_for 10 "objects of the run" test_output objects
    kill -INT $run
    wait $run
    ! grep --quiet '^Changes:.1000 of' "$report" || fail "the run was not interrupted"
    expect "what is left" "" "$(objects)"
}

once install_gateway
gateway=$(kubectl --namespace knative-serving get pods --selector app.kubernetes.io/name=net-pingora --output jsonpath='{.items[0].status.podIP}')
churn=("$(loadtest)" churn --kubernetes --advertise $node_address "http://$gateway:8080/")
run_steps routes_change_without_an_error an_interrupted_run_leaves_nothing
