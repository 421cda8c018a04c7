#!/usr/bin/env bash
# shell.sh [-c COMMAND]: a shell on the cluster, with the functions of the harness.
harness=$(cd "$(dirname "$0")/.." && pwd)
if [ "${1:-}" = -c ]; then
    . "$harness/lib/suite.sh"
    eval "$2"
else
    exec bash --rcfile <(echo ". $harness/lib/suite.sh; set +eu")
fi
