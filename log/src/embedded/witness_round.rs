//! Asking witnesses about one checkpoint.

use std::collections::HashMap;
use std::time::Duration;

use countersign::note::VerifierKey;

use super::EmbeddedCollector;
use crate::sequencer::{Job, Unwitnessed};
use crate::store::StoreError;
use crate::witnessing::{AGAIN, Asking, Gathering, NoCosignature, REFRESH};

/// The size of the last checkpoint that each witness cosigned.
pub(super) type Sizes = HashMap<VerifierKey, u64>;

/// All witnesses, while they are asked.
pub struct WitnessRound {
    gathering: Gathering,
    asked: Vec<Asked>,
}

struct Asked {
    place: usize,
    key: VerifierKey,
    url: String,
    asking: Option<Asking>,
}

impl WitnessRound {
    /// Where they are asked, by their number.
    pub fn urls(&self) -> impl Iterator<Item = String> {
        self.asked.iter().map(|asked| format!("{}/add-checkpoint", asked.url.trim_end_matches('/')))
    }

    /// Whether enough of them have cosigned.
    pub fn is_enough(&self) -> bool {
        self.gathering.is_enough()
    }
}

impl EmbeddedCollector {
    /// A checkpoint that witnesses have not seen, if there is one; with `again` one that they have seen.
    ///
    /// # Errors
    /// The store's own.
    pub fn round(&mut self, again: bool) -> Result<Option<WitnessRound>, StoreError> {
        if self.signing.stopped().is_some() {
            return Ok(None);
        }
        if again {
            self.working.show_witnesses()?;
        } else if !self.unwitnessed.has_changed().unwrap_or_default() {
            return Ok(None);
        }
        let Some(newest) = self.unwitnessed.borrow_and_update().clone() else { return Ok(None) };
        Ok(Some(self.begin(&newest)))
    }

    fn begin(&self, checkpoint: &Unwitnessed) -> WitnessRound {
        let rules = self.working.rules();
        let gathering = Gathering::new(checkpoint.clone(), rules.trust());
        let asked = gathering.witnesses().map(|(place, key, url)| {
            let old_size = self.sizes.get(key).copied().unwrap_or(0);
            let asking = Asking::new(key, checkpoint, old_size).ok();
            Asked { place, key: key.clone(), url: url.to_owned(), asking }
        });
        let asked = asked.collect();
        WitnessRound { gathering, asked }
    }

    /// What is sent to the witness of that number; none where it is not to be asked.
    pub fn ask(&self, round: &WitnessRound, number: usize) -> Option<String> {
        let asked = round.asked.get(number)?;
        match asked.asking.as_ref()?.request(&*self.reader) {
            Ok(request) => Some(request),
            Err(why) => {
                self.no_cosignature(asked, &why);
                None
            }
        }
    }

    /// That witness's answer. Says whether it is to be asked again.
    pub fn answered(
        &mut self,
        round: &mut WitnessRound,
        number: usize,
        status: u16,
        kind: Option<&str>,
        body: &[u8],
    ) -> bool {
        let Some(asked) = round.asked.get_mut(number) else { return false };
        let Some(asking) = &mut asked.asking else { return false };
        match asking.answered(status, kind, body, &self.timekeeper) {
            Ok(Some(lines)) => {
                self.sizes.insert(asked.key.clone(), asking.size());
                round.gathering.add(asked.place, &lines);
                false
            }
            Ok(None) => true,
            Err(NoCosignature::Failed(why)) => {
                self.no_cosignature(asked, &why);
                false
            }
            Err(NoCosignature::Contradicts(contradiction)) => {
                self.no_cosignature(asked, "it has seen what is not here");
                if let Err(error) =
                    self.work(|reply| Job::Contradicted { contradiction: *contradiction, reply })
                {
                    tracing::error!(%error, "what a witness has against the log was not weighed");
                }
                false
            }
        }
    }

    /// That witness did not answer.
    pub fn failed(&self, round: &WitnessRound, number: usize, why: &str) {
        if let Some(asked) = round.asked.get(number) {
            self.no_cosignature(asked, why);
        }
    }

    fn no_cosignature(&self, asked: &Asked, why: &str) {
        self.metrics.witness_failed(asked.key.name());
        tracing::warn!(witness = asked.key.name(), why, "no cosignature");
    }

    /// Publishes the checkpoint with the cosignatures that came, and gives when witnesses are to be asked again.
    ///
    /// # Errors
    /// The store's own.
    pub fn end(&mut self, round: WitnessRound) -> Result<Duration, StoreError> {
        if self.signing.stopped().is_some() {
            return Ok(REFRESH);
        }
        let published = round.gathering.end(self.now());
        let witnessed = published.witnessed;
        self.work(|reply| Job::Publish { published, reply })??;
        Ok(if witnessed { REFRESH } else { AGAIN })
    }

    /// Whether the log has witnesses.
    pub fn has_witnesses(&self) -> bool {
        crate::witnessing::has_witnesses(self.working.rules().trust())
    }
}
