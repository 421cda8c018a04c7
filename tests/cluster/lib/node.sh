# A Kubernetes of one node, from its programs; source it after settings.sh and build.sh, inside the namespaces.

socket=$state/containerd/containerd.sock
export KUBECONFIG=$state/kubeconfig
PATH=$(part kubernetes):$(part coredns):$(part harness):$PATH

bring_up_node() {
    mkdir -p "$state"/{cni,containerd,etcd,kubelet,log,pid,pki,tmp}
    own_kernel_settings
    write_certificates
    write_kubeconfig
    make_bridge
    start_etcd
    start_apiserver
    start_controller_manager
    start_scheduler
    start_containerd
    import_images $images $tag "$(part harness)/pause"
    start_kubelet
    start_proxy
    start_dns
    wait_for 60 "the node to be ready" node_is_ready
}

# What kubeadm's manifests ask for, in thousandths of a processor. As plain processes these parts would weigh as much as
# all pods together; there they are pods as well. The kubelet and containerd are none.
declare -A requests=([etcd]=100 [apiserver]=250 [controller-manager]=200 [scheduler]=100 [dns]=100 [proxy]=0)

# start NAME COMMAND...: in the background, with log/NAME.log and pid/NAME
start() {
    local name=$1
    shift
    {
        [ -z "${requests[$name]:-}" ] || weigh "$name" "${requests[$name]}"
        exec "$@"
    } >>"$state/log/$name.log" 2>&1 </dev/null &
    echo $! >"$state/pid/$name"
}

# weigh NAME REQUEST: gives this process the share of the processors that the pod with such a request has
weigh() {
    local class=burstable shares=$(($2 * 1024 / 1000)) root=/sys/fs/cgroup cgroup above
    [ $shares -gt 2 ] || { class=besteffort && shares=2; }
    cgroup=$CGROUP/kubepods/$class/$1
    if [ -f $root/cgroup.controllers ]; then
        mkdir -p "$root$cgroup"
        for above in "$CGROUP" "$CGROUP/kubepods" "$CGROUP/kubepods/$class"; do
            echo +cpu >"$root$above/cgroup.subtree_control"
        done
        # As the kubelet turns the one into the other.
        echo $((1 + (shares - 2) * 9999 / 262142)) >"$root$cgroup/cpu.weight"
    else
        root=$root/cpu
        mkdir -p "$root$cgroup"
        echo $shares >"$root$cgroup/cpu.shares"
    fi
    echo $BASHPID >"$root$cgroup/cgroup.procs"
}

# stop NAME: at once
stop() {
    kill -KILL "$(cat "$state/pid/$1")"
    wait "$(cat "$state/pid/$1")" 2>/dev/null || true
}

# processes NAME VARIABLE=VALUE: those of that name with that variable
processes() {
    local process
    for process in $(pgrep --exact "$1"); do
        ! grep --quiet --null-data --line-regexp --fixed-strings "$2" "/proc/$process/environ" || echo "$process"
    done
}

# The kubelet sets these for the whole machine, unless they have the value it wants: let it see that value.
own_kernel_settings() {
    local setting
    for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
        kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
        local file=$state/tmp/${setting//\//.}
        echo "${setting#*=}" >"$file"
        mount --bind "$file" "/proc/sys/${setting%=*}"
    done
    # Those that belong to the network namespace.
    echo 1 >/proc/sys/net/ipv4/ip_forward
    [ ! -e /proc/sys/net/bridge ] || echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
}

write_certificates() (
    cd "$state/pki"
    exec 2>/dev/null
    openssl ecparam -name prime256v1 -genkey -noout -out accounts.key
    openssl ec -in accounts.key -pubout -out accounts.pub
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.crt -subj /CN=ca -days 30
    certificate apiserver /CN=kube-apiserver "DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,DNS:localhost,IP:127.0.0.1,IP:$kubernetes_address,IP:$node_address"
    certificate kubelet-client /O=system:masters/CN=apiserver-kubelet-client DNS:kubelet-client
    echo 'admin,admin,1,"system:masters"' >tokens.csv
)

# certificate NAME SUBJECT ALTERNATIVE_NAMES: NAME.key and NAME.crt, of the cluster's authority
certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1.key" -subj "$2" |
        openssl x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out "$1.crt" -extfile <(echo "subjectAltName=$3")
}

write_kubeconfig() {
    cat >"$KUBECONFIG" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: harness, cluster: {server: "https://127.0.0.1:6443", certificate-authority: $state/pki/ca.crt}}]
users: [{name: admin, user: {token: admin}}]
contexts: [{name: harness, context: {cluster: harness, user: admin}}]
current-context: harness
YAML
}

make_bridge() {
    ip link add cni0 type bridge
    ip address add "$node_address/${pods#*/}" dev cni0
    ip link set cni0 up
    # There is no default route, so the node itself needs one to its Services.
    ip route add $services dev cni0
}

start_etcd() {
    start etcd etcd --data-dir "$state/etcd" --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
        --listen-peer-urls http://127.0.0.1:2380 --unsafe-no-fsync --log-level warn --quota-backend-bytes $((4 << 30))
}

start_apiserver() {
    local pki=$state/pki
    start apiserver kube-apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address=$node_address --service-cluster-ip-range=$services \
        --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" --client-ca-file="$pki/ca.crt" \
        --kubelet-client-certificate="$pki/kubelet-client.crt" --kubelet-client-key="$pki/kubelet-client.key" \
        --kubelet-preferred-address-types=InternalIP --token-auth-file="$pki/tokens.csv" --authorization-mode=Node,RBAC \
        --service-account-key-file="$pki/accounts.pub" --service-account-signing-key-file="$pki/accounts.key" \
        --service-account-issuer=https://kubernetes.default.svc.cluster.local --allow-privileged=true \
        --max-requests-inflight=3000 --max-mutating-requests-inflight=2000
    wait_for 60 "the API server" kubectl get --raw /readyz
}

start_controller_manager() {
    start controller-manager kube-controller-manager --kubeconfig="$KUBECONFIG" --root-ca-file="$state/pki/ca.crt" \
        --service-account-private-key-file="$state/pki/accounts.key" --use-service-account-credentials=true --leader-elect=false \
        --kube-api-qps=500 --kube-api-burst=1000 --concurrent-service-endpoint-syncs=20 --horizontal-pod-autoscaler-sync-period=2s
}

start_scheduler() {
    start scheduler kube-scheduler --kubeconfig="$KUBECONFIG" --leader-elect=false --kube-api-qps=500 --kube-api-burst=1000
}

start_containerd() {
    cat >"$state/containerd/config.toml" <<TOML
version = 2
root = "$state/containerd/root"
state = "$state/containerd/state"
[grpc]
  address = "$socket"
[plugins."io.containerd.internal.v1.opt"]
  path = "$state/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$images/pause:$tag"
  # In a container root may not be allowed to lower an oom_score_adj.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$state/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
TOML
    cat >"$state/cni/10-bridge.conflist" <<JSON
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "subnet": "$pods", "gateway": "$node_address", "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
    start containerd containerd --config "$state/containerd/config.toml"
    wait_for 30 containerd ctr --address "$socket" version
}

# import_images PREFIX TAG FILE...: each binary as the image PREFIX/NAME:TAG
import_images() {
    images "$@" | import_archive -
}

# import_archive FILE
import_archive() {
    ctr --address "$socket" --namespace k8s.io images import "$1" >/dev/null
}

start_kubelet() {
    # The kubelet asks this nameserver for what the cluster's does not know.
    echo "nameserver $dns_address" >"$state/kubelet/resolv.conf"
    cat >"$state/kubelet/config.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $state/pki/ca.crt}}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
cgroupRoot: $CGROUP
failCgroupV1: false
failSwapOn: false
clusterDNS: [$dns_address]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix://$socket
podLogsDir: $state/log/pods
volumePluginDir: $state/kubelet/plugins
resolvConf: $state/kubelet/resolv.conf
# Everything is in memory, which the kubelet takes for a full disk.
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
imageGCHighThresholdPercent: 100
maxPods: 500
serializeImagePulls: false
registryPullQPS: 0
kubeAPIQPS: 500
kubeAPIBurst: 1000
syncFrequency: 10s
YAML
    start kubelet kubelet --config="$state/kubelet/config.yaml" --kubeconfig="$KUBECONFIG" --root-dir="$state/kubelet" \
        --hostname-override=$node --node-ip=$node_address
}

start_proxy() {
    # Sizes of the connection table belong to the machine.
    start proxy kube-proxy --kubeconfig="$KUBECONFIG" --proxy-mode=iptables --cluster-cidr=$pods --hostname-override=$node --conntrack-max-per-core=0
}

start_dns() {
    cat >"$state/Corefile" <<TEXT
. {
    bind $node_address
    errors
    cache 5
    kubernetes cluster.local in-addr.arpa {
        kubeconfig $KUBECONFIG harness
    }
}
TEXT
    start dns coredns -conf "$state/Corefile"
    kubectl apply -f - >/dev/null <<YAML
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec:
  clusterIP: $dns_address
  ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kube-dns, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
addressType: IPv4
ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
endpoints: [{addresses: ["$node_address"], conditions: {ready: true}}]
YAML
}

node_is_ready() {
    kubectl wait --for=condition=Ready --timeout=1s node/$node
}
