//! Readers whom an issuer of OpenID Connect vouches for.

use countersign_log::oidc::{Config, Rule};

use crate::errors::Failure;

#[derive(clap::Args)]
pub(super) struct OpenId {
    /// Let in readers with a token (JWT) of this OpenID Connect issuer, beside those with the log's own tokens
    #[arg(id = "oidc_issuer", long = "oidc-issuer", value_name = "URL", requires_all = ["oidc_audience", "oidc_allow"])]
    issuer: Option<String>,
    /// The audience that such a token is for: this log (given again: or this)
    #[arg(id = "oidc_audience", long = "oidc-audience", value_name = "AUD", requires = "oidc_issuer")]
    audience: Vec<String>,
    /// What claims allow: 'groups=auditors read', 'groups=support read tenant={org}', '* read' for all (given again)
    ///
    /// Words: the claims that it is for, all of them, with dots for a path (`realm_access.roles=auditor`); the rights, as of
    /// `countersign token add`; and which events, where {org} is what the token's claim org says. The first rule that a
    /// token's claims fulfil and that gives what is asked for decides.
    #[arg(id = "oidc_allow", long = "oidc-allow", value_name = "RULE", requires = "oidc_issuer")]
    allow: Vec<Rule>,
    /// The claim by which --record-reads names such a reader
    #[arg(id = "oidc_name", long = "oidc-name", value_name = "CLAIM", default_value = "sub")]
    name: String,
}

impl OpenId {
    /// The issuer, if one is given.
    pub(super) fn config(&self) -> Result<Option<Config>, Failure> {
        let Some(issuer) = &self.issuer else { return Ok(None) };
        let (audiences, rules) = (self.audience.clone(), self.allow.clone());
        Config::new(issuer, audiences, rules, self.name.clone()).map(Some).map_err(|why| {
            let hint = "see --oidc-issuer, --oidc-audience and --oidc-allow in `countersign serve --help`";
            Failure::unusable("arguments.invalid", why, hint)
        })
    }
}
