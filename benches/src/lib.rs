//! The bare work of verifying an export: its SHA-256 blocks and Ed25519 verifications in a loop, with only
//! sha2 and ed25519-dalek, and without parsing, lookups, and reports.
//!
//! The work is prepared as a sequence of tasks:
//!
//! | byte | then | the task |
//! | --- | --- | --- |
//! | 0 | length, bytes | hash the bytes |
//! | 1 | public key (32) | add the key to a list |
//! | 2 | index in the list (1), signature (64), length, bytes | verify the key's signature of the bytes |
//!
//! A length is 4 bytes, little-endian.

use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

const HASH: u8 = 0;
const KEY: u8 = 1;
const VERIFY: u8 = 2;

/// A sequence of tasks.
#[derive(Debug, Default)]
pub struct Tasks(Vec<u8>);

impl Tasks {
    /// Adds a task to hash the concatenated `parts`.
    pub fn hash(&mut self, parts: &[&[u8]]) {
        self.0.push(HASH);
        self.bytes(parts);
    }

    /// Adds a task to append a key to the list.
    pub fn key(&mut self, public: &[u8]) {
        self.0.push(KEY);
        self.0.extend_from_slice(public);
    }

    /// Adds a task to verify a signature of the bytes with the key at an index of the list.
    pub fn verify(&mut self, key: u8, signature: &[u8; 64], bytes: &[u8]) {
        self.0.extend_from_slice(&[VERIFY, key]);
        self.0.extend_from_slice(signature);
        self.bytes(&[bytes]);
    }

    fn bytes(&mut self, parts: &[&[u8]]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let length = u32::try_from(length).expect("messages in an export are shorter than 4 GiB");
        self.0.extend_from_slice(&length.to_le_bytes());
        for part in parts {
            self.0.extend_from_slice(part);
        }
    }

    /// Returns the tasks as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Removes all tasks.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Executes tasks, and combines all hashes into a trace so that the compiler can't drop any.
#[derive(Clone, Debug, Default)]
pub struct Worker {
    keys: Vec<VerifyingKey>,
    trace: u32,
}

impl Worker {
    /// Executes all tasks.
    ///
    /// # Panics
    /// Panics on bytes that [`Tasks`] didn't write, and on an invalid signature.
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
                    self.keys.push(VerifyingKey::from_bytes(&public).expect("keys are valid"));
                }
                VERIFY => {
                    let [key] = take(&mut tasks);
                    let key = &self.keys[usize::from(key)];
                    let signature = Signature::from_bytes(&take(&mut tasks));
                    key.verify_strict(message(&mut tasks), &signature).expect("signatures are valid");
                }
                _ => panic!("no such task: {task}"),
            }
        }
    }

    /// Reads only the keys, to prepare for later tasks.
    ///
    /// # Panics
    /// Panics on bytes that [`Tasks`] didn't write.
    pub fn learn(&mut self, mut tasks: &[u8]) {
        while let Some((&task, rest)) = tasks.split_first() {
            tasks = rest;
            match task {
                KEY => {
                    let public = take(&mut tasks);
                    self.keys.push(VerifyingKey::from_bytes(&public).expect("keys are valid"));
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

    /// Returns a combination of all hashes.
    pub fn trace(&self) -> u32 {
        self.trace
    }
}

fn take<const N: usize>(tasks: &mut &[u8]) -> [u8; N] {
    let (bytes, rest) = tasks.split_first_chunk().expect("tasks are complete");
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
    //! Exports for JavaScript: `place` returns the address to write tasks to, `work` executes them.
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
