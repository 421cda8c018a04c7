#!/usr/bin/env bash
# parts: networking serving metallb
# Routes, domains and tags with Serving's kinds and none of its controllers, asked from outside through MetalLB.
. "$(dirname "$0")/../lib/suite.sh"

# revision NAME CONFIGURATION GENERATION [ANSWER]: pods, their Service, and the object that nobody looks at
revision() {
    kubectl apply --filename - >/dev/null <<YAML
apiVersion: apps/v1
kind: Deployment
metadata: {name: $1-deployment, namespace: default}
spec:
  selector: {matchLabels: {app: $1}}
  template:
    metadata: {labels: {app: $1}}
    spec:
      containers:
      - name: user-container
        image: $images/networking/runtime:$tag
        env: [{name: K_REVISION, value: $1}, {name: PORT, value: "8080"}]
        ports: [{name: http1, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: $1, namespace: default}
spec:
  selector: {app: $1}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: serving.knative.dev/v1
kind: Revision
metadata:
  name: $1
  namespace: default
  labels: {serving.knative.dev/configuration: $2, serving.knative.dev/configurationGeneration: "$3"}
spec: {containers: [{image: "$images/networking/runtime:$tag"}]}
YAML
}

# ask HOST [CURL...]: the revision that answers a client outside, or the status
ask() {
    local status
    status=$(outside curl --silent --max-time 5 --resolve "$1:80:$address" --output "$state/tmp/answer" --write-out '%{http_code}' \
        "http://$1${path:-/}" "${@:2}") || true
    [ "$status" = 200 ] && jq --raw-output .host.envs.K_REVISION "$state/tmp/answer" || echo "$status"
}

# shares COUNT HOST: how many answers each revision gave
shares() {
    for _ in $(seq "$1"); do ask "$2"; done | sort | uniq --count | awk '{ print $2 "=" $1 }' | paste --serial --delimiters=' '
}

# ready KIND NAME
ready() {
    kubectl get "$1/$2" --output jsonpath='{.status.conditions[?(@.type=="Ready")].status}'
}

is_ready() {
    [ "$(ready "$@")" = True ]
}

# domains DATA: the whole of config-domain
domains() {
    kubectl --namespace knative-serving patch configmap/config-domain --type json \
        --patch "[{\"op\": \"replace\", \"path\": \"/data\", \"value\": $1}]" >/dev/null
}

a_route_splits() {
    revision hello-00001 hello 1
    revision hello-00002 hello 2
    kubectl wait --for=condition=Available --timeout=60s deployment --all >/dev/null
    kubectl apply --filename - >/dev/null <<YAML
apiVersion: serving.knative.dev/v1
kind: Route
metadata: {name: hello, namespace: default}
spec:
  traffic:
  - {revisionName: hello-00001, percent: 50}
  - {configurationName: hello, percent: 50, tag: canary}
  - {revisionName: hello-00001, percent: 0, tag: stable}
YAML
    wait_for 10 "Route hello to be Ready" is_ready route hello
    local seen
    seen=$(shares 60 hello.default.example.com)
    [[ $seen =~ ^hello-00001=[0-9]+\ hello-00002=[0-9]+$ ]] || fail "both revisions answer: saw '$seen'"
    expect "tag canary" hello-00002 "$(ask canary-hello.default.example.com)"
    expect "tag stable" hello-00001 "$(ask stable-hello.default.example.com)"
}

kubectl_shows_it() {
    kubectl get route hello
    expect "url" http://hello.default.example.com "$(kubectl get route/hello --output jsonpath='{.status.url}')"
    expect "address" http://hello.default.svc.cluster.local "$(kubectl get route/hello --output jsonpath='{.status.address.url}')"
    expect "traffic" 'hello-00001 50 false null null
hello-00002 50 true canary http://canary-hello.default.example.com
hello-00001 0 false stable http://stable-hello.default.example.com' \
        "$(kubectl get route/hello --output json | jq --raw-output '.status.traffic[] | "\(.revisionName) \(.percent) \(.latestRevision) \(.tag) \(.url)"')"
    expect "conditions" 'AllTrafficAssigned=True CertificateProvisioned=True IngressReady=True Ready=True' \
        "$(kubectl get route/hello --output json | jq --raw-output '[.status.conditions[] | "\(.type)=\(.status)"] | join(" ")')"
    expect "observedGeneration" "$(kubectl get route/hello --output jsonpath='{.metadata.generation}')" \
        "$(kubectl get route/hello --output jsonpath='{.status.observedGeneration}')"
}

a_header_chooses_a_tag() {
    set_config config-features tag-header-based-routing=Enabled
    sleep 1
    expect "by header" hello-00002 "$(ask hello.default.example.com --header 'Knative-Serving-Tag: canary')"
    expect "by header" hello-00001 "$(ask hello.default.example.com --header 'Knative-Serving-Tag: stable')"
}

the_newest_revision_takes_over_once_a_pod_is_ready() {
    revision hello-00003 hello 3
    kubectl wait --for=condition=Available --timeout=60s deployment/hello-00003-deployment >/dev/null
    wait_for 5 "hello-00003 to answer" eval '[ "$(ask canary-hello.default.example.com)" = hello-00003 ]'
    wait_for 5 "status to tell" eval 'kubectl get route/hello --output jsonpath="{.status.traffic}" | grep --quiet hello-00003'
}

a_cluster_local_route_is_not_seen_outside() {
    kubectl apply --filename - >/dev/null <<YAML
apiVersion: serving.knative.dev/v1
kind: Route
metadata: {name: inner, namespace: default, labels: {networking.knative.dev/visibility: cluster-local}}
spec: {traffic: [{revisionName: hello-00001, percent: 100}]}
YAML
    wait_for 10 "Route inner to be Ready" is_ready route inner
    expect "url" http://inner.default.svc.cluster.local "$(kubectl get route/inner --output jsonpath='{.status.url}')"
    expect "outside" 404 "$(ask inner.default.svc.cluster.local)"
    local internal
    internal=$(kubectl --namespace knative-serving get service/net-pingora-internal --output jsonpath='{.spec.clusterIP}')
    expect "inside" hello-00001 "$(curl --silent --max-time 5 --header 'Host: inner.default.svc.cluster.local' "http://$internal/" | jq --raw-output .host.envs.K_REVISION)"
}

a_domain_mapping_answers() {
    kubectl apply --filename - >/dev/null <<YAML
apiVersion: networking.internal.knative.dev/v1alpha1
kind: ClusterDomainClaim
metadata: {name: www.shop.org}
spec: {namespace: default}
---
apiVersion: serving.knative.dev/v1beta1
kind: DomainMapping
metadata: {name: www.shop.org, namespace: default}
spec: {ref: {apiVersion: serving.knative.dev/v1, kind: Route, name: inner}}
YAML
    wait_for 10 "the DomainMapping to be Ready" is_ready domainmapping www.shop.org
    expect "custom domain" hello-00001 "$(ask www.shop.org)"
    expect "url" http://www.shop.org "$(kubectl get domainmapping/www.shop.org --output jsonpath='{.status.url}')"
}

paths_of_one_domain_go_to_different_routes() {
    kubectl apply --filename - >/dev/null <<YAML
apiVersion: serving.knative.dev/v1
kind: Route
metadata: {name: search, namespace: default}
spec: {traffic: [{revisionName: hello-00002, percent: 100}]}
---
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
      - path: /search
        rewriteHost: search.default.svc.cluster.local
        splits: [{serviceNamespace: default, serviceName: search, servicePort: 80, percent: 100}]
      - path: /login
        rewriteHost: inner.default.svc.cluster.local
        splits: [{serviceNamespace: default, serviceName: inner, servicePort: 80, percent: 100}]
YAML
    wait_for 10 "Route search to be Ready" is_ready route search
    wait_for 10 "the KIngress to be Ready" is_ready king portal
    path=/search expect_path /search hello-00002
    path=/login expect_path /login hello-00001
    path=/other expect_path /other 404
}

# expect_path PATH ANSWER
expect_path() {
    expect "$1" "$2" "$(path=$1 ask portal.example.org)"
}

hosts_follow_the_domain() {
    local domain began
    for domain in "$address.nip.io" 10.1.2.3.nip.io; do
        domains "{\"$domain\": \"\"}"
        began=$(date +%s%N)
        wait_for 5 "hosts under $domain" eval "[[ \$(ask hello.default.$domain) == hello-* ]]"
        echo "hosts under $domain answer after $((($(date +%s%N) - began) / 1000000)) ms"
        expect "the old host" 404 "$(ask hello.default.example.com)"
    done
    domains '{"example.com": ""}'
    wait_for 5 "hosts under example.com" eval '[ "$(ask search.default.example.com)" = hello-00002 ]'
}

# by_name URL: fetched by a client outside whose only name server is the gateway
by_name() {
    echo "nameserver $address" >"$state/tmp/resolv.conf"
    outside bash -c "mount --bind $state/tmp/resolv.conf /etc/resolv.conf && exec curl --silent --max-time 5 $1" | jq --raw-output .host.envs.K_REVISION
}

# query NAME [DIG...]: what the gateway answers a client outside
query() {
    outside dig "@$address" +short +tries=1 +time=2 "$@" | paste --serial --delimiters=' '
}

# in_the_cluster HOST: the revision that answers whoever asks the cluster's DNS for a host
in_the_cluster() {
    local found
    found=$(dig +short +tries=1 +time=2 "@$dns_address" "$1" | tail --lines=1)
    curl --silent --max-time 5 --resolve "$1:80:$found" "http://$1/" | jq --raw-output .host.envs.K_REVISION
}

pods_reach_a_route_by_its_name() {
    kubectl apply --kustomize "$repository/deploy/standalone" >/dev/null
    set_config config-network autocreate-cluster-domain-claims=true
    kubectl --namespace knative-serving rollout status --timeout=60s deployment/net-pingora >/dev/null
    wait_for 10 "the placeholder Service" test_output kubectl get service/inner --output name
    expect "where it leads" net-pingora-internal.knative-serving.svc.cluster.local "$(kubectl get service/inner --output jsonpath='{.spec.externalName}')"
    expect "its owner" Route/inner "$(kubectl get service/inner --output jsonpath='{.metadata.ownerReferences[0].kind}/{.metadata.ownerReferences[0].name}')"
    wait_for 10 "an answer by the cluster's DNS" eval '[ "$(in_the_cluster inner.default.svc.cluster.local)" = hello-00001 ]'
    wait_for 10 "those of tags" test_output kubectl get service/canary-hello service/stable-hello --output name
    kubectl apply --filename - >/dev/null <<YAML
apiVersion: serving.knative.dev/v1beta1
kind: DomainMapping
metadata: {name: auto.shop.org, namespace: default}
spec: {ref: {apiVersion: serving.knative.dev/v1, kind: Route, name: inner}}
YAML
    wait_for 10 "the claim" test_output kubectl get clusterdomainclaim/auto.shop.org --output name
    wait_for 10 "the DomainMapping to be Ready" is_ready domainmapping auto.shop.org
    expect "custom domain" hello-00001 "$(ask auto.shop.org)"
    kubectl delete route/inner domainmapping/auto.shop.org >/dev/null
    wait_for 20 "the placeholder Service to go with its Route" eval '! kubectl get service/inner'
}

names_are_answered_by_the_gateway() {
    local dashes=${address//./-} hex name
    # Four numbers are four words.
    hex=$(printf '%02x' ${address//./ })
    domains "{\"$address.nip.io\": \"\", \"apps.example.com\": \"selector: {app: shop}\"}"
    wait_for 5 "the URL by name" eval "[[ \$(by_name http://hello.default.$address.nip.io/) == hello-* ]]"
    for name in "a.$address.nip.io" "a.$dashes.nip.io" "a-$dashes.sslip.io" "a.$hex.sslip.io" x.apps.example.com www.shop.org; do
        expect "$name" "$address" "$(query "$name")"
        expect "$name by TCP" "$address" "$(query "$name" +tcp)"
    done
    expect "an address that is not ours" "" "$(query a.10.9.9.9.nip.io)"
    expect "a name that is not ours" "" "$(query www.example.net)"
    expect "recursion" 0 "$(outside dig "@$address" "a.$dashes.nip.io" | grep --count 'flags:.* ra')"
    domains '{"example.com": ""}'
    wait_for 5 "hosts under example.com" eval '[ "$(ask search.default.example.com)" = hello-00002 ]'
}

what_is_wrong_is_told_and_the_last_good_stays() {
    kubectl patch route/search --type merge --patch '{"spec": {"traffic": [{"revisionName": "nil", "percent": 100}]}}' >/dev/null
    wait_for 5 "the condition" eval '[ "$(ready route search)" = False ]'
    kubectl get route search
    expect "reason" RevisionMissing "$(kubectl get route/search --output jsonpath='{.status.conditions[?(@.type=="AllTrafficAssigned")].reason}')"
    expect "answer" hello-00002 "$(ask search.default.example.com)"
    kubectl patch route/search --type merge --patch '{"spec": {"traffic": [{"revisionName": "hello-00003", "percent": 50}]}}' >/dev/null
    wait_for 5 "the condition" eval '[ "$(kubectl get route/search --output jsonpath="{.status.conditions[0].reason}")" = InvalidTraffic ]'
    expect "answer" hello-00002 "$(ask search.default.example.com)"
    kubectl patch route/search --type merge --patch '{"spec": {"traffic": [{"revisionName": "hello-00003", "percent": 100}]}}' >/dev/null
    wait_for 5 "Route search to be Ready again" is_ready route search
    expect "answer" hello-00003 "$(ask search.default.example.com)"
}

once install_metallb
once install_serving_kinds
once install_networking_images
install_gateway dns
wait_for 30 "the gateway's address" test_output gateway_address
address=$(gateway_address)
run_steps a_route_splits kubectl_shows_it a_header_chooses_a_tag the_newest_revision_takes_over_once_a_pod_is_ready \
    a_cluster_local_route_is_not_seen_outside a_domain_mapping_answers paths_of_one_domain_go_to_different_routes \
    hosts_follow_the_domain names_are_answered_by_the_gateway what_is_wrong_is_told_and_the_last_good_stays \
    pods_reach_a_route_by_its_name
