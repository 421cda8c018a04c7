//! A fault of an object: where it is, what is wrong, and what to write instead.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::api::{FieldFault, ObjectId};

/// Where an object was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The place in a file, if it was read from one.
    pub place: Option<Box<Place>>,
    /// Whether its status says that this version is served already.
    pub incumbent: bool,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<Path>,
    /// The line, counted from one.
    pub line: usize,
}

impl Origin {
    /// An object that a file has at this line.
    pub fn of_file(file: Arc<Path>, line: usize) -> Self {
        Self { place: Some(Box::new(Place { file, line })), incumbent: false }
    }
}

/// One fault. Its text is one line: `file:line: Kind namespace/name: field: what is wrong; what to write instead`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// The file, if the object was read from one.
    pub file: Option<PathBuf>,
    /// The line of the field or of what is nearest to it, counted from one.
    pub line: Option<usize>,
    /// Kind of the object; empty when the file could not be read so far.
    pub kind: String,
    /// Namespace of the object.
    pub namespace: String,
    /// Name of the object; empty when there is none.
    pub name: String,
    /// Path of the field; empty when the object as a whole is meant.
    pub field: String,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub fix: String,
}

impl Fault {
    /// A fault of a field of an object.
    pub fn of(id: &ObjectId, origin: &Origin, fault: FieldFault) -> Self {
        Self {
            file: origin.place.as_ref().map(|place| place.file.to_path_buf()),
            line: origin.place.as_ref().map(|place| place.line),
            kind: id.kind.to_string(),
            namespace: id.key.namespace.to_string(),
            name: id.key.name.to_string(),
            field: fault.path,
            problem: fault.problem,
            fix: fault.fix,
        }
    }

    /// A fault of a file as a whole, or of a place in it where no object could be read.
    pub fn of_file(file: &Path, line: Option<usize>, problem: impl Into<String>, fix: impl Into<String>) -> Self {
        let (problem, fix) = (problem.into(), fix.into());
        Self { file: Some(file.to_path_buf()), line, problem, fix, ..Self::default() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(&mut text)?;
        f.write_str(&one_line(&text))
    }
}

impl Fault {
    fn write(&self, text: &mut String) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(text, "{}:", file.display())?;
            self.line.map_or(Ok(()), |line| write!(text, "{line}:"))?;
            text.push(' ');
        }
        if !self.kind.is_empty() {
            text.push_str(&self.kind);
            if !self.name.is_empty() {
                write!(text, " {}/{}", self.namespace, self.name)?;
            }
            text.push_str(": ");
        }
        if !self.field.is_empty() {
            write!(text, "{}: ", self.field)?;
        }
        write!(text, "{}; {}", self.problem, self.fix)
    }
}

/// A fault and a notice stay on one line, whatever names and values an object has.
pub(crate) fn one_line(text: &str) -> String {
    text.split(char::is_control).collect::<Vec<_>>().join(" ")
}

/// Path of a map's entry; quoted when the key could be taken for more than one field.
pub(crate) fn with_key(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    match (plain, path.is_empty()) {
        (true, true) => key.to_owned(),
        (true, false) => format!("{path}.{key}"),
        (false, _) => format!("{path}[{key:?}]"),
    }
}

#[cfg(test)]
mod tests {
    use net_pingora_routing::ObjectKey;

    use super::*;
    use crate::api::Kind;

    #[test]
    fn a_fault_is_one_line_that_names_file_object_field_and_fix() {
        let id = ObjectId { kind: Kind::Ingress, key: ObjectKey::new("default", "hello") };
        let origin = Origin::of_file(Path::new("a.yaml").into(), 7);
        let field = || FieldFault::new("spec.rules", "is\nempty", "write a rule");
        let broken = ObjectId { key: ObjectKey::new("de\tfault", "hel\nlo"), ..id.clone() };
        for (fault, wanted) in [
            (
                Fault::of(&broken, &origin, field()),
                "a.yaml:7: Ingress de fault/hel lo: spec.rules: is empty; write a rule",
            ),
            (Fault::of(&id, &origin, field()), "a.yaml:7: Ingress default/hello: spec.rules: is empty; write a rule"),
            (Fault::of(&id, &Origin::default(), field()), "Ingress default/hello: spec.rules: is empty; write a rule"),
            (Fault::of_file(Path::new("a.yaml"), None, "is odd", "mend it"), "a.yaml: is odd; mend it"),
            (Fault::of_file(Path::new("a.yaml"), Some(2), "is odd", "mend it"), "a.yaml:2: is odd; mend it"),
        ] {
            assert_eq!(fault.to_string(), wanted);
        }
    }

    #[test]
    fn a_key_that_could_be_two_fields_is_quoted() {
        for (path, key, wanted) in
            [("a", "b-c", "a.b-c"), ("", "a", "a"), ("a", "b.c/d", "a[\"b.c/d\"]"), ("a", "", "a[\"\"]")]
        {
            assert_eq!(with_key(path, key), wanted);
        }
    }
}
