# Knative Services, and load on them; source it after suite.sh.

# serving_images NAME...: of the images of Serving's tests
serving_images() {
    import_images $images/serving-tests $tag "${@/#/$(part serving_tests)/images/}"
}

# service NAME IMAGE [FIELD=VALUE...]: of one of those images. A FIELD with a slash is an annotation of its revision,
# any other one of the revision's spec.
service() {
    jq --null-input --arg name "$1" --arg image "$images/serving-tests/$2:$tag" '
        ($ARGS.positional | map(split("=") | {key: .[0], value: .[1]})) as $fields
        | {apiVersion: "serving.knative.dev/v1", kind: "Service", metadata: {name: $name, namespace: "default"},
            spec: {template: {
                metadata: {annotations: $fields | map(select(.key | contains("/"))) | from_entries},
                spec: ($fields | map(select(.key | contains("/") | not) | .value |= tonumber) | from_entries
                    | .containers = [{image: $image}])}}}' --args "${@:3}" |
        # Serving warns of what it may want in a future release.
        kubectl apply --filename - 2> >(grep --invert-match '^Warning: ' >&2) >/dev/null
}

services_are_ready() {
    kubectl wait --for=condition=Ready --timeout=180s ksvc --all >/dev/null
}

# pods_of SERVICE: their names
pods_of() {
    kubectl get pods --selector "serving.knative.dev/service=$1" --output name
}

# gateway_url: at a port of the node, so that requests find the pods that are ready
gateway_url() {
    echo "http://$node_address:$(kubectl --namespace knative-serving get service/net-pingora --output jsonpath='{.spec.ports[?(@.name=="http2")].nodePort}')"
}

# pod_address SELECTOR: of the first such pod in the namespace of the gateway
pod_address() {
    kubectl --namespace knative-serving get pods --selector "$1" --output jsonpath='{.items[0].status.podIP}'
}

# answered_200 HEY...: every answer is 200
answered_200() {
    local report
    report=$("$@")
    grep --extended-regexp 'Requests/sec|99% in|^ +\[[0-9]+\]|Error' <<<"$report"
    expect "the statuses of all answers" "[200]" "$(sed -n '/^Status code/,$ s/^ *\(\[[0-9]*\]\).*/\1/p' <<<"$report" | paste --serial --delimiters=' ')"
    ! grep --quiet 'Error distribution' <<<"$report" || fail "hey saw errors"
}

# percentile P NUMBER...
percentile() {
    printf '%s\n' "${@:2}" | sort --numeric-sort | awk -v p="$1" '{ all[NR] = $1 } END { at = int((NR * p + 99) / 100); print all[at] }'
}
