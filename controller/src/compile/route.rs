//! Route → the KIngress that Serving makes of it.

mod go_duration;
pub(crate) mod naming;
pub(crate) mod revisions;
pub(crate) mod rollout;
mod rules;
pub(crate) mod targets;

use std::sync::Arc;

use net_pingora_domains::{HostError, HttpProtocol};

use self::naming::Named;
pub(crate) use self::naming::Naming;
use self::revisions::{Followed, Revisions};
use self::rollout::Rollout;
use self::rules::Rules;
use self::targets::Targets;
use crate::api::ingress::{CLASS_ANNOTATION, IngressSpec};
use crate::api::{FieldFault, Fields, Ingress, ObjectMeta, Route};
use crate::fault::with_key;
use crate::store::Store;

/// The other spelling of [`CLASS_ANNOTATION`], of Routes only.
const CLASS_ANNOTATION_ALIAS: &str = "networking.knative.dev/ingress-class";
/// Annotations that say whether plain HTTP is redirected; the first that is there counts.
const HTTP_OPTIONS: [&str; 2] = ["networking.knative.dev/httpOption", "networking.knative.dev/http-protocol"];
/// Annotations with the time that a rollout takes; the first that is there counts.
const ROLLOUT_DURATIONS: [&str; 2] = ["serving.knative.dev/rollout-duration", "serving.knative.dev/rolloutDuration"];

/// Why a Route is not served in its latest version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// One word for programs, as Serving has it.
    pub(crate) reason: &'static str,
    /// Whether waiting does not help.
    pub(crate) failed: bool,
    /// The field, what is wrong and what to do.
    pub(crate) fault: FieldFault,
}

impl Refusal {
    /// A host that cannot be made: a template is wrong, or its result is no name.
    fn host(error: &HostError) -> Self {
        let fault = FieldFault::new("metadata.name", error.problem.clone(), error.fix.clone());
        Self { reason: "ErrorConfig", failed: true, fault }
    }
}

/// What a Route makes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Compiled {
    /// The KIngress, as if Serving had written it.
    pub(crate) ingress: Ingress,
    /// Its targets, for status.
    pub(crate) targets: Targets,
    /// The state of rollouts that it has.
    pub(crate) rollout: Rollout,
}

/// What a Route is compiled with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World<'a> {
    /// All objects.
    pub(crate) store: &'a Store,
    /// The ConfigMaps.
    pub(crate) naming: &'a Naming,
    /// The class of what is made, if the Route names none.
    pub(crate) class: &'a str,
    /// Nanoseconds since 1970.
    pub(crate) now: i64,
}

/// What a Route was before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before<'a> {
    /// The revisions it followed.
    pub(crate) followed: &'a Followed,
    /// Its rollouts, if it was served.
    pub(crate) rollout: Option<&'a Rollout>,
}

/// Compiles a Route.
///
/// # Errors
/// Why nothing new can be served.
pub(crate) fn compile(route: &Route, world: World<'_>, before: Before<'_>) -> Result<Compiled, Refusal> {
    let World { store, naming, class, now } = world;
    let revisions =
        Revisions { store, route, encrypted: naming.network.system_internal_tls, followed: before.followed };
    let targets = Targets::of(&route.spec.traffic, revisions)?;
    let hosts = Named::new(route, naming).hosts(targets.groups.keys(), store).map_err(|error| Refusal::host(&error))?;
    let http_option = http_option(&route.metadata.annotations, naming.network.http_protocol)?;
    let steady = Rollout::steady(&targets);
    let rollout = if duration_seconds(route, naming) > 0 { steady.step(before.rollout, now) } else { steady };
    let rules = Rules {
        namespace: &route.metadata.namespace,
        targets: &targets,
        rollout: &rollout,
        by_header: naming.features.tag_header_based_routing,
    };
    let spec = IngressSpec { tls: Vec::new(), rules: rules.of(&hosts), http_option };
    Ok(Compiled { ingress: Ingress { metadata: metadata(route, class), spec }, targets, rollout })
}

/// The class that a Route or a DomainMapping names, if it names one.
pub(crate) fn class_of(annotations: &Fields) -> Option<&str> {
    first(annotations, &[CLASS_ANNOTATION, CLASS_ANNOTATION_ALIAS]).map(|(_, class)| class)
}

/// How long a new revision takes to get everything; 0 is at once.
pub(crate) fn duration_seconds(route: &Route, naming: &Naming) -> u32 {
    let own = first(&route.metadata.annotations, &ROLLOUT_DURATIONS)
        .and_then(|(_, text)| go_duration::whole_seconds(text))
        .filter(|&seconds| seconds > 0);
    own.unwrap_or(u32::try_from(naming.network.rollout_duration_seconds).unwrap_or(u32::MAX))
}

/// As knative.dev/serving `pkg/networking/util.go` has it.
pub(crate) fn http_option(annotations: &Fields, protocol: HttpProtocol) -> Result<String, Refusal> {
    let Some((key, given)) = first(annotations, &HTTP_OPTIONS).filter(|(_, given)| !given.is_empty()) else {
        return Ok(match protocol {
            HttpProtocol::Enabled => "Enabled",
            HttpProtocol::Redirected => "Redirected",
            HttpProtocol::Disabled => "",
        }
        .to_owned());
    };
    match given.to_lowercase().as_str() {
        "enabled" => Ok("Enabled".to_owned()),
        "redirected" => Ok("Redirected".to_owned()),
        _ => {
            let problem = format!("{given:?} is not known");
            let path = with_key("metadata.annotations", key);
            let fault = FieldFault::new(path, problem, "write Enabled or Redirected");
            Err(Refusal { reason: "Unknown", failed: false, fault })
        }
    }
}

/// The first of these annotations that is there.
fn first<'a>(annotations: &'a Fields, keys: &[&'static str]) -> Option<(&'static str, &'a str)> {
    keys.iter().find_map(|key| Some((*key, annotations.get(key)?)))
}

/// What of the Route's metadata decides about its KIngress.
fn metadata(route: &Route, class: &str) -> ObjectMeta {
    let class = class_of(&route.metadata.annotations).unwrap_or(class);
    ObjectMeta {
        annotations: [(CLASS_ANNOTATION, class)].into_iter().collect(),
        labels: Fields::default(),
        namespace: Arc::clone(&route.metadata.namespace),
        name: Arc::clone(&route.metadata.name),
        ..route.metadata.clone()
    }
}
