#!/usr/bin/env bash
# parts: networking serving serving_tests
# The commands of docs/activator.md, there and back, under load: no request is lost.
. "$(dirname "$0")/../lib/suite.sh"
. "$harness/lib/services.sh"

activators() {
    kubectl --namespace knative-serving get endpoints/activator-service --output jsonpath='{.subsets[*].addresses[*].targetRef.name}'
}

only_ours_are_activators() {
    [[ $(activators) == net-pingora-* && $(activators) != *" "* ]]
}

only_servings_are_activators() {
    [[ $(activators) == activator-* && $(activators) != *" "* ]]
}

there() {
    kubectl apply -k "$repository/deploy/knative-activator" >/dev/null
    kubectl -n knative-serving rollout status --timeout=120s deployment/net-pingora >/dev/null
    kubectl -n knative-serving scale deployment/activator --replicas=0 >/dev/null
    wait_for 60 "activators of ours alone" only_ours_are_activators
}

back() {
    kubectl -n knative-serving scale deployment/activator --replicas=1 >/dev/null
    kubectl -n knative-serving rollout status --timeout=120s deployment/activator >/dev/null
    kubectl apply -k "$repository/deploy/knative" >/dev/null
    kubectl -n knative-serving rollout status --timeout=120s deployment/net-pingora >/dev/null
    wait_for 60 "activators of Serving's alone" only_servings_are_activators
}

no_request_is_lost_on_the_way_there_and_back() {
    local load
    answered_200 hey -z 100s -c 10 -q 10 -disable-keepalive -host hello.default.example.com "$(gateway_url)/" &
    load=$!
    sleep 5
    there
    sleep 15
    back
    wait $load
}

once install_serving
once install_gateway
serving_images helloworld
service hello helloworld
services_are_ready
run_steps no_request_is_lost_on_the_way_there_and_back
