# system-internal-tls, with certificates of the cluster's authority; source it after suite.sh.

# The name on all certificates of Serving's data plane, whoever they are for.
server_name=data-plane.knative.dev

# internal_tls_on NAMESPACE: for the pods of that namespace
internal_tls_on() {
    tls_secret knative-serving routing-serving-certs kn-routing $server_name
    tls_secret "$1" serving-certs "kn-user-$1" $server_name
    set_environment NET_PINGORA_CLUSTER_CERTIFICATE=routing-serving-certs
    set_config config-network system-internal-tls=Enabled
}

# internal_tls_off NAMESPACE
internal_tls_off() {
    set_config config-network system-internal-tls=Disabled
    kubectl --namespace knative-serving delete secret routing-serving-certs >/dev/null
    kubectl --namespace "$1" delete secret serving-certs >/dev/null
    set_environment NET_PINGORA_CLUSTER_CERTIFICATE-
}

# tls_secret NAMESPACE NAME SAN...
tls_secret() {
    local sans
    sans=$(printf ',DNS:%s' "${@:3}")
    (cd "$state/pki" && certificate "$2" "/CN=$2" "${sans#,}" 2>/dev/null)
    kubectl create secret generic "$2" --namespace "$1" --type kubernetes.io/tls --from-file "tls.crt=$state/pki/$2.crt" \
        --from-file "tls.key=$state/pki/$2.key" --from-file "ca.crt=$state/pki/ca.crt" >/dev/null
}

# set_environment NAME=VALUE, or NAME- for none
set_environment() {
    kubectl --namespace knative-serving set env deployment/net-pingora "$1" >/dev/null
    kubectl --namespace knative-serving rollout status --timeout=120s deployment/net-pingora >/dev/null
}
