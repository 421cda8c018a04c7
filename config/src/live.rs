//! What may change while the gateway serves: by flag, by variable, or by a key of ConfigMap `config-pingora`.

use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::builder::BoolishValueParser;
use clap::{Args, Command, CommandFactory, Parser};

use crate::{Cli, ForwardArgs, LimitArgs, TimeoutArgs, TlsArgs};

/// Most keys that are read: there are fewer settings, and each fault is told.
const KEYS: usize = 64;
/// Characters of a fault that quotes a value.
const LONGEST_PROBLEM: usize = 200;

/// So the keys of external authorization begin, Kourier's and Contour's. Who writes one believes to be protected.
const AUTHORIZATION: [&str; 2] = ["extauthz-", "extension-service"];

/// What may change while the gateway serves.
#[derive(Args, Clone, Debug)]
pub struct LiveArgs {
    /// TLS for clients.
    #[command(flatten)]
    pub tls: TlsArgs,
    /// What is done to requests on their way.
    #[command(flatten)]
    pub forward: ForwardArgs,
    /// Bounds on what a client controls.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// Deadlines.
    #[command(flatten)]
    pub timeouts: TimeoutArgs,

    /// Log every request: one line with route, revision, status, timings and upstream
    #[arg(long, value_name = "BOOL", env = "NET_PINGORA_ACCESS_LOG", help_heading = "Logs", num_args = 0..=1,
        require_equals = true, default_value = "false", default_missing_value = "true",
        action = clap::ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub access_log: bool,
}

/// A key of the ConfigMap that is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFault {
    /// The key.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
    /// What to write instead.
    pub fix: String,
}

/// What the ConfigMap makes of the settings.
#[derive(Debug)]
pub struct Overlaid {
    /// The settings; `None` only if the process's own arguments are none of `serve`.
    pub settings: Option<LiveArgs>,
    /// Keys that are ignored.
    pub faults: Vec<KeyFault>,
    /// Keys that must not be ignored, because a site would believe to be protected.
    pub refused: Vec<KeyFault>,
}

/// The settings of a process that was started with `line`, with the ConfigMap's laid over them.
pub fn overlaid(line: impl IntoIterator<Item = OsString>, data: &BTreeMap<String, String>) -> Overlaid {
    let (asks, settings): (Vec<_>, Vec<_>) = data
        .iter()
        .filter(|(key, _)| *key != "_example")
        .partition(|(key, _)| AUTHORIZATION.iter().any(|prefix| key.starts_with(prefix)));
    let refused = asks.into_iter().take(KEYS).map(|(key, _)| authorization(key)).collect();
    let (mut flags, mut faults) = (Vec::new(), Vec::new());
    faults.extend(settings.get(KEYS).map(|(key, _)| too_many(key)));
    for (key, value) in settings.into_iter().take(KEYS) {
        match flag(key, value) {
            Ok(flag) => flags.push(OsString::from(flag)),
            Err(fault) => faults.push(fault),
        }
    }
    let settings = match Cli::try_parse_from(line.into_iter().chain(flags)).map(|cli| cli.command) {
        Ok(crate::Command::Serve(args)) => Some(args.live),
        _ => None,
    };
    Overlaid { settings, faults, refused }
}

/// The flags that are also keys of the ConfigMap, as a command of their own.
pub(crate) fn command() -> Command {
    LiveArgs::augment_args(Command::new("config-pingora").no_binary_name(true))
}

/// The key as a flag, if it is one with such a value.
fn flag(key: &str, value: &str) -> Result<String, KeyFault> {
    let keys: Vec<_> = command().get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect();
    if !keys.iter().any(|known| known == key) {
        return Err(unknown(key, &keys));
    }
    let flag = format!("--{key}={}", value.trim());
    match command().try_get_matches_from([&flag]) {
        Ok(_) => Ok(flag),
        Err(error) => {
            let text = error.to_string();
            let problem = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            let problem = problem.chars().take(LONGEST_PROBLEM).collect();
            Err(KeyFault { key: key.to_owned(), problem, fix: "write it as docs/settings.md has it".to_owned() })
        }
    }
}

fn unknown(key: &str, keys: &[String]) -> KeyFault {
    let start_only = Cli::command()
        .find_subcommand("serve")
        .is_some_and(|serve| serve.get_arguments().any(|arg| arg.get_long() == Some(key)));
    let (problem, fix) = if start_only {
        let variable = key.to_ascii_uppercase().replace('-', "_");
        ("cannot change while the gateway serves", format!("set NET_PINGORA_{variable} in the Deployment"))
    } else {
        let near = keys.iter().max_by(|a, b| strsim::jaro(a, key).total_cmp(&strsim::jaro(b, key)));
        ("is no setting", format!("remove it, or write what was meant, {}?", near.map_or("", String::as_str)))
    };
    KeyFault { key: key.to_owned(), problem: problem.to_owned(), fix }
}

fn too_many(first: &str) -> KeyFault {
    KeyFault {
        key: first.to_owned(),
        problem: format!("this and all keys after it are not read: there are more than {KEYS}"),
        fix: "remove what is no setting".to_owned(),
    }
}

fn authorization(key: &str) -> KeyFault {
    KeyFault {
        key: key.to_owned(),
        problem: "asks for external authorization, which this gateway does not have: nothing is protected by it"
            .to_owned(),
        fix: "remove the key and authorize elsewhere, or stay with an ingress that has it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn over(line: &str, data: &[(&str, &str)]) -> Overlaid {
        let line = format!("net-pingora serve {line}");
        let data = data.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        overlaid(line.split_whitespace().map(OsString::from), &data)
    }

    #[test]
    fn the_config_map_goes_over_flags_and_both_over_defaults() {
        for (line, data, wanted) in [
            ("", vec![], (10, 0, false)),
            ("--head-timeout 3s --access-log", vec![], (3, 0, true)),
            ("--head-timeout 3s --access-log", vec![("head-timeout", "4s"), ("access-log", "false")], (4, 0, false)),
            ("--proxy-protocol 10.0.0.0/8", vec![("proxy-protocol", "10.1.0.0/16,10.2.0.0/16")], (10, 2, false)),
            ("--proxy-protocol 10.0.0.0/8", vec![("proxy-protocol", "")], (10, 0, false)),
            ("--from x", vec![("access-log", " true\n"), ("_example", "x")], (10, 0, true)),
        ] {
            let overlaid = over(line, &data);
            let live = overlaid.settings.unwrap();
            let seen = (live.timeouts.head_timeout.as_secs(), live.forward.networks().len(), live.access_log);
            assert_eq!(seen, wanted, "{line} {data:?}");
            assert!(overlaid.faults.is_empty(), "{:?}", overlaid.faults);
        }
    }

    #[test]
    fn a_key_with_a_fault_is_named_and_the_others_count() {
        for (key, value, problem, fix) in [
            ("head-timeout", "soon", "invalid value 'soon' for '--head-timeout <TIME>'", "docs/settings.md"),
            ("head-timeuot", "1s", "is no setting", "head-timeout?"),
            ("threads", "2", "cannot change", "NET_PINGORA_THREADS"),
            ("tls-cipher-suites", "RC4", "\"RC4\" is no cipher suite", "docs/settings.md"),
            ("help", "", "is no setting", "remove it"),
        ] {
            let Overlaid { settings, faults, refused } = over("", &[(key, value), ("idle-timeout", "7s")]);
            assert_eq!(settings.unwrap().timeouts.idle_timeout, Duration::from_secs(7), "{key}");
            assert!(faults[0].problem.contains(problem) && faults[0].fix.contains(fix), "{faults:?}");
            assert_eq!((faults.len(), refused.len()), (1, 0), "{key}");
        }
    }

    #[test]
    fn neither_many_keys_nor_a_long_value_make_much_work_or_long_messages() {
        let data = (0..100_000).map(|number| (format!("key-{number:06}"), String::new())).collect();
        let line = || ["net-pingora", "serve"].map(OsString::from);
        let faults = overlaid(line(), &data).faults;
        assert_eq!(faults.len(), KEYS + 1);
        assert!(faults[0].key == "key-000064" && faults[0].problem.contains("not read"), "{:?}", faults[0]);
        let data = [("head-timeout".to_owned(), "x".repeat(1 << 20))].into();
        assert!(overlaid(line(), &data).faults[0].problem.len() <= LONGEST_PROBLEM);
    }

    #[test]
    fn a_time_that_no_clock_can_tell_is_refused() {
        for value in ["500000000000y", "0s"] {
            assert_eq!(over("", &[("idle-timeout", value)]).faults.len(), 1, "{value}");
        }
    }

    #[test]
    fn external_authorization_is_never_ignored() {
        for key in ["extauthz-host", "extension-service"] {
            let Overlaid { faults, refused, .. } = over("", &[(key, "auth")]);
            assert_eq!((faults.len(), refused.len()), (0, 1));
            assert!(refused[0].problem.contains("nothing is protected"));
        }
    }
}
