//! Sinks: where records go.

mod file;
mod stdout;

use std::path::PathBuf;

use countersign_feeds::{Format, Record};

use self::file::File;
use self::stdout::Stdout;
use crate::errors::Failure;
use crate::retry::Trouble;

/// What a receiver says of a batch, by the places of its records.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Those that it does not want, and why.
    pub(super) refused: Vec<(usize, String)>,
    /// Those that it does not take now.
    pub(super) later: Vec<usize>,
}

/// Where records go.
pub(super) trait Sink {
    /// Has the receiver take these. What is neither refused nor left for later is there.
    fn send(&mut self, records: &[&Record]) -> Result<Answer, Trouble>;

    /// How many records a batch has at most.
    fn most(&self) -> usize;

    /// Goes on with what was written before, which was so long when all that was sent was in it.
    fn resume(&mut self, _written: Option<u64>) -> Result<(), Failure> {
        Ok(())
    }

    /// How long what was written is, where that tells how far it is.
    fn written(&self) -> Option<u64> {
        None
    }

    /// Nothing more comes.
    fn end(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

/// Where records go, by arguments.
#[derive(clap::Args)]
pub(super) struct Sending {
    /// What takes the records
    #[arg(long, value_name = "SINK", value_parser = ["stdout", "file"], default_value = "stdout", help_heading = "Sending")]
    sink: String,
    /// The file to append to
    #[arg(long, value_name = "WHERE", required_if_eq("sink", "file"), help_heading = "Sending")]
    destination: Option<String>,
    /// How many records are sent at once, at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000), default_value = "500", help_heading = "Sending")]
    batch: u16,
}

impl Sending {
    pub(super) fn open(&self, _format: Format) -> Result<Box<dyn Sink>, Failure> {
        let most = usize::from(self.batch);
        Ok(match (self.sink.as_str(), &self.destination) {
            ("file", Some(path)) => Box::new(File::open(&PathBuf::from(path), most)?),
            _ => Box::new(Stdout { most }),
        })
    }
}
