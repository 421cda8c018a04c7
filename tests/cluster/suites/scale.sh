#!/usr/bin/env bash
# parts: networking
# Many KIngresses, 1,000 unless KINGRESSES says how many: readiness, changes, memory and a restart against what is promised.
. "$(dirname "$0")/../lib/suite.sh"

kingresses=${KINGRESSES:-1000}
bounds=()
case $kingresses in
    1000) bounds=(-max-ready 5s -max-effect-p50 20ms -max-effect-p90 40ms -max-ready-p90 100ms) ;;
    5000) bounds=(-max-ready 30s -max-memory 60 -max-peak 120 -restart -max-restart 5s) ;;
    # Half as much again as with 1,000.
    10000) bounds=(-max-effect-p50 30ms -max-effect-p90 60ms -max-ready-p90 150ms -restart) ;;
esac

once install_networking_images
once install_gateway
scale -kingresses "$kingresses" "${bounds[@]}"
