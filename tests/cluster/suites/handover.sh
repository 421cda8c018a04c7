#!/usr/bin/env bash
# parts: networking serving serving_tests
# Serving's controllers removed and brought back under load: no request fails, Routes are served all the while.
. "$(dirname "$0")/../lib/suite.sh"
. "$harness/lib/services.sh"

# Serving's Deployments, but for those that are ours.
deployments=(controller webhook autoscaler activator)
# Longer than Serving's controllers may be silent without counting as gone.
silence=240

# ask HOST [CURL...]: the answer's text, or the status
ask() {
    curl --silent --max-time 5 --header "Host: $1" --write-out ' %{http_code}' "$url/" "${@:2}"
}

# route NAME REVISION: a Route of no ksvc
route() {
    kubectl apply --filename - >/dev/null <<YAML
apiVersion: serving.knative.dev/v1
kind: Route
metadata: {name: $1, namespace: default}
spec: {traffic: [{revisionName: $2, percent: 100}]}
YAML
}

# A KIngress written by hand: a domain that leads to a ksvc by its placeholder Service.
portal() {
    kubectl apply --filename - >/dev/null <<YAML
apiVersion: networking.internal.knative.dev/v1alpha1
kind: Ingress
metadata:
  name: portal
  namespace: default
  annotations: {networking.knative.dev/ingress.class: $ingress_class}
spec:
  rules:
  - hosts: [portal.example.org]
    visibility: ExternalIP
    http:
      paths:
      - rewriteHost: hello.default.svc.cluster.local
        splits: [{serviceNamespace: default, serviceName: hello, servicePort: 80, percent: 100}]
YAML
}

# gateway_says TEXT: since the services answered
gateway_says() {
    kubectl --namespace knative-serving logs --selector app.kubernetes.io/name=net-pingora --tail=-1 --since-time="$began" | grep --quiet "$1"
}

# route_is NAME PATH VALUE
route_is() {
    [ "$(kubectl get "route/$1" --output jsonpath="{$2}")" = "$3" ]
}

# answers HOST TEXT
answers() {
    [[ "$(ask "$1")" == "$2"* ]]
}

services_answer() {
    service hello helloworld autoscaling.knative.dev/min-scale=1
    service shop runtime autoscaling.knative.dev/min-scale=1
    services_are_ready
    route own hello-00001
    portal
    kubectl wait --for=condition=Ready --timeout=60s route/own >/dev/null
    answers hello.default.example.com "Hello World" || fail "hello: saw '$(ask hello.default.example.com)'"
    answers own.default.example.com "Hello World" || fail "own: saw '$(ask own.default.example.com)'"
    wait_for 10 "the portal" answers portal.example.org "Hello World"
}

serving_goes() {
    local deployment
    kubectl delete mutatingwebhookconfigurations,validatingwebhookconfigurations --selector app.kubernetes.io/name=knative-serving >/dev/null
    for deployment in "${deployments[@]}"; do
        kubectl --namespace knative-serving scale "deployment/$deployment" --replicas=0 >/dev/null
    done
    wait_for 120 "Serving's pods to go" eval '[ -z "$(kubectl --namespace knative-serving get pods --selector "app in (controller,webhook,autoscaler,activator)" --output name)" ]'
    wait_for $silence "the gateway to serve Routes" gateway_says "Routes are served without"
    sleep 2
}

routes_change_without_serving() {
    route own shop-00001
    wait_for 5 "Route own to lead elsewhere" eval 'ask own.default.example.com | grep --quiet envs'
    route fresh hello-00001
    wait_for 5 "a new Route to answer" answers fresh.default.example.com "Hello World"
    wait_for 10 "the status of a new Route" route_is fresh '.status.conditions[?(@.type=="Ready")].status' True
    expect "url" http://fresh.default.example.com "$(kubectl get route/fresh --output jsonpath='{.status.url}')"
    expect "a Route of a ksvc" True "$(kubectl get route/hello --output jsonpath='{.status.conditions[?(@.type=="Ready")].status}')"
}

serving_returns() {
    local deployment core
    core=$(part serving)/serving/core
    apply "$core"/webhooks/*.yaml
    for deployment in "${deployments[@]}"; do
        kubectl --namespace knative-serving scale "deployment/$deployment" --replicas=1 >/dev/null
    done
    for deployment in "${deployments[@]}"; do
        kubectl --namespace knative-serving rollout status --timeout=120s "deployment/$deployment" >/dev/null
    done
    wait_for 60 "the gateway to leave Routes to Serving" gateway_says "Routes are left to them"
    wait_for 60 "Serving to make a KIngress of a Route of meanwhile" test_output kubectl get king/fresh --output name
    wait_for 60 "Serving to look at Route own" eval 'kubectl get king/own --output json | grep --quiet shop-00001'
    services_are_ready
    expect "own" 200 "$(ask own.default.example.com | tail --bytes=3)"
    answers fresh.default.example.com "Hello World" || fail "fresh: saw '$(ask fresh.default.example.com)'"
}

# Hosts with load from before the first step to after the last: a ksvc, a Route of our own, a custom domain.
hosts=(hello.default.example.com own.default.example.com portal.example.org)

no_request_failed() {
    touch "$state/tmp/stop"
    local host
    for host in "${hosts[@]}"; do
        wait_for 30 "the load to end" test -s "$state/tmp/load-$host.count"
        echo "$host: $(cat "$state/tmp/load-$host.count")"
        expect "failed requests at $host" 0 "$(awk '{ print $2 }' "$state/tmp/load-$host.count")"
    done
}

# load HOST: one request after the other over new connections until the file stop is there; counts those of other
# statuses than 200
load() {
    local all=0 failed=0 status
    until [ -e "$state/tmp/stop" ]; do
        status=$(curl --silent --max-time 30 --output /dev/null --header "Host: $1" --write-out '%{http_code}' "$url/") || true
        all=$((all + 1))
        if [ "$status" != 200 ]; then
            failed=$((failed + 1))
            echo "$(date +%T) $1 $status" >>"$state/log/load.log"
        fi
    done
    echo "$all $failed" >"$state/tmp/load-$1.count"
}

begin_load() {
    rm -f "$state"/tmp/stop
    local host
    for host in "${hosts[@]}"; do
        load "$host" &
    done
    sleep 2
}

once install_gateway
once install_serving
serving_images helloworld runtime
url=$(gateway_url)
run_steps services_answer
began=$(date --utc +%FT%TZ)
begin_load
run_steps serving_goes routes_change_without_serving serving_returns no_request_failed
