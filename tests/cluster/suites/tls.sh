#!/usr/bin/env bash
# parts: networking
# Knative's ingress conformance suite again, with system-internal-tls: backends serve TLS, and clients in the cluster
# use the gateway's internal HTTPS listener.
. "$(dirname "$0")/../lib/suite.sh"
. "$harness/lib/tls.sh"

once install_networking_images
once install_gateway
kubectl get namespace serving-tests >/dev/null 2>&1 || kubectl create namespace serving-tests >/dev/null
# What comes after is without.
trap 'internal_tls_off serving-tests' EXIT
internal_tls_on serving-tests
UPSTREAM_TLS_CERT=serving-certs UPSTREAM_CA_CERT=serving-certs SERVER_NAME=$server_name bash "$harness/suites/conformance.sh"
