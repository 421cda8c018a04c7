//! Random KIngresses that are sound but for the texts they are given.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

/// Fields of an object; those that are `None` are left out.
type Fields<const N: usize> = [(&'static str, Option<Value>); N];

/// A KIngress of this class, with `text` in paths and in the values of headers.
pub(crate) fn kingress<T>(class: &'static str, text: T) -> impl Strategy<Value = Value>
where
    T: Strategy<Value = String> + Clone + 'static,
{
    let option = option::of(select(&["", "Enabled", "Redirected"]).prop_map(Value::from));
    let name = select(&["a", "hello-00001", "x.y"]);
    (name, option::of(vec(tls(), 0..3)), vec(rule(text), 1..4), option).prop_map(move |(name, tls, rules, option)| {
        let fields = [("tls", tls.map(Value::from)), ("rules", Some(rules.into())), ("httpOption", option)];
        json!({
            "apiVersion": "networking.internal.knative.dev/v1alpha1",
            "kind": "Ingress",
            "metadata": {"namespace": "ns", "name": name, "annotations": {"networking.knative.dev/ingress.class": class}},
            "spec": object(fields),
        })
    })
}

fn object<const N: usize>(fields: Fields<N>) -> Value {
    fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect::<Map<_, _>>().into()
}

fn hosts() -> impl Strategy<Value = Value> {
    vec(select(&["a.example", "B.example.", "c_d.ns.svc.cluster.local"]), 0..4).prop_map(Value::from)
}

fn tls() -> impl Strategy<Value = Value> {
    (option::of(hosts()), select(&["s", "t"])).prop_map(|(hosts, secret)| {
        object([("hosts", hosts), ("secretName", Some(secret.into())), ("secretNamespace", Some("ns".into()))])
    })
}

fn rule<T>(text: T) -> impl Strategy<Value = Value>
where
    T: Strategy<Value = String> + Clone + 'static,
{
    let visibility = option::of(select(&["", "ExternalIP", "ClusterLocal"]).prop_map(Value::from));
    (option::of(hosts()), visibility, vec(path(text), 1..4)).prop_map(|(hosts, visibility, paths)| {
        object([("hosts", hosts), ("visibility", visibility), ("http", Some(json!({"paths": paths})))])
    })
}

fn path<T>(text: T) -> impl Strategy<Value = Value>
where
    T: Strategy<Value = String> + Clone + 'static,
{
    let prefix = option::of(text.clone().prop_map(|text| Value::from(format!("/{text}"))));
    let rewrite = option::of(select(&["", "r.example"]).prop_map(Value::from));
    let exact = text.clone().prop_map(|exact| json!({"exact": exact}));
    let wanted = option::of(map(exact));
    let set = option::of(map(text.clone().prop_map(Value::from)));
    (prefix, rewrite, wanted, splits(text), set).prop_map(|(prefix, rewrite, wanted, splits, set)| {
        object([
            ("path", prefix),
            ("rewriteHost", rewrite),
            ("headers", wanted),
            ("splits", Some(splits)),
            ("appendHeaders", set),
        ])
    })
}

/// Names in both cases, so that their order is one of bytes.
fn map(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let names = select(&["Knative-Serving-Tag", "K-Original-Host", "a", "B", "b", "X-1"]).prop_map(str::to_owned);
    btree_map(names, value, 0..4).prop_map(|fields| fields.into_iter().collect::<Map<_, _>>().into())
}

/// A lone split with or without its percentage, or two that share.
fn splits<T>(text: T) -> impl Strategy<Value = Value>
where
    T: Strategy<Value = String> + Clone + 'static,
{
    let lone = option::of(select(&[0, 100]));
    prop_oneof![
        (split(text.clone()), lone).prop_map(|(split, percent)| json!([with_percent(split, percent)])),
        (split(text.clone()), split(text), 0..=100_i64).prop_map(|(one, other, percent)| {
            json!([with_percent(one, Some(percent)), with_percent(other, Some(100 - percent))])
        }),
    ]
}

fn with_percent(mut split: Value, percent: Option<i64>) -> Value {
    if let Some(percent) = percent {
        split["percent"] = percent.into();
    }
    split
}

fn split<T>(text: T) -> impl Strategy<Value = Value>
where
    T: Strategy<Value = String> + Clone + 'static,
{
    let port = prop_oneof![(1..65_536).prop_map(Value::from), select(&["http", "http2", "80"]).prop_map(Value::from)];
    (select(&["s", "t-00001"]), port, option::of(map(text.prop_map(Value::from)))).prop_map(|(service, port, set)| {
        object([
            ("serviceNamespace", Some("ns".into())),
            ("serviceName", Some(service.into())),
            ("servicePort", Some(port)),
            ("appendHeaders", set),
        ])
    })
}
