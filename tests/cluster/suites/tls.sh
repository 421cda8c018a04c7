#!/usr/bin/env bash
# parts: networking
# Knative's ingress conformance suite again, with system-internal-tls: backends serve TLS, and clients in the cluster
# use the gateway's internal HTTPS listener.
. "$(dirname "$0")/../lib/suite.sh"

# The name on all certificates of Serving's data plane, whoever they are for.
server_name=data-plane.knative.dev

# tls_secret NAMESPACE NAME SAN...: of the cluster's authority
tls_secret() {
    local sans
    sans=$(printf ',DNS:%s' "${@:3}")
    (cd "$state/pki" && certificate "$2" "/CN=$2" "${sans#,}" 2>/dev/null)
    kubectl create secret generic "$2" --namespace "$1" --type kubernetes.io/tls --from-file "tls.crt=$state/pki/$2.crt" \
        --from-file "tls.key=$state/pki/$2.key" --from-file "ca.crt=$state/pki/ca.crt" >/dev/null
}

make_certificates() {
    tls_secret knative-serving routing-serving-certs kn-routing $server_name
    tls_secret serving-tests serving-certs kn-user-serving-tests $server_name
    set_environment NET_PINGORA_CLUSTER_CERTIFICATE=routing-serving-certs
}

# What comes after is without.
undo() {
    set_config config-network system-internal-tls=Disabled
    kubectl --namespace knative-serving delete secret routing-serving-certs >/dev/null
    kubectl --namespace serving-tests delete secret serving-certs >/dev/null
    set_environment NET_PINGORA_CLUSTER_CERTIFICATE-
}

# set_environment NAME=VALUE, or NAME- for none
set_environment() {
    kubectl --namespace knative-serving set env deployment/net-pingora "$1" >/dev/null
    kubectl --namespace knative-serving rollout status --timeout=120s deployment/net-pingora >/dev/null
}

once install_networking_images
once install_gateway
kubectl get namespace serving-tests >/dev/null 2>&1 || kubectl create namespace serving-tests >/dev/null
trap undo EXIT
make_certificates
set_config config-network system-internal-tls=Enabled
UPSTREAM_TLS_CERT=serving-certs UPSTREAM_CA_CERT=serving-certs SERVER_NAME=$server_name bash "$harness/suites/conformance.sh"
