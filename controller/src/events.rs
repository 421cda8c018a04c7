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
        let notes: Vec<_> = faults.map(note).collect();
        let (recorder, uid) = (self.recorder.clone(), Some(uid.to_owned()).filter(|uid| !uid.is_empty()));
        let object = ObjectReference { uid, ..self.object.clone() };
        tokio::spawn(async move {
            for note in notes {
                let event = Event {
                    type_: EventType::Warning,
                    reason: "InvalidSetting".to_owned(),
                    note: Some(note),
                    action: "Configure".to_owned(),
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

/// The API takes 1,024 bytes.
fn note(fault: &FieldFault) -> String {
    let FieldFault { path, problem, fix } = fault;
    let mut note = format!("{path}: {problem}; {fix}");
    let end = note.char_indices().map(|(at, _)| at).take_while(|at| *at <= 1_000).last().unwrap_or_default();
    if note.len() > 1_000 {
        note.truncate(end);
    }
    note
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("object", &self.object.name).finish_non_exhaustive()
    }
}
