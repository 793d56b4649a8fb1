//! What is submitted at one time: as many links from the outbox as the log takes, up to a signed one.

use countersign::export::{Item, Line};
use countersign::link::ChainId;

use crate::error::DeliveryError;
use crate::outbox::{LinkPlace, Outbox, Segment};

/// How much is submitted at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// The most bytes.
    pub bytes: usize,
    /// The most lines.
    pub lines: usize,
}

impl Default for BatchLimits {
    /// 1 MiB and 4,096 lines: well below what a log server takes, and little to send again.
    fn default() -> Self {
        Self { bytes: 1 << 20, lines: 4_096 }
    }
}

/// The last link of a chain in a batch: what the log must prove to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Last {
    pub(crate) chain: ChainId,
    pub(crate) seq: u64,
    pub(crate) link: String,
}

/// The body of one submission.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) body: String,
    /// Of each chain in it, in their order.
    pub(crate) last: Vec<Last>,
    /// The last segment that it brings to its end.
    pub(crate) through: Option<u64>,
    /// How many links and events it brings.
    pub(crate) links: u64,
    pub(crate) events: u64,
}

/// Why there is no batch.
pub(crate) enum NoBatch {
    /// There is nothing to send.
    Empty,
    /// What has to go together is larger than the limits.
    TooLarge,
    /// The outbox cannot be read.
    Failed(DeliveryError),
}

impl Batch {
    /// Takes what is pending from that link on, or from the first: within the limits, and up to a signed link.
    pub(crate) fn take(
        outbox: &Outbox,
        from: Option<(ChainId, u64)>,
        limits: &BatchLimits,
    ) -> Result<Self, NoBatch> {
        let mut building =
            Building { limits, whole: Self::default(), open: Self::default(), lines: 0, full: false };
        let mut begun = from.is_none();
        for segment in outbox.pending() {
            if !begun && !from.is_some_and(|place| holds(segment, place)) {
                continue;
            }
            let links = outbox.links(segment.number).map_err(NoBatch::Failed)?;
            for line in links.split_inclusive('\n') {
                let (place, link) = place(line).ok_or_else(|| NoBatch::Failed(unreadable(outbox)))?;
                begun |= from.is_some_and(|from| from == (place.chain, place.seq));
                if begun && !building.add(line, place, link) {
                    return building.end();
                }
            }
            building.end_segment(segment.number);
        }
        building.end()
    }
}

struct Building<'a> {
    limits: &'a BatchLimits,
    /// Up to the last signed link.
    whole: Batch,
    /// After it.
    open: Batch,
    lines: usize,
    full: bool,
}

impl Building<'_> {
    /// Adds a line, or says that the batch is full.
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
            let last = Last { chain: place.chain, seq: place.seq, link };
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

/// Whether a segment holds a chain's link.
pub(crate) fn holds(segment: &Segment, (chain, seq): (ChainId, u64)) -> bool {
    segment.first.chain == chain && (segment.first.seq..=segment.end.position.seq).contains(&seq)
}

/// What a line stands for, and its link.
fn place(line: &str) -> Option<(LinkPlace, String)> {
    let parsed = Line::parse(line.trim_end_matches('\n')).ok()?;
    let Item::Link { text, link, payload, .. } = parsed.item else { return None };
    let signed = link.signature().is_some();
    Some((
        LinkPlace { chain: link.chain(), seq: link.seq(), signed, event: payload.is_some() },
        text.into_owned(),
    ))
}

fn unreadable(outbox: &Outbox) -> DeliveryError {
    let message = "a segment was changed while it was being sent";
    let hint = "only this process may write to an outbox";
    DeliveryError::outbox("outbox.damaged", message, hint, outbox.name())
}
