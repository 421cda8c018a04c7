#!/usr/bin/env bash
# parts: networking serving serving_tests
# The commands of docs/activator.md, there and back, under load: no request is lost.
. "$(dirname "$0")/../lib/suite.sh"
. "$harness/lib/services.sh"
. "$harness/lib/activators.sh"

no_request_is_lost_on_the_way_there_and_back() {
    local load
    answered_200 hey -z 100s -c 10 -q 10 -disable-keepalive -host hello.default.example.com "$(gateway_url)/" &
    load=$!
    sleep 5
    there
    sleep 15
    back
    wait $load
}

once install_serving
once install_gateway
serving_images helloworld
service hello helloworld
services_are_ready
run_steps no_request_is_lost_on_the_way_there_and_back
