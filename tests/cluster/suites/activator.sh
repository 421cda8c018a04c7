#!/usr/bin/env bash
# parts: networking serving serving_tests
# Serving's own tests with the activator inside the gateway, and Serving's own scaled to zero.
. "$(dirname "$0")/../lib/suite.sh"
. "$(dirname "$0")/../lib/serving_tests.sh"

only_ours_are_activators() {
    local activators ours
    activators=$(endpoint_addresses activator-service)
    ours=$(kubectl --namespace knative-serving get pods --selector app.kubernetes.io/name=net-pingora --output jsonpath='{.items[*].status.podIP}')
    [ -n "$ours" ] && [ "$activators" = "$(tr ' ' '\n' <<<"$ours" | sort | paste --serial --delimiters=' ')" ]
}

# endpoint_addresses SERVICE: of those that are ready, sorted
endpoint_addresses() {
    kubectl --namespace knative-serving get "endpoints/$1" --output jsonpath='{.subsets[*].addresses[*].ip}' | tr ' ' '\n' | sort | paste --serial --delimiters=' '
}

# Revisions are watched: their kind has to be there first.
once install_serving
install_gateway knative-activator
kubectl --namespace knative-serving scale deployment/activator --replicas=0 >/dev/null
wait_for 60 "Serving's activator to go" only_ours_are_activators
once install_serving_tests
run_serving_tests
