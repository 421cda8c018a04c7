//! Flags as Go's programs take them: `-host a` and `--host a` are the same.

use std::ffi::{OsStr, OsString};

use clap::{ArgAction, Command};

/// The command line of `command` as clap reads it: long flags with two dashes, short ones with one.
pub(crate) fn normal(command: &Command, arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments = arguments.into_iter();
    let mut normal: Vec<OsString> = arguments.next().into_iter().collect();
    while let Some(argument) = arguments.next() {
        let Some((name, value)) = split(&argument) else {
            normal.push(argument);
            continue;
        };
        let known = command.get_arguments().find(|known| {
            let aliases = known.get_all_aliases().unwrap_or_default();
            known.get_long().into_iter().chain(aliases).any(|long| long == name)
                || known.get_short().is_some_and(|short| name.chars().eq([short]))
        });
        let dashes = if name.chars().count() == 1 { "-" } else { "--" };
        let Some(known) = known else {
            normal.push(argument);
            continue;
        };
        let takes_value = matches!(known.get_action(), ArgAction::Set | ArgAction::Append);
        let value = match value {
            Some(value) => Some(OsString::from(value)),
            None if takes_value => arguments.next(),
            None => None,
        };
        // With an equals sign, so that a value may begin with a dash.
        let mut flag = OsString::from(format!("{dashes}{name}"));
        if let Some(value) = value {
            flag.push("=");
            flag.push(value);
        }
        normal.push(flag);
    }
    normal
}

/// A flag's name without dashes, and its value if that is given with `=`.
fn split(argument: &OsStr) -> Option<(&str, Option<&str>)> {
    let text = argument.to_str()?;
    let text = text.strip_prefix("--").or_else(|| text.strip_prefix('-'))?;
    let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
    (!name.is_empty()).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Args;

    #[test]
    fn flags_are_read_with_one_dash_or_two() {
        let cases = [
            ("-host a -n 5", "--host=a -n=5"),
            ("--host a --n 5", "--host=a -n=5"),
            ("-n=5 -h2 -disable-keepalive", "-n=5 --h2 --disable-keepalive"),
            ("-d -host http://a", "-d=-host http://a"),
            ("-z 10s -cpus 2 http://a", "-z=10s --cpus=2 http://a"),
            ("-n5 --unknown x", "-n5 --unknown x"),
            ("--rate=3 --html -", "--rate=3 --html=-"),
        ];
        for (line, wanted) in cases {
            let line = ["loadtest"].into_iter().chain(line.split(' ')).map(OsString::from);
            let read: Vec<String> =
                normal(&Args::command(), line).into_iter().skip(1).map(|word| word.into_string().unwrap()).collect();
            assert_eq!(read.join(" "), wanted);
        }
    }
}
