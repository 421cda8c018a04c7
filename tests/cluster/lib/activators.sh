# The commands of docs/activator.md, for as many replicas of each as the gateway has; source it after suite.sh.

# only_activators DEPLOYMENT: REPLICAS pods of it, and no others, are endpoints of activator-service
only_activators() {
    local pods
    pods=$(kubectl --namespace knative-serving get endpoints/activator-service --output jsonpath='{.subsets[*].addresses[*].targetRef.name}')
    [ "$(wc --words <<<"$pods")" = "$REPLICAS" ] && ! tr ' ' '\n' <<<"$pods" | grep --quiet --invert-match "^$1-"
}

there() {
    kubectl apply -k "$repository/deploy/knative-activator" >/dev/null
    kubectl -n knative-serving rollout status --timeout=120s deployment/net-pingora >/dev/null
    kubectl -n knative-serving scale deployment/activator --replicas=0 >/dev/null
    wait_for 60 "activators of ours alone" only_activators net-pingora
}

back() {
    kubectl -n knative-serving scale deployment/activator --replicas="$REPLICAS" >/dev/null
    kubectl -n knative-serving rollout status --timeout=120s deployment/activator >/dev/null
    kubectl apply -k "$repository/deploy/knative" >/dev/null
    kubectl -n knative-serving rollout status --timeout=120s deployment/net-pingora >/dev/null
    wait_for 60 "activators of Serving's alone" only_activators activator
}
