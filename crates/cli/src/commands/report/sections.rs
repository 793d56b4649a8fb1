//! What other commands wrote as Markdown, as sections of a report.

use countersign_evidence::{Block, MAX_SECTIONS, Section};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::errors::CliError;
use crate::io::style::{self, plain};

/// What to do about a document that is more than a report takes.
const HINT: &str = "file it beside the report, or leave parts of it out";

/// The sections of a Markdown document, one for each heading of the first three levels. What stands before the first has
/// `title`.
pub(crate) fn of_markdown(text: &str, title: &str) -> Result<Vec<Section>, CliError> {
    let mut made = Made { title: title.to_owned(), ..Made::default() };
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        made.take(event);
    }
    made.end_section();
    if made.has_html {
        let title = plain(title);
        style::warn(&format!("{title}: its HTML is left out, with the text in it. Write that as Markdown"));
    }
    enough(made.sections.len())?;
    for section in &made.sections {
        section.check().map_err(|error| {
            CliError::from(error).because(&format!("the section {:?}", section.title)).or_hint(HINT)
        })?;
    }
    Ok(made.sections)
}

/// A report takes so many sections.
pub(super) fn enough(sections: usize) -> Result<(), CliError> {
    if sections <= MAX_SECTIONS {
        return Ok(());
    }
    let message = format!("{sections} headings, where a report has {MAX_SECTIONS} sections at most");
    Err(CliError::unusable("evidence.invalid", message, HINT))
}

#[derive(Default)]
struct Made {
    sections: Vec<Section>,
    title: String,
    blocks: Vec<Block>,
    /// The text that is being read.
    text: String,
    /// Where a link within the document begins in it.
    link: Option<usize>,
    /// How many lists the text is in.
    lists: usize,
    items: Vec<String>,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    row: Vec<String>,
    in_comment: bool,
    /// There is HTML that stands by itself, and is no comment.
    has_html: bool,
}

impl Made {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Text(text) | Event::Code(text) => self.text.push_str(&text),
            Event::SoftBreak | Event::HardBreak => self.text.push(' '),
            Event::Html(html) | Event::InlineHtml(html) if html.starts_with("<br") => {
                self.text.push_str("; ");
            }
            Event::Html(html) => self.has_html |= !html.trim().is_empty() && !self.is_comment(&html),
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            _ => {}
        }
    }

    /// Whether a line of HTML is of a comment.
    fn is_comment(&mut self, line: &str) -> bool {
        let is_comment = self.in_comment || line.trim_start().starts_with("<!--");
        self.in_comment = is_comment && !line.contains("-->");
        is_comment
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            // What it leads to has another place here.
            Tag::Link { dest_url, .. } if dest_url.starts_with('#') => self.link = Some(self.text.len()),
            Tag::Heading { level, .. } if *level <= HeadingLevel::H3 => self.end_section(),
            Tag::List(_) => {
                self.end_item();
                self.lists += 1;
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) if level <= HeadingLevel::H3 => self.title = self.taken(),
            TagEnd::Link => {
                if let Some(begin) = self.link.take() {
                    self.text.truncate(begin);
                }
            }
            TagEnd::Item => self.end_item(),
            TagEnd::List(_) => {
                self.lists -= 1;
                if self.lists == 0 && !self.items.is_empty() {
                    self.blocks.push(Block::List(std::mem::take(&mut self.items)));
                }
            }
            TagEnd::Paragraph if self.lists > 0 => self.text.push(' '),
            TagEnd::Paragraph | TagEnd::CodeBlock | TagEnd::Heading(_) => {
                let text = self.taken();
                if !text.is_empty() {
                    self.blocks.push(Block::Text(text));
                }
            }
            TagEnd::TableCell => {
                let cell = self.taken();
                self.row.push(cell);
            }
            TagEnd::TableHead => self.head = std::mem::take(&mut self.row),
            TagEnd::TableRow => {
                let mut row = std::mem::take(&mut self.row);
                row.resize(self.head.len(), String::new());
                self.rows.push(row);
            }
            TagEnd::Table => {
                let (head, rows) = (std::mem::take(&mut self.head), std::mem::take(&mut self.rows));
                self.blocks.push(Block::Table { head, rows });
            }
            _ => {}
        }
    }

    fn taken(&mut self) -> String {
        std::mem::take(&mut self.text).trim().to_owned()
    }

    fn end_item(&mut self) {
        let item = self.taken();
        if self.lists > 0 && !item.is_empty() {
            self.items.push(item);
        }
    }

    fn end_section(&mut self) {
        if self.blocks.is_empty() {
            return;
        }
        let title = std::mem::take(&mut self.title);
        self.sections.push(Section { title, blocks: std::mem::take(&mut self.blocks), data: None });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_becomes_sections_of_texts_lists_and_tables() {
        let text = "# Exposure\n\nA *year* costs `12`\nor more. [See](#there)\n\n| P | cost |\n| --- | ---: |\n| 10 | 1 \\| 2 |\n| 90 |\n\n\
            ## Controls\n\n- one\n  - within\n- two\n\n#### Deeper\n\n```\nrun\n```\n";
        let sections = of_markdown(text, "risk.md").unwrap();
        let words = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let said = |text: &str| Block::Text(text.into());
        assert_eq!(
            sections,
            [
                Section {
                    title: "Exposure".into(),
                    blocks: vec![
                        said("A year costs 12 or more."),
                        Block::Table {
                            head: words(&["P", "cost"]),
                            rows: vec![words(&["10", "1 | 2"]), words(&["90", ""])],
                        },
                    ],
                    data: None,
                },
                Section {
                    title: "Controls".into(),
                    blocks: vec![Block::List(words(&["one", "within", "two"])), said("Deeper"), said("run")],
                    data: None,
                },
            ]
        );
        assert_eq!(of_markdown("just so", "x.md").unwrap()[0].title, "x.md");
        assert!(of_markdown(&"# a\n\nb\n\n".repeat(201), "x.md").is_err());
        assert!(of_markdown(&"a".repeat(16_001), "x.md").is_err());
        assert!(of_markdown(&"a".repeat(16_000), "x.md").is_ok());
    }
}
