//! A bounded cache of chains' public keys.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::link::ChainId;

/// The minimum number of recent chains in the cache.
const MIN_CHAINS: usize = 1 << 16;

/// The keys that open links name, shared by threads that verify signatures.
///
/// There can be very many, so not all are kept; `sequence` knows every key.
#[derive(Clone, Default)]
pub(super) struct ChainKeys(Arc<RwLock<Recent>>);

#[derive(Default)]
struct Recent {
    young: HashMap<ChainId, [u8; 32]>,
    old: HashMap<ChainId, [u8; 32]>,
}

impl Recent {
    fn learn(&mut self, chain: ChainId, public: [u8; 32]) {
        if self.young.len() == MIN_CHAINS {
            self.old = core::mem::take(&mut self.young);
        }
        self.young.entry(chain).or_insert(public);
    }
}

impl ChainKeys {
    pub(super) fn learn(&self, opened: impl IntoIterator<Item = (ChainId, [u8; 32])>) {
        let mut opened = opened.into_iter().peekable();
        if opened.peek().is_some() {
            let mut recent = self.0.write().unwrap_or_else(PoisonError::into_inner);
            opened.for_each(|(chain, public)| recent.learn(chain, public));
        }
    }

    /// Returns the keys of chains; `None` for those that are not in the cache.
    pub(super) fn get(&self, chains: &[ChainId]) -> Vec<Option<[u8; 32]>> {
        let recent = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let keys: Vec<_> = chains.iter().map(|chain| recent.young.get(chain).copied()).collect();
        if recent.old.is_empty() || keys.iter().all(Option::is_some) {
            return keys;
        }
        drop(recent);
        let mut recent = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let both = chains.iter().zip(keys);
        let found = both.map(|(chain, key)| {
            key.or_else(|| {
                // Moves keys that are still in use to the young generation.
                let key = recent.old.remove(chain)?;
                recent.learn(*chain, key);
                Some(key)
            })
        });
        found.collect()
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn chain(number: usize) -> ChainId {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&(number as u64).to_le_bytes());
        ChainId(id)
    }

    #[test]
    fn keys_in_use_are_remembered_and_memory_is_bounded() {
        let keys = ChainKeys::default();
        keys.learn([(chain(0), [1; 32])]);
        for number in 1..3 * MIN_CHAINS {
            keys.learn([(chain(number), [2; 32])]);
            if number % 1000 == 0 {
                assert_eq!(keys.get(&[chain(0), chain(number)]), [Some([1; 32]), Some([2; 32])]);
            }
        }
        assert_eq!(keys.get(&[chain(1)]), [None]);
        let recent = keys.0.read().unwrap();
        assert!(recent.young.len() <= MIN_CHAINS && recent.old.len() <= MIN_CHAINS);
    }
}
