#!/usr/bin/env bash
# parts: networking serving serving_tests
# Serving's own tests with the activator inside the gateway, and Serving's own scaled to zero.
. "$(dirname "$0")/../lib/suite.sh"
. "$(dirname "$0")/../lib/serving_tests.sh"

install_gateway_as_activator
once install_serving_tests
run_serving_tests
