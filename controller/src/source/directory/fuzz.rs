//! Random files: each object is served, or told with file and line what is wrong with it.

use std::path::Path;
use std::sync::Arc;

use net_pingora_fuzz::{Corpus, bytes};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use super::parse::{Parsed, locate, parse};
use crate::api::Kind;
use crate::engine::{Engine, Settings};
use crate::fault::{Fault, Origin, one_line};
use crate::store::ObjectChange;

/// What a file is made of, and what YAML understands in its own way.
const WORDS: [&[u8]; 28] = [
    b"\n",
    b"\r\n",
    b"\n---\n",
    b"\n...\n",
    b"  ",
    b"\t",
    b"- ",
    b": ",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"|\n",
    b"&a ",
    b"*a",
    b"<<: *a",
    b"!!str ",
    b"# ",
    b"~",
    b"null",
    b"0x50",
    b"1e999",
    b"-1",
    b".nan",
    b"kind: Service\n",
    b"metadata:\n",
    b"\xef\xbb\xbf",
];

#[test]
fn a_file_of_any_text_is_served_or_told_what_is_wrong_with_it() {
    let corpus = Corpus::read(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/manifests"));
    let file: Arc<Path> = Path::new("a.yaml").into();
    bytes("manifests", 1_000, &corpus, &WORDS, |input| {
        let text = String::from_utf8_lossy(input);
        let parsed = parse(&file, &text);
        for fault in &parsed.faults {
            is_told(fault, &text)?;
        }
        for id in &parsed.misshapen {
            let key = (&*id.key.namespace, &*id.key.name);
            let named = |fault: &Fault| (fault.namespace.as_str(), fault.name.as_str()) == key;
            prop_assert!(parsed.faults.iter().any(named), "{:?}", id);
        }
        prop_assert!(!parsed.incomplete || !parsed.faults.is_empty());
        takes_effect(parsed, &file, &text)
    });
}

/// A fault is one line with its file, a line of it, what is wrong and what to write.
fn is_told(fault: &Fault, text: &str) -> TestCaseResult {
    let told = fault.to_string();
    prop_assert!(told.starts_with("a.yaml:") && !told.contains(char::is_control), "{}", told);
    prop_assert!(!fault.problem.is_empty() && !fault.fix.is_empty(), "{}", told);
    let lines = text.split('\n').count() + text.matches('\r').count();
    prop_assert!(fault.line.is_none_or(|line| (1..=lines + 1).contains(&line)), "{} of {} lines", told, lines);
    Ok(())
}

/// The objects of the file do what they say, or their faults name them.
fn takes_effect(parsed: Parsed, file: &Arc<Path>, text: &str) -> TestCaseResult {
    let mut engine = Engine::new(Settings {
        class: "c".to_owned(),
        system_namespace: "default".to_owned(),
        cluster_domain: "cluster.local".to_owned(),
        routes: true,
        ..Settings::default()
    });
    let ids: Vec<_> = parsed.objects.iter().map(|(id, _)| id.clone()).collect();
    let changes = parsed.objects.into_iter().map(|(id, located)| {
        let origin = Origin::of_file(Arc::clone(file), located.line);
        prop_assert_eq!(&located.object.id(), &id);
        Ok(ObjectChange::Apply(located.object, origin))
    });
    let mut applied = engine.apply(changes.collect::<Result<_, TestCaseError>>()?);
    locate(text, &mut applied.faults);
    for fault in &applied.faults {
        is_told(fault, text)?;
        prop_assert!(!fault.field.is_empty() && !fault.name.is_empty(), "{}", fault);
    }
    let table = engine.table();
    let table = table.load();
    let served: Vec<_> = table.hosts().flat_map(|host| host.internal()).map(|path| &path.ingress.key).collect();
    let has_host = |kind| matches!(kind, Kind::Ingress | Kind::Route | Kind::KnativeService | Kind::DomainMapping);
    for id in ids.iter().filter(|id| has_host(id.kind) && !served.contains(&&id.key)) {
        let told = applied.faults.iter().any(|fault| *fault.name == *id.key.name)
            || applied.notices.iter().any(|notice| notice.contains(&one_line(&id.key.to_string())));
        prop_assert!(told, "{:?}", id);
    }
    Ok(())
}
