//! Everything known about what a log signed.

use std::collections::BTreeMap;

use countersign::note::VerifierKey;

use super::Config;
use super::log_store::LogStore;
use super::source::Source;
use crate::signed_file::head_of;
use crate::signed_file::{SignedFile, SignedFileContent};
use crate::stop_file::StopFile;
use countersign_log::hashes::root_at;
use countersign_log::signed_memory::SignedHead;
use countersign_log::stop::{Cause, Line, WitnessAnswer};
use countersign_log::store::{EntryReader, StoreError};

/// The collected knowledge.
#[derive(Debug, Default)]
pub struct SignedHistory {
    /// The heads that the log signed, one for each size, in ascending order.
    pub heads: Vec<SignedHead>,
    /// The checkpoints of others that have been verified to be the log's, by size.
    pub(super) notes: BTreeMap<u64, String>,
    /// The largest size that a trusted witness claimed, without proof, since the log was last resumed.
    pub claim: Option<Claim>,
    /// The reason why the log may have signed more, if there is one.
    pub doubt: Option<Doubt>,
    /// A size for which the log signed two different trees.
    split: Option<u64>,
}

/// A witness's unproven claim about the checkpoints it has seen.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The number of entries that it says it cosigned.
    pub size: u64,
    /// The witness's name.
    pub witness: String,
}

/// The reason why the signed checkpoints are unknown.
#[derive(Clone, Debug)]
pub struct Doubt {
    /// The cause, for its code.
    pub cause: Cause,
    /// The human-readable reason.
    pub why: String,
}

impl SignedHistory {
    /// Collects the knowledge from the folder and all sources.
    pub(super) fn collect(
        config: &Config,
        store: &LogStore,
        sources: &[Box<dyn Source>],
    ) -> Result<Self, StoreError> {
        let Config { folder, key, keys, witnesses, .. } = config;
        let keys: Vec<VerifierKey> = std::iter::once(key).chain(keys).cloned().collect();
        let file = SignedFile::read(folder, key.name())?;
        let mut history = Self::default();
        file.heads.iter().for_each(|head| history.add(head.clone()));
        let published = store.published()?;
        let stops = StopFile::new(folder)
            .read()
            .map_err(|error| StoreError::disk("reading the evidence of stops", error))?;
        let mut notes = published;
        for line in &stops {
            match Line::parse(line) {
                Some(Line::Stopped(stop)) => {
                    let is_claim = stop.is_claim();
                    // A checkpoint that the log was about to sign, or showed, counts as signed.
                    notes.extend([stop.signed, stop.checkpoint].into_iter().flatten());
                    let counts = |witness: &WitnessAnswer| is_claim && witnesses.contains(&witness.key);
                    if let Some(WitnessAnswer { key, size: Some(size), .. }) = stop.witness.filter(counts)
                        && history.claimed_size() < size
                    {
                        history.claim = Some(Claim { size, witness: key.name().to_owned() });
                    }
                }
                Some(Line::Resumed { .. }) => history.claim = None,
                None => {}
            }
        }
        notes.iter().filter_map(|note| head_of(note, &keys)).for_each(|head| history.add(head));
        for note in sources.iter().flat_map(|source| source.checkpoints()) {
            let Some(head) = head_of(note, &keys) else { continue };
            // The longer note has more cosignatures.
            let longer = history.notes.get(&head.size).is_none_or(|other| other.len() < note.len());
            if longer {
                history.notes.insert(head.size, note.clone());
            }
            history.add(head);
        }
        history.heads.sort_by_key(|head| head.size);
        history.doubt = match store.remembered() {
            Some(remembered) => history.doubts_of_bucket(remembered.map(|head| head.size)),
            None => history.doubts(&file, store.signed_size()?),
        };
        Ok(history)
    }

    /// Adds the doubt about an index that continues without its bucket, unless there is another one.
    pub(super) fn doubt_index(&mut self) {
        self.doubt.get_or_insert_with(|| Doubt {
            cause: Cause::Unremembered,
            why: "the folder has the index of a bucket, and another server may have signed more there"
                .to_owned(),
        });
    }

    fn claimed_size(&self) -> u64 {
        self.claim.as_ref().map_or(0, |claim| claim.size)
    }

    /// Returns why more may have been signed than `remembered`, if a witness's claim alone says so.
    fn claimed_beyond(&self, remembered: u64) -> Option<String> {
        let Claim { size, witness } = self.claim.as_ref()?;
        let signed = self.heads.last().map_or(0, |head| head.size);
        (*size > signed && signed <= remembered).then(|| {
            format!(
                "the witness {witness} claims, without proof, that it cosigned {size} entries, but only {remembered} are \
                 known to be signed; if the claim is wrong, remove its line from the trust file"
            )
        })
    }

    fn add(&mut self, head: SignedHead) {
        match self.heads.iter().find(|known| known.size == head.size) {
            Some(known) if known.root != head.root => self.split = Some(head.size),
            Some(_) => {}
            None => self.heads.push(head),
        }
    }

    /// Returns a doubt about a log in a bucket. A bucket records what any server signed before anyone saw it, unless
    /// the bucket itself was restored.
    fn doubts_of_bucket(&self, remembered: Option<u64>) -> Option<Doubt> {
        let newest = self.heads.last().map_or(0, |head| head.size).max(self.claimed_size());
        let (cause, why) = match remembered {
            None if newest > 0 => {
                (Cause::Unremembered, "the bucket's record of what was signed is missing".to_owned())
            }
            Some(size) if size < newest => {
                let restored = || {
                    format!(
                        "the bucket's record ends at {size} entries, but {newest} were signed, so the whole bucket was restored"
                    )
                };
                (Cause::Rollback, self.claimed_beyond(size).unwrap_or_else(restored))
            }
            _ => return None,
        };
        Some(Doubt { cause, why })
    }

    fn doubts(&self, file: &SignedFileContent, noted: Option<u64>) -> Option<Doubt> {
        let remembered = file.newest().map(|head| head.size);
        let newest = self.heads.last().map_or(0, |head| head.size).max(self.claimed_size());
        let (cause, why) = if file.is_copy {
            (
                Cause::Copied,
                "the folder is a copy, so what was signed after the copy was made is unknown".to_owned(),
            )
        } else if let Some(problem) = &file.problem {
            (Cause::Unremembered, format!("signed.txt can't be read: {problem}"))
        } else if remembered < noted || !file.exists && newest > 0 {
            (Cause::Unremembered, "the record of what was signed is missing".to_owned())
        } else if remembered.unwrap_or(0) < newest {
            let restored = || {
                "the log signed more than this folder's record contains, so the whole folder was restored"
                    .to_owned()
            };
            (Cause::Rollback, self.claimed_beyond(remembered.unwrap_or(0)).unwrap_or_else(restored))
        } else {
            return None;
        };
        Some(Doubt { cause, why })
    }

    /// Returns how signed heads contradict the stored entries, if they do.
    pub(super) fn contradiction(
        &self,
        reader: &dyn EntryReader,
        size: u64,
    ) -> Result<Option<String>, StoreError> {
        if let Some(size) = self.split {
            return Ok(Some(format!("the log signed two different trees of {size} entries")));
        }
        for head in self.heads.iter().filter(|head| head.size <= size) {
            if root_at(reader, head.size)? != head.root {
                return Ok(Some(format!(
                    "the log signed a tree of {} entries that differs from the stored one",
                    head.size
                )));
            }
        }
        Ok(None)
    }
}
