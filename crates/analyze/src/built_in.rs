//! The built-in rules.

use crate::pack::{Pack, Sources};

/// The rule files in `rules/`, without the cases.
pub(crate) const FILES: [(&str, &str); 38] = [
    ("administrator.yml", include_str!("../rules/administrator.yml")),
    ("agent-calls.yml", include_str!("../rules/agent-calls.yml")),
    ("agent-identity.yml", include_str!("../rules/agent-identity.yml")),
    ("auth0.yml", include_str!("../rules/auth0.yml")),
    ("authentication.yml", include_str!("../rules/authentication.yml")),
    ("azure-activity.yml", include_str!("../rules/azure-activity.yml")),
    ("bulk-configuration.yml", include_str!("../rules/bulk-configuration.yml")),
    ("bulk-deletion.yml", include_str!("../rules/bulk-deletion.yml")),
    ("bulk-export.yml", include_str!("../rules/bulk-export.yml")),
    ("cloudflare.yml", include_str!("../rules/cloudflare.yml")),
    ("cloudtrail-attacks.yml", include_str!("../rules/cloudtrail-attacks.yml")),
    ("cloudtrail-data.yml", include_str!("../rules/cloudtrail-data.yml")),
    ("cloudtrail-defenses.yml", include_str!("../rules/cloudtrail-defenses.yml")),
    ("cloudtrail-identity.yml", include_str!("../rules/cloudtrail-identity.yml")),
    ("cloudtrail.yml", include_str!("../rules/cloudtrail.yml")),
    ("credential.yml", include_str!("../rules/credential.yml")),
    ("entra.yml", include_str!("../rules/entra.yml")),
    ("enumeration-absent.yml", include_str!("../rules/enumeration-absent.yml")),
    ("enumeration-denied.yml", include_str!("../rules/enumeration-denied.yml")),
    ("first-seen.yml", include_str!("../rules/first-seen.yml")),
    ("github.yml", include_str!("../rules/github.yml")),
    ("google-cloud.yml", include_str!("../rules/google-cloud.yml")),
    ("google-workspace.yml", include_str!("../rules/google-workspace.yml")),
    ("keys.yml", include_str!("../rules/keys.yml")),
    ("kubernetes.yml", include_str!("../rules/kubernetes.yml")),
    ("log-tampering.yml", include_str!("../rules/log-tampering.yml")),
    ("machine.yml", include_str!("../rules/machine.yml")),
    ("microsoft-365.yml", include_str!("../rules/microsoft-365.yml")),
    ("off-hours.yml", include_str!("../rules/off-hours.yml")),
    ("okta.yml", include_str!("../rules/okta.yml")),
    ("pack.yml", include_str!("../rules/pack.yml")),
    ("privilege.yml", include_str!("../rules/privilege.yml")),
    ("rate.yml", include_str!("../rules/rate.yml")),
    ("rights.yml", include_str!("../rules/rights.yml")),
    ("schemas.yml", include_str!("../rules/schemas.yml")),
    ("slack.yml", include_str!("../rules/slack.yml")),
    ("unauthenticated.yml", include_str!("../rules/unauthenticated.yml")),
    ("unusual.yml", include_str!("../rules/unusual.yml")),
];

impl Pack {
    /// Returns the built-in rules.
    ///
    /// # Panics
    ///
    /// Never: a test builds them.
    pub fn built_in() -> Self {
        let mut sources = Sources::default();
        for (file, text) in FILES {
            sources.add(file, text);
        }
        sources.build("countersign").unwrap_or_else(|faults| panic!("{faults:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_every_file() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.ends_with(".cases.yml"))
            .collect();
        files.sort();
        assert_eq!(files, FILES.map(|(name, _)| name));
        assert!(!Pack::built_in().rules().is_empty());
    }
}
