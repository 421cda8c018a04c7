#!/usr/bin/env bash
# parts: networking serving
# What the gateway compiles of 300 Routes is what Serving makes of them, under 12 combinations of config-domain,
# config-network and config-features. SEED=N chooses the same Routes as another run, ONLY=REGEX some of the combinations,
# DUMP=DIR keeps what was compared.
. "$(dirname "$0")/../lib/suite.sh"

dump=$(realpath --canonicalize-missing "${DUMP:-$state/tmp/routes}")
program=$state/tmp/net-pingora

serving_makes_kingresses() {
    "$(part harness)/routes" dump -ca "$state/pki/ca.crt" -class $ingress_class -image "$images/pause:$tag" \
        -seed "${SEED:-0}" -only "${ONLY:-}" -dump "$dump"
}

# compare PROGRAM
compare() {
    "$(part harness)/routes" compare -dump "$dump" -only "${ONLY:-}" -program "$1"
}

# Else the next step might see nothing.
a_wrong_port_is_seen() {
    local wrong=$state/tmp/wrong
    echo '#!/usr/bin/env bash
sed "0,/servicePort: 80/s//servicePort: 82/" "$3/../kingress/kingress.yaml"' >"$wrong"
    chmod +x "$wrong"
    expect "a comparison with one wrong port in each combination" "1 different" \
        "$(compare "$wrong" 2>&1 | sed -n 's/.* \([0-9]* different\)$/\1/p' | sed '$d' | sort --unique)"
}

what_is_compiled_is_the_same() {
    tar --extract --to-stdout --file "$(gateway_image)" layer.tar | tar --extract --directory "$(dirname "$program")" net-pingora
    compare "$program"
}

once install_serving
set_config config-autoscaler allow-zero-initial-scale=true
# By default it asks the API server at most 45 times a second.
kubectl --namespace knative-serving set env deployment/controller KUBE_API_QPS=500 KUBE_API_BURST=1000 K_THREADS_PER_CONTROLLER=8 >/dev/null
kubectl --namespace knative-serving rollout status --timeout=120s deployment/controller >/dev/null
run_steps serving_makes_kingresses a_wrong_port_is_seen what_is_compiled_is_the_same
