//! What an API server would fill in; applied on every read, because objects may come without it.
//!
//! knative.dev/networking `pkg/apis/networking/v1alpha1/ingress_defaults.go`

use super::{Ingress, IngressRule};

impl Ingress {
    /// Fills in what the manifest leaves out; doing it twice changes nothing.
    #[must_use]
    pub fn with_defaults(mut self) -> Self {
        for rule in &mut self.spec.rules {
            fill(rule);
        }
        self
    }
}

/// Empty visibility is `ExternalIP`; a lone split without a percentage takes everything.
fn fill(rule: &mut IngressRule) {
    if rule.visibility.is_empty() {
        "ExternalIP".clone_into(&mut rule.visibility);
    }
    for path in rule.http.iter_mut().flat_map(|http| &mut http.paths) {
        if let [split] = path.splits.as_mut_slice()
            && split.percent == 0
        {
            split.percent = 100;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ingress::IngressSpec;

    fn defaulted(rule: &str) -> IngressRule {
        let rules = vec![serde_json::from_str(rule).unwrap()];
        let ingress = Ingress { spec: IngressSpec { rules, ..Default::default() }, ..Default::default() };
        let once = ingress.with_defaults();
        assert_eq!(once.clone().with_defaults(), once);
        once.spec.rules.into_iter().next().unwrap()
    }

    #[test]
    fn a_lone_split_takes_everything_and_several_stay_as_they_are() {
        for (splits, wanted) in [
            ("[{}]", vec![100]),
            (r#"[{"percent":0}]"#, vec![100]),
            (r#"[{"percent":7}]"#, vec![7]),
            ("[{},{}]", vec![0, 0]),
            (r#"[{"percent":100},{}]"#, vec![100, 0]),
            ("[]", vec![]),
        ] {
            let rule = defaulted(&format!(r#"{{"http":{{"paths":[{{"splits":{splits}}}]}}}}"#));
            let percents: Vec<_> = rule.http.unwrap().paths[0].splits.iter().map(|split| split.percent).collect();
            assert_eq!(percents, wanted, "{splits}");
        }
    }

    #[test]
    fn empty_visibility_is_external() {
        for (rule, wanted) in [("{}", "ExternalIP"), (r#"{"visibility":"ClusterLocal"}"#, "ClusterLocal")] {
            assert_eq!(defaulted(rule).visibility, wanted);
        }
    }
}
