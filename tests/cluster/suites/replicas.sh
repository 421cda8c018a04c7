#!/usr/bin/env bash
# parts: networking
# A replica killed, one added and the leader killed, under load and while routes change.
. "$(dirname "$0")/../lib/suite.sh"

replicas=$REPLICAS

follower() {
    kubectl --namespace knative-serving get pods --selector app.kubernetes.io/name=net-pingora --output name |
        sed 's#.*/##' | grep --invert-match --line-regexp "$(leader)" | head -n 1
}

# kill_process POD: that of the gateway in it, at once; its requests do not count from here on
kill_process() {
    echo "killed $(kubectl --namespace knative-serving get "pod/$1" --output jsonpath='{.status.podIP}')"
    sleep 0.2
    processes net-pingora "POD_NAME=$1" | xargs kill -KILL
}

scale_to() {
    REPLICAS=$1
    kubectl --namespace knative-serving scale deployment/net-pingora --replicas="$REPLICAS" >/dev/null
    wait_for 60 "$REPLICAS ready replicas of the gateway" gateway_is_ready
}

milliseconds() {
    date +%s%3N
}

another_leads() {
    case $(leader) in '' | "$1") return 1 ;; esac
}

# The kubelet starts the process again, in the same pod.
kill_follower() {
    kill_process "$(follower)"
    sleep 4
    wait_for 60 "the killed replica" gateway_is_ready
}

# Neither the process nor its pod comes back.
kill_leader() {
    local dead started
    dead=$(leader)
    kill_process "$dead"
    started=$(milliseconds)
    kubectl --namespace knative-serving delete "pod/$dead" --grace-period=0 --force --wait=false >/dev/null 2>&1
    wait_for 60 "a new leader" another_leads "$dead"
    echo "took $(($(milliseconds) - started))ms 12s a new leader, after the old one was killed"
    wait_for 60 "another replica for the dead leader" gateway_is_ready
}

disturbance() {
    local step
    for step in kill_follower "scale_to 4" kill_leader; do
        sleep 5
        say "$step"
        REPLICAS=$(kubectl --namespace knative-serving get deployment/net-pingora --output jsonpath='{.spec.replicas}')
        $step
    done
    sleep 5
}

once install_networking_images
once install_gateway
scale_to 3
disturb disturbance -changes 200 -every 200ms -max-effect 2s -max-ready 15s
scale_to "$replicas"
