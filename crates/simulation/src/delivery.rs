//! The thread that delivers an outbox, run in lockstep with the simulation.
//!
//! The product's delivery calls the log server and waits for the answer. So each process of a recorder delivers on a
//! thread of its own, and either that thread runs or the simulation, never both. Events can be recorded while a request
//! is under way, as in the product.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use countersign::tenant::Since;
use countersign::trust::Trust;
use countersign_delivery::{Answer, Delivery, DeliveryError, Early, LogServer, Outbox, Step};

/// The result of one step of a delivery.
pub enum Progress {
    /// The outbox has nothing to deliver.
    Empty,
    /// The log has proven that it contains links.
    Delivered,
    /// The next submission is different, and due at once.
    Again,
    /// Links are dated ahead of the log's clock.
    Early(Early),
    /// A failure that may pass, with the wait that the log server asked for.
    Later(Option<Duration>, String),
    /// A failure that lasts until someone changes something.
    Refused(String),
    /// The chain can't continue, for the reason with this code.
    Dead(String),
}

/// A request to the log server.
#[derive(Clone)]
pub struct SubmitRequest {
    /// The lines.
    pub body: String,
    /// The newest head of a tenant log that the recorder has seen.
    pub since: Option<Since>,
}

/// The next action of the thread.
pub enum Report {
    /// It submits lines, and waits for the answer.
    Submits(SubmitRequest),
    /// The step ended.
    Done(Progress),
}

enum Command {
    Step,
    Answer(Option<Answer>),
}

/// The delivering thread. It ends when this is dropped.
pub struct DeliveryThread {
    commands: Sender<Command>,
    reports: Receiver<Report>,
}

impl DeliveryThread {
    /// Starts the thread.
    pub fn start(outbox: Arc<Mutex<Outbox>>, trust: Trust, origin: String) -> Self {
        let (commands, received) = channel();
        let (sender, reports) = channel();
        thread::spawn(move || {
            let mut network = Network { commands: received, reports: sender };
            let mut delivery = Delivery::new(&outbox, &trust, &origin);
            while let Ok(Command::Step) = network.commands.recv() {
                let progress = progress(delivery.step(&mut network));
                if network.reports.send(Report::Done(progress)).is_err() {
                    return;
                }
            }
        });
        Self { commands, reports }
    }

    /// Starts a step.
    pub fn step(&self) -> Report {
        self.run(Command::Step)
    }

    /// Continues the step with the answer; `None` if the connection was lost.
    pub fn answer(&self, answer: Option<Answer>) -> Report {
        self.run(Command::Answer(answer))
    }

    fn run(&self, command: Command) -> Report {
        let ended = || Report::Done(Progress::Dead("the delivering thread panicked".into()));
        if self.commands.send(command).is_err() {
            return ended();
        }
        self.reports.recv().unwrap_or_else(|_| ended())
    }
}

/// The thread's end of the network.
struct Network {
    commands: Receiver<Command>,
    reports: Sender<Report>,
}

impl LogServer for Network {
    type Error = DeliveryError;

    fn submit(&mut self, lines: &str, since: Option<Since>) -> Result<Answer, DeliveryError> {
        let lost = || DeliveryError::Io {
            doing: "reach the log server",
            place: "the network".into(),
            error: io::ErrorKind::ConnectionReset.into(),
        };
        let request = SubmitRequest { body: lines.to_owned(), since };
        self.reports.send(Report::Submits(request)).map_err(|_| lost())?;
        match self.commands.recv() {
            Ok(Command::Answer(Some(answer))) => Ok(answer),
            _ => Err(lost()),
        }
    }
}

fn progress(step: Step<DeliveryError>) -> Progress {
    match step {
        Step::Empty => Progress::Empty,
        Step::Delivered { .. } => Progress::Delivered,
        Step::Again => Progress::Again,
        Step::Early { now, from, refused, .. } => Progress::Early(Early { now, from, refused }),
        Step::Later { after, why } => Progress::Later(after, why.code().to_owned()),
        Step::Refused(why) => Progress::Refused(why.code().to_owned()),
        Step::Dead(why) => Progress::Dead(why.code().to_owned()),
    }
}
