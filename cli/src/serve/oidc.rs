//! Readers whom an issuer of OpenID Connect vouches for.

use countersign_log::oidc::{Config, Rule};
use countersign_log::server::Page;

use crate::errors::Failure;
use crate::style;

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
    /// Have the console sign readers in, as this client of the issuer's: one without a secret, by code and PKCE
    ///
    /// The issuer sends them back to the console's address, which it has to know. Where the client is an audience too, the
    /// console sends the ID token; otherwise an access token for the first audience.
    #[arg(id = "oidc_client", long = "oidc-client", value_name = "ID", requires = "oidc_issuer")]
    client: Option<String>,
    /// Which scopes the console asks for [default: openid, and an access token by RFC 8707's resource]
    #[arg(id = "oidc_scope", long = "oidc-scope", value_name = "SCOPES", requires = "oidc_client")]
    scope: Option<String>,
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

    /// The console for readers who sign in, where they may.
    pub(super) fn page(&self, page: Page, config: Option<&Config>) -> Result<Page, Failure> {
        let Some((client, config)) = self.client.as_deref().zip(config) else { return Ok(page) };
        let made = page.with_sign_in(&config.sign_in(client, self.scope.as_deref()));
        let made = made.map_err(|error| Failure::io("pack", "the page", &error))?;
        Ok(made.unwrap_or_else(|| {
            style::warn("nobody can sign in by this page, which is not the log's console");
            page
        }))
    }
}
