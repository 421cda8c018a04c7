#!/usr/bin/env bash
# suites.sh SUITE...: runs them one after the other on the cluster that is up.
. "$(dirname "$0")/suite.sh"

passed=0 failed=0
for suite in "$@"; do
    started=$SECONDS
    say "suite $suite, $REPLICAS replica(s)"
    if bash "$harness/suites/$suite.sh"; then
        passed=$((passed + 1)) outcome=passed
    else
        failed=$((failed + 1)) outcome=failed
        show_gateway
    fi
    echo "suite $suite $outcome in $((SECONDS - started)) s"
done
[ -z "${LOGS:-}" ] || { mkdir -p "$LOGS" && cp --recursive "$state/log/." "$LOGS/"; }
echo "$passed passed, $failed failed; $SECONDS s"
[ $failed = 0 ]
