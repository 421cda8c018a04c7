//! Random questions.

use net_pingora_domains::VISIBILITY_LABEL;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

/// Templates that mostly can be executed, with values.
pub(crate) fn templates() -> impl Strategy<Value = Value> {
    let whole = template();
    let template = prop_oneof![4 => whole.clone(), 1 => broken(whole)];
    let tag = prop_oneof![9 => Just(""), 1 => Just("v2")];
    (template, tag, entries(), entries()).prop_map(|(template, tag, annotations, labels)| {
        json!({
            "template": template, "tag": tag, "name": "hello", "namespace": "shop", "domain": "example.com",
            "annotations": annotations, "labels": labels,
        })
    })
}

/// ConfigMaps `config-network`.
pub(crate) fn networks() -> impl Strategy<Value = Value> {
    let switch = || texts(&["enabled", "Enabled", "DISABLED", "disabled", "", "true", " enabled"]);
    let flag = || texts(&["true", "false", "T", "0", "", "yes", " true"]);
    let seconds = || texts(&["0", "120", "+7", "-1", "", "1.5", "1m", " 1", "9223372036854775808"]);
    let word = || texts(&["one", " two\n", ""]);
    let domain = prop_oneof![3 => domain_template(), 1 => template()];
    let tag = || texts(&["{{.Tag}}-{{.Name}}", "{{.Tag}}.{{.Name}}", "{{.Namespace}}", "", " {{.Name}} ", "{{.Tag"]);
    let protocol = || texts(&["Enabled", "redirected", "DISABLED", "", "off"]);
    let entry = prop_oneof![
        (select(vec!["ingress-class", "ingress.class", "certificate-class", "certificate.class"]), word()),
        (select(vec!["default-external-scheme", "defaultExternalScheme", "unknown", "_example"]), word()),
        (select(vec!["external-domain-tls", "auto-tls", "autoTLS"]), switch()),
        (select(vec!["cluster-local-domain-tls", "system-internal-tls"]), switch()),
        (select(vec!["autocreate-cluster-domain-claims", "autocreateClusterDomainClaims"]), flag()),
        (select(vec!["internal-encryption", "enable-mesh-pod-addressability"]), flag()),
        (select(vec!["rollout-duration", "rolloutDuration"]), seconds()),
        (select(vec!["domain-template", "domainTemplate"]), domain),
        (select(vec!["tag-template", "tagTemplate"]), tag()),
        (select(vec!["http-protocol", "httpProtocol"]), protocol()),
    ];
    vec(entry, 0..4).prop_map(|entries| {
        let data: serde_json::Map<_, _> = entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        json!({"config-network": data})
    })
}

/// Routes with ConfigMaps `config-domain` and `config-network`.
pub(crate) fn routes() -> impl Strategy<Value = Value> {
    let domain = select(vec!["a.com", "b.com", "B.com", "c", "10.0.0.5.sslip.io", "svc.cluster.local", "_example"]);
    let domains = btree_map(domain, selector(), 0..5);
    let hidden = prop_oneof![
        3 => Just(None),
        1 => select(vec![Some("cluster-local"), Some("public")]),
    ];
    let names = (texts(&["hello", "a", "1-2", "x".repeat(60).as_str()]), texts(&["shop", "default", "1"]));
    let tag = texts(&["", "", "v2", "canary", "Bad", "long-long-long-long"]);
    let network = (option(domain_template()), option(texts(&["{{.Name}}-{{.Tag}}", "{{.Tag}}.{{.Name}}", "x"])));
    (domains, network, names, tag, any::<bool>(), (entries(), entries(), hidden)).prop_map(
        |(domains, network, (name, namespace), tag, local, (annotations, mut labels, hidden))| {
            labels.extend(hidden.map(|value| (VISIBILITY_LABEL.to_owned(), value.to_owned())));
            let mut data = json!({});
            for (key, template) in [("domain-template", network.0), ("tag-template", network.1)] {
                if let Some(template) = template {
                    data[key] = template.into();
                }
            }
            json!({
                "config-domain": domains, "config-network": data, "name": name, "namespace": namespace, "tag": tag,
                "local": local, "annotations": annotations, "labels": labels,
            })
        },
    )
}

fn texts(texts: &[&str]) -> BoxedStrategy<String> {
    select(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).boxed()
}

fn option(strategy: impl Strategy<Value = String>) -> impl Strategy<Value = Option<String>> {
    (any::<bool>(), strategy).prop_map(|(is_there, value)| is_there.then_some(value))
}

/// Labels or annotations that templates and selectors ask for.
fn entries() -> impl Strategy<Value = std::collections::BTreeMap<String, String>> {
    let value = texts(&["", "foo", "prod", "true", "1", "1.1", "2", "a b", "ünï", "long-long"]);
    btree_map(texts(&["app", "sub", "version", "a.b/c"]), value, 0..4)
}

/// Values of `config-domain`.
fn selector() -> impl Strategy<Value = String> {
    let value = "foo|prod|'1'|\"true\"|true|yes|1|1.10|1_0|0x2|1e3|v1.2.3|1.2.3|~||.5|2020-01-02|!!str 1|[a]|{a: b}|-1|089|0o7|.inf|3x|-x|&a b|foo # one|\"a b\"";
    let label = texts(&["app", "version", "sub", "yes", "1", "~", "a.b/c", "\"app \"", "1.50"]);
    let labels = vec((label, texts(&value.split('|').collect::<Vec<_>>())), 0..4);
    let block = labels.clone().prop_map(|labels| {
        let lines = labels.iter().map(|(label, value)| format!("  {label}: {value}"));
        std::iter::once("selector:".to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
    });
    let flow = labels.prop_map(|labels| {
        let labels: Vec<_> = labels.iter().map(|(label, value)| format!("{label}: {value}")).collect();
        format!("selector: {{{}}}", labels.join(", "))
    });
    let odd = texts(&[
        "",
        "",
        "# none",
        "{}",
        "~",
        "text",
        "[]",
        "1",
        "selector: foo",
        "Selector: {app: foo}",
        "SELECTOR:\n  app: prod",
        "selector:\ntype: wildcard",
        "type: [a]",
        "type: 1",
        "other: [1, {a: b}]",
        "a: b: c",
        "selector: {app: foo",
        "\tselector: {}",
        "---\nselector: {app: foo}",
        "selector: {app: foo}\n---\n- x",
        "selectors: {app: foo}",
    ]);
    let kind = texts(&["", "\ntype: wildcard\n", "\ntype: ~\n"]);
    let plain = (prop_oneof![block, flow], kind).prop_map(|(selector, kind)| selector + &kind);
    prop_oneof![3 => plain, 2 => odd]
}

/// Templates that give host names, and some that do not.
fn domain_template() -> BoxedStrategy<String> {
    texts(&[
        "{{.Name}}.{{.Namespace}}.{{.Domain}}",
        "{{.Name}}-{{.Namespace}}.{{.Domain}}",
        "{{.Name}}.{{.Domain}}",
        "{{.Domain}}",
        "{{.Name}}",
        "{{.Name}}.{{index .Annotations \"sub\"}}.{{.Domain}}",
        "{{.Name}}.{{.Annotations.sub}}.{{.Domain}}",
        "{{.Name}}{{with .Labels.app}}-{{.}}{{end}}.{{.Domain}}",
        "{{if eq .Namespace \"default\"}}{{.Name}}{{else}}{{.Name}}.{{.Namespace}}{{end}}.{{.Domain}}",
        "{{slice .Name 0 1}}.{{.Domain}}.",
        "{{.Name}}.{{.Domain}}/",
        "{{.Name}}.{{.Domain}}/x",
        "{{.Name}}.{{.Domain}}?",
        "{{.Name}} {{.Domain}}",
        "{{.Name}}:80",
        "{{.Name}}_{{.Domain}}",
        "{{.Domain}}{{range .Labels}}.{{.}}{{end}}",
        "{{.Nothing}}",
        "",
    ])
}

/// Templates of the language, of which most can be executed.
fn template() -> BoxedStrategy<String> {
    let start = texts(&["", "{{$x := .Name}}", "{{$x := .Domain}}{{$y := .Labels}}", "{{$x := 1}}{{$y := 2}}"]);
    (start, nodes(2)).prop_map(|(start, nodes)| start + &nodes).boxed()
}

fn nodes(depth: u32) -> BoxedStrategy<String> {
    vec(node(depth), 1..4).prop_map(|nodes| nodes.concat()).boxed()
}

fn node(depth: u32) -> BoxedStrategy<String> {
    let text = texts(&["a", "-", ".", " ", "\n", " b ", "}}", "{", "{{/* c */}}", " {{- /* c */ -}} ", "ä"]);
    let open = texts(&["{{", "{{ ", "{{- ", "{{-\n"]);
    let close = texts(&["}}", " }}", " -}}", "  -}}"]);
    let simple = pipeline(1);
    let action = (open, pipeline(2), close.clone()).prop_map(|(open, value, close)| open + &value + &close);
    let set = (texts(&["$x", "$x", "$y", "$z", "$"]), texts(&[":=", " = ", "="]), simple.clone(), close)
        .prop_map(|(name, set, value, close)| format!("{{{{{name} {set} {value}{close}"));
    if depth == 0 {
        return prop_oneof![3 => text, 3 => action, 1 => set].boxed();
    }
    let nodes = nodes(depth - 1);
    let inner = || nodes.clone();
    let sets = simple.clone().prop_map(|value| format!("$x := {value}")).boxed();
    let condition = || prop_oneof![3 => simple.clone(), 1 => sets.clone()];
    let choice = (texts(&["if", "with"]), condition(), inner(), condition(), inner(), inner(), 0..4_u8).prop_map(
        |(keyword, first, one, second, two, three, form)| {
            let other = if keyword == "if" { "with" } else { "if" };
            match form {
                0 => format!("{{{{{keyword} {first}}}}}{one}{{{{end}}}}"),
                1 => format!("{{{{{keyword} {first}}}}}{one}{{{{else}}}}{two}{{{{end}}}}"),
                2 => format!(
                    "{{{{{keyword} {first}}}}}{one}{{{{else {keyword} {second}}}}}{two}{{{{else}}}}{three}{{{{end}}}}"
                ),
                _ => format!(
                    "{{{{{keyword} {first}}}}}{one}{{{{else}}}}{{{{{other} {second}}}}}{two}{{{{end}}}}{{{{end}}}}"
                ),
            }
        },
    );
    let over = prop_oneof![3 => texts(&["$.Labels", ".Annotations", "3", "0", "$y"]), 1 => simple.clone()];
    let names = texts(&["", "$v := ", "$k, $v := ", "$x = ", "$k, $x = "]);
    let show = texts(&["", "{{.}}", "{{$x}}", "{{$.Name}}{{.}}"]);
    let range = (names, over, show, inner(), any::<bool>(), inner()).prop_map(
        |(names, over, show, body, has_else, otherwise)| {
            let otherwise = if has_else { format!("{{{{else}}}}{otherwise}") } else { String::new() };
            format!("{{{{range {names}{over}}}}}{show}{body}{otherwise}{{{{end}}}}")
        },
    );
    prop_oneof![3 => text, 4 => action, 1 => set, 2 => choice, 1 => range].boxed()
}

fn pipeline(depth: u32) -> BoxedStrategy<String> {
    let value = value(depth);
    let call = (function(), vec(value.clone(), 0..3))
        .prop_map(|(function, values)| with_arguments(&function, &values))
        .boxed();
    let piped = (value.clone(), select(vec![" | ", "|", " |\n"]), call.clone())
        .prop_map(|(value, pipe, call)| format!("{value}{pipe}{call}"));
    prop_oneof![8 => value, 8 => typed(depth), 1 => call, 2 => piped].boxed()
}

fn with_arguments(function: &str, values: &[String]) -> String {
    std::iter::once(function.to_owned()).chain(values.iter().cloned()).collect::<Vec<_>>().join(" ")
}

fn function() -> BoxedStrategy<String> {
    texts(&[
        "and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "index", "len", "slice", "print", "printf", "println",
    ])
}

/// Calls whose arguments mostly fit.
fn typed(depth: u32) -> BoxedStrategy<String> {
    let map = || texts(&["$.Labels", "$.Annotations", ".Labels"]);
    let (any, plain) = (value(depth.min(1)), value(0));
    let key = || prop_oneof![3 => texts(&["\"app\"", "\"sub\"", "`a.b/c`", "\"none\""]), 1 => plain.clone()];
    let text = || prop_oneof![3 => texts(&["$.Name", "$.Domain", "\"\"", "\"hello\"", "$x"]), 1 => any.clone()];
    let place = || texts(&["0", "1", "2", "5", "-1", "100", "(len $.Name)"]);
    let format =
        texts(&r#""%s" "%v-%v" "%q" "%d" "%%" "%.2s" `%s%s%s` "100%" "%.s" "%x" """#.split(' ').collect::<Vec<_>>());
    let compare = texts(&["eq", "ne", "lt", "le", "gt", "ge"]);
    let same = prop_oneof![(text(), text()), (place(), place()), (plain.clone(), plain.clone())];
    prop_oneof![
        (map(), key()).prop_map(|(map, key)| format!("index {map} {key}")),
        (text(), place(), place()).prop_map(|(text, start, end)| format!("slice {text} {start} {end}")),
        (compare, same).prop_map(|(compare, (one, other))| format!("{compare} {one} {other}")),
        (format, vec(any.clone(), 0..3))
            .prop_map(|(format, values)| format!("printf {}", with_arguments(&format, &values))),
        text().prop_map(|text| format!("len {text}")),
        (texts(&["and", "or"]), vec(plain.clone(), 1..4))
            .prop_map(|(function, values)| with_arguments(&function, &values)),
        (text(), text(), text()).prop_map(|(one, two, three)| format!("eq {one} {two} {three}")),
    ]
    .boxed()
}

fn value(depth: u32) -> BoxedStrategy<String> {
    let plain =
        texts(&["$.Name", ".Name", "$.Domain", "$.Labels.app", "$.Labels.none", "$.Annotations.sub", "$x", "."]);
    let constant = texts(&["\"text\"", "`raw`", "\"\"", "\"a\\tb\\u00e4\\x41\\\"\"", "0", "1", "-2", "true", "false"]);
    let odd = "nil +3 0x10 9223372036854775807 \"\\n\" $ $y .Namespace $.Labels .Annotations .Nothing $.Labels.none.more .Name.more .Tag print len";
    let odd = texts(&odd.split(' ').collect::<Vec<_>>());
    if depth == 0 {
        return prop_oneof![8 => plain, 4 => constant, 2 => odd].boxed();
    }
    let group = prop_oneof![3 => typed(depth - 1), 1 => pipeline(depth - 1)].boxed();
    prop_oneof![
        8 => plain,
        4 => constant,
        2 => odd,
        6 => group.clone().prop_map(|inner| format!("({inner})")),
        1 => group.prop_map(|inner| format!("( {inner} ).Name")),
    ]
    .boxed()
}

/// What a change puts into a template.
const PIECES: &str = "{{ }} ( ) \" ` | . $ := = , - \\ /* */ end else {{end}} {{else}} {{else}}{{if}} x 1 % é";

/// Templates with a change that often breaks them.
fn broken(template: BoxedStrategy<String>) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => texts(&PIECES.split(' ').collect::<Vec<_>>()),
        1 => texts(&["", " ", "- ", " -", "\n"]),
    ];
    (template, vec((any::<Index>(), 0..3_usize, piece), 1..3)).prop_map(|(template, edits)| {
        let mut characters: Vec<char> = template.chars().collect();
        for (at, removed, piece) in edits {
            let start = at.index(characters.len() + 1);
            let end = characters.len().min(start + removed);
            characters.splice(start..end, piece.chars());
        }
        characters.into_iter().collect()
    })
}
