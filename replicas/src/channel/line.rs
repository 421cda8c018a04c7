//! The messages: a line of JSON each, told by the replica; the leader says nothing.
//!
//! ```json
//! {"replica":"net-pingora-7d9f-x2x","token":"…"}
//! {"all":true,"set":[["default/hello","6a1c…",3],["default/other","77b0…",1]]}
//! {"gone":["default/other"],"set":[["default/hello","6a1c…",4]]}
//! {}
//! ```

use std::io;
use std::sync::Arc;

use net_pingora_routing::ObjectKey;
use serde::{Deserialize, Serialize, Serializer};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

use crate::served::{Change, Update, Version};

/// Bytes of a line, its end included.
pub(super) const MAX_LINE: usize = 1 << 20;
/// Changes in a line: namespace, name and uid have at most 63, 253 and 36 bytes.
const CHANGES_A_LINE: usize = 2000;

/// The first line: who is there.
#[derive(Serialize, Deserialize)]
pub(super) struct Hello {
    /// Name of the pod.
    pub(super) replica: String,
    /// A service-account token bound to it.
    pub(super) token: String,
}

/// Every line after the first; without any field it is a heartbeat.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Line {
    /// With this line the replica starts to tell everything; what it said before counts no more.
    #[serde(skip_serializing_if = "is_false")]
    pub(super) all: bool,
    /// KIngress, uid and generation that are served from now on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    set: Vec<(Key, Arc<str>, i64)>,
    /// KIngress objects that are not served any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gone: Vec<Key>,
    /// The next line belongs to this one.
    #[serde(skip_serializing_if = "is_false")]
    pub(super) more: bool,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    #[error("connection closed")]
    Closed,
    #[error(transparent)]
    Io(io::Error),
    #[error("a line is longer than {0} bytes")]
    TooLong(usize),
    #[error("a line is not what is expected: {0}")]
    Json(#[from] serde_json::Error),
    // What was read may be a token.
    #[error("the first line is not {{\"replica\": NAME, \"token\": TOKEN}}")]
    Hello,
}

impl From<io::Error> for LineError {
    fn from(error: io::Error) -> Self {
        if is_end(&error) { Self::Closed } else { Self::Io(error) }
    }
}

/// Whether the other end has closed the connection, one way or another.
pub(super) fn is_end(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

/// `namespace/name`.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
struct Key(ObjectKey);

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl TryFrom<String> for Key {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Self(ObjectKey::new(namespace, name)))
            }
            _ => Err("a KIngress is named NAMESPACE/NAME"),
        }
    }
}

impl Hello {
    pub(super) fn parse(line: &[u8]) -> Result<Self, LineError> {
        serde_json::from_slice(line).map_err(|_| LineError::Hello)
    }
}

impl Line {
    pub(super) fn parse(line: &[u8]) -> Result<Self, LineError> {
        Ok(serde_json::from_slice(line)?)
    }

    /// The lines that tell an update, at least one.
    pub(super) fn of(update: Update) -> Vec<Self> {
        let mut lines = vec![Self { all: update.all, ..Self::default() }];
        for (key, version) in update.changes {
            if let Some(last) = lines.last_mut().filter(|last| last.len() == CHANGES_A_LINE) {
                last.more = true;
                lines.push(Self::default());
            }
            let Some(last) = lines.last_mut() else { continue };
            match version {
                Some(version) => last.set.push((Key(key), version.uid, version.generation)),
                None => last.gone.push(Key(key)),
            }
        }
        lines
    }

    /// Changes in it.
    pub(super) fn len(&self) -> usize {
        self.set.len() + self.gone.len()
    }

    pub(super) fn into_changes(self) -> impl Iterator<Item = Change> {
        let set = self.set.into_iter().map(|(key, uid, generation)| (key.0, Some(Version { uid, generation })));
        self.gone.into_iter().map(|key| (key.0, None)).chain(set)
    }
}

/// A message as it is sent.
pub(super) fn encode(message: &impl Serialize) -> Result<Vec<u8>, LineError> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

/// Reads a line, without its end.
pub(super) async fn read(from: &mut (impl AsyncBufRead + Unpin), max: usize) -> Result<Vec<u8>, LineError> {
    let mut line = Vec::new();
    let bound = u64::try_from(max).unwrap_or(u64::MAX);
    from.take(bound).read_until(b'\n', &mut line).await?;
    match line.pop() {
        Some(b'\n') => Ok(line),
        Some(_) if line.len() + 1 == max => Err(LineError::TooLong(max)),
        _ => Err(LineError::Closed),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(generation: i64) -> Version {
        Version { uid: "u-1".into(), generation }
    }

    fn told(update: Update) -> Vec<String> {
        Line::of(update).iter().map(|line| serde_json::to_string(line).unwrap()).collect()
    }

    #[test]
    fn an_update_is_told_in_as_few_lines_as_the_bound_allows() {
        let key = |name: &str| ObjectKey::new("ns", name);
        let update = |all, changes: &[(&str, Option<i64>)]| Update {
            all,
            changes: changes.iter().map(|(name, generation)| (key(name), generation.map(version))).collect(),
        };
        assert_eq!(told(update(true, &[])), [r#"{"all":true}"#]);
        assert_eq!(
            told(update(false, &[("a", Some(3)), ("b", None)])),
            [r#"{"set":[["ns/a","u-1",3]],"gone":["ns/b"]}"#]
        );
        let longest = ObjectKey::new(&"n".repeat(63), &"m".repeat(253));
        let version = Version { uid: "u".repeat(36).into(), generation: i64::MIN };
        let many = Update { all: true, changes: vec![(longest, Some(version)); CHANGES_A_LINE * 2 + 1] };
        let lines = Line::of(many.clone());
        assert_eq!(
            lines.iter().map(|line| (line.all, line.more)).collect::<Vec<_>>(),
            [(true, true), (false, true), (false, false)]
        );
        assert!(lines.iter().all(|line| encode(line).unwrap().len() <= MAX_LINE));
        assert_eq!(lines.into_iter().flat_map(Line::into_changes).collect::<Vec<_>>(), many.changes);
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        for (line, good) in [
            ("{}", true),
            (r#"{"set":[["a/b","u",1]],"gone":["c/d"],"more":true,"all":true}"#, true),
            (r#"{"from":"a later version"}"#, true),
            ("", false),
            ("{", false),
            (r#"{"set":[["ab","u",1]]}"#, false),
            (r#"{"set":[["/b","u",1]]}"#, false),
            (r#"{"set":[["a/b/c","u",1]]}"#, false),
            (r#"{"set":[["a/b","u",1.5]]}"#, false),
            (r#"{"set":[["a/b","u"]]}"#, false),
            (r#"{"gone":["a/"]}"#, false),
            (r#"{"all":1}"#, false),
        ] {
            assert_eq!(Line::parse(line.as_bytes()).is_ok(), good, "{line}");
        }
    }

    #[test]
    fn a_bad_first_line_is_not_repeated_in_the_error() {
        for line in [r#""secret""#, r#"{"replica":"a","token":["secret"]}"#, r#"{"replica":"secret"}"#] {
            let error = Hello::parse(line.as_bytes()).err().unwrap();
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_line_ends_within_the_bound() {
        for (text, wanted) in [
            ("abc\n", Ok("abc")),
            ("\n", Ok("")),
            ("abcd\n", Err("a line is longer than 4 bytes")),
            ("abcde", Err("a line is longer than 4 bytes")),
            ("abc", Err("connection closed")),
            ("", Err("connection closed")),
        ] {
            let read = read(&mut text.as_bytes(), 4).await.map_err(|error| error.to_string());
            assert_eq!(read, wanted.map(|line| line.as_bytes().to_vec()).map_err(str::to_owned), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(line: Vec<u8>, json in r#"[\[\]{}":,a-z/0-9]{0,40}"#) {
            for line in [line.as_slice(), json.as_bytes()] {
                let _ = (Line::parse(line), Hello::parse(line));
            }
        }

        #[test]
        fn every_update_is_read_as_it_was_told(
            all: bool,
            changes in prop::collection::vec((r"[^/\PC]{1,5}", r"[^/\PC]{1,5}", any::<Option<i64>>()), 0..8),
        ) {
            let changes = changes.iter().map(|(namespace, name, generation)| {
                (ObjectKey::new(namespace, name), generation.map(version))
            });
            let update = Update { all, changes: changes.collect() };
            let line = encode(&Line::of(update.clone())[0]).unwrap();
            let line = Line::parse(line.strip_suffix(b"\n").unwrap()).unwrap();
            prop_assert_eq!(line.all, all);
            let mut wanted = update.changes;
            // A line tells first what is gone.
            wanted.sort_by_key(|(_, version)| version.is_some());
            prop_assert_eq!(line.into_changes().collect::<Vec<_>>(), wanted);
        }
    }
}
