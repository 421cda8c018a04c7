#!/usr/bin/env bash
# parts: networking serving serving_tests
# Serving's own tests, with Serving's activator.
. "$(dirname "$0")/../lib/suite.sh"
. "$(dirname "$0")/../lib/serving_tests.sh"

once install_gateway
once install_serving
once install_serving_tests
run_serving_tests
