package main

import "fmt"

func ingresses(namespace string) string {
	return "/apis/networking.internal.knative.dev/v1alpha1/namespaces/" + namespace + "/ingresses"
}

func core(namespace string) string {
	return "/api/v1/namespaces/" + namespace
}

func endpointSlices(namespace string) string {
	return "/apis/discovery.k8s.io/v1/namespaces/" + namespace + "/endpointslices"
}

func appName(i int) string {
	return fmt.Sprintf("app-%d", i)
}

func host(s settings, i int) string {
	return fmt.Sprintf("%s.%s.example.com", appName(i), s.namespace)
}

// revision is what the backend shows of a request's headers, and so tells which version routed it.
func revision(i, version int) string {
	return fmt.Sprintf("%s%d.", anyRevision(i), version)
}

// anyRevision is what all revisions of a KIngress begin with.
func anyRevision(i int) string {
	return fmt.Sprintf("app-%d-version-", i)
}

func kingress(s settings, i, version int) object {
	splits := []object{{
		"serviceNamespace": s.namespace, "serviceName": appName(i), "servicePort": 80, "percent": 100,
		"appendHeaders": object{"Knative-Serving-Revision": revision(i, version), "Knative-Serving-Namespace": s.namespace},
	}}
	rule := func(visibility string, hosts ...string) object {
		return object{"hosts": hosts, "visibility": visibility, "http": object{"paths": []object{{"splits": splits}}}}
	}
	short := appName(i) + "." + s.namespace
	return object{
		"apiVersion": "networking.internal.knative.dev/v1alpha1", "kind": "Ingress",
		"metadata": object{"name": appName(i), "namespace": s.namespace, "annotations": object{"networking.knative.dev/ingress.class": s.class}},
		"spec": object{"httpOption": "Enabled", "rules": []object{
			rule("ExternalIP", host(s, i)),
			rule("ClusterLocal", short, short+".svc", short+".svc.cluster.local"),
		}},
	}
}

// service has no selector, and asks kube-proxy to leave it alone: the gateway does not go through it.
func service(i int) object {
	return object{
		"metadata": object{"name": appName(i), "labels": object{"service.kubernetes.io/service-proxy-name": "none"}},
		"spec":     object{"ports": []object{{"name": "http", "port": 80, "targetPort": 8080}}},
	}
}

func endpointSlice(i int, address string) object {
	return object{
		"metadata": object{"name": appName(i), "labels": object{
			"kubernetes.io/service-name": appName(i), "service.kubernetes.io/service-proxy-name": "none"}},
		"addressType": "IPv4",
		"ports":       []object{{"name": "http", "port": 8080, "protocol": "TCP"}},
		"endpoints":   []object{{"addresses": []string{address}, "conditions": object{"ready": true}}},
	}
}

func backendPod(image string) object {
	return object{
		"metadata": object{"name": "backend"},
		"spec": object{"containers": []object{{
			"name": "backend", "image": image, "env": []object{{"name": "PORT", "value": "8080"}},
			"readinessProbe": object{"httpGet": object{"path": "/healthz", "port": 8080}, "periodSeconds": 1},
		}}},
	}
}
