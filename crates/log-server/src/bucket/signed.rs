//! Signed tree heads as objects in a bucket: one for each size, created once, so that only one of two servers signs a
//! tree of that size.

use super::layout::{Layout, number};
use super::objects::{CreateOutcome, Objects};
use crate::restore::EndReason;
use crate::signed_file::SignedFile;
use countersign::time::Time;
use countersign_log::signed_memory::{OnRemembered, SignedHead, SignedHeadMemory};
use countersign_log::stop::{Cause, Signing, SigningStop};
use countersign_log::store::StoreError;

/// Number of newest objects to keep.
const KEPT_OBJECTS: usize = 16;

/// The signed heads in a bucket.
pub struct SignedObjects {
    objects: Objects,
    layout: Layout,
    newest: Option<SignedHead>,
    /// The sizes of the known objects, in ascending order.
    sizes: Vec<u64>,
    /// The reason why the log has ended, if it has.
    ended: Option<(Cause, String)>,
}

impl SignedObjects {
    /// Opens the signed heads of a bucket.
    pub(super) fn open(objects: Objects, layout: Layout) -> Result<Self, StoreError> {
        let listed = objects.wait(objects.list(&layout.all_signed(), None))?;
        let mut sizes: Vec<u64> = listed.iter().filter_map(|meta| number(&meta.location)).collect();
        sizes.sort_unstable();
        let ended = objects.wait(objects.get(&layout.ended()))?.map(|ended| EndReason::read(&ended.bytes));
        let mut signed = Self { objects, layout, newest: None, sizes, ended };
        if let Some(size) = signed.sizes.last() {
            let path = signed.layout.signed(*size);
            // The newest object must exist, because deletion is limited to older ones.
            if let Some(object) = signed.objects.wait(signed.objects.get(&path))? {
                let head = read(&object.bytes).filter(|head| head.size == *size);
                let damaged = || StoreError::Damaged(format!("{path}: the object isn't a signed checkpoint"));
                signed.newest = Some(head.ok_or_else(damaged)?);
            }
        }
        Ok(signed)
    }

    /// Returns the newest head.
    pub(crate) fn newest(&self) -> Option<&SignedHead> {
        self.newest.as_ref()
    }

    /// Stores those heads that are newer, in ascending order.
    pub(crate) fn remember_all(&mut self, heads: &[SignedHead]) -> Result<(), StoreError> {
        let known = self.newest.as_ref().map(|newest| newest.size);
        let newest = &heads[heads.len().saturating_sub(KEPT_OBJECTS)..];
        for head in newest.iter().filter(|head| known.is_none_or(|known| head.size > known)) {
            self.remember(head)?.map_err(|other| {
                let why = format!("another tree of {} entries was signed meanwhile", other.size);
                StoreError::Damaged(why)
            })?;
            self.newest = Some(head.clone());
        }
        Ok(())
    }

    /// Combines the objects with the file in a server's folder, which records what that server signed.
    pub(crate) fn with_file(self, file: SignedFile, signing: Signing, now: Time) -> SignedInBucket {
        if let Some((cause, message)) = &self.ended {
            signing.stop(SigningStop::new(now, *cause, message.clone()));
        }
        let newest = [self.newest.clone(), file.newest().cloned()].into_iter().flatten();
        SignedInBucket { newest: newest.max_by_key(|head| head.size), objects: self, file, signing, now }
    }

    fn remember(&mut self, head: &SignedHead) -> Result<Result<(), SignedHead>, StoreError> {
        let path = self.layout.signed(head.size);
        if let CreateOutcome::Other(other) =
            self.objects.wait(self.objects.create(&path, head.to_line().into_bytes()))?
        {
            let other = read(&other).ok_or_else(|| {
                StoreError::Damaged(format!("{path}: the object isn't a signed checkpoint"))
            })?;
            if other.root != head.root {
                return Ok(Err(other));
            }
        }
        self.sizes.push(head.size);
        if self.sizes.len() >= 2 * KEPT_OBJECTS {
            let old: Vec<_> = self
                .sizes
                .drain(..self.sizes.len() - KEPT_OBJECTS)
                .map(|size| self.layout.signed(size))
                .collect();
            if let Err(error) = self.objects.wait(self.objects.delete(old)) {
                tracing::warn!(%error, "deleting superseded objects failed");
            }
        }
        Ok(Ok(()))
    }
}

fn read(bytes: &[u8]) -> Option<SignedHead> {
    SignedHead::parse(str::from_utf8(bytes).ok()?.strip_suffix('\n')?)
}

/// The signed heads in a bucket and in this server's folder.
pub(crate) struct SignedInBucket {
    objects: SignedObjects,
    file: SignedFile,
    newest: Option<SignedHead>,
    signing: Signing,
    now: Time,
}

impl SignedHeadMemory for SignedInBucket {
    fn newest(&self) -> Option<&SignedHead> {
        self.newest.as_ref()
    }

    fn durable(&self) -> Option<u64> {
        self.file.durable()
    }

    fn remember(&mut self, head: SignedHead, then: OnRemembered) {
        match self.objects.remember(&head) {
            Ok(Ok(())) => {
                if self.newest.as_ref().is_none_or(|newest| newest.size < head.size) {
                    self.newest = Some(head.clone());
                }
                self.file.remember(head, then);
            }
            Ok(Err(other)) => {
                let message =
                    format!("another server of this log signed a different tree of {} entries", other.size);
                self.signing.stop(SigningStop::new(self.now, Cause::SplitView, message));
                then(self.signing.check());
            }
            Err(error) => then(Err(error)),
        }
    }
}
