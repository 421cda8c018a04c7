//! Host names are those that Knative's own Go code gives, for the questions of `tests/knative/templates` and for random
//! ones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests only")]

mod support;

use std::fs;

use net_pingora_fuzz::values;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use support::{Answer, draw, knatives, ours};

const ANEW: &str = "write them anew: see tests/knative/README.md";

#[test]
fn our_answers_are_those_that_knative_gave() {
    let (questions, expected) = (read("questions.jsonl"), read("answers.jsonl"));
    assert_eq!(questions.len(), expected.len(), "{ANEW}");
    let mut wrong = Vec::new();
    for (question, expected) in questions.iter().zip(&expected) {
        let answer = ours(question);
        let refused = matches!(answer, Answer::Refused(_));
        if !answer.is_that_of(expected) || refused != question.get("refused").is_some() {
            wrong.push(format!("{question}: {answer:?}, Knative: {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_expected_answers_are_what_knative_says_today() {
    let (questions, expected) = (read("questions.jsonl"), read("answers.jsonl"));
    let Some(computed) = knatives(&questions) else { return };
    for (question, (expected, computed)) in questions.iter().zip(expected.iter().zip(&computed)) {
        // The text of an error is Go's.
        assert_eq!(expected.get("result"), computed.get("result"), "{question}: {ANEW}");
    }
}

#[test]
fn a_random_template_gives_what_go_gives() {
    compare("templates", &draw::templates(), 1_500);
}

#[test]
fn a_random_config_network_is_read_as_knative_reads_it() {
    compare("networks", &draw::networks(), 500);
}

#[test]
fn a_random_route_has_the_hosts_that_knative_gives_it() {
    compare("routes", &draw::routes(), 1_000);
}

/// Asks us so many questions, and Knative those that we do not refuse: only our executions have an end for sure.
fn compare(name: &str, strategy: &impl Strategy<Value = Value>, count: usize) {
    values(name, 1, &vec(strategy, count).no_shrink(), |questions| {
        let answers = questions.iter().map(ours);
        let (questions, answers): (Vec<_>, Vec<_>) =
            questions.iter().cloned().zip(answers).filter(|(_, ours)| !matches!(ours, Answer::Refused(_))).unzip();
        let results = answers.iter().filter(|answer| matches!(answer, Answer::Result(_))).count();
        println!("{name}: of {count} questions {results} have a result, and {} are refused", count - answers.len());
        prop_assert!(results * 5 > count && answers.len() * 3 > count * 2, "what is drawn says little");

        let Some(theirs) = knatives(&questions) else { return Ok(()) };
        prop_assert_eq!(questions.len(), theirs.len());
        for (question, (ours, theirs)) in questions.iter().zip(answers.iter().zip(&theirs)) {
            prop_assert!(ours.is_that_of(theirs), "{}: {:?}, Knative: {}", question, ours, theirs);
        }
        Ok(())
    });
}

fn read(file: &str) -> Vec<Value> {
    support::values(&fs::read_to_string(support::knative().join("templates").join(file)).unwrap())
}
