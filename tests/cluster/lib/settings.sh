# What every part of the harness shares; source it.
set -euo pipefail

harness=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
repository=$(cd "$harness/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/net-pingora-cluster

# Inside the namespaces only: a tmpfs that ends with them.
state=/run/net-pingora-cluster

ingress_class=pingora.ingress.networking.knative.dev
images=ko.local # a registry whose tags Serving does not resolve unless told otherwise
tag=harness
node=node
node_address=10.244.0.1
pods=10.244.0.0/22
services=10.96.0.0/16
kubernetes_address=10.96.0.1
dns_address=10.96.0.10
lan=10.245.0 # the link of the client outside the cluster, a /24

say() {
    echo "==> $*" >&2
}

fail() {
    echo "tests/cluster: $*" >&2
    exit 1
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds
wait_for() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || fail "gave up waiting for $what"
        sleep 0.2
    done
}
