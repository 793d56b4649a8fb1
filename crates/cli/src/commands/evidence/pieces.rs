//! Evidence in parts: each part's answers to the questions go into pieces, from which the evidence is made.

use countersign::hash::Hash;
use countersign::verify::parts::ItemCodec;
use countersign_analyze::{Detected, ENGINE, Pack};
use countersign_controls::{Catalog, EventFacts};

use super::Args;
use super::gather::{Examination, Gatherer};
use crate::io::pieces::Settings;
use crate::io::spill_queue::PendingValue;

impl Gatherer<'_> {
    /// Returns the settings on which the pieces depend. The identifiers of a record and a person are hashed.
    pub(super) fn settings(&self) -> Settings<'static> {
        let Args { record, subject, .. } = self.args;
        let hash = |id: &Option<String>| {
            id.as_ref().map_or_else(|| "none".into(), |id| Hash::digest(&[id.as_bytes()]).to_string())
        };
        Settings(vec![
            ("command", "evidence".into()),
            ("engine", ENGINE.into()),
            ("pack", self.pack.hash().to_string()),
            ("set of parsers", self.parsers.digest().to_string()),
            ("catalog", self.catalog.hash.to_string()),
            ("record", hash(record)),
            ("subject", hash(subject)),
        ])
    }

    pub(super) fn codec(&self) -> ExaminationCodec<'_> {
        ExaminationCodec { pack: self.pack, catalog: self.catalog, needs_signer: self.needs_signer() }
    }
}

/// Serializes the answers of events. If rules or questions depend on the signer, there are none yet.
pub(super) struct ExaminationCodec<'g> {
    pack: &'g Pack,
    catalog: &'g Catalog,
    needs_signer: bool,
}

impl ItemCodec for ExaminationCodec<'_> {
    type Item = Option<PendingValue<Examination>>;

    fn encode(&self, items: Vec<Self::Item>) -> Vec<u8> {
        if self.needs_signer {
            return Vec::new();
        }
        let examinations = items.into_iter().flatten().filter_map(PendingValue::value);
        let (facts, detected): (Vec<_>, Vec<_>) =
            examinations.map(|Examination { looked, detected }| (looked, detected)).unzip();
        // Writing into memory can't fail.
        let mut bytes = postcard::to_stdvec(&facts).unwrap_or_default();
        bytes.extend(Detected::encode_block(detected));
        bytes
    }

    fn decode(&self, bytes: &[u8], count: usize) -> Option<Vec<Self::Item>> {
        if self.needs_signer {
            return bytes.is_empty().then(|| (0..count).map(|_| None).collect());
        }
        let (facts, bytes) = postcard::take_from_bytes::<Vec<EventFacts>>(bytes).ok()?;
        if facts.len() != count || !facts.iter().all(|facts| facts.is_of(self.catalog)) {
            return None;
        }
        let detected = Detected::decode_block(bytes, count, self.pack).ok()?;
        let examinations = facts.into_iter().zip(detected);
        let item = |(looked, detected)| Some(PendingValue::new(Examination { looked, detected }));
        Some(examinations.map(item).collect())
    }
}
