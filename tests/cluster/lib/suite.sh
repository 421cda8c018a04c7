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
    kubectl --namespace knative-serving logs --selector app.kubernetes.io/name=net-pingora --prefix --tail=500 || true
    kubectl --namespace knative-serving logs --selector app.kubernetes.io/name=net-pingora --prefix --tail=200 --previous 2>/dev/null || true
}

# expect WHAT WANTED SEEN
expect() {
    [ "$2" = "$3" ] || fail "$1: wanted '$2', saw '$3'"
}

# test_output COMMAND...: whether it prints something
test_output() {
    [ -n "$("$@")" ]
}

# run_steps FUNCTION...: each is a test; the first that fails ends them
run_steps() {
    local step started passed=0
    for step in "$@"; do
        started=$SECONDS
        # In the background, for bash minds errors in a condition less.
        "$step" &
        if ! wait $!; then
            echo "--- FAIL: $step ($((SECONDS - started))s)"
            echo "$passed passed, 1 failed"
            exit 1
        fi
        echo "--- PASS: $step ($((SECONDS - started))s)"
        passed=$((passed + 1))
    done
    echo "$passed passed, 0 failed"
}

# scale [FLAGS]: the program of go/harness/scale, against every replica of the gateway
scale() {
    local gateways
    gateways=$(kubectl --namespace knative-serving get pods --selector app.kubernetes.io/name=net-pingora --output json |
        jq --raw-output '[.items[].status.podIP + ":8080"] | join(",")')
    "$(part harness)/scale" -ca "$state/pki/ca.crt" -token admin -class $ingress_class -image "$images/networking/runtime:$tag" \
        -gateways "$gateways" "$@"
}

# disturb FUNCTION [FLAGS]: the program of go/harness/disturb on 20 KIngresses of its own, while FUNCTION disturbs
# the cluster and prints what that program reads
disturb() {
    local namespace=disturb-$$-$1
    scale -namespace "$namespace" -kingresses 20 -changes 0 >/dev/null
    "$1" | "$(part harness)/disturb" -ca "$state/pki/ca.crt" -token admin -namespace "$namespace" -kingresses 20 "${@:2}"
}
