//! The error type.

use std::io;

use countersign_errors::EngineError;

/// The reason why a mirror doesn't store or publish something.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The checkpoint is of another log.
    #[error("the checkpoint is of the log {0}")]
    OtherLog(String),
    /// The log's key didn't sign the checkpoint.
    #[error("the log's key didn't sign the checkpoint")]
    Unsigned,
    /// The checkpoint contradicts one that the log signed before. Both are in the evidence file.
    #[error(
        "the log shows two histories: its checkpoint of {seen} entries contradicts that of {kept} entries"
    )]
    Fork {
        /// The size of the checkpoint that the mirror has.
        kept: u64,
        /// The size of the contradicting checkpoint.
        seen: u64,
    },
    /// The source serves an older checkpoint than the mirror has.
    #[error("the source serves an older checkpoint, of {seen} entries instead of {kept}")]
    Behind {
        /// The size of the checkpoint that the mirror has.
        kept: u64,
        /// The size of the older checkpoint.
        seen: u64,
    },
    /// The entries or their proof don't lead to the checkpoint's root.
    #[error("{0} contradicts the checkpoint that the log signed")]
    Altered(String),
    /// A bundle or tile is malformed.
    #[error("{0}")]
    Malformed(String),
    /// The source lacks a bundle or tile.
    #[error("the source doesn't have {0}")]
    Missing(String),
    /// Earlier entries are missing, so these can't be stored.
    #[error("earlier entries are missing: the next entry is {next}")]
    Gap {
        /// The index of the first entry that the mirror lacks.
        next: u64,
    },
    /// The source can't be read.
    #[error(transparent)]
    Source(#[from] EngineError),
    /// The clock is before the mirror's last cosignature.
    #[error("the clock is {0} seconds before the mirror's last cosignature")]
    Clock(u64),
    /// Another process uses the folder.
    #[error("another mirror uses the folder")]
    InUse,
    /// The folder contains something that no mirror of this log writes.
    #[error("the copy is damaged: {0}")]
    Damaged(String),
    /// The folder can't be read or written.
    #[error("the copy can't be read or written: {0}")]
    Storage(#[from] io::Error),
    /// The mirror's key can't make a cosignature.
    #[error("{0}")]
    Key(String),
}

impl MirrorError {
    /// Returns the reason as a stable code.
    pub fn code(&self) -> &str {
        match self {
            Self::OtherLog(_) => "mirror.other_log",
            Self::Unsigned => "mirror.unsigned",
            Self::Fork { .. } => "mirror.fork",
            Self::Behind { .. } => "mirror.behind",
            Self::Altered(_) => "mirror.altered",
            Self::Malformed(_) => "mirror.malformed",
            Self::Missing(_) => "mirror.missing",
            Self::Gap { .. } => "mirror.gap",
            Self::Source(error) => error.code(),
            Self::Clock(_) => "mirror.clock",
            Self::InUse => "server.in_use",
            Self::Damaged(_) => "mirror.damaged",
            Self::Storage(_) => "mirror.storage",
            Self::Key(_) => "key.invalid",
        }
    }

    /// True if the log or the source contradicts what the log signed.
    pub const fn is_contradiction(&self) -> bool {
        matches!(self, Self::Fork { .. } | Self::Altered(_) | Self::Malformed(_))
    }
}
