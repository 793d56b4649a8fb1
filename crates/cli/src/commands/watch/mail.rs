//! E-mail, over SMTP.

use std::path::PathBuf;
use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{SmtpTransport, Transport as _};
use zeroize::Zeroizing;

use super::handing::{DestinationError, Receiver};
use super::item::{Item, Kind};
use crate::errors::{CliError, shown};
use crate::io::{input, key};

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// By which server, and to whom.
#[derive(clap::Args)]
#[command(next_help_heading = "Where findings go")]
pub(crate) struct Mailing {
    /// Send each finding by e-mail through this server: `smtp://HOST`, which must offer STARTTLS, or `smtps://HOST`
    #[arg(long, value_name = "URL", requires_all = ["mail_from", "mail_to"])]
    smtp: Option<String>,
    /// The sender's address
    #[arg(long, value_name = "ADDRESS", requires = "smtp", value_parser = mailbox)]
    mail_from: Option<Mailbox>,
    /// A recipient. Can be repeated
    #[arg(long, value_name = "ADDRESS", requires = "smtp", value_parser = mailbox)]
    mail_to: Vec<Mailbox>,
    /// User name for the mail server
    #[arg(long, value_name = "NAME", requires = "smtp_password_file")]
    smtp_user: Option<String>,
    /// File with the password
    #[arg(long, value_name = "FILE", requires = "smtp_user")]
    smtp_password_file: Option<PathBuf>,
}

fn mailbox(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|_| "write it as ada@example.com or 'Ada Okafor <ada@example.com>'".to_owned())
}

impl Mailing {
    /// Who sends, where e-mail is asked for. `origin` is the log's.
    pub(crate) fn open(&self, origin: &str) -> Result<Option<Mail>, CliError> {
        let (Some(url), Some(from)) = (&self.smtp, &self.mail_from) else { return Ok(None) };
        let refuse = |why: &str| {
            let hint =
                "write it as smtp://mail.example:587 or smtps://mail.example, without name and password";
            CliError::unusable("arguments.invalid", format!("the mail server's address {why}"), hint)
        };
        let url: reqwest::Url = url.parse().map_err(|_| refuse("is no URL"))?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| refuse("has no host"))?;
        let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        if !is_plain || !matches!(url.path(), "" | "/") {
            return Err(refuse("has more than a host and a port"));
        }
        let unusable = |error: lettre::transport::smtp::Error| {
            let hint = "check the system's certificates, and the name of the host";
            CliError::unusable("mail.tls", error.to_string(), hint)
        };
        let tls = TlsParameters::new(host.to_owned()).map_err(unusable)?;
        let (tls, port) = match url.scheme() {
            "smtps" => (Tls::Wrapper(tls), 465),
            // What does not leave the machine need not be encrypted.
            "smtp" if is_here(host) => (Tls::Opportunistic(tls), 25),
            "smtp" => (Tls::Required(tls), 587),
            _ => return Err(refuse("begins with neither smtp:// nor smtps://")),
        };
        let mut builder = SmtpTransport::builder_dangerous(host)
            .port(url.port().unwrap_or(port))
            .tls(tls)
            .timeout(Some(PATIENCE));
        if let (Some(name), Some(path)) = (&self.smtp_user, &self.smtp_password_file) {
            let password = Zeroizing::new(input::small_text(path)?);
            key::warn_if_readable(path, "password");
            let password = password.trim_end_matches(['\n', '\r']);
            if password.is_empty() {
                let failure = CliError::unusable(
                    "mail.password",
                    "there is no password in it",
                    "write it into the file",
                );
                return Err(failure.within(&shown(path)));
            }
            builder = builder.credentials(Credentials::new(name.clone(), password.to_owned()));
        }
        Ok(Some(Mail {
            transport: builder.build(),
            from: from.clone(),
            to: self.mail_to.clone(),
            domain: domain(origin),
            origin: origin.into(),
        }))
    }
}

fn is_here(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// What stands after the @ of a message's id.
fn domain(origin: &str) -> String {
    let host = origin.split('/').next().unwrap_or_default();
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let host: String = host.chars().filter(|c| is_fit(*c)).take(200).collect();
    if host.is_empty() { "countersign".into() } else { host }
}

/// Sends e-mail.
pub(crate) struct Mail {
    transport: SmtpTransport,
    from: Mailbox,
    to: Vec<Mailbox>,
    domain: String,
    origin: String,
}

impl Mail {
    fn message(&self, item: &Item) -> Result<Message, lettre::error::Error> {
        let subject: String = item.title.chars().filter(|c| !c.is_control()).take(150).collect();
        // The same when it is sent again: who gets it twice has it once.
        let id = format!("<{}@{}>", item.name(), self.domain);
        let builder = Message::builder().from(self.from.clone()).subject(subject).message_id(Some(id));
        let builder = self.to.iter().fold(builder, |builder, to| builder.to(to.clone()));
        let value: serde_json::Value = serde_json::from_str(&item.text).unwrap_or_default();
        let json = serde_json::to_string_pretty(&value).unwrap_or_default();
        let text = format!("{}\n\nlog: {}\nid: {}\n\n{json}\n", item.title, self.origin, item.id);
        builder.header(ContentType::TEXT_PLAIN).body(text)
    }
}

impl Receiver for Mail {
    fn name(&self) -> &'static str {
        "mail"
    }

    fn wants(&self, item: &Item) -> bool {
        item.kind != Kind::Scan
    }

    fn take(&mut self, item: &Item) -> Result<(), DestinationError> {
        let message = self.message(item).map_err(|error| DestinationError::Refused(error.to_string()))?;
        match self.transport.send(&message) {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(DestinationError::Refused(error.to_string())),
            Err(error) => Err(DestinationError::later(error.to_string())),
        }
    }
}
