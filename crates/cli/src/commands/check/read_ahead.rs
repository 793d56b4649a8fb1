//! Reads a log's resources ahead of their use.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use countersign::check::Resource;
use countersign::check::parallel::Bytes;
use countersign_client::Source;
use countersign_errors::EngineError;

/// The maximum number of resources that wait for their use, per reader.
const MAX_WAITING: usize = 2;

type ReadResult = Result<Bytes, EngineError>;

/// Reads resources concurrently while `consume` takes them in order.
pub(super) fn read_ahead<T>(
    source: &dyn Source,
    resources: &(impl Iterator<Item = Resource> + Clone + Send),
    consume: impl FnOnce(ReadAhead) -> T,
) -> T {
    let readers = source.readers().max(1);
    thread::scope(|scope| {
        let queues = (0..readers).map(|first| {
            let (sender, queue) = sync_channel(MAX_WAITING);
            let resources = resources.clone().skip(first).step_by(readers);
            scope.spawn(move || read(source, resources, &sender));
            queue
        });
        consume(ReadAhead { queues: queues.collect(), next: 0 })
    })
}

fn read(source: &dyn Source, resources: impl Iterator<Item = Resource>, sender: &SyncSender<ReadResult>) {
    for resource in resources {
        let got = source.get(resource);
        let failed = got.is_err();
        if sender.send(got).is_err() || failed {
            return;
        }
    }
}

/// The resources in order. Reading ends when it is dropped.
pub(super) struct ReadAhead {
    queues: Vec<Receiver<ReadResult>>,
    next: usize,
}

impl Iterator for ReadAhead {
    type Item = ReadResult;

    fn next(&mut self) -> Option<ReadResult> {
        let queue = &self.queues[self.next];
        self.next = (self.next + 1) % self.queues.len();
        queue.recv().ok()
    }
}
