//! A log with everyone around it.

mod operating;
mod reading;
mod recording;
mod serving;
mod tenants;
mod witnessing;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use countersign::hash::Hash;
use countersign::note::SignerKey;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::witness::TreeHead;
use countersign_delivery::Answer;
use countersign_log::witnessing::Contradiction;

use crate::delivery::SubmitRequest;
use crate::disk::{Backup, Disk};
use crate::faults::Faults;
use crate::growth_observer::GrowthObserver;
use crate::history::History;
use crate::model::Model;
use crate::outbox_files::OutboxFiles;
use crate::random::Random;
use crate::reader::Reader;
use crate::recorder::Recorder;
use crate::scheduler::Scheduler;
use crate::server::{Machine, Pending, Server};
use crate::settings::{LogKind, MINUTE, Misdeed, Settings};
use crate::trace::Trace;
use crate::witness::{Response, Witness};

use tenants::TenantLog;
use witnessing::Round;

/// The name of the log.
const ORIGIN: &str = "log.example/audit";
/// The start of every run, in milliseconds since 1970.
const BEGIN: i64 = 1_795_150_000_000;
/// The time after the end of all faults by which everything must be delivered.
const RECOVERY: u64 = 75 * MINUTE;

/// The outcome of a run.
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// The record of the run.
    pub trace: Trace,
    /// The property that did not hold, if any.
    pub failure: Option<String>,
    /// The number of events that were recorded.
    pub recorded: usize,
    /// The number of events that the log proved to contain.
    pub proven: usize,
    /// The number of times that the log server was killed.
    pub kills: u64,
}

impl Run {
    /// Returns the hash of the trace.
    pub fn hash(&self) -> Hash {
        self.trace.hash()
    }
}

/// Runs the simulation with a seed.
pub fn run(seed: u64) -> Run {
    run_kind(seed, None)
}

/// Runs the simulation with a seed and this kind of log; `None` if the seed decides that too.
pub fn run_kind(seed: u64, kind: Option<LogKind>) -> Run {
    let mut world = match World::new(seed, kind) {
        Ok(world) => world,
        Err(failure) => {
            let trace = Trace::default();
            return Run { seed, trace, failure: Some(failure), recorded: 0, proven: 0, kills: 0 };
        }
    };
    let failure = world.run().err();
    if let Some(failure) = &failure {
        world.trace.add(world.scheduler.now(), format!("FAILED: {failure}"));
    }
    let recorded = world.models.iter().map(|model| model.events.len()).sum();
    let proven = world.proven();
    Run { seed, trace: world.trace, failure, recorded, proven, kills: world.kills }
}

/// The result of an action; an error is something that must not happen.
type CheckResult = Result<(), String>;

/// The recipient of the answer to a submission.
#[derive(Clone, Copy, Debug)]
struct Sender {
    recorder: usize,
    /// The number of the recorder's process.
    process: u64,
    /// True if the network repeated the request: no one waits for this answer.
    duplicate: bool,
}

/// An event in the world.
enum Action {
    StartServer,
    KillServer,
    CloseServer,
    Commit {
        epoch: u64,
    },
    GiveUp {
        epoch: u64,
    },
    Tick {
        epoch: u64,
    },
    CreateTenant {
        tenant: usize,
    },
    Arrive {
        sender: Sender,
        request: SubmitRequest,
    },
    Answer {
        sender: Sender,
        answer: Option<Answer>,
    },
    StartRecorder {
        recorder: usize,
    },
    KillRecorder,
    Record {
        recorder: usize,
    },
    Deliver {
        recorder: usize,
        process: u64,
    },
    AskWitness {
        round: u64,
        place: usize,
        body: String,
    },
    ReceiveCosignature {
        round: u64,
        place: usize,
        response: Option<Response>,
    },
    AskProof {
        epoch: u64,
        round: u64,
        place: usize,
        contradiction: Box<Contradiction>,
    },
    ReceiveProof {
        epoch: u64,
        round: u64,
        place: usize,
        contradiction: Box<Contradiction>,
        response: Option<Response>,
    },
    EndRound {
        round: u64,
    },
    ShowAgain {
        turn: u64,
    },
    Read {
        reader: usize,
    },
    SetClock,
    ChangeWitness,
    BackUp,
    Restore,
    PutBack,
    /// The server's clock is right again.
    CorrectClock,
    /// The operator confirms the server's clock, if the log doesn't believe it.
    ConfirmClock,
    Erase,
    ContinueErasure {
        epoch: u64,
    },
}

/// The log and everyone around it.
struct World {
    settings: Settings,
    random: Random,
    scheduler: Scheduler<Action>,
    trace: Trace,
    trust: Trust,
    /// True once all faults have ended.
    calm: bool,

    machine: Machine,
    server: Option<Server>,
    /// The number of processes of the server so far.
    epoch: u64,
    kills: u64,
    /// True once the server accepts requests.
    accepting: bool,
    /// The milliseconds by which the server's clock is ahead.
    ahead: i64,
    queue: Vec<(Sender, SubmitRequest)>,
    waiting: Vec<(Sender, Pending, u64)>,

    witnesses: Vec<Witness>,
    round: Option<Round>,
    rounds: u64,
    /// The turn of the next showing of a checkpoint that witnesses have seen.
    turn: u64,

    recorders: Vec<Recorder>,
    /// The events of each log.
    models: Vec<Model>,
    readers: Vec<Reader>,
    /// The history of the log that is signed.
    history: History,
    /// The tenant logs, for a root log.
    tenants: Vec<TenantLog>,
    /// Observes all tenant logs.
    growth: GrowthObserver,

    /// A copy of the server's disk.
    backup: Option<Backup>,
    /// The tables that the operator replaced, until they are put back.
    replaced: Option<Backup>,
    /// The number of entries that the whole machine was set back to.
    set_back_to: Option<u64>,
    /// The trees that witnesses had cosigned by then.
    cosigned: Vec<TreeHead>,
    /// Recorders whose proofs the log can't honor after that.
    betrayed: BTreeSet<usize>,
}

impl World {
    fn new(seed: u64, kind: Option<LogKind>) -> Result<Self, String> {
        let mut random = Random::new(seed);
        let settings = Settings::draw(&mut random, seed, kind);
        let faults = Faults::new(random.fork(), settings.server_faults);
        let new_disk = if settings.tenants > 0 { Disk::with_tenants } else { Disk::new };
        let disk = new_disk(ORIGIN, faults).map_err(text)?;
        let (log_seed, mut keys) = (random.bytes(), random.fork());
        let log = SignerKey::from_seed(ORIGIN, log_seed).map_err(text)?;
        let witness_key = |number| {
            SignerKey::witness_from_seed(&format!("witness{number}.example"), keys.bytes()).map_err(text)
        };
        let witness_keys: Vec<SignerKey> =
            (0..settings.witnesses).map(witness_key).collect::<Result<_, _>>()?;
        let emitter_key = |number| {
            SignerKey::from_seed(&format!("example.com/recorder{number}"), keys.bytes()).map_err(text)
        };
        let emitter_keys: Vec<SignerKey> =
            (0..settings.recorders).map(emitter_key).collect::<Result<_, _>>()?;
        let trust = trust_file(&log, &witness_keys, &emitter_keys)?;
        let witnesses =
            witness_keys.into_iter().map(|key| Witness::new(key, log.verifier_key().clone())).collect();
        let tenants = (0..).take(settings.tenants).map(|number| TenantLog::new(number, random.bytes()));
        let tenants: Vec<TenantLog> = tenants.collect::<Result<_, _>>()?;
        let logs = settings.tenants.max(1);
        let recorders = (0..).zip(emitter_keys).map(|(number, key)| {
            let files = OutboxFiles::new(Faults::new(random.fork(), settings.recorder_faults));
            let log = number % logs;
            let origin = tenants.get(log).map_or(ORIGIN, |tenant| tenant.origin.as_str());
            Recorder::new(number, log, origin, key, trust.clone(), files, random.fork())
        });
        let recorders = recorders.collect();
        let readers =
            (0..settings.readers).map(|number| Reader { log: number % logs, ..Reader::default() }).collect();
        let mut trace = Trace::default();
        trace.add(0, format!("seed {seed}: {settings:?}"));
        let machine = Machine {
            disk,
            origin: ORIGIN.into(),
            seed: log_seed,
            trust: trust.clone(),
            tenants: tenants.iter().map(|tenant| tenant.origin.clone()).collect(),
            wall: Arc::new(AtomicI64::new(BEGIN)),
            known: Arc::new(AtomicI64::new(i64::MIN)),
            steady: Arc::new(AtomicU64::new(0)),
        };
        Ok(Self {
            settings,
            random,
            scheduler: Scheduler::default(),
            trace,
            trust,
            calm: false,
            machine,
            server: None,
            epoch: 0,
            kills: 0,
            accepting: false,
            ahead: 0,
            queue: Vec::new(),
            waiting: Vec::new(),
            witnesses,
            round: None,
            rounds: 0,
            turn: 0,
            recorders,
            models: (0..logs).map(|_| Model::default()).collect(),
            readers,
            history: History::default(),
            tenants,
            growth: GrowthObserver::default(),
            backup: None,
            replaced: None,
            set_back_to: None,
            cosigned: Vec::new(),
            betrayed: BTreeSet::new(),
        })
    }

    /// Runs with faults, then without, and then checks everything.
    fn run(&mut self) -> CheckResult {
        self.begin();
        let length = self.settings.length;
        while let Some(action) = self.scheduler.next(length) {
            self.act(action)?;
        }
        self.heal();
        // A root log that was set back makes no ticks, so its recorders would only wait.
        let is_over = self.set_back_to.is_some() && !self.tenants.is_empty() && !self.witnesses.is_empty();
        let end = length + if is_over { RECOVERY / 5 } else { RECOVERY };
        while let Some(action) = self.scheduler.next(end) {
            self.act(action)?;
        }
        self.conclude()
    }

    /// Schedules what happens on its own.
    fn begin(&mut self) {
        self.schedule_tenants();
        self.scheduler.after(0, Action::StartServer);
        for recorder in 0..self.recorders.len() {
            if self.tenants.is_empty() {
                self.scheduler.after(0, Action::StartRecorder { recorder });
            }
            self.schedule(20_000, Action::Record { recorder });
        }
        for reader in 0..self.readers.len() {
            self.schedule(4 * MINUTE, Action::Read { reader });
        }
        if let Some(mean) = self.settings.kills {
            self.schedule(mean, Action::KillServer);
            self.schedule(mean, Action::KillRecorder);
            self.schedule(mean * 2, Action::CloseServer);
        }
        if self.settings.clocks {
            self.schedule(8 * MINUTE, Action::SetClock);
        }
        if self.settings.witness_faults && self.settings.witnesses > 0 {
            self.schedule(3 * MINUTE, Action::ChangeWitness);
        }
        if self.settings.erasures {
            self.schedule(6 * MINUTE, Action::Erase);
        }
        if self.settings.misdeed != Misdeed::None {
            let third = self.settings.length / 3;
            self.scheduler.after(third, Action::BackUp);
            self.scheduler.after(third * 2, Action::Restore);
        }
    }

    /// Schedules an action after a random time with this mean.
    fn schedule(&mut self, mean: u64, action: Action) {
        let delay = self.random.between(1, mean * 2);
        self.scheduler.after(delay, action);
    }

    /// Schedules the arrival of a message, which takes a random time.
    fn send(&mut self, action: Action) {
        let delay = self.random.between(1, if self.calm { 50 } else { self.settings.delay });
        self.scheduler.after(delay, action);
    }

    /// Returns the number of events that the logs proved to contain.
    fn proven(&self) -> usize {
        self.models.iter().map(Model::proven).sum()
    }

    /// Returns true if the network loses a message.
    fn loses(&mut self) -> bool {
        let loss = self.settings.loss;
        !self.calm && self.random.chance(loss)
    }

    /// Returns the true time in milliseconds since 1970.
    fn now(&self) -> i64 {
        BEGIN + self.scheduler.now().cast_signed()
    }

    /// Returns the time of a clock that is ahead by these milliseconds.
    fn time(&self, ahead: i64) -> Time {
        Time::from_millis(self.now() + ahead).unwrap_or(Time::MIN)
    }

    /// Sets the server's clocks to the current time.
    fn set_clocks(&self) {
        self.machine.wall.store(self.now() + self.ahead, Ordering::Relaxed);
        self.machine.steady.store(self.scheduler.now(), Ordering::Relaxed);
    }

    fn note(&mut self, line: impl std::fmt::Display) {
        self.trace.add(self.scheduler.now(), line);
    }

    fn act(&mut self, action: Action) -> CheckResult {
        self.set_clocks();
        if let Some(server) = &mut self.server {
            server.keep_clock(&self.machine);
        }
        match action {
            Action::StartServer => self.start_server()?,
            Action::KillServer => self.kill_server(),
            Action::CloseServer => self.close_server()?,
            Action::Commit { epoch } if epoch == self.epoch => self.commit()?,
            Action::GiveUp { epoch } if epoch == self.epoch => self.give_up(),
            Action::Tick { epoch } if epoch == self.epoch => self.tick()?,
            Action::CreateTenant { tenant } => self.create_tenant(tenant)?,
            Action::Arrive { sender, request } => self.arrive(sender, request),
            Action::Answer { sender, answer } => self.answer(sender, answer)?,
            Action::StartRecorder { recorder } => self.start_recorder(recorder)?,
            Action::KillRecorder => self.kill_recorder(),
            Action::Record { recorder } => self.record(recorder)?,
            Action::Deliver { recorder, process } => self.deliver(recorder, process)?,
            Action::AskWitness { round, place, body } => self.ask_witness(round, place, &body),
            Action::ReceiveCosignature { round, place, response } => {
                self.receive_cosignature(round, place, response)?;
            }
            Action::AskProof { epoch, round, place, contradiction } => {
                self.ask_proof(epoch, round, place, contradiction);
            }
            Action::ReceiveProof { epoch, round, place, contradiction, response } if epoch == self.epoch => {
                self.receive_proof(round, place, *contradiction, response)?;
            }
            Action::EndRound { round } => self.end_round(round)?,
            Action::ShowAgain { turn } if turn == self.turn => self.show_again()?,
            Action::Read { reader } => self.read(reader)?,
            Action::SetClock => self.set_clock(),
            Action::CorrectClock => self.correct_clock(),
            Action::ConfirmClock => self.confirm_clock(),
            Action::ChangeWitness => self.change_witness(),
            Action::BackUp => self.back_up()?,
            Action::Restore => self.restore()?,
            Action::PutBack => self.put_back()?,
            Action::Erase => self.erase()?,
            Action::ContinueErasure { epoch } if epoch == self.epoch => self.continue_erasure()?,
            Action::Commit { .. }
            | Action::GiveUp { .. }
            | Action::Tick { .. }
            | Action::ReceiveProof { .. }
            | Action::ShowAgain { .. }
            | Action::ContinueErasure { .. } => {}
        }
        Ok(())
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn trust_file(log: &SignerKey, witnesses: &[SignerKey], emitters: &[SignerKey]) -> Result<Trust, String> {
    let mut lines = vec![format!("log {}", log.verifier_key())];
    let names: Vec<String> = (0..witnesses.len()).map(|number| format!("w{number}")).collect();
    for (name, key) in names.iter().zip(witnesses) {
        lines.push(format!("witness {name} {} https://{name}.example", key.verifier_key()));
    }
    if !witnesses.is_empty() {
        let quorum = witnesses.len() / 2 + 1;
        lines.push(format!("group quorum {quorum} {}\nquorum quorum", names.join(" ")));
    }
    lines.extend(emitters.iter().chain([log]).map(|key| format!("emitter {}", key.verifier_key())));
    let file = lines.join("\n") + "\n";
    Trust::parse(file.as_bytes()).map_err(text)
}
