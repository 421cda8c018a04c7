# Knative, MetalLB and the gateway on the cluster; source it after node.sh. Each is installed once, when first needed.

# once FUNCTION
once() {
    [ ! -e "$state/done/$1" ] || return 0
    "$1"
    mkdir -p "$state/done" && touch "$state/done/$1"
}

# apply FILE...: with ko's names of images turned into ours
apply() {
    local file
    for file in "$@"; do
        sed -E "s#ko://knative.dev/serving/cmd/([a-z-]+)#$images/serving/\1:$tag#" "$file" |
            kubectl apply --server-side --force-conflicts --filename - >/dev/null
    done
}

# set_config NAME KEY=VALUE...: of a ConfigMap of Knative's
set_config() {
    local name=$1 patch
    shift
    patch=$(jq --null-input --compact-output '{data: ($ARGS.positional | map(split("="; null) | {(.[0]): (.[1:] | join("="))}) | add)}' --args "$@")
    kubectl --namespace knative-serving patch "configmap/$name" --type merge --patch "$patch" >/dev/null
}

# The KIngress API and the settings of it, as without Serving.
install_networking() {
    local config
    config=$(part networking)/networking
    kubectl create namespace knative-serving >/dev/null
    apply "$config"/{certificate,domain-claim,ingress,serverlessservice}.yaml "$config/config-network.yaml"
    kubectl wait --for=condition=Established --timeout=60s crd --all >/dev/null
    set_config config-network "ingress-class=$ingress_class" autocreate-cluster-domain-claims=true
}

install_networking_images() {
    import_images $images/networking $tag "$(part networking)"/images/*
}

# install_gateway [OVERLAY]: of deploy/, or the one for so many replicas
install_gateway() {
    once install_networking
    local overlay=knative
    [ "$REPLICAS" = 1 ] || overlay=ha
    import_archive "$(gateway_image)"
    kubectl apply --kustomize "$repository/deploy/${1:-$overlay}" >/dev/null
    [ -z "${1:-}" ] || kubectl --namespace knative-serving scale deployment/net-pingora --replicas="$REPLICAS" >/dev/null
    wait_for 60 "$REPLICAS ready replicas of the gateway" gateway_is_ready
}

gateway_is_ready() {
    [ "$(kubectl --namespace knative-serving get deployment/net-pingora --output jsonpath='{.status.readyReplicas}')" = "$REPLICAS" ]
}

# The pod of the replica that leads.
leader() {
    kubectl --namespace knative-serving get lease/net-pingora --output jsonpath='{.spec.holderIdentity}'
}

# The gateway with the activator inside, and Serving's own scaled to zero.
install_gateway_as_activator() {
    # Revisions are watched: their kind has to be there first.
    once install_serving
    install_gateway knative-activator
    kubectl --namespace knative-serving scale deployment/activator --replicas=0 >/dev/null
    wait_for 60 "Serving's activator to go" only_ours_are_activators
}

only_ours_are_activators() {
    local activators ours
    activators=$(kubectl --namespace knative-serving get endpoints/activator-service --output jsonpath='{.subsets[*].addresses[*].ip}')
    ours=$(kubectl --namespace knative-serving get pods --selector app.kubernetes.io/name=net-pingora --output jsonpath='{.items[*].status.podIP}')
    [ -n "$ours" ] && [ "$(sorted "$activators")" = "$(sorted "$ours")" ]
}

# sorted WORDS
sorted() {
    tr ' ' '\n' <<<"$1" | sort
}

# Serving's kinds and settings, and nobody who looks after them.
install_serving_kinds() {
    once install_networking
    local core
    core=$(part serving)/serving/core
    apply "$core"/300-resources/*.yaml
    kubectl wait --for=condition=Established --timeout=60s crd --all >/dev/null
    apply "$core"/configmaps/{domain,features}.yaml
    set_config config-domain example.com=
}

install_serving() {
    once install_networking
    local core config deployment
    config=$(part serving)
    core=$config/serving/core
    import_images $images/serving $tag "$config"/images/*
    apply "$core"/100-namespace.yaml "$core"/300-resources/*.yaml "$config/caching/image.yaml" "$core"/200-serviceaccount.yaml \
        "$core"/200-roles/*.yaml "$core"/300-knativecertificate.yaml
    kubectl wait --for=condition=Established --timeout=60s crd --all >/dev/null
    apply "$core"/configmaps/*.yaml "$core"/webhooks/*.yaml "$core"/999-cache.yaml
    set_config config-deployment "queue-sidecar-image=$images/serving/queue:$tag" progress-deadline=120s
    set_config config-domain example.com=
    apply "$core"/deployments/{activator,autoscaler,controller,webhook}.yaml
    for deployment in controller webhook autoscaler activator; do
        kubectl --namespace knative-serving rollout status --timeout=120s "deployment/$deployment" >/dev/null
    done
}

# MetalLB in L2 mode, and a client outside the cluster on the same link.
install_metallb() {
    local config
    config=$(part metallb)
    # Not a name of a container bridge: MetalLB's speaker passes those over.
    ip netns add client
    ip link add lan0 type veth peer name lan0 netns client
    ip address add "$lan.1/24" dev lan0
    ip link set lan0 up
    ip -n client address add "$lan.10/24" dev lan0
    ip -n client link set lan0 up
    ip -n client link set lo up
    images -user 0 $images/metallb $tag "$config"/images/* | import_archive -
    sed -E "s#quay.io/metallb/(controller|speaker):[^ ]*#$images/metallb/\1:$tag#" "$config/metallb/metallb-native.yaml" |
        kubectl apply --server-side --filename - >/dev/null
    kubectl --namespace metallb-system rollout status --timeout=120s deployment/controller >/dev/null
    kubectl --namespace metallb-system rollout status --timeout=120s daemonset/speaker >/dev/null
    # Its webhook answers some time after it says so.
    wait_for 60 "MetalLB's webhook" add_address_pool
}

add_address_pool() {
    kubectl apply --filename - <<YAML
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: pool, namespace: metallb-system}
spec: {addresses: ["$lan.240-$lan.250"]}
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: {name: pool, namespace: metallb-system}
YAML
}

# outside COMMAND...: runs it as the client outside the cluster
outside() {
    ip netns exec client "$@"
}

gateway_address() {
    kubectl --namespace knative-serving get service/net-pingora --output jsonpath='{.status.loadBalancer.ingress[0].ip}'
}
