// Package contract holds net-pingora against Knative's own programs.
//
// Its tests tell again what Knative's ingress conformance suite asks, under the same names, with
// Knative's own test images as backends and Knative's own Go types for the objects. They are not
// that suite: the suite needs a Kubernetes API, while here the built binary serves a directory and
// the images run as processes on loopback. An object counts as ready when a probe brings the hash
// that Knative's code computes for it, as Knative's own prober has it.
//
// To run them: ./dev fast
package contract
