//! Reads objects from the API server, and says why when it cannot.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::serde::Deserialize;
use kube::api::{DynamicObject, ListParams};
use kube::core::ApiResource;
use kube::{Api, Client, Resource};
use serde_json::Value;
use tokio::time::timeout;

use super::finding::Finding;

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(5);
/// How many objects are asked for at once.
const PAGE: u32 = 500;

/// HTTP: the user may not.
const FORBIDDEN: u16 = 403;
/// HTTP: there is no such thing.
const NOT_FOUND: u16 = 404;

/// What was read, or why it was not.
pub(super) type Read<T> = Result<T, Unread>;

/// Why something was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// The user may not; the verb, the resource and where.
    Forbidden(String),
    /// The API server has no such kind; the verb, the resource and where.
    UnknownKind(String),
    /// Anything else.
    Failed {
        /// The verb, the resource and where.
        what: String,
        /// As the other side says it.
        why: String,
    },
}

impl Unread {
    /// What a check says that needs this.
    pub(super) fn finding(&self, check: &str) -> Finding {
        match self {
            Self::Forbidden(what) => {
                let fix = "set KUBECONFIG for a user who may, or bind a role that allows it";
                Finding::fail(check, format!("not checked: this user may not {what}"), fix)
            }
            Self::UnknownKind(what) => {
                let found = format!("not checked: cannot {what}: there is no such kind");
                Finding::fail(check, found, "install what defines it")
            }
            Self::Failed { what, why } => Finding::fail(
                check,
                format!("not checked: cannot {what}: {why}"),
                "try again when the API server answers",
            ),
        }
    }
}

/// Reads objects.
#[derive(Clone)]
pub(super) struct Reader {
    client: Client,
}

impl Reader {
    /// A reader of the cluster of this client.
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// The version of the API server.
    pub(super) async fn version(&self) -> Read<String> {
        let info = answer("get /version".to_owned(), self.client.apiserver_version()).await?;
        Ok(info.git_version)
    }

    /// One object; `None` if it is not there.
    pub(super) async fn get<K>(&self, namespace: &str, name: &str) -> Read<Option<K>>
    where
        K: Object + Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let what = format!("get {} {namespace}/{name}", resource::<K>(&()));
        answer(what, Api::<K>::namespaced(self.client.clone(), namespace).get_opt(name)).await
    }

    /// The objects of a namespace that match.
    pub(super) async fn list<K>(&self, namespace: &str, matching: ListParams) -> Read<Vec<K>>
    where
        K: Object + Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let what = format!("list {} in {namespace}", resource::<K>(&()));
        pages(&what, &Api::namespaced(self.client.clone(), namespace), matching).await
    }

    /// All objects of a kind that Kubernetes itself does not have.
    pub(super) async fn list_all(&self, kind: &ApiResource) -> Read<Vec<DynamicObject>> {
        let what = format!("list {} in all namespaces", resource::<DynamicObject>(kind));
        pages(&what, &Api::all_with(self.client.clone(), kind), ListParams::default()).await
    }
}

/// What can be read.
pub(super) trait Object: Clone + Debug + for<'de> Deserialize<'de> {}

impl<T: Clone + Debug + for<'de> Deserialize<'de>> Object for T {}

async fn pages<K: Object>(what: &str, api: &Api<K>, matching: ListParams) -> Read<Vec<K>> {
    let (mut params, mut objects) = (matching.limit(PAGE), Vec::new());
    loop {
        let page = answer(what.to_owned(), api.list(&params)).await?;
        objects.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(objects),
        }
    }
}

async fn answer<T>(what: String, call: impl Future<Output = kube::Result<T>>) -> Read<T> {
    match timeout(ANSWER, call).await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(error)) => Err(unread(what, error)),
        Err(_) => Err(Unread::Failed { what, why: format!("no answer within {} s", ANSWER.as_secs()) }),
    }
}

fn unread(what: String, error: kube::Error) -> Unread {
    match error {
        kube::Error::Api(status) if status.code == FORBIDDEN => Unread::Forbidden(what),
        // Of a group that it does not have, the API server says so with no reason that kube knows.
        kube::Error::Api(status) if status.code == NOT_FOUND => Unread::UnknownKind(what),
        kube::Error::Api(status) => Unread::Failed { what, why: status.message },
        error => Unread::Failed { what, why: format!("{:#}", anyhow::Error::from(error)) },
    }
}

/// As permissions name it: plural and group.
fn resource<K: Resource>(kind: &K::DynamicType) -> String {
    match K::group(kind).as_ref() {
        "" => K::plural(kind).into_owned(),
        group => format!("{}.{group}", K::plural(kind)),
    }
}

/// The text of a field.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::Deployment;
    use k8s_openapi::api::core::v1::Service;
    use kube::core::Status;

    use super::*;

    #[test]
    fn a_refusal_names_the_verb_and_the_resource() {
        let what = || format!("list {} in a", resource::<Deployment>(&()));
        for (code, wanted) in [
            (
                403,
                "FAIL  gateway: not checked: this user may not list deployments.apps in a; \
                 set KUBECONFIG for a user who may, or bind a role that allows it",
            ),
            (
                404,
                "FAIL  gateway: not checked: cannot list deployments.apps in a: there is no such kind; \
                 install what defines it",
            ),
            (
                500,
                "FAIL  gateway: not checked: cannot list deployments.apps in a: broken; \
                 try again when the API server answers",
            ),
        ] {
            let error = kube::Error::Api(Status::failure("broken", "").with_code(code).boxed());
            assert_eq!(unread(what(), error).finding("gateway").to_string(), wanted);
        }
    }

    #[test]
    fn the_core_group_has_no_name() {
        assert_eq!(resource::<Service>(&()), "services");
    }
}
