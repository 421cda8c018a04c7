//! ConfigMap `config-features`.

use crate::{KeyFault, Map};

/// What `config-features` says of routes (`knative.dev/serving` `pkg/apis/config/features.go`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeatureConfig {
    /// `tag-header-based-routing`: a request may name its tag in a header. Only `Enabled` turns it on; it stays off
    /// with `Allowed`, and with what Knative does not know.
    pub tag_header_based_routing: bool,
}

impl FeatureConfig {
    /// Reads the ConfigMap.
    ///
    /// # Errors
    /// None today: Knative passes over values that it does not know.
    pub fn parse(data: &Map) -> Result<Self, Vec<KeyFault>> {
        let enabled = |key: &str| data.get(key).is_some_and(|value| value.eq_ignore_ascii_case("enabled"));
        Ok(Self { tag_header_based_routing: enabled("tag-header-based-routing") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_enabled_turns_a_feature_on() {
        for (value, wanted) in [
            ("Enabled", true),
            ("ENABLED", true),
            ("enabled", true),
            ("Allowed", false),
            ("Disabled", false),
            ("true", false),
            (" enabled", false),
            ("", false),
        ] {
            let data = Map::from([("tag-header-based-routing".to_owned(), value.to_owned())]);
            assert_eq!(FeatureConfig::parse(&data).unwrap().tag_header_based_routing, wanted, "{value:?}");
        }
        assert_eq!(FeatureConfig::parse(&Map::new()), Ok(FeatureConfig::default()));
    }
}
