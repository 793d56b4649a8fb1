//! The bare work of verifying an export: its SHA-256 blocks and its Ed25519 verifications in a
//! loop, by sha2 and ed25519-dalek alone, with nothing parsed, looked up or reported.
//!
//! The work is written down beforehand as a sequence of tasks:
//!
//! | byte | then | the task |
//! | --- | --- | --- |
//! | 0 | length, bytes | hash the bytes |
//! | 1 | public key (32) | add the key to a list |
//! | 2 | place in the list (1), signature (64), length, bytes | verify the key's signature of the bytes |
//!
//! A length is 4 bytes, the least significant first.

use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

const HASH: u8 = 0;
const KEY: u8 = 1;
const VERIFY: u8 = 2;

/// Writes tasks down.
#[derive(Debug, Default)]
pub struct Tasks(Vec<u8>);

impl Tasks {
    /// The bytes of `parts`, one after the other, are to be hashed.
    pub fn hash(&mut self, parts: &[&[u8]]) {
        self.0.push(HASH);
        self.bytes(parts);
    }

    /// The key is the next one in the list.
    pub fn key(&mut self, public: &[u8; 32]) {
        self.0.push(KEY);
        self.0.extend_from_slice(public);
    }

    /// The signature of the bytes by the key at a place in the list is to be verified.
    pub fn verify(&mut self, key: u8, signature: &[u8; 64], bytes: &[u8]) {
        self.0.extend_from_slice(&[VERIFY, key]);
        self.0.extend_from_slice(signature);
        self.bytes(&[bytes]);
    }

    fn bytes(&mut self, parts: &[&[u8]]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let length = u32::try_from(length).expect("no message of an export is longer");
        self.0.extend_from_slice(&length.to_le_bytes());
        for part in parts {
            self.0.extend_from_slice(part);
        }
    }

    /// What was written.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Forgets what was written.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Does tasks, and keeps a trace of every hash so that none can be left out.
#[derive(Clone, Debug, Default)]
pub struct Worker {
    keys: Vec<VerifyingKey>,
    trace: u32,
}

impl Worker {
    /// Does all tasks.
    ///
    /// # Panics
    /// On tasks that were not written by [`Tasks`] and on a signature that is not good.
    pub fn work(&mut self, mut tasks: &[u8]) {
        while let Some((&task, rest)) = tasks.split_first() {
            tasks = rest;
            match task {
                HASH => {
                    let hash = Sha256::digest(message(&mut tasks));
                    self.trace = self.trace.rotate_left(1) ^ u32::from(hash[0]);
                }
                KEY => {
                    let public = take(&mut tasks);
                    self.keys.push(VerifyingKey::from_bytes(&public).expect("keys are good"));
                }
                VERIFY => {
                    let [key] = take(&mut tasks);
                    let key = &self.keys[usize::from(key)];
                    let signature = Signature::from_bytes(&take(&mut tasks));
                    key.verify_strict(message(&mut tasks), &signature).expect("signatures are good");
                }
                _ => panic!("no such task: {task}"),
            }
        }
    }

    /// Takes the keys alone, for whoever does tasks after these.
    ///
    /// # Panics
    /// On tasks that were not written by [`Tasks`].
    pub fn learn(&mut self, mut tasks: &[u8]) {
        while let Some((&task, rest)) = tasks.split_first() {
            tasks = rest;
            match task {
                KEY => {
                    let public = take(&mut tasks);
                    self.keys.push(VerifyingKey::from_bytes(&public).expect("keys are good"));
                }
                task => {
                    if task == VERIFY {
                        let _: [u8; 65] = take(&mut tasks);
                    }
                    let _ = message(&mut tasks);
                }
            }
        }
    }

    /// What is left of the hashes.
    pub fn trace(&self) -> u32 {
        self.trace
    }
}

fn take<const N: usize>(tasks: &mut &[u8]) -> [u8; N] {
    let (bytes, rest) = tasks.split_first_chunk().expect("a task is whole");
    *tasks = rest;
    *bytes
}

fn message<'a>(tasks: &mut &'a [u8]) -> &'a [u8] {
    let length = u32::from_le_bytes(take(tasks)) as usize;
    let (bytes, rest) = tasks.split_at(length);
    *tasks = rest;
    bytes
}

#[cfg(target_arch = "wasm32")]
mod wasm {
    //! The same for JavaScript: `place` gives the address for the next tasks, `work` does them.
    #![allow(unsafe_code, reason = "exported names")]

    use std::cell::RefCell;

    use super::Worker;

    thread_local! {
        static TASKS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        static WORKER: RefCell<Worker> = RefCell::new(Worker::default());
    }

    // SAFETY: no other function of the module has the name.
    #[unsafe(no_mangle)]
    extern "C" fn place(length: usize) -> *mut u8 {
        TASKS.with_borrow_mut(|tasks| {
            tasks.resize(length, 0);
            tasks.as_mut_ptr()
        })
    }

    // SAFETY: no other function of the module has the name.
    #[unsafe(no_mangle)]
    extern "C" fn work() -> u32 {
        WORKER.with_borrow_mut(|worker| {
            TASKS.with_borrow(|tasks| worker.work(tasks));
            worker.trace()
        })
    }
}
