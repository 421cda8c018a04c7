//! The watches of all kinds as one stream of steps.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::{BoxStream, SelectAll, select_all};
use kube::runtime::WatchStreamExt;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use serde_json::Value;

use super::serving::Serving;
use super::watched::{Read, Watched};
use crate::api::ingress::CLASS_ANNOTATION;
use crate::api::{
    ClusterDomainClaim, ConfigMap, Configuration, DomainMapping, EndpointSlice, FieldFault, Ingress, Kind,
    KnativeService, Object, ObjectId, Revision, Route, Secret, Service,
};
use crate::status::{Seen, SourceSeen};

/// Objects of a page of a list; a page is in memory as a whole.
const PAGE: u32 = 200;

/// One step of a watch.
pub(super) enum Step {
    /// All objects of a kind are listed anew; those that do not come are gone.
    Listing(Kind),
    /// One object of the list.
    Listed(Reading),
    /// The list is complete.
    Complete(Kind),
    /// An object is new or has a new version.
    Changed(Reading),
    /// An object is gone.
    Gone(ObjectId),
    /// The watch has failed; it goes on by itself.
    Failed(Kind, watcher::Error),
    /// Serving's controllers are there, or are there no more.
    Serving(Serving),
}

/// One version of an object.
pub(super) struct Reading {
    /// Which object.
    pub(super) id: ObjectId,
    /// Its content, or the field that cannot be read.
    pub(super) content: Result<Object, FieldFault>,
    /// What else is known of a KIngress.
    pub(super) ingress: Option<IngressState>,
    /// The status of a Route or a DomainMapping.
    pub(super) status: Option<SourceSeen>,
}

/// What of a KIngress its content does not keep.
pub(super) struct IngressState {
    /// The ingress class, if it has one.
    pub(super) class: Option<String>,
    /// Version and status.
    pub(super) seen: Seen,
}

impl IngressState {
    fn read(object: &Value) -> Self {
        let annotations = object.pointer("/metadata/annotations");
        let class = annotations.and_then(|all| all.get(CLASS_ANNOTATION)?.as_str()).map(str::to_owned);
        Self { class, seen: Seen::read(object) }
    }
}

/// Steps of all kinds.
pub(super) type Steps = SelectAll<BoxStream<'static, Step>>;

/// Begins to watch; nothing is sent before the stream is polled.
///
/// Of Secrets only those of type `kubernetes.io/tls` are read, of ConfigMaps those of the system namespace.
/// Of Revisions those of all namespaces, if somebody waits for their pods here.
pub(super) fn steps(client: &Client, system_namespace: &str, holds: bool) -> Steps {
    let tls = watcher::Config::default().fields("type=kubernetes.io/tls");
    let all = watcher::Config::default;
    let revisions = holds.then(|| steps_of::<Revision>(Api::all(client.clone()), all()));
    let always = [
        steps_of::<Ingress>(Api::all(client.clone()), all()),
        steps_of::<Service>(Api::all(client.clone()), all()),
        steps_of::<EndpointSlice>(Api::all(client.clone()), all()),
        steps_of::<Secret>(Api::all(client.clone()), tls),
        steps_of::<ConfigMap>(Api::namespaced(client.clone(), system_namespace), all()),
    ];
    select_all(always.into_iter().chain(revisions))
}

/// The kinds of [`steps`].
pub(super) fn kinds(holds: bool) -> impl Iterator<Item = Kind> {
    let always = [Kind::Ingress, Kind::Service, Kind::EndpointSlice, Kind::Secret, Kind::ConfigMap];
    always.into_iter().chain(holds.then_some(Kind::Revision))
}

/// The kinds that Serving's controllers make KIngresses of.
pub(super) fn route_steps(client: &Client, holds: bool) -> impl Iterator<Item = BoxStream<'static, Step>> {
    let all = watcher::Config::default;
    // Who holds requests watches them already.
    let revisions = (!holds).then(|| steps_of::<Revision>(Api::all(client.clone()), all()));
    let others = [
        steps_of::<Route>(Api::all(client.clone()), all()),
        steps_of::<KnativeService>(Api::all(client.clone()), all()),
        steps_of::<Configuration>(Api::all(client.clone()), all()),
        steps_of::<DomainMapping>(Api::all(client.clone()), all()),
        steps_of::<ClusterDomainClaim>(Api::all(client.clone()), all()),
    ];
    others.into_iter().chain(revisions)
}

/// The kinds of [`route_steps`].
pub(super) fn route_kinds(holds: bool) -> impl Iterator<Item = Kind> {
    let others =
        [Kind::Route, Kind::KnativeService, Kind::Configuration, Kind::DomainMapping, Kind::ClusterDomainClaim];
    others.into_iter().chain((!holds).then_some(Kind::Revision))
}

fn steps_of<T: Watched>(api: Api<Read<T>>, config: watcher::Config) -> BoxStream<'static, Step> {
    let step = |event| match event {
        Ok(Event::Init) => Step::Listing(T::KIND),
        Ok(Event::InitApply(read)) => Step::Listed(reading(read)),
        Ok(Event::InitDone) => Step::Complete(T::KIND),
        Ok(Event::Apply(read)) => Step::Changed(reading(read)),
        Ok(Event::Delete(read)) => Step::Gone(read.id()),
        Err(error) => Step::Failed(T::KIND, error),
    };
    watcher(api, config.page_size(PAGE)).backoff(Retry::default()).map(step).boxed()
}

/// One version of an object as it was delivered.
pub(super) fn reading<T: Watched>(read: Read<T>) -> Reading {
    let ingress = (T::KIND == Kind::Ingress).then(|| IngressState::read(read.value()));
    let unreadable = |(field, problem)| FieldFault::new(field, problem, "write it as the kind's reference has it");
    let is_source = matches!(T::KIND, Kind::Route | Kind::DomainMapping);
    let status = is_source.then(|| SourceSeen::read(read.value()));
    Reading { id: read.id(), content: read.content().map_err(unreadable), ingress, status }
}

/// Doubling pauses from 100 to 500 ms between attempts: a change is in effect within two seconds of
/// the API server's return, and one of them may pass in an attempt that began before.
#[derive(Debug)]
struct Retry(Duration);

impl Default for Retry {
    fn default() -> Self {
        Self(Duration::from_millis(100))
    }
}

impl Iterator for Retry {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = self.0;
        self.0 = (self.0 * 2).min(Duration::from_millis(500));
        Some(pause)
    }
}

impl Backoff for Retry {
    fn reset(&mut self) {
        *self = Self::default();
    }
}
