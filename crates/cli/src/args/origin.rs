//! Selects the log that a command is about.

use countersign::note::VerifierKey;
use countersign::tenant::TenantOrigin;
use countersign::trust::Trust;

use crate::errors::CliError;

/// Returns the requested origin, if the trust file has a key for it or, for a tenant log, for its root log. Without a
/// request, returns the only origin that `origin` lines name, or else that of the only log key.
pub(crate) fn select(trust: &Trust, origin: Option<&str>) -> Result<String, CliError> {
    let mut logs: Vec<&str> = trust.logs().map(VerifierKey::name).collect();
    logs.sort_unstable();
    logs.dedup();
    let is_known = |origin: &str| {
        let tenant = TenantOrigin::parse(origin);
        logs.contains(&origin) || tenant.is_some_and(|tenant| logs.contains(&tenant.root()))
    };
    let mut named: Vec<&str> = trust.origins().iter().map(|line| line.origin.as_str()).collect();
    named.retain(|origin| is_known(origin));
    named.sort_unstable();
    named.dedup();
    let candidates = if named.is_empty() { &logs } else { &named };
    let selected = match (origin, &candidates[..]) {
        (Some(origin), _) if is_known(origin) => origin.to_owned(),
        (None, [only]) => (*only).to_owned(),
        (_, []) => {
            let hint = "add a line: log VKEY";
            return Err(CliError::unusable("trust.invalid", "the trust file names no log", hint));
        }
        (Some(origin), _) => {
            let message = format!("the trust file has no key for the log {origin:?}");
            return Err(CliError::unusable(
                "arguments.invalid",
                message,
                "check --origin: it must be the name of a log's key, or a tenant's below one",
            ));
        }
        (None, _) => {
            let hint = "choose one with --origin";
            return Err(CliError::unusable("arguments.invalid", "the trust file names several logs", hint));
        }
    };
    Ok(selected)
}

#[cfg(test)]
mod tests {
    use countersign::note::SignerKey;

    use super::*;

    const TENANT: &str = "log.example/t/8f000000000000000000000000000001";
    const OTHER: &str = "log.example/t/00000000000000000000000000000001";

    /// Returns a trust file with the keys of these logs.
    fn trust(logs: &[&str], more: &str) -> Trust {
        let line = |log: &&str| {
            let seed = u8::try_from(log.len()).unwrap();
            let key = SignerKey::from_seed(log, [seed; 32]).unwrap();
            format!("log {}\n", key.verifier_key())
        };
        let text = logs.iter().map(line).collect::<Vec<_>>().concat() + more;
        Trust::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_tenant_log_needs_the_key_of_its_root_log() {
        let one = trust(&["log.example"], "");
        assert_eq!(select(&one, Some(TENANT)).unwrap(), TENANT);
        assert_eq!(select(&one, Some("log.example")).unwrap(), "log.example");
        assert_eq!(select(&one, None).unwrap(), "log.example");
        assert!(select(&one, Some("log.example/t/8f")).is_err());
        assert!(select(&trust(&["other.example"], ""), Some(TENANT)).is_err());
        assert!(select(&trust(&[], ""), Some(TENANT)).is_err());
        assert_eq!(select(&trust(&[TENANT], ""), None).unwrap(), TENANT);
    }

    #[test]
    fn an_origin_line_is_the_default() {
        let line = format!("origin {TENANT} 17\n");
        assert_eq!(select(&trust(&["log.example"], &line), None).unwrap(), TENANT);
        assert_eq!(select(&trust(&["a.example", "log.example"], &line), None).unwrap(), TENANT);
        let twice = format!("{line}origin {TENANT}\n");
        assert_eq!(select(&trust(&["log.example"], &twice), None).unwrap(), TENANT);
        let both = trust(&["log.example"], &format!("{line}origin {OTHER}\n"));
        assert!(select(&both, None).is_err());
        assert_eq!(select(&both, Some(OTHER)).unwrap(), OTHER);
        // The trust file has no key for the log of this line.
        assert_eq!(select(&trust(&["a.example"], &line), None).unwrap(), "a.example");
        assert!(select(&trust(&[], &line), None).is_err());
    }
}
