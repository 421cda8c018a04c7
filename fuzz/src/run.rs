//! How long a target runs, and what becomes of an input that fails.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseResult, TestError, TestRunner};

use crate::Corpus;
use crate::edit::edited;

/// The variable with the seconds of a long run.
const SECONDS: &str = "NET_PINGORA_FUZZ_SECONDS";

/// Runs a test with inputs that a strategy draws: `count` of them, or as many as the long run has time for.
///
/// # Panics
/// With the smallest input that fails.
pub fn values<S>(name: &str, count: u32, strategy: &S, test: impl Fn(S::Value) -> TestCaseResult)
where
    S: Strategy,
    S::Value: Debug,
{
    draw(name, count, strategy, test).unwrap_or_else(|error| panic!("{name}: {error}"));
}

/// Runs a test with every file of a corpus, and then with inputs that grow from them.
///
/// # Panics
/// With an input that fails; one that is no file yet becomes one.
pub fn bytes(name: &str, count: u32, corpus: &Corpus, words: &[&[u8]], test: impl Fn(&[u8]) -> TestCaseResult) {
    for (path, input) in corpus.iter() {
        test(input).unwrap_or_else(|error| panic!("{name}: {}: {error}", path.display()));
    }
    let seeds = corpus.iter().map(|(_, input)| input.to_vec()).collect();
    match draw(name, count, &edited(seeds, words), |input| test(&input)) {
        Ok(()) => {}
        Err(TestError::Abort(reason)) => panic!("{name}: {reason}"),
        Err(TestError::Fail(reason, input)) => {
            let kept = corpus.keep(&input).map_or_else(|error| error.to_string(), |path| path.display().to_string());
            panic!("{name}: \"{}\", kept as {kept}: {reason}", input.escape_ascii());
        }
    }
}

/// Draws in rounds of `count`: one, or all that the long run has time for.
fn draw<S>(
    name: &str,
    count: u32,
    strategy: &S,
    test: impl Fn(S::Value) -> TestCaseResult,
) -> Result<(), TestError<S::Value>>
where
    S: Strategy,
    S::Value: Debug,
{
    let started = Instant::now();
    let time = long_run().unwrap_or_default();
    let mut inputs = 0_u64;
    loop {
        let config = Config { cases: count, failure_persistence: None, ..Config::default() };
        TestRunner::new(config).run(strategy, &test)?;
        inputs += u64::from(count);
        if started.elapsed() >= time {
            break;
        }
    }
    println!("{name}: {inputs} inputs in {} s", started.elapsed().as_secs());
    Ok(())
}

/// How long the long run is to be, if it is one.
fn long_run() -> Option<Duration> {
    let seconds = std::env::var(SECONDS).ok()?;
    Some(Duration::from_secs(seconds.parse().unwrap_or_else(|_| panic!("{SECONDS}: {seconds:?} is not a number"))))
}
