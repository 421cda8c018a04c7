#!/usr/bin/env bash
# parts: networking serving serving_tests metallb
# The commands of docs/k3s.md as a reader types them, but for K3s's own and those that need the internet.
. "$(dirname "$0")/../lib/suite.sh"

# The page's fences as one script: those marked not-run are left out, those for another machine go there.
script() {
    awk '
        /^<!-- (not-run|run-on): / { mark = $2 }
        /^```sh$/ { inside = 1; if (mark == "run-on:") print "client <<'"'CLIENT'"'"; next }
        /^```$/ && inside { if (mark == "run-on:") print "CLIENT"; inside = 0; mark = ""; next }
        inside && mark != "not-run:" { print }
    ' "$1" | sed "s#192\.168\.1\.#$lan.#g; s#ghcr.io/knative/helloworld-go:latest#$images/serving-tests/helloworld:$tag#"
}

# The other machine; it has no DNS, so its hosts file has the name.
client() {
    local hosts=$state/tmp/hosts
    echo "$lan.240 hello.default.$lan.240.nip.io" >"$hosts"
    outside bash -euc "mount --bind $hosts /etc/hosts; $(cat)"
}

page_runs() {
    local page=$state/tmp/page
    mkdir -p "$page"
    cp --recursive "$repository/deploy" "$page"
    sed --in-place "s#192\.168\.1\.#$lan.#g" "$page/deploy/k3s/address-pool.yaml"
    { declare -f client outside && declare -p state lan && echo 'set -euo pipefail; PS4="$ "; set -x' && script "$repository/docs/k3s.md"; } >"$page/script"
    (cd "$page" && bash script)
}

nothing_is_left() {
    expect "what is left of the gateway" "" "$(kubectl get deployments,services,serviceaccounts,roles,leases,clusterroles,clusterrolebindings \
        --all-namespaces --selector app.kubernetes.io/name=net-pingora --output name)"
}

once install_metallb
kubectl --namespace metallb-system delete ipaddresspool/pool l2advertisement/pool >/dev/null
once install_serving
import_archive "$(gateway_image)"
import_images $images/serving-tests $tag "$(part serving_tests)/images/helloworld"
run_steps page_runs nothing_is_left
