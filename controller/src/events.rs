//! Events on our own ConfigMap: whoever describes the object sees what is wrong with it.

use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio::time::timeout;
use tracing::warn;

use crate::api::FieldFault;
use crate::configure::CONFIG_PINGORA;

/// How long the API server may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// Tells of faults of our own ConfigMap.
#[derive(Clone)]
pub(crate) struct Events {
    recorder: Recorder,
    object: ObjectReference,
}

impl Events {
    /// Events on the ConfigMap of the system namespace.
    pub(crate) fn new(client: Client, system_namespace: &str) -> Self {
        let reporter = Reporter { controller: "net-pingora".to_owned(), instance: None };
        let object = ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("ConfigMap".to_owned()),
            namespace: Some(system_namespace.to_owned()),
            name: Some(CONFIG_PINGORA.to_owned()),
            ..ObjectReference::default()
        };
        Self { recorder: Recorder::new(client, reporter), object }
    }

    /// One event for each fault, in the background; the log has them anyway.
    pub(crate) fn tell<'a>(&self, uid: &str, faults: impl Iterator<Item = &'a FieldFault>) {
        let faults: Vec<_> = faults.cloned().collect();
        let (recorder, uid) = (self.recorder.clone(), Some(uid.to_owned()).filter(|uid| !uid.is_empty()));
        let object = ObjectReference { uid, ..self.object.clone() };
        tokio::spawn(async move {
            for fault in faults {
                let event = Event {
                    type_: EventType::Warning,
                    reason: "InvalidSetting".to_owned(),
                    note: Some(note(&fault)),
                    // Events of one reason and action count as one, whatever their notes are.
                    action: shortened(format!("Read {}", fault.path), 128),
                    secondary: None,
                };
                match timeout(DEADLINE, recorder.publish(&event, &object)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => warn!(%error, "cannot write an event on ConfigMap {CONFIG_PINGORA}"),
                    Err(_) => warn!("cannot write an event on ConfigMap {CONFIG_PINGORA}: no answer"),
                }
            }
        });
    }
}

fn note(fault: &FieldFault) -> String {
    let FieldFault { path, problem, fix } = fault;
    shortened(format!("{path}: {problem}; {fix}"), 1_024)
}

/// No longer than the API takes, in bytes.
fn shortened(mut text: String, bytes: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes));
    text
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("object", &self.object.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};

    use http_body_util::{BodyExt, Full};
    use kube::client::Body;
    use serde_json::Value;

    use super::*;

    /// A client whose requests are only noted.
    fn client(asked: &Arc<Mutex<Vec<Value>>>) -> Client {
        let asked = Arc::clone(asked);
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let asked = Arc::clone(&asked);
            async move {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                asked.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
                Ok::<_, Infallible>(http::Response::new(Full::new(body)))
            }
        });
        Client::new(service, "default")
    }

    #[tokio::test(start_paused = true)]
    async fn every_fault_is_an_event_of_its_own() {
        let asked = Arc::<Mutex<Vec<Value>>>::default();
        let events = Events::new(client(&asked), "system");
        let faults = ["a", "b"].map(|key| FieldFault::new(format!("data[{key:?}]"), "is no setting", "remove it"));
        events.tell("u-1", faults.iter());
        tokio::time::sleep(Duration::from_secs(1)).await;
        let asked = asked.lock().unwrap();
        let notes: Vec<_> = asked.iter().map(|event| event["note"].as_str().unwrap()).collect();
        assert_eq!(notes, ["data[\"a\"]: is no setting; remove it", "data[\"b\"]: is no setting; remove it"]);
        assert!(asked.iter().all(|event| event["regarding"]["uid"] == "u-1" && event["series"].is_null()), "{asked:?}");
    }
}
