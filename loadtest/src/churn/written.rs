//! Objects where the gateway reads them; they are removed at the end.

use serde_json::Value;

use super::directory::Directory;
use super::kubernetes::Kubernetes;
use super::{Error, Place};

/// What a run has written.
#[derive(Debug)]
pub(crate) enum Written {
    /// As files.
    Directory(Directory),
    /// As objects of a cluster.
    Kubernetes(Kubernetes),
}

impl Written {
    /// Nothing yet.
    pub(crate) async fn new(place: &Place) -> Result<Self, Error> {
        Ok(match place {
            Place::Directory(directory) => Self::Directory(Directory::new(directory)),
            Place::Kubernetes(_) => Self::Kubernetes(Kubernetes::connect().await?),
        })
    }

    /// Writes an object, in the place of one with its name.
    pub(crate) async fn put(&mut self, object: Value) -> Result<(), Error> {
        match self {
            Self::Directory(directory) => directory.put(&object),
            Self::Kubernetes(cluster) => cluster.put(object).await,
        }
    }

    /// Removes all objects, the youngest first: what leads to a backend goes before it.
    pub(crate) async fn remove(&mut self) -> Result<(), Error> {
        match self {
            Self::Directory(directory) => directory.remove(),
            Self::Kubernetes(cluster) => cluster.remove().await,
        }
    }
}

/// The name of an object.
pub(crate) fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// A text of an object.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
