//! What was signed, as objects of the bucket: one for each size, created once, so that of two servers only one signs a tree of
//! that size.

use super::layout::{Layout, number};
use super::objects::{Created, Objects};
use crate::restore::Over;
use crate::signed_file::SignedFile;
use countersign::time::Time;
use countersign_log::signed_memory::{OnRemembered, SignedHead, SignedHeadMemory};
use countersign_log::stop::{Cause, Signing, SigningStop};
use countersign_log::store::StoreError;

/// So many of the newest objects stay.
const KEPT: usize = 16;

/// The objects.
pub struct SignedObjects {
    objects: Objects,
    layout: Layout,
    newest: Option<SignedHead>,
    /// The sizes of those that are there, as far as this server knows, ascending.
    sizes: Vec<u64>,
    /// Why the log is over, if it is.
    ended: Option<(Cause, String)>,
}

impl SignedObjects {
    /// Those of a bucket.
    pub(super) fn open(objects: Objects, layout: Layout) -> Result<Self, StoreError> {
        let found = objects.wait(objects.list(&layout.all_signed(), None))?;
        let mut sizes: Vec<u64> = found.iter().filter_map(|meta| number(&meta.location)).collect();
        sizes.sort_unstable();
        let ended = objects.wait(objects.get(&layout.ended()))?.map(|ended| Over::read(&ended.bytes));
        let mut signed = Self { objects, layout, newest: None, sizes, ended };
        if let Some(size) = signed.sizes.last() {
            let path = signed.layout.signed(*size);
            // Only older ones than the newest are ever deleted.
            if let Some(object) = signed.objects.wait(signed.objects.get(&path))? {
                let head = read(&object.bytes).filter(|head| head.size == *size);
                let damaged =
                    || StoreError::Damaged(format!("{path}: it is not a checkpoint that was signed"));
                signed.newest = Some(head.ok_or_else(damaged)?);
            }
        }
        Ok(signed)
    }

    /// The newest head.
    pub(crate) fn newest(&self) -> Option<&SignedHead> {
        self.newest.as_ref()
    }

    /// Remembers heads that are ascending, as far as they are newer.
    pub(crate) fn remember_all(&mut self, heads: &[SignedHead]) -> Result<(), StoreError> {
        let known = self.newest.as_ref().map(|newest| newest.size);
        let newest = &heads[heads.len().saturating_sub(KEPT)..];
        for head in newest.iter().filter(|head| known.is_none_or(|known| head.size > known)) {
            self.remember(head)?.map_err(|other| {
                let why = format!("another tree of {} leaves was signed meanwhile", other.size);
                StoreError::Damaged(why)
            })?;
            self.newest = Some(head.clone());
        }
        Ok(())
    }

    /// With the file of a server's folder, which remembers what that server signed.
    pub(crate) fn with_file(self, file: SignedFile, signing: Signing, now: Time) -> SignedInBucket {
        if let Some((cause, message)) = &self.ended {
            signing.stop(SigningStop::new(now, *cause, message.clone()));
        }
        let newest = [self.newest.clone(), file.newest().cloned()].into_iter().flatten();
        SignedInBucket { newest: newest.max_by_key(|head| head.size), objects: self, file, signing, now }
    }

    fn remember(&mut self, head: &SignedHead) -> Result<Result<(), SignedHead>, StoreError> {
        let path = self.layout.signed(head.size);
        if let Created::Other(other) =
            self.objects.wait(self.objects.create(&path, head.to_line().into_bytes()))?
        {
            let other = read(&other).ok_or_else(|| {
                StoreError::Damaged(format!("{path}: it is not a checkpoint that was signed"))
            })?;
            if other.root != head.root {
                return Ok(Err(other));
            }
        }
        self.sizes.push(head.size);
        if self.sizes.len() >= 2 * KEPT {
            let old: Vec<_> =
                self.sizes.drain(..self.sizes.len() - KEPT).map(|size| self.layout.signed(size)).collect();
            if let Err(error) = self.objects.wait(self.objects.delete(old)) {
                tracing::warn!(%error, "objects that are not needed any more are left over");
            }
        }
        Ok(Ok(()))
    }
}

fn read(bytes: &[u8]) -> Option<SignedHead> {
    SignedHead::parse(str::from_utf8(bytes).ok()?.strip_suffix('\n')?)
}

/// What was signed, in a bucket and in the folder of this server.
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
                    format!("another server of this log signed another tree of {} leaves", other.size);
                self.signing.stop(SigningStop::new(self.now, Cause::SplitView, message));
                then(self.signing.check());
            }
            Err(error) => then(Err(error)),
        }
    }
}
