# Those of Serving's own tests that lean on the gateway; source it after suite.sh. ONLY=REGEX runs a part of its package
# e2e, as -test.run.

e2e='TestHello.*|TestGRPC.*|TestWebSocket.*|TestSubroute.*|TestServiceToService.*|TestSvcToSvcViaActivator|TestTargetBurst.*'
e2e+='|TestActivator.*|TestAutoscaleUpDownUp|TestFastScaleToZero|TestDestroyPod.*|TestRouteVisibilityChanges|TestRoutesNotReady'
e2e+='|TestGradualRollout'
api='TestRoute.*|TestBlueGreenRoute|TestServiceWithTrafficSplit|TestSingleConcurrency|TestRevisionTimeout'

install_serving_tests() {
    import_images $images/serving-tests $tag "$(part serving_tests)"/images/*
    apply "$(part serving_tests)/test/cluster-resources.yaml"
    set_config config-features tag-header-based-routing=enabled
}

# serving_tests BINARY REGEX [FLAGS]
serving_tests() {
    # The flag -ingress-class decides about nothing but skips.
    run_tests "$(part serving_tests)/$1" -test.short -test.timeout=20m -test.parallel=4 -test.run="^($2)\$" "${@:3}" \
        -ingressendpoint=$node_address -ingress-class=not-kourier -dockerrepo=$images/serving-tests -tag=$tag \
        -enable-beta -enable-alpha -disable-logstream
}

export GATEWAY_OVERRIDE=net-pingora GATEWAY_NAMESPACE_OVERRIDE=knative-serving SYSTEM_NAMESPACE=knative-serving

run_serving_tests() {
    local failed=0 binary test
    serving_tests e2e.test "${ONLY:-$e2e}" || failed=1
    if [ -z "${ONLY:-}" ]; then
        serving_tests tagheader.test '.*' || failed=1
        serving_tests domainmapping.test '.*' || failed=1
        serving_tests v1.test "$api" || failed=1
    fi

    for binary in e2e tagheader domainmapping v1; do
        [ -f "$state/log/$binary.test.log" ] || continue
        for test in $(skipped $binary.test); do
            # Serving itself decides against this one.
            [ "$test" = TestHelloHTTP2WithEmptyPortName ] || { echo "skipped: $test" && failed=1; }
        done
    done
    return $failed
}
