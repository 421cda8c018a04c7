#!/usr/bin/env bash
# parts: networking
# The API server gone for 2 minutes, under load.
. "$(dirname "$0")/../lib/suite.sh"

disturbance() {
    sleep 5
    say "the API server is stopped"
    stop apiserver
    sleep 120
    start_apiserver
    say "the API server is back"
}

once install_networking_images
once install_gateway
disturb disturbance -max-effect 2s -max-ready 15s
