//go:build tools

// Package tests names the test packages that the harness compiles.
package tests

import (
	_ "knative.dev/networking/test/conformance/ingress"
	_ "knative.dev/serving/test/conformance/api/v1"
	_ "knative.dev/serving/test/e2e"
	_ "knative.dev/serving/test/e2e/domainmapping"
	_ "knative.dev/serving/test/e2e/tagheader"
)
