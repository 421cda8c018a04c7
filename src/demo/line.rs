//! A line that the demo prints for people to type, and what must come back when it is run.

use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// How long a printed line may take.
const LONGEST: Duration = Duration::from_mins(1);

/// A line to type into a shell.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// What it shows.
    pub(super) shows: &'static str,
    /// What to type.
    pub(super) command: String,
    /// What must come back.
    pub(super) wanted: Wanted,
}

/// What must come back from a line.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// One of these is in what it prints.
    OneOf(&'static [&'static str]),
    /// It is hey, and all of its requests are answered 200.
    AllOk { requests: u32 },
}

impl Line {
    /// The program that the line needs.
    pub(super) fn tool(&self) -> &'static str {
        match self.wanted {
            Wanted::OneOf(_) => "curl",
            Wanted::AllOk { .. } => "hey",
        }
    }

    /// Types the line into a shell; what it printed.
    pub(super) async fn run(&self) -> Result<String, String> {
        let mut shell = Command::new("sh");
        shell.args(["-c", &self.command]).stdin(Stdio::null()).kill_on_drop(true);
        match timeout(LONGEST, shell.output()).await {
            Err(_) => Err(format!("did not end within {} s", LONGEST.as_secs())),
            Ok(Err(error)) => Err(format!("cannot start a shell: {error}")),
            Ok(Ok(output)) => Ok(printed(&output)),
        }
    }

    /// What is wrong with what the line printed.
    pub(super) fn judge(&self, printed: &str) -> Result<(), String> {
        let good = match self.wanted {
            Wanted::OneOf(answers) => answers.iter().any(|answer| printed.contains(answer)),
            Wanted::AllOk { requests } => statuses(printed) == [("200", requests)] && !printed.contains("Error dist"),
        };
        if good { Ok(()) } else { Err(format!("it printed {:?}", printed.trim())) }
    }
}

/// Whether the shell finds a program.
pub(super) async fn is_installed(tool: &str) -> bool {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("command -v {tool}")]).stdin(Stdio::null()).stdout(Stdio::null());
    shell.status().await.is_ok_and(|status| status.success())
}

/// Standard output, then standard error.
fn printed(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// The lines `[200] 1000 responses` of hey's report.
fn statuses(report: &str) -> Vec<(&str, u32)> {
    report.lines().filter_map(status).collect()
}

fn status(line: &str) -> Option<(&str, u32)> {
    let (status, count) = line.trim().strip_prefix('[')?.split_once(']')?;
    Some((status, count.trim().strip_suffix(" responses")?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(wanted: Wanted) -> Line {
        Line { shows: "", command: "echo one; echo two >&2".to_owned(), wanted }
    }

    #[test]
    fn hey_must_count_all_requests_as_200_and_no_error() {
        let hey = line(Wanted::AllOk { requests: 1000 });
        let good = "Status code distribution:\n  [200]\t1000 responses\n";
        for (report, passes) in [
            (good.to_owned(), true),
            (good.replace("1000", "999"), false),
            (format!("{good}  [503]\t1 responses\n"), false),
            (format!("{good}\nError distribution:\n  [1]\tdial tcp\n"), false),
            (String::new(), false),
        ] {
            assert_eq!(hey.judge(&report).is_ok(), passes, "{report}");
        }
    }

    #[tokio::test]
    async fn a_line_is_judged_by_what_it_prints() {
        for (answers, passes) in [(&["one"][..], true), (&["none", "two"], true), (&["none"], false), (&[], false)] {
            let line = line(Wanted::OneOf(answers));
            assert_eq!(line.judge(&line.run().await.unwrap()).is_ok(), passes, "{answers:?}");
        }
    }
}
