# What a suite starts with; source it.
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
. "$harness/lib/build.sh"
. "$harness/lib/node.sh"
. "$harness/lib/knative.sh"
REPLICAS=${REPLICAS:-1}

# run_tests BINARY [FLAGS]: a compiled Go test; shows the outcome of each test, and everything if one failed
run_tests() {
    local log
    log=$state/log/$(basename "$1").log
    if "$1" -test.v "${@:2}" 2>&1 | tee "$log" | { grep --line-buffered --extended-regexp '^ *--- |^(PASS|FAIL|ok|panic)' || true; }; then
        return 0
    fi
    cat "$log"
    return 1
}

# skipped TEST_BINARY: the tests it skipped
skipped() {
    sed -n 's/^ *--- SKIP: \([^ ]*\).*/\1/p' "$state/log/$1.log"
}

# show_gateway: its pods and what they logged
show_gateway() {
    echo "--- the gateway's pods"
    kubectl --namespace knative-serving get pods --output wide || true
    kubectl --namespace knative-serving describe pods --selector app.kubernetes.io/name=net-pingora || true
    echo "--- the gateway's logs"
    kubectl --namespace knative-serving logs --selector app.kubernetes.io/name=net-pingora --prefix --tail=-1 || true
    kubectl --namespace knative-serving logs --selector app.kubernetes.io/name=net-pingora --prefix --tail=200 --previous 2>/dev/null || true
}
