//! The parts of a log server that can fail, and failures.

use std::fmt;

use strum::{IntoStaticStr, VariantArray};

/// The folder of the documents on the web.
const DOCS: &str = "https://github.com/countersign/countersign/blob/main/docs/";

/// A part of a log server that can fail, or something that the server depends on. An error names it where it is raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Part {
    /// The disk: it is full, or files can't be read or written.
    Disk,
    /// The stored data: it is damaged.
    Data,
    /// The log's bucket.
    Bucket,
    /// The log's clock.
    Clock,
    /// The log's witnesses.
    Witnesses,
    /// The log's journal in a second place.
    Journal,
    /// Signing: the log stopped it.
    Signing,
    /// Erasing events.
    Erasing,
    /// The control files, such as the trust file.
    ControlFiles,
    /// The logs of tenants.
    Tenants,
    /// The server itself: it is stopping, on standby, or has an internal error.
    Server,
}

impl Part {
    /// Returns the name in `/healthz`, metrics, and log lines.
    pub fn word(self) -> &'static str {
        self.into()
    }

    /// Returns the part that an error of the server with this code is about.
    pub(crate) fn of_code(code: &str) -> Self {
        match code {
            "log.clock" | "submit.early" => Self::Clock,
            "server.busy" | "server.unavailable" | "server.failed" => Self::Server,
            code if code.starts_with("log.") => Self::Signing,
            _ => Self::Server,
        }
    }

    /// Returns the address of the document that has the remedies.
    pub fn docs(self) -> String {
        let page = match self {
            Self::Disk => "disk-full.md",
            Self::Data => "checking-a-log.md",
            Self::Bucket => "object-stores.md",
            Self::Clock => "troubleshooting.md",
            Self::Witnesses => "witnesses.md",
            Self::Journal => "backup.md",
            Self::Signing | Self::Tenants => "stopped-log.md",
            Self::Erasing => "erasure.md",
            Self::ControlFiles | Self::Server => "monitoring.md",
        };
        format!("{DOCS}{page}")
    }
}

/// A failure, with the part that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The part that failed.
    pub part: Part,
    /// The reason, for the log operator.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<String> for Failure {
    /// A failure of the server itself.
    fn from(message: String) -> Self {
        Self { part: Part::Server, message }
    }
}

impl From<&str> for Failure {
    /// A failure of the server itself.
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}
