//! docs/settings.md, from the types. Only its test makes it.

use std::fmt::Write;
use std::{env, fs};

use clap::{Arg, Command, CommandFactory};

use crate::{Cli, live};

/// The page: every flag of `serve` with its variable, key, default and meaning.
fn settings() -> String {
    let keys: Vec<_> = live::command().get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect();
    let mut page = INTRODUCTION.to_owned();
    let command = Cli::command();
    let Some(serve) = command.find_subcommand("serve") else { return page };
    for heading in headings(serve) {
        let of_heading = serve.get_arguments().filter(|arg| arg.get_help_heading() == Some(&heading));
        // Writing to a String does not fail.
        let _ = write!(page, "\n## {heading}\n\n| Flag and key | Default | Meaning |\n|---|---|---|\n");
        for arg in of_heading {
            let _ = writeln!(page, "{}", row(arg, &keys));
        }
    }
    page
}

const INTRODUCTION: &str = "\
# Settings

<!-- Made by the test `the_page_of_settings_is_up_to_date`: UPDATE_DOCS=1 cargo test -p net-pingora-config -->

Every setting is a flag of `net-pingora serve`, `--some-name`, and a variable, `NET_PINGORA_SOME_NAME`. Those marked with
a star are also keys, `some-name`, of ConfigMap `config-pingora` in the namespace of Knative's own objects: a change is in
effect with the next connection. The ConfigMap goes before the flag, the flag before the variable, the variable before the
default. A key that is unknown or has a wrong value is ignored, and an Event on the ConfigMap says so.

Times carry a unit: `500ms`, `5s`, `1m30s`. Sizes are bytes.
";

fn headings(serve: &Command) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for heading in serve.get_arguments().filter_map(Arg::get_help_heading) {
        if all.iter().all(|known| known != heading) {
            all.push(heading.to_owned());
        }
    }
    all
}

fn row(arg: &Arg, keys: &[String]) -> String {
    let long = arg.get_long().unwrap_or_default();
    let star = if keys.iter().any(|key| key == long) { " \\*" } else { "" };
    let value = arg.get_value_names().and_then(|names| names.first()).map_or(String::new(), |name| format!(" {name}"));
    let defaults: Vec<_> = arg.get_default_values().iter().filter_map(|value| value.to_str()).collect();
    let default = match defaults.join(",") {
        none if none.is_empty() => String::new(),
        default => format!("`{default}`"),
    };
    let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let sentence = |paragraph: &str| paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let meaning = help.split("\n\n").map(sentence).collect::<Vec<_>>().join(". ").replace('|', "\\|");
    format!("| `--{long}{value}`{star} | {default} | {meaning} |")
}

#[test]
fn the_page_of_settings_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/settings.md");
    let page = settings();
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, &page).unwrap();
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    assert!(written == page, "write docs/settings.md anew: UPDATE_DOCS=1 cargo test -p net-pingora-config");
    assert!(page.contains("| `--head-timeout TIME` \\* | `10s` |"), "{page}");
}
