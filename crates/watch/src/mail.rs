//! A destination that sends e-mail over SMTP.

use std::time::Duration;

use countersign_client::{DestinationError, Url};
use countersign_errors::EngineError;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{SmtpTransport, Transport as _};

use crate::handoff::Destination;
use crate::item::{Item, ItemKind};

/// The time limit for an answer of the mail server.
const PATIENCE: Duration = Duration::from_secs(30);

/// A mail server, its credentials, and the sender and recipients.
pub struct MailServer<'a> {
    /// `smtp://HOST`, which must offer STARTTLS, or `smtps://HOST`.
    pub url: &'a str,
    /// The user name and password, if the server requires them.
    pub credentials: Option<(String, String)>,
    /// The sender.
    pub from: Mailbox,
    /// The recipients.
    pub to: Vec<Mailbox>,
}

impl MailServer<'_> {
    /// Opens the mail server for items of the log `origin`. Sends nothing yet.
    ///
    /// # Errors
    /// If the address is not a mail server's, or the system's certificates can't be used.
    pub fn open(self, origin: &str) -> Result<MailDestination, EngineError> {
        let refuse = |why: &str| {
            let hint = "use smtp://mail.example:587 or smtps://mail.example, without name and password";
            EngineError::new("arguments.invalid", format!("the mail server's address {why}"), hint)
        };
        let url: Url = self.url.parse().map_err(|_| refuse("is not a URL"))?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| refuse("has no host"))?;
        let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        if !is_plain || !matches!(url.path(), "" | "/") {
            return Err(refuse("may only contain a host and a port"));
        }
        let unusable = |error: lettre::transport::smtp::Error| {
            let hint = "check the system's certificates and the host name";
            EngineError::new("mail.tls", error.to_string(), hint)
        };
        let tls = TlsParameters::new(host.to_owned()).map_err(unusable)?;
        let (tls, port) = match url.scheme() {
            "smtps" => (Tls::Wrapper(tls), 465),
            // Mail to the same machine needs no encryption.
            "smtp" if is_loopback(host) => (Tls::Opportunistic(tls), 25),
            "smtp" => (Tls::Required(tls), 587),
            _ => return Err(refuse("must start with smtp:// or smtps://")),
        };
        let mut builder = SmtpTransport::builder_dangerous(host)
            .port(url.port().unwrap_or(port))
            .tls(tls)
            .timeout(Some(PATIENCE));
        if let Some((name, password)) = self.credentials {
            builder = builder.credentials(Credentials::new(name, password));
        }
        Ok(MailDestination {
            transport: builder.build(),
            from: self.from,
            to: self.to,
            domain: domain(origin),
            origin: origin.into(),
        })
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Returns the part of a message id after the `@`: the host of the origin.
fn domain(origin: &str) -> String {
    let host = origin.split('/').next().unwrap_or_default();
    let is_valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let host: String = host.chars().filter(|c| is_valid(*c)).take(200).collect();
    if host.is_empty() { "countersign".into() } else { host }
}

/// A destination that sends e-mail.
pub struct MailDestination {
    transport: SmtpTransport,
    from: Mailbox,
    to: Vec<Mailbox>,
    domain: String,
    origin: String,
}

impl MailDestination {
    fn message(&self, item: &Item) -> Result<Message, lettre::error::Error> {
        let subject: String = item.title.chars().filter(|c| !c.is_control()).take(150).collect();
        // The id is the same on every attempt, so mail programs can drop duplicates.
        let id = format!("<{}@{}>", item.name(), self.domain);
        let builder = Message::builder().from(self.from.clone()).subject(subject).message_id(Some(id));
        let builder = self.to.iter().fold(builder, |builder, to| builder.to(to.clone()));
        let value: serde_json::Value = serde_json::from_str(&item.text).unwrap_or_default();
        let json = serde_json::to_string_pretty(&value).unwrap_or_default();
        let text = format!("{}\n\nlog: {}\nid: {}\n\n{json}\n", item.title, self.origin, item.id);
        builder.header(ContentType::TEXT_PLAIN).body(text)
    }
}

impl Destination for MailDestination {
    fn name(&self) -> &'static str {
        "mail"
    }

    fn wants(&self, item: &Item) -> bool {
        item.kind != ItemKind::Scan
    }

    fn accept(&mut self, item: &Item) -> Result<(), DestinationError> {
        let message = self.message(item).map_err(|error| DestinationError::Refused(error.to_string()))?;
        match self.transport.send(&message) {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(DestinationError::Refused(error.to_string())),
            Err(error) => Err(DestinationError::later(error.to_string())),
        }
    }
}
