# Namespaces that nothing of the cluster outlives; source it after settings.sh.

# in_namespaces COMMAND...: brings the cluster up and runs COMMAND in it
in_namespaces() {
    export CGROUP=/net-pingora-cluster-$$
    make_cgroups
    # Whatever ends this process ends the next, which ends all others.
    setpriv --pdeathsig KILL unshare --mount --net --pid --fork --kill-child --mount-proc \
        bash "$harness/lib/inside.sh" "$@" <&0 &
    local cluster=$! status=0
    setsid bash -c '. "$1/lib/settings.sh"; . "$1/lib/namespaces.sh"; sweep_after "$2"' sweep "$harness" $cluster </dev/null >/dev/null 2>&1 &
    local sweep=$!
    say "to look in from elsewhere: nsenter --target \$(pgrep --parent $cluster) --mount --net --pid tests/cluster/lib/shell.sh"
    wait $cluster || status=$?
    wait $sweep || true
    return $status
}

# The kubelet's cgroups go below one of ours, in every hierarchy.
make_cgroups() {
    local root
    for root in $(cgroup_roots); do
        mkdir "$root$CGROUP"
    done
    [ ! -f /sys/fs/cgroup/cgroup.subtree_control ] ||
        echo "+cpuset +cpu +memory +pids +hugetlb" >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || true
}

# Version 2 has one hierarchy, version 1 one for each controller.
cgroup_roots() {
    if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
        echo /sys/fs/cgroup
    else
        find /sys/fs/cgroup -mindepth 1 -maxdepth 1 -type d
    fi
}

# sweep_after PID: once it is gone, removes the cgroups, all that a cluster leaves; in a process of its own, so
# that it comes to that even when this one is killed
sweep_after() {
    tail --pid="$1" --follow /dev/null
    local root _
    for _ in $(seq 50); do
        for root in $(cgroup_roots); do
            find "$root" -mindepth 1 -depth -type d -path "$root$CGROUP*" -exec rmdir {} + || true
        done
        compgen -G "/sys/fs/cgroup$CGROUP" || compgen -G "/sys/fs/cgroup/*$CGROUP" || return 0
        sleep 0.2
    done
}
