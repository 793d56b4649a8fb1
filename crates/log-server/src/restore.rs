//! The way on for a log whose storage was brought back, or may have been.
//!
//! What the log signed is gathered from everywhere that it is told. Where the leaves of it can still be had, they are put
//! back, each verified by the root hash that the log signed. Where they cannot, or where it is not known what was
//! signed, the log is over, and another one goes on from it that says so.

pub mod ending;
mod known;
mod mend;
mod place;

use std::path::PathBuf;
use std::sync::Arc;

use countersign::checkpoint::{SignedCheckpoint, claimed_time};
use countersign::log::SaltedEvent;
use countersign::merkle::Bundle;
use countersign::note::VerifierKey;
use countersign::time::Time;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::bucket::Bucket;
use crate::own_entries::KeptEntries;
use crate::serve::{StartError, lock};
use crate::sqlite;
use crate::stop_file::StopFile;
use countersign_log::signed::SignedHead;
use countersign_log::stop::{Cause, Line, Stops as _};
use countersign_log::store::{Published, Reader, StoreError};
use place::Place;

pub use known::Known;

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

/// Who may still have leaves of a log, and checkpoints.
pub trait Source {
    /// The name for people.
    fn name(&self) -> String;

    /// Checkpoints that the log may have signed.
    fn checkpoints(&self) -> &[String];

    /// The leaf of that index, with its event where it has that. Asked for in ascending order.
    ///
    /// # Errors
    /// What keeps it from looking, for people.
    fn leaf(&mut self, index: u64) -> Result<Option<HeldLeaf>, String>;
}

/// A leaf that someone still has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLeaf {
    /// The leaf.
    pub text: String,
    /// Its event.
    pub event: Option<SaltedEvent>,
}

/// The leaves of entry bundles, which are read one at a time.
pub struct Bundles<F> {
    name: String,
    checkpoints: Vec<String>,
    size: u64,
    read: F,
    /// The bundle that was read last.
    last: Option<(u64, Vec<String>)>,
}

impl<F: FnMut(Bundle) -> Result<Option<Vec<u8>>, String>> Bundles<F> {
    /// Of a log that has a checkpoint of that size.
    pub fn new(name: String, checkpoint: String, size: u64, read: F) -> Self {
        Self { name, checkpoints: vec![checkpoint], size, read, last: None }
    }
}

impl<F: FnMut(Bundle) -> Result<Option<Vec<u8>>, String>> Source for Bundles<F> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn checkpoints(&self) -> &[String] {
        &self.checkpoints
    }

    fn leaf(&mut self, index: u64) -> Result<Option<HeldLeaf>, String> {
        if index >= self.size {
            return Ok(None);
        }
        let number = index / countersign::merkle::TILE_WIDTH;
        if self.last.as_ref().is_none_or(|(last, _)| *last != number) {
            let Some(bundle) = Bundle::grown(index, self.size).next() else { return Ok(None) };
            let bytes = (self.read)(bundle)?;
            let leaves = bytes.map(|bytes| {
                let leaves = bundle.decode(&bytes).map_err(countersign::Error::into_message)?;
                let text = |leaf: &&[u8]| String::from_utf8(leaf.to_vec()).map_err(|error| error.to_string());
                leaves.iter().map(text).collect::<Result<Vec<_>, _>>()
            });
            self.last = Some((number, leaves.transpose()?.unwrap_or_default()));
        }
        let leaves = self.last.as_ref().map_or(&[][..], |(_, leaves)| leaves);
        let text = leaves.get((index % countersign::merkle::TILE_WIDTH) as usize);
        Ok(text.map(|text| HeldLeaf { text: text.clone(), event: None }))
    }
}

/// The leaves of another folder of the log, such as a later backup.
pub struct Folder {
    name: String,
    reader: Arc<dyn Reader>,
    size: u64,
    checkpoints: Vec<String>,
}

impl Folder {
    /// The log in that folder.
    ///
    /// # Errors
    /// The store's own.
    pub fn open(name: String, folder: &std::path::Path) -> Result<Self, StoreError> {
        let (_, reader) = sqlite::open_reader(folder)?;
        let size = reader.size()?;
        let checkpoints = reader.published()?.map(|published| published.note).into_iter().collect();
        Ok(Self { name, reader, size, checkpoints })
    }
}

impl Source for Folder {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn checkpoints(&self) -> &[String] {
        &self.checkpoints
    }

    fn leaf(&mut self, index: u64) -> Result<Option<HeldLeaf>, String> {
        if index >= self.size {
            return Ok(None);
        }
        let leaves = self.reader.leaves_with_events(index..index + 1).map_err(|error| error.to_string())?;
        let Some(stored) = leaves.into_iter().next() else { return Ok(None) };
        let event = match stored.event {
            countersign_log::store::StoredEvent::Here(event) => Some(event),
            _ => None,
        };
        let text = String::from_utf8(stored.leaf).map_err(|error| error.to_string())?;
        Ok(Some(HeldLeaf { text, event }))
    }
}

/// What is to be done.
pub enum Plan {
    /// Nothing is missing: the log goes on as it is.
    GoOn {
        /// How many leaves it has.
        size: u64,
    },
    /// Leaves are put back.
    Mend(mend::Mend),
    /// The log is over.
    End(Over),
}

/// Why a log cannot go on.
#[derive(Clone, Debug)]
pub struct Over {
    /// The stable code of what stopped it.
    pub code: &'static str,
    /// Why, for people.
    pub why: String,
    /// The last checkpoint that it is known to have signed.
    pub checkpoint: Option<String>,
}

impl Over {
    /// What is written down in the log's bucket.
    pub(crate) fn to_line(&self, new: &str) -> String {
        let Self { code, why, .. } = self;
        json!({ "countersign": "ended/v1", "code": code, "message": why, "new": new }).to_string()
    }

    /// Why the log is over, as it was written down.
    pub(crate) fn read(bytes: &[u8]) -> (Cause, String) {
        let ended: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let cause = ended["code"].as_str().and_then(Cause::of_code).unwrap_or(Cause::Unremembered);
        let (why, new) = (ended["message"].as_str(), ended["new"].as_str());
        let message = format!(
            "this log is over, and {} goes on from it: {}",
            new.unwrap_or("another one"),
            why.unwrap_or("it is not known why")
        );
        (cause, message)
    }
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
        let gathered = mend::Mend::gather(
            &self.config.folder,
            &self.place,
            &self.known.heads,
            &newest,
            &mut self.sources,
        )?;
        Ok(match gathered {
            Ok(mend) => Plan::Mend(mend),
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
            Plan::Mend(mend) => {
                let (from, to) = mend.range();
                // What was signed is remembered before anything goes on from it.
                self.place.remember(&self.known.heads)?;
                self.place.make_room()?;
                mend.put_back(&mut self.place, &self.config.key)?;
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
