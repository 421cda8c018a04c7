#!/usr/bin/env bash
# parts: networking serving serving_tests
# How soon a held request is sent once the pod of its sleeping service has an address and is ready.
# STARTS=N services, each asked once.
. "$(dirname "$0")/../lib/suite.sh"
. "$harness/lib/services.sh"

starts=${STARTS:-30}

make_services() {
    local number
    set_config config-autoscaler allow-zero-initial-scale=true
    serving_images helloworld
    for number in $(seq "$starts"); do
        service "release-$number" helloworld autoscaling.knative.dev/initial-scale=0
    done
    services_are_ready
}

held_requests_are_sent_at_once() {
    # Who measures waits for no processor: what it sees late would be for the gateway's good.
    chrt --fifo 1 "$(part harness)/release" -ca "$state/pki/ca.crt" -gateway "$(pod_address app.kubernetes.io/name=net-pingora)" \
        -process "$(pgrep --exact net-pingora)" -services "$starts" -p50 10ms -p95 25ms
}

once install_serving
install_gateway knative-activator
kubectl --namespace knative-serving scale deployment/activator --replicas=0 >/dev/null
kubectl --namespace knative-serving wait --for=delete pod --selector app=activator,app.kubernetes.io/name!=net-pingora --timeout=120s >/dev/null
make_services
run_steps held_requests_are_sent_at_once
