//! The content of one submission: as many links from the outbox as the log accepts, up to a signed one.

use countersign::export::{Item, Line};
use countersign::link::ChainId;

use crate::error::DeliveryError;
use crate::outbox::{LinkPlace, Outbox, Segment};

/// The limits of one submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// The maximum number of bytes.
    pub bytes: usize,
    /// The maximum number of lines.
    pub lines: usize,
}

impl Default for BatchLimits {
    /// 1 MiB and 4,096 lines: well below what a log server accepts, and cheap to send again.
    fn default() -> Self {
        Self { bytes: 1 << 20, lines: 4_096 }
    }
}

/// The last link of a chain in a batch, which the log must prove to contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastLink {
    pub(crate) chain: ChainId,
    pub(crate) seq: u64,
    pub(crate) link: String,
}

/// The body of one submission.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) body: String,
    /// The last link of each chain in it, in the order of the chains.
    pub(crate) last: Vec<LastLink>,
    /// The last segment that it completes.
    pub(crate) through: Option<u64>,
    /// The number of links in it.
    pub(crate) links: u64,
    pub(crate) events: u64,
}

/// The reason why there is no batch.
pub(crate) enum NoBatch {
    /// The outbox has nothing to send.
    Empty,
    /// The links up to the next signed one exceed the limits.
    TooLarge,
    /// The outbox can't be read.
    Failed(DeliveryError),
}

impl Batch {
    /// Collects pending links from the link `from` on, or from the first: within the limits, and up to a signed link.
    pub(crate) fn collect(
        outbox: &Outbox,
        from: Option<(ChainId, u64)>,
        limits: &BatchLimits,
    ) -> Result<Self, NoBatch> {
        let mut builder =
            BatchBuilder { limits, whole: Self::default(), open: Self::default(), lines: 0, full: false };
        let mut begun = from.is_none();
        for segment in outbox.pending() {
            if !begun && !from.is_some_and(|place| contains(segment, place)) {
                continue;
            }
            let links = outbox.links(segment.number).map_err(NoBatch::Failed)?;
            for line in links.split_inclusive('\n') {
                let (place, link) = parse_link(line).ok_or_else(|| NoBatch::Failed(unreadable(outbox)))?;
                begun |= from.is_some_and(|from| from == (place.chain, place.seq));
                if begun && !builder.add(line, place, link) {
                    return builder.end();
                }
            }
            builder.end_segment(segment.number);
        }
        builder.end()
    }

    /// Returns the number of lines up to the last signed link before a 1-based line of the body. `None` if there is no
    /// such link.
    pub(crate) fn signed_before(&self, line: u64) -> Option<usize> {
        let before = usize::try_from(line.min(self.links)).ok()?.checked_sub(1)?;
        let is_signed = |line: &str| parse_link(line).is_some_and(|(place, _)| place.signed);
        let signed = (1..).zip(self.body.lines().take(before)).filter(|(_, line)| is_signed(line));
        signed.map(|(number, _)| number).last()
    }

    /// Returns the link on a 1-based line of the body.
    pub(crate) fn place(&self, line: u64) -> Option<(ChainId, u64)> {
        let place = usize::try_from(line).ok()?.checked_sub(1)?;
        let (LinkPlace { chain, seq, .. }, _) = parse_link(self.body.lines().nth(place)?)?;
        Some((chain, seq))
    }
}

struct BatchBuilder<'a> {
    limits: &'a BatchLimits,
    /// The links up to the last signed one.
    whole: Batch,
    /// The links after it.
    open: Batch,
    lines: usize,
    full: bool,
}

impl BatchBuilder<'_> {
    /// Adds a line. Returns false if the batch is full.
    fn add(&mut self, line: &str, place: LinkPlace, link: String) -> bool {
        self.lines += 1;
        let bytes = self.whole.body.len() + self.open.body.len() + line.len();
        if bytes > self.limits.bytes || self.lines > self.limits.lines {
            self.full = true;
            return false;
        }
        self.open.body.push_str(line);
        self.open.links += 1;
        self.open.events += u64::from(place.event);
        if place.signed {
            let open = std::mem::take(&mut self.open);
            self.whole.body.push_str(&open.body);
            self.whole.links += open.links;
            self.whole.events += open.events;
            let last = LastLink { chain: place.chain, seq: place.seq, link };
            match self.whole.last.iter_mut().find(|known| known.chain == last.chain) {
                Some(known) => *known = last,
                None => self.whole.last.push(last),
            }
        }
        true
    }

    fn end_segment(&mut self, number: u64) {
        if self.open.links == 0 && self.whole.links > 0 {
            self.whole.through = Some(number);
        }
    }

    fn end(self) -> Result<Batch, NoBatch> {
        match self.whole.links {
            0 if self.full => Err(NoBatch::TooLarge),
            0 => Err(NoBatch::Empty),
            _ => Ok(self.whole),
        }
    }
}

/// True if a segment contains a chain's link.
pub(crate) fn contains(segment: &Segment, (chain, seq): (ChainId, u64)) -> bool {
    segment.first.chain == chain && (segment.first.seq..=segment.end.position.seq).contains(&seq)
}

/// Parses a line as a link.
fn parse_link(line: &str) -> Option<(LinkPlace, String)> {
    let parsed = Line::parse(line.trim_end_matches('\n')).ok()?;
    let Item::Link { text, link, payload, .. } = parsed.item else { return None };
    let signed = link.signature().is_some();
    Some((
        LinkPlace { chain: link.chain(), seq: link.seq(), signed, event: payload.is_some() },
        text.into_owned(),
    ))
}

fn unreadable(outbox: &Outbox) -> DeliveryError {
    let message = "a segment changed while it was being sent";
    let hint = "let no other process write to the outbox";
    DeliveryError::outbox("outbox.damaged", message, hint, outbox.name())
}
