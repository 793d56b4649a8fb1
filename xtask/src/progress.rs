//! Progress of steps: a spinner for each on a terminal, plain lines elsewhere.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use crate::run::Log;

/// The running steps.
pub(crate) struct Progress {
    bars: MultiProgress,
    logs: PathBuf,
}

impl Progress {
    /// Creates a progress display. Logs of the steps go to the folder `logs`.
    pub(crate) fn new(logs: PathBuf) -> Progress {
        Progress { bars: MultiProgress::new(), logs }
    }

    /// Runs a step, and prints how long it took.
    pub(crate) fn step<T>(&self, name: &str, work: impl FnOnce(&Log) -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let log = Log::create(self.logs.join(format!("{}.log", name.replace(['/', ' '], "-"))))?;
        let bar = self.begin(name, &log);
        let result = work(&log);
        bar.finish_and_clear();
        self.bars.remove(&bar);
        let mark = if result.is_ok() { "ok" } else { "FAILED" };
        self.line(&format!("{mark:>8}  {name}  {} (CPU {})", time(start.elapsed()), time(log.cpu())));
        result.with_context(|| format!("{name} failed"))
    }

    /// Prints a line above the running steps.
    pub(crate) fn line(&self, text: &str) {
        if self.bars.is_hidden() || self.bars.println(text).is_err() {
            println!("{text}");
        }
    }

    fn begin(&self, name: &str, log: &Log) -> ProgressBar {
        if self.bars.is_hidden() {
            println!("{:>8}  {name}", "…");
            return ProgressBar::hidden();
        }
        let tail = log.tail();
        let style = ProgressStyle::with_template("{spinner:>8}  {msg}  {elapsed}  {tail:.dim}")
            .expect("the template's names are indicatif's, and ours")
            .with_key("tail", move |_: &ProgressState, out: &mut dyn fmt::Write| {
                // A failed write only affects the display.
                let _ = out.write_str(&tail.last_line());
            });
        let bar = self.bars.add(ProgressBar::new_spinner()).with_style(style).with_message(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }
}

/// Formats a duration for people.
pub(crate) fn time(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}
