//! Sign-in of readers with OpenID Connect.

use countersign_log_server::oidc::{Config, Rule};
use countersign_log_server::server::Page;

use crate::errors::CliError;
use crate::io::style;

#[derive(clap::Args)]
pub(super) struct OpenId {
    /// Also accept readers with a token (JWT) from this OpenID Connect issuer
    #[arg(id = "oidc_issuer", long = "oidc-issuer", value_name = "URL", requires_all = ["oidc_audience", "oidc_allow"])]
    issuer: Option<String>,
    /// Audience of accepted tokens. Can be repeated
    #[arg(id = "oidc_audience", long = "oidc-audience", value_name = "AUD", requires = "oidc_issuer")]
    audience: Vec<String>,
    /// Rights that a token's claims give: 'groups=auditors read', 'groups=support read tenant={org}', '* read' for
    /// everyone. Can be repeated
    ///
    /// First the claims, all of which must match, with dots for a path (`realm_access.roles=auditor`); then the
    /// rights, as in `countersign token add`; then which events, where {org} stands for the token's claim org. On a
    /// log with tenants, `log=ID`, `log=*`, or `log={org_log}` says which tenant logs. The first rule that matches the
    /// claims and grants the requested right decides.
    #[arg(id = "oidc_allow", long = "oidc-allow", value_name = "RULE", requires = "oidc_issuer")]
    allow: Vec<Rule>,
    /// Claim used as the reader's name by --record-reads
    #[arg(id = "oidc_name", long = "oidc-name", value_name = "CLAIM", default_value = "sub")]
    name: String,
    /// Let the console sign readers in, as this client of the issuer (a public client, with code and PKCE)
    ///
    /// The issuer must know the console's address, to which it sends readers back. If the client is also an
    /// audience, the console sends the ID token; otherwise it sends an access token for the first audience.
    #[arg(id = "oidc_client", long = "oidc-client", value_name = "ID", requires = "oidc_issuer")]
    client: Option<String>,
    /// Scopes that the console requests [default: openid, and an access token with RFC 8707's resource]
    #[arg(id = "oidc_scope", long = "oidc-scope", value_name = "SCOPES", requires = "oidc_client")]
    scope: Option<String>,
}

impl OpenId {
    /// Returns the issuer's configuration, if given. On a log with tenants, its rules may name tenant logs.
    pub(super) fn config(&self, has_tenants: bool) -> Result<Option<Config>, CliError> {
        let Some(issuer) = &self.issuer else { return Ok(None) };
        let (audiences, rules) = (self.audience.clone(), self.allow.clone());
        let new = if has_tenants { Config::for_tenants } else { Config::new };
        new(issuer, audiences, rules, self.name.clone()).map(Some).map_err(|why| {
            let hint = "see --oidc-issuer, --oidc-audience and --oidc-allow in `countersign serve --help`";
            CliError::unusable("arguments.invalid", why, hint)
        })
    }

    /// Returns the console, with sign-in if configured.
    pub(super) fn page(&self, page: Page, config: Option<&Config>) -> Result<Page, CliError> {
        let Some((client, config)) = self.client.as_deref().zip(config) else { return Ok(page) };
        let page_with_sign_in = page.with_sign_in(&config.sign_in(client, self.scope.as_deref()));
        let page_with_sign_in =
            page_with_sign_in.map_err(|error| CliError::io("pack", "the page", &error))?;
        Ok(page_with_sign_in.unwrap_or_else(|| {
            style::warn("readers can't sign in on this page, because it isn't the log's console");
            page
        }))
    }
}
