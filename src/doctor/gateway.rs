//! Whether the gateway's pods are ready.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;

use super::finding::Finding;

/// The name of this check.
pub(super) const CHECK: &str = "gateway";
/// The name of the Deployment, of the public Service and of the Lease.
pub(super) const NAME: &str = "net-pingora";
/// What its pods have in common.
pub(super) const LABEL: &str = "app.kubernetes.io/name=net-pingora";
/// What a pod waits for when all is well.
const STARTING: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// How many replicas are ready, and how many there are to be.
pub(super) fn replicas(deployment: &Deployment) -> (i32, i32) {
    let ready = deployment.status.as_ref().and_then(|status| status.ready_replicas);
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas);
    (ready.unwrap_or_default(), wanted.unwrap_or(1))
}

/// Judges by the Deployments of the namespace; the pods tell why one is not ready.
pub(super) fn judge(deployments: &[Deployment], pods: &[Pod], namespace: &str) -> Finding {
    let Some(deployment) = deployments.iter().find(|deployment| deployment.metadata.name.as_deref() == Some(NAME))
    else {
        let found = format!("no Deployment {namespace}/{NAME}");
        return Finding::fail(CHECK, found, "kubectl apply --kustomize deploy/knative");
    };
    let (ready, wanted) = replicas(deployment);
    let count = format!("{ready} of {wanted} replicas are ready");
    if wanted == 0 {
        return Finding::fail(CHECK, count, format!("kubectl scale -n {namespace} deployment/{NAME} --replicas 1"));
    }
    if ready >= wanted {
        return Finding::ok(CHECK, count);
    }
    let trouble = pods.iter().find_map(trouble);
    let fix = match &trouble {
        Some((_, why)) if why.starts_with("ErrImage") || why.starts_with("ImagePullBackOff") => {
            "import the image on the pod's node, for K3s: k3s ctr images import net-pingora.tar".to_owned()
        }
        Some((pod, why)) if why.starts_with("CrashLoopBackOff") => {
            format!("kubectl logs -n {namespace} {pod} --previous")
        }
        Some((pod, _)) => format!("kubectl describe -n {namespace} pod/{pod}"),
        None => format!("kubectl describe pod -n {namespace} -l {LABEL}"),
    };
    let found = trouble.map_or(count.clone(), |(pod, why)| format!("{count}, pod {pod}: {why}"));
    if ready == 0 { Finding::fail(CHECK, found, fix) } else { Finding::warn(CHECK, found, fix) }
}

/// A pod and what keeps it from being ready, if it says so.
fn trouble(pod: &Pod) -> Option<(&str, &str)> {
    let (name, status) = (pod.metadata.name.as_deref()?, pod.status.as_ref()?);
    let containers = status.container_statuses.iter().flatten();
    let mut waiting = containers.filter_map(|container| container.state.as_ref()?.waiting.as_ref()?.reason.as_deref());
    let unscheduled = || {
        let mut conditions = status.conditions.iter().flatten();
        conditions
            .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")?
            .message
            .as_deref()
    };
    let why = waiting.find(|reason| !STARTING.contains(reason)).or_else(unscheduled)?;
    Some((name, why))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn deployment(ready: i32, wanted: i32) -> Deployment {
        from_value(json!({
            "metadata": { "name": NAME },
            "spec": { "replicas": wanted, "selector": {}, "template": {} },
            "status": { "readyReplicas": ready },
        }))
        .unwrap()
    }

    fn pod(status: &Value) -> Pod {
        from_value(json!({ "metadata": { "name": "p" }, "status": status })).unwrap()
    }

    fn waiting(reason: &str) -> Value {
        json!({ "containerStatuses": [{
            "name": "net-pingora", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": { "waiting": { "reason": reason } },
        }] })
    }

    #[test]
    fn a_gateway_that_is_not_ready_says_why() {
        let unscheduled =
            json!({ "conditions": [{ "type": "PodScheduled", "status": "False", "message": "no room" }] });
        for (ready, wanted, status, line) in [
            (1, 1, json!({}), "ok    gateway: 1 of 1 replicas are ready"),
            (2, 1, json!({}), "ok    gateway: 2 of 1 replicas are ready"),
            (
                2,
                3,
                json!({}),
                "warn  gateway: 2 of 3 replicas are ready; \
                 kubectl describe pod -n k -l app.kubernetes.io/name=net-pingora",
            ),
            (
                0,
                0,
                json!({}),
                "FAIL  gateway: 0 of 0 replicas are ready; kubectl scale -n k deployment/net-pingora --replicas 1",
            ),
            (
                0,
                1,
                waiting("ErrImagePull"),
                "FAIL  gateway: 0 of 1 replicas are ready, pod p: ErrImagePull; \
                 import the image on the pod's node, for K3s: k3s ctr images import net-pingora.tar",
            ),
            (
                0,
                1,
                waiting("CrashLoopBackOff"),
                "FAIL  gateway: 0 of 1 replicas are ready, pod p: CrashLoopBackOff; kubectl logs -n k p --previous",
            ),
            (
                0,
                1,
                waiting("ContainerCreating"),
                "FAIL  gateway: 0 of 1 replicas are ready; \
                 kubectl describe pod -n k -l app.kubernetes.io/name=net-pingora",
            ),
            (
                0,
                1,
                unscheduled,
                "FAIL  gateway: 0 of 1 replicas are ready, pod p: no room; kubectl describe -n k pod/p",
            ),
        ] {
            assert_eq!(judge(&[deployment(ready, wanted)], &[pod(&status)], "k").to_string(), line);
        }
        let wanted = "FAIL  gateway: no Deployment k/net-pingora; kubectl apply --kustomize deploy/knative";
        assert_eq!(judge(&[], &[], "k").to_string(), wanted);
    }
}
