//! `countersign clock`: shows which time a log believes, and confirms the machine's clock.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use countersign::time::Time;
use countersign_errors::now;
use countersign_log::clock::MAX_UNKNOWN_MS;
use countersign_log_server::clock_file::{self, FILE, KnownTime, Statement};
use countersign_log_server::serve::{StartError, lock};
use serde_json::json;

use crate::arg_groups::FormatArgs;
use crate::errors::{CliError, shown};
use crate::exit_status::ExitStatus;
use crate::io::log_folder::{expect_folder, store_hint};
use crate::io::style::{self, bad, good, label};
use crate::io::verdict;

/// Show which time a log believes, or confirm this machine's clock
///
/// A log believes this machine's clock if it is within 90 days of the newest time that the log knows, or if a quorum of its
/// witnesses agrees with it. Otherwise, the log serves readers, but accepts nothing and dates nothing: it answers with
/// `log.clock`. While the server runs, a clock that jumps by more than a minute is believed once a quorum of witnesses
/// agrees, or once it has kept its new time for 10 minutes; until then, the log continues with the elapsed time.
///
/// With --confirm, you state that this machine's clock is right. A running server sees that within seconds, and one that
/// starts later starts with it. The newest time is stored in clock.txt in the log's folder.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  countersign clock --dir /var/lib/countersign
  countersign clock --dir /var/lib/countersign --confirm  # after you have compared `date` with another clock

Exit status: 0 the clock is believed, 1 it is not, 2 unreadable.")]
pub(crate) struct Args {
    /// Folder of the log, or of the index of a log in a bucket
    #[arg(long, value_name = "DIR", default_value = "countersign-log")]
    dir: PathBuf,
    /// State that this machine's clock is right
    #[arg(long)]
    confirm: bool,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) fn run(args: &Args) -> Result<ExitStatus, CliError> {
    expect_folder(&args.dir)?;
    let machine = now()?;
    if args.confirm {
        clock_file::confirm(&args.dir, machine)
            .map_err(|error| CliError::io("write", &shown(&args.dir.join(FILE)), &error))?;
        style::done(&format!("{machine} is confirmed; a running server continues with it within seconds"));
        return Ok(ExitStatus::Success);
    }
    let known = KnownTime::read(&args.dir).map_err(|error| {
        let hint = store_hint(&error, &args.dir, "check the folder and its permissions");
        CliError::unusable("store.failed", error.to_string(), hint).within(&shown(&args.dir))
    })?;
    let view = View { machine, known, is_running: is_running(&args.dir) };
    verdict::print(&if args.format.is_json() { view.json() } else { view.text() })?;
    Ok(if view.is_believed() { ExitStatus::Success } else { ExitStatus::Broken })
}

/// True if a server uses the folder.
fn is_running(folder: &Path) -> bool {
    matches!(lock(folder), Err(StartError::InUse(_)))
}

/// The clock of a log, as far as its folder shows it.
struct View {
    machine: Time,
    known: Option<KnownTime>,
    is_running: bool,
}

impl View {
    /// Returns the number of milliseconds by which the machine's clock is ahead of the newest known time.
    fn ahead(&self) -> Option<i64> {
        self.known.map(|known| self.machine.millis() - known.time.millis())
    }

    /// Returns `new`, `believed`, `jumped`, or `implausible`.
    fn state(&self) -> &'static str {
        match (self.known, self.ahead()) {
            (Some(KnownTime { statement: Some(Statement::Jumped), .. }), _) if self.is_running => "jumped",
            (_, Some(ahead)) if ahead.abs() > MAX_UNKNOWN_MS => "implausible",
            (_, Some(_)) => "believed",
            (_, None) => "new",
        }
    }

    fn is_believed(&self) -> bool {
        matches!(self.state(), "believed" | "new")
    }

    /// Returns the place of the newest known time.
    fn source(&self) -> Option<String> {
        self.known.map(|known| match known.statement {
            Some(statement) => format!("{FILE}, {}", statement.word()),
            None => "the newest checkpoint".to_owned(),
        })
    }

    fn json(&self) -> String {
        let view = json!({
            "clock": self.machine.to_string(),
            "known": self.known.map(|known| known.time.to_string()),
            "source": self.source(),
            "ahead": self.ahead().map(|ahead| ahead / 1000),
            "state": self.state(),
        });
        format!("{view}\n")
    }

    fn text(&self) -> String {
        let state = match self.state() {
            "new" => good("✓ believed: the log is new"),
            "believed" => good("✓ believed"),
            "jumped" => {
                bad("✗ jumped: the log continues with the elapsed time")
                    + "; correct the clock, or confirm it with --confirm"
            }
            _ => {
                bad(
                    "✗ implausible: unless a quorum of witnesses agrees with the clock, the log accepts nothing",
                ) + "; correct the clock, or confirm it with --confirm"
            }
        };
        let mut text = format!("{state}\n  {} {}\n", label("this machine's clock:"), self.machine);
        if let Some((known, source)) = self.known.zip(self.source()) {
            let _ = writeln!(text, "  {} {} ({source})", label("newest known time:"), known.time);
        }
        if let Some(ahead) = self.ahead() {
            let side = if ahead < 0 { "behind" } else { "ahead" };
            let _ = writeln!(text, "  {} {} s {side}", label("difference:"), (ahead / 1000).unsigned_abs());
        }
        text
    }
}
