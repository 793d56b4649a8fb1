//! Inventories in parts: the calls in each part's events go into pieces, from which the inventory is made.

use countersign::hash::Hash;
use countersign::verify::parts::ItemCodec;
use countersign_analyze::inventory::ApiCall;

use super::{EventCall, EventFilter, ExaminedEvent};
use crate::io::pieces::Settings;
use crate::io::query::MetConditions;

/// Returns the settings on which the pieces depend.
pub(super) fn settings(filter: &EventFilter) -> Settings<'static> {
    // Relative times in the query have been replaced, so pieces with other times are refused.
    let query = filter.query.as_ref().map_or_else(
        || "none".into(),
        |query| {
            Hash::digest(&[
                format!("{:?}", query.root()).as_bytes(),
                format!("{:?}", query.conditions()).as_bytes(),
            ])
            .to_string()
        },
    );
    Settings(vec![
        ("command", "inventory".into()),
        ("set of parsers", filter.parsers.digest().to_string()),
        ("query", query),
    ])
}

const UNPARSED: u8 = 1;
const CALL: u8 = 2;
const CONDITIONS: u8 = 4;

/// Serializes the calls of events.
pub(super) struct CallCodec;

impl ItemCodec for CallCodec {
    type Item = ExaminedEvent;

    fn encode(&self, items: Vec<ExaminedEvent>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut calls = Vec::new();
        for ExaminedEvent { call, is_unparsed } in items {
            let met = call.as_ref().map_or(0, |EventCall { met, .. }| met.bits());
            let flag = |bit: u8, is_set: bool| if is_set { bit } else { 0 };
            bytes.push(flag(UNPARSED, is_unparsed) | flag(CALL, call.is_some()) | flag(CONDITIONS, met != 0));
            if met != 0 {
                bytes.extend(met.to_le_bytes());
            }
            calls.extend(call.map(|EventCall { call, .. }| call));
        }
        bytes.extend(ApiCall::encode_block(calls));
        bytes
    }

    fn decode(&self, mut bytes: &[u8], count: usize) -> Option<Vec<ExaminedEvent>> {
        let mut outlines = Vec::new();
        for _ in 0..count {
            let flags = *bytes.split_off_first()?;
            let mut met = 0;
            if flags & CONDITIONS != 0 {
                let (conditions, rest) = bytes.split_first_chunk()?;
                (met, bytes) = (u128::from_le_bytes(*conditions), rest);
            }
            outlines.push((flags, met));
        }
        let number = outlines.iter().filter(|(flags, _)| flags & CALL != 0).count();
        let mut calls = ApiCall::decode_block(bytes, number)?.into_iter();
        let event = |(flags, met)| {
            let call = if flags & CALL == 0 {
                None
            } else {
                Some(EventCall { call: calls.next()?, met: MetConditions::from_bits(met) })
            };
            Some(ExaminedEvent { call, is_unparsed: flags & UNPARSED != 0 })
        };
        outlines.into_iter().map(event).collect()
    }
}
