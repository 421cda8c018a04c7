# What the harness needs of the machine; source it after settings.sh.

# program=package, for Debian
requirements=(
    conntrack=conntrack
    containerd=containerd
    ctr=containerd
    curl=curl
    dig=bind9-dnsutils
    etcd=etcd-server
    hey=hey
    ip=iproute2
    iptables=iptables
    jq=jq
    mount=mount
    openssl=openssl
    pgrep=procps
    runc=runc
    /usr/lib/cni/bridge=containernetworking-plugins
    unshare=util-linux
)

need_machine() {
    [ "$(id -u)" = 0 ] || fail "run this as root: it makes namespaces and starts containers"
    command -v go >/dev/null || fail "Go is missing; install 1.26 or newer from https://go.dev/dl"
    [ -n "${IMAGE:-}" ] || command -v cargo >/dev/null || fail "Rust is missing; install it from https://rustup.rs"
    local missing
    missing=$(missing_packages)
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null || fail "missing, as Debian names them: $missing"
    say "installing $missing"
    apt-get update --quiet=2
    # shellcheck disable=SC2086
    install $missing
}

# install PACKAGE...: without starting the services in them, for the harness starts its own
install() (
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        trap 'rm -f $policy' EXIT
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends "$@" >/dev/null
)

# lacking: what this machine has not and cannot install, on one line; nothing when a cluster can be had
lacking() {
    local all=()
    [ "$(id -u)" = 0 ] || all+=("root")
    unshare --mount --net --pid --fork true 2>/dev/null || all+=("the right to make namespaces")
    local root
    root=$(cgroup_roots | head -n 1)
    if [ -n "$root" ] && mkdir "$root/net-pingora-probe" 2>/dev/null; then
        rmdir "$root/net-pingora-probe"
    else
        all+=("control groups that can be written")
    fi
    [ -z "$(missing_packages)" ] || command -v apt-get >/dev/null || all+=("apt-get, for $(missing_packages)")
    local IFS=,
    echo "${all[*]}"
}

missing_packages() {
    local requirement missing=()
    for requirement in "${requirements[@]}"; do
        command -v "${requirement%%=*}" >/dev/null || missing+=("${requirement#*=}")
    done
    [ ${#missing[@]} = 0 ] || printf '%s\n' "${missing[@]}" | sort --unique | paste --serial --delimiters=' '
}
