//! The way on for a log whose storage was brought back, or may have been.
//!
//! What the log signed is gathered from everywhere that it is told. Where the leaves of it can still be had, they are put
//! back, each verified by the root hash that the log signed. Where they cannot, or where it is not known what was
//! signed, the log is over, and another one goes on from it that says so.

pub mod ending;
mod known;
mod over;
mod place;
mod repair;
mod source;

use std::path::PathBuf;

use countersign::checkpoint::{SignedCheckpoint, claimed_time};
use countersign::note::VerifierKey;
use countersign::time::Time;
use tokio::runtime::Handle;

use crate::bucket::Bucket;
use crate::own_entries::KeptEntries;
use crate::start_error::{StartError, lock};
use crate::stop_file::StopFile;
use countersign_log::signed_memory::SignedHead;
use countersign_log::stop::{Line, Stops as _};
use countersign_log::store::{Published, StoreError};
use place::Place;

pub use known::Known;
pub use over::Over;
pub use source::{Bundles, Folder, HeldLeaf, Source};

/// The log that is to go on.
pub struct Config {
    /// The log's folder.
    pub folder: PathBuf,
    /// The bucket that the log is in, where it is in one; the folder has its index then.
    pub bucket: Option<(Bucket, Handle)>,
    /// The log's key.
    pub key: VerifierKey,
    /// Earlier keys of the log, whose signatures count too.
    pub keys: Vec<VerifierKey>,
    /// The witnesses that the log's trust file names: claims of others don't count.
    pub witnesses: Vec<VerifierKey>,
    /// Whether the operator vouches that nothing was signed beyond what is here and what the sources have.
    pub nothing_newer: bool,
    /// What time it is.
    pub now: Time,
}

/// What is to be done.
pub enum Plan {
    /// Nothing is missing: the log goes on as it is.
    GoOn {
        /// How many leaves it has.
        size: u64,
    },
    /// Leaves are put back.
    Repair(repair::Repair),
    /// The log is over.
    End(Over),
}

/// A log that is looked at. Nobody else has its folder meanwhile.
pub struct Restore {
    config: Config,
    place: Place,
    known: Known,
    sources: Vec<Box<dyn Source>>,
    _lock: countersign_files::Lock,
}

impl Restore {
    /// Looks at a log. Nothing is changed.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn look(config: Config) -> Result<Self, StartError> {
        let lock = lock(&config.folder)?;
        let place = match config.bucket.clone() {
            Some((bucket, handle)) => Place::in_bucket(&config.folder, &config.key, bucket, handle)?,
            None => Place::in_folder(&config.folder, &config.key)?,
        };
        let known = Known::default();
        Ok(Self { config, place, known, sources: Vec::new(), _lock: lock })
    }

    /// How many leaves the log has.
    pub fn size(&self) -> u64 {
        self.place.writer().size()
    }

    /// Asks those who may still have its leaves; a bucket has some itself.
    ///
    /// # Errors
    /// The store's own.
    pub fn ask(&mut self, sources: Vec<Box<dyn Source>>) -> Result<(), StoreError> {
        self.sources = self.place.sources()?;
        self.sources.extend(sources);
        // What others have comes first: an entry here may have failed to be committed.
        self.sources.push(Box::new(KeptEntries::read(&self.config.folder)?));
        self.known = Known::gather(&self.config, &self.place, &self.sources)?;
        Ok(())
    }

    /// What is known of the log.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// What is to be done. All that is missing is gathered and verified for it.
    ///
    /// # Errors
    /// The store's own.
    pub fn plan(&mut self) -> Result<Plan, StoreError> {
        let size = self.size();
        let over = |code, why: String| {
            let checkpoint = self.known.heads.last().map(|head| head.note(self.config.key.name()));
            Plan::End(Over { code, why, checkpoint })
        };
        if let Some(why) = self.known.contradiction(self.place.reader(), size)? {
            return Ok(over("log.split_view", why));
        }
        if let Some(doubt) = &self.known.doubt
            && !self.config.nothing_newer
        {
            return Ok(over(doubt.cause.code(), doubt.why.clone()));
        }
        let newest = self.known.heads.last().cloned();
        let Some(newest) = newest.filter(|newest| newest.size > size) else {
            return Ok(Plan::GoOn { size });
        };
        let gathered = repair::Repair::gather(
            &self.config.folder,
            &self.place,
            &self.known.heads,
            &newest,
            &mut self.sources,
        )?;
        Ok(match gathered {
            Ok(repair) => Plan::Repair(repair),
            Err(why) => over("log.rollback", why),
        })
    }

    /// Puts the leaves back, and lets the log go on. It may be interrupted at any moment, and be done again then.
    ///
    /// # Errors
    /// The store's own.
    pub fn carry_out(mut self, plan: Plan) -> Result<(), StoreError> {
        let message = match plan {
            Plan::GoOn { size } => format!("nothing of its {size} leaves is missing"),
            Plan::Repair(repair) => {
                let (from, to) = repair.range();
                // What was signed is remembered before anything goes on from it.
                self.place.remember(&self.known.heads)?;
                self.place.make_room()?;
                repair.put_back(&mut self.place, &self.config.key)?;
                self.publish_again(from, to)?;
                format!("leaves {from} to {} were put back", to - 1)
            }
            Plan::End(_) => return Err(StoreError::unavailable("going on", "the log is over")),
        };
        self.go_on(&message)
    }

    /// What witnesses saw of the leaves that came back is kept as it was.
    fn publish_again(&mut self, from: u64, to: u64) -> Result<(), StoreError> {
        for (size, note) in self.known.notes.range(from + 1..=to) {
            let Ok(signed) = SignedCheckpoint::parse(note) else { continue };
            let seen = signed.note.signatures.iter().filter_map(claimed_time).max();
            let at = seen.unwrap_or(self.config.now);
            let published = Published { size: *size, note: note.clone(), at, witnessed: seen.is_some() };
            self.place.writer_mut().publish(&published)?;
        }
        Ok(())
    }

    fn go_on(&mut self, message: &str) -> Result<(), StoreError> {
        let Config { folder, key, now, .. } = &self.config;
        // The record says all that is known before it is this folder's, and it is that before anything goes on.
        self.place.settle(folder, key.name(), &self.known.heads)?;
        StopFile::new(folder)
            .keep(&Line::resumed(*now, &format!("it went on with --after-restore: {message}")))
    }

    /// Notes where all servers of a log in a bucket see it that it is over, and which one goes on.
    ///
    /// # Errors
    /// The store's own.
    pub fn end(&self, over: &Over, new: &str) -> Result<(), StoreError> {
        self.place.end(over, new)
    }
}

/// A head that was signed, as it stands in a checkpoint of the log.
fn head_of(note: &str, keys: &[VerifierKey]) -> Option<SignedHead> {
    let signed = countersign::checkpoint::SignedCheckpoint::parse(note).ok()?;
    let ours = keys.iter().any(|key| key.name() == signed.checkpoint.origin && signed.is_signed_by(key));
    if ours { SignedHead::of_note(note).ok() } else { None }
}
