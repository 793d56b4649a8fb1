//! Writes evidence as a document, a folder, or an evidence file.

use std::collections::HashSet;
use std::path::Path;

use countersign::link::EventLink;
use countersign::time::Time;
use countersign_controls::{AnswerContent, EventEvaluator, Evidence, ListedEvent};
use countersign_slice::Selection;

use super::Format;
use super::gather::Gatherer;
use crate::commands::report::selected::{self, ReportSelection, VerifyInput};
use crate::commands::report::written::Annotations;
use crate::commands::{report, slice};
use crate::errors::CliError;
use crate::io::input::{self, Input};
use crate::io::output::Output;
use crate::io::style;

pub(super) fn format_evidence(evidence: &Evidence, format: Format) -> String {
    match format {
        Format::Markdown => countersign_controls::markdown(evidence),
        Format::Csv => countersign_controls::csv(evidence),
        Format::Oscal => countersign_controls::oscal(evidence) + "\n",
        Format::Json => countersign_controls::json(evidence) + "\n",
    }
}

pub(super) fn write(path: Option<&Path>, text: &str) -> Result<(), CliError> {
    let mut output = Output::create(path)?;
    output.write(text.as_bytes())?;
    output.finish()
}

impl Gatherer<'_> {
    /// Writes an evidence file with the sampled events.
    pub(super) fn file(
        &self,
        mut export: selected::ReportInput,
        found: &selected::SelectedEvents,
        destination: &Path,
        evidence: &Evidence,
    ) -> Result<(), CliError> {
        if sampled(evidence).next().is_none() {
            let hint = "write only the document with -o FILE.md, or all formats with -o FOLDER/";
            let message = "no event answers a question of this framework, so an evidence file would be empty";
            return Err(CliError::unusable("selection.empty", message, hint).within(export.input.name()));
        }
        let mut sections =
            report::of_markdown(&format_evidence(evidence, Format::Markdown), export.input.name())?;
        if let Some(first) = sections.first_mut() {
            first.data = Some(format_evidence(evidence, Format::Json));
        }
        let request = ReportSelection {
            query: None,
            range: None,
            sample: None,
            now: countersign_errors::now()?,
            parsers: self.args.own.load()?,
            has_own_parsers: !self.args.own.is_none(),
            threads: self.args.threads.count(),
        };
        let given = VerifyInput::load(self.args.trust.path(), &[])?;
        let sampled = sampled(evidence).map(|shown| shown.leaf).collect();
        let words = Annotations {
            reference: &evidence.framework.title,
            examiner: "",
            sections,
            named: Some(sampled),
            embed: None,
            detections: None,
        };
        report::written::write(
            &mut export,
            found,
            &given,
            &request,
            words,
            Some(report::page::load(self.args.page.as_deref())?),
            Some(destination),
        )?;
        Ok(())
    }

    /// Writes all formats, and slices.
    pub(super) fn fill(&self, folder: &Path, mut input: Input, evidence: &Evidence) -> Result<(), CliError> {
        let formats = [
            ("evidence.md", Format::Markdown),
            ("evidence.csv", Format::Csv),
            ("evidence.json", Format::Json),
            ("evidence.oscal.json", Format::Oscal),
        ];
        for (name, format) in formats {
            write(Some(&folder.join(name)), &format_evidence(evidence, format))?;
        }
        if evidence.log.checkpoint.is_none() {
            style::warn("no slices were written, because the export has no checkpoint");
            return Ok(());
        }
        let sampled: HashSet<_> = sampled(evidence).map(|shown| (shown.chain, shown.seq)).collect();
        let subject = evidence.subject.as_ref().filter(|subject| subject.extent.events > 0);
        let looking = subject.map(|subject| {
            EventEvaluator::new(self.catalog, &self.parsers, self.pack, Some(&subject.id), None)
        });
        let (mut selections, mut paths) = (Vec::new(), Vec::new());
        if !sampled.is_empty() {
            let is_sampled = |link: &EventLink, _: &str| sampled.contains(&(link.chain, link.seq));
            selections.push(Selection::all().matching(is_sampled));
            paths.push(folder.join("samples.ndjson"));
        }
        if let Some(looking) = &looking {
            let is_about = |link: &EventLink, text: &str| {
                self.examine(looking, text, (Time::MIN, link.chain, None), 0).looked.is_about_subject()
            };
            selections.push(Selection::all().matching(is_about));
            paths.push(folder.join("subject.ndjson"));
        }
        let trust = self.args.trust.path().map(input::trust).transpose()?;
        slice::cut_all(&mut input, &selections, &paths, trust.as_ref())?;
        if let Some(subject) = subject {
            write(Some(&folder.join("subject.csv")), &countersign_controls::rows(&subject.events.listed))?;
        }
        if let Some(record) = &evidence.record {
            write(Some(&folder.join("record.csv")), &countersign_controls::rows(&record.events.listed))?;
        }
        Ok(())
    }
}

/// Returns the sampled events of all questions.
fn sampled(evidence: &Evidence) -> impl Iterator<Item = &ListedEvent> {
    evidence.answers.iter().flat_map(|answer| match &answer.found {
        AnswerContent::Events(events) => &*events.sample,
        _ => &[],
    })
}
