//! The arguments for e-mail.

use std::path::PathBuf;

use countersign_watch::{MailDestination, MailServer, Mailbox};
use zeroize::Zeroizing;

use crate::errors::{CliError, shown};
use crate::io::{input, key};

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
    /// Returns the mail receiver, if e-mail is configured. `origin` is the log's.
    pub(crate) fn open(&self, origin: &str) -> Result<Option<MailDestination>, CliError> {
        let (Some(url), Some(from)) = (&self.smtp, &self.mail_from) else { return Ok(None) };
        let mut server = MailServer { url, credentials: None, from: from.clone(), to: self.mail_to.clone() };
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
            server.credentials = Some((name.clone(), password.to_owned()));
        }
        Ok(Some(server.open(origin)?))
    }
}
