#!/usr/bin/env bash
# parts: networking
# Knative's ingress conformance suite, complete. ONLY=REGEX runs a part of it, as -test.run.
. "$(dirname "$0")/../lib/suite.sh"

once install_networking_images
once install_gateway
kubectl get namespace serving-tests >/dev/null 2>&1 || kubectl create namespace serving-tests >/dev/null

export GATEWAY_OVERRIDE=net-pingora GATEWAY_NAMESPACE_OVERRIDE=knative-serving
run_tests "$(part networking)/ingress.test" -test.timeout=15m -test.parallel=8 -test.run "${ONLY:-.}" -enable-beta -enable-alpha \
    -ingressendpoint=$node_address -ingressClass=$ingress_class -cluster-suffix=cluster.local -dockerrepo=$images/networking -tag=$tag

[ -z "${ONLY:-}" ] || exit 0
passed=$(grep --count '^    --- PASS: TestIngressConformance/' "$state/log/ingress.test.log")
[ "$passed" = 25 ] || fail "$passed tests of the conformance suite passed, of 25"
