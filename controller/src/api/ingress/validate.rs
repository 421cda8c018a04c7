//! What a KIngress must keep to: knative.dev/networking
//! `pkg/apis/networking/v1alpha1/ingress_validation.go`, and what HTTP and DNS demand besides.

use std::net::IpAddr;

use http::{HeaderName, HeaderValue};

use super::{HttpPath, Ingress, IngressRule, IngressTls, Split};
use crate::api::validate::{FieldFault, port_number};
use crate::api::{Fields, IntOrString};

/// Everything wrong with a KIngress that has its defaults.
pub(in crate::api) fn validate(ingress: &Ingress) -> Vec<FieldFault> {
    let mut check = Check { namespace: &ingress.metadata.namespace, faults: Vec::new() };
    let spec = &ingress.spec;
    if spec.rules.is_empty() {
        check.fault("spec.rules", "is empty", "write at least one rule with hosts and http.paths");
    }
    for (index, rule) in spec.rules.iter().enumerate() {
        check.rule(&format!("spec.rules[{index}]"), rule);
    }
    for (index, tls) in spec.tls.iter().enumerate() {
        check.tls(&format!("spec.tls[{index}]"), tls);
    }
    if !matches!(spec.http_option.as_str(), "" | "Enabled" | "Redirected") {
        check.unknown("spec.httpOption", &spec.http_option, "write Enabled or Redirected");
    }
    check.faults
}

/// The faults found so far.
struct Check<'a> {
    namespace: &'a str,
    faults: Vec<FieldFault>,
}

impl Check<'_> {
    fn fault(&mut self, path: impl Into<String>, problem: impl Into<String>, fix: impl Into<String>) {
        self.faults.push(FieldFault::new(path, problem, fix));
    }

    fn unknown(&mut self, path: &str, value: &str, fix: &str) {
        self.fault(path, format!("{value:?} is not known"), fix);
    }

    fn required(&mut self, path: String, value: &str, fix: &str) {
        if value.is_empty() {
            self.fault(path, "is required", fix);
        }
    }

    fn rule(&mut self, path: &str, rule: &IngressRule) {
        for (index, host) in rule.hosts.iter().enumerate() {
            self.host(format!("{path}.hosts[{index}]"), host);
        }
        if !matches!(rule.visibility.as_str(), "ExternalIP" | "ClusterLocal") {
            self.unknown(&format!("{path}.visibility"), &rule.visibility, "write ExternalIP or ClusterLocal");
        }
        let paths = rule.http.as_ref().map(|http| http.paths.as_slice()).unwrap_or_default();
        if paths.is_empty() {
            self.fault(format!("{path}.http.paths"), "is required", "write at least one path with splits");
        }
        for (index, content) in paths.iter().enumerate() {
            self.path(&format!("{path}.http.paths[{index}]"), content);
        }
    }

    fn path(&mut self, path: &str, content: &HttpPath) {
        if !content.path.is_empty() && !content.path.starts_with('/') {
            let problem = format!("{:?} does not begin with /", content.path);
            self.fault(format!("{path}.path"), problem, format!("write /{}", content.path));
        }
        if !content.rewrite_host.is_empty() && HeaderValue::from_str(&content.rewrite_host).is_err() {
            self.fault(format!("{path}.rewriteHost"), "is not a valid Host header", "write a host name");
        }
        for (name, wanted) in &content.headers {
            self.header(&keyed(&format!("{path}.headers"), name), name, &wanted.exact);
        }
        self.headers(&format!("{path}.appendHeaders"), &content.append_headers);
        self.splits(&format!("{path}.splits"), &content.splits);
    }

    fn splits(&mut self, path: &str, splits: &[Split]) {
        if splits.is_empty() {
            self.fault(path, "is required", "write at least one split with serviceName and servicePort");
            return;
        }
        for (index, split) in splits.iter().enumerate() {
            self.split(&format!("{path}[{index}]"), split);
        }
        let total = splits.iter().fold(0_i64, |total, split| total.saturating_add(split.percent));
        if total != 100 {
            let problem = format!("the percentages add up to {total}");
            self.fault(path, problem, "write percentages that add up to 100");
        }
    }

    fn split(&mut self, path: &str, split: &Split) {
        let namespace = format!("{path}.serviceNamespace");
        if split.service_namespace.is_empty() {
            self.fault(namespace, "is required", format!("write {}", self.namespace));
        } else if *split.service_namespace != *self.namespace {
            let problem = format!("{:?} is not the Ingress's own namespace", split.service_namespace);
            self.fault(namespace, problem, format!("write {}", self.namespace));
        }
        self.required(format!("{path}.serviceName"), &split.service_name, "write the name of a Service");
        self.service_port(&format!("{path}.servicePort"), &split.service_port);
        if !(0..=100).contains(&split.percent) {
            let problem = format!("{} is not a percentage", split.percent);
            self.fault(format!("{path}.percent"), problem, "write a number from 0 to 100");
        }
        self.headers(&format!("{path}.appendHeaders"), &split.append_headers);
    }

    fn service_port(&mut self, path: &str, port: &IntOrString) {
        match port {
            IntOrString::Number(0) => self.required(path.into(), "", "write a port of the Service, by number or name"),
            IntOrString::Number(number) => self.faults.extend(port_number(path, *number)),
            IntOrString::Text(name) => self.required(path.into(), name, "write a port of the Service"),
        }
    }

    fn tls(&mut self, path: &str, tls: &IngressTls) {
        for (index, host) in tls.hosts.iter().enumerate() {
            self.host(format!("{path}.hosts[{index}]"), host);
        }
        self.required(format!("{path}.secretName"), &tls.secret_name, "write the name of a Secret");
        let namespace = format!("write {}, or the namespace the Secret is in", self.namespace);
        self.required(format!("{path}.secretNamespace"), &tls.secret_namespace, &namespace);
    }

    fn headers(&mut self, path: &str, headers: &Fields) {
        for (name, value) in headers.iter() {
            self.header(&keyed(path, name), name, value);
        }
    }

    /// A header's name and value can be sent (RFC 9110 §5.1, §5.5).
    fn header(&mut self, path: &str, name: &str, value: &str) {
        if name.parse::<HeaderName>().is_err() {
            self.fault(path, format!("{name:?} is not a header name"), "write letters, digits and hyphens");
        }
        if HeaderValue::from_str(value).is_err() {
            self.fault(
                path,
                "the value cannot be sent in a header",
                "write it without line breaks and control characters",
            );
        }
    }

    fn host(&mut self, path: String, host: &str) {
        if let Some((problem, fix)) = host_fault(host) {
            self.fault(path, format!("{host:?} {problem}"), fix);
        }
    }
}

/// Why no request can ever have this host, and what to write.
fn host_fault(host: &str) -> Option<(&'static str, &'static str)> {
    /// RFC 1035 §2.3.4
    const LONGEST_LABEL: usize = 63;
    const LONGEST: usize = 253;
    let name = host.strip_suffix('.').unwrap_or(host);
    let label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if host.contains('*') {
        return Some(("is a wildcard, and hosts are exact", "write each host, or leave hosts empty to match all"));
    }
    if host.parse::<IpAddr>().is_ok() || host.starts_with('[') {
        return Some(("is an IP address", "write a host name"));
    }
    if host.contains(':') {
        return Some(("has a port", "write the host without a port"));
    }
    let valid = name.len() <= LONGEST && name.split('.').all(label);
    (!valid).then_some(("is not a host name", "write letters, digits, hyphens and dots"))
}

/// The path of a map's entry; quoted when the key could be taken for two fields.
fn keyed(path: &str, key: &str) -> String {
    crate::fault::with_key(path, key)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A KIngress without fault.
    fn sound() -> Value {
        json!({"metadata": {"namespace": "ns", "name": "a"}, "spec": {
            "tls": [{"hosts": ["a.example"], "secretName": "s", "secretNamespace": "ns"}],
            "rules": [{"hosts": ["a.example"], "http": {"paths": [{"path": "/x", "headers": {"A": {"exact": "1"}}, "splits": [
                {"serviceNamespace": "ns", "serviceName": "b", "servicePort": 80, "percent": 60},
                {"serviceNamespace": "ns", "serviceName": "c", "servicePort": "http", "percent": 40}]}]}}]}})
    }

    fn faults(value: Value) -> Vec<String> {
        let ingress: Ingress = serde_json::from_value(value).unwrap();
        validate(&ingress.with_defaults()).into_iter().map(|fault| fault.path).collect()
    }

    /// The faults after setting one field, given as a JSON pointer, of a sound KIngress.
    fn faults_with(pointer: &str, value: Value) -> Vec<String> {
        let mut changed = sound();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = changed.pointer_mut(parent).unwrap();
        match parent {
            Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
            parent => parent[key] = value,
        }
        faults(changed)
    }

    #[test]
    fn a_sound_ingress_has_no_fault() {
        assert_eq!(faults(sound()), Vec::<String>::new());
        assert_eq!(faults_with("/spec/rules/0/hosts", json!([])), Vec::<String>::new());
    }

    #[test]
    fn every_fault_names_its_field() {
        let path = "spec.rules[0].http.paths[0]";
        for (pointer, value, wanted) in [
            ("/spec/rules", json!([]), "spec.rules".to_owned()),
            ("/spec/rules/0/http", json!(null), "spec.rules[0].http.paths".to_owned()),
            ("/spec/rules/0/http/paths", json!([]), "spec.rules[0].http.paths".to_owned()),
            ("/spec/rules/0/visibility", json!("Public"), "spec.rules[0].visibility".to_owned()),
            ("/spec/httpOption", json!("redirected"), "spec.httpOption".to_owned()),
            ("/spec/tls/0/secretName", json!(""), "spec.tls[0].secretName".to_owned()),
            ("/spec/tls/0/secretNamespace", json!(""), "spec.tls[0].secretNamespace".to_owned()),
            ("/spec/rules/0/http/paths/0/path", json!("x"), format!("{path}.path")),
            ("/spec/rules/0/http/paths/0/rewriteHost", json!("a\nb"), format!("{path}.rewriteHost")),
            ("/spec/rules/0/http/paths/0/headers", json!({"a b": {"exact": ""}}), format!("{path}.headers[\"a b\"]")),
            ("/spec/rules/0/http/paths/0/appendHeaders", json!({"A": "\n"}), format!("{path}.appendHeaders.A")),
            ("/spec/rules/0/http/paths/0/splits", json!([]), format!("{path}.splits")),
            ("/spec/rules/0/http/paths/0/splits/0/percent", json!(61), format!("{path}.splits")),
            (
                "/spec/rules/0/http/paths/0/splits/0/serviceNamespace",
                json!("other"),
                format!("{path}.splits[0].serviceNamespace"),
            ),
            (
                "/spec/rules/0/http/paths/0/splits/0/serviceNamespace",
                json!(""),
                format!("{path}.splits[0].serviceNamespace"),
            ),
            ("/spec/rules/0/http/paths/0/splits/0/serviceName", json!(""), format!("{path}.splits[0].serviceName")),
            ("/spec/rules/0/http/paths/0/splits/1/servicePort", json!(0), format!("{path}.splits[1].servicePort")),
            ("/spec/rules/0/http/paths/0/splits/1/servicePort", json!(65536), format!("{path}.splits[1].servicePort")),
            ("/spec/rules/0/http/paths/0/splits/1/servicePort", json!(""), format!("{path}.splits[1].servicePort")),
        ] {
            assert_eq!(faults_with(pointer, value.clone()), [wanted], "{pointer} {value}");
        }
        let splits = format!("{path}.splits");
        for percent in [-1, 101, i64::MIN, i64::MAX] {
            let faults = faults_with("/spec/rules/0/http/paths/0/splits/1/percent", json!(percent));
            assert_eq!(faults, [format!("{splits}[1].percent"), splits.clone()], "{percent}");
        }
    }

    #[test]
    fn a_host_is_a_name_that_a_request_can_have() {
        let long_label = "a".repeat(64);
        let long = ["a".repeat(63).as_str(); 4].join(".");
        for (host, sound) in [
            ("a.example", true),
            ("A.Example.", true),
            ("a_b.svc.cluster.local", true),
            ("a", true),
            ("", false),
            (".", false),
            ("a..b", false),
            ("a b", false),
            ("*", false),
            ("*.example", false),
            ("a.example:80", false),
            ("10.0.0.1", false),
            ("::1", false),
            ("[::1]", false),
            ("a/b", false),
            ("bücher.example", false),
            (long_label.as_str(), false),
            (long.as_str(), false),
        ] {
            assert_eq!(host_fault(host).is_none(), sound, "{host}");
        }
    }
}
