#!/usr/bin/env bash
# parts: networking serving
# What is compiled of 300 Routes is what Serving makes of them, under 12 combinations of ConfigMaps.
# SEED=N repeats a choice of Routes, DUMP=DIR keeps what is compared.
. "$(dirname "$0")/../lib/suite.sh"

dump=$(realpath --canonicalize-missing "${DUMP:-$state/tmp/routes}")

serving_makes_kingresses() {
    "$(part harness)/routes" dump -ca "$state/pki/ca.crt" -class $ingress_class -image "$images/pause:$tag" \
        -seed "${SEED:-0}" -routes "${ROUTES:-300}" -only "${ONLY:-}" -dump "$dump"
}

once install_serving
set_config config-autoscaler allow-zero-initial-scale=true
# It would write less than a Route's children in a second.
kubectl --namespace knative-serving set env deployment/controller KUBE_API_QPS=500 KUBE_API_BURST=1000 >/dev/null
kubectl --namespace knative-serving rollout status --timeout=120s deployment/controller >/dev/null
run_steps serving_makes_kingresses
