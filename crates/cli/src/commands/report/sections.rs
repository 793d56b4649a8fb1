//! Converts Markdown documents to sections of a report.

use countersign_evidence::{Block, MAX_SECTIONS, Section};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::errors::CliError;
use crate::io::style::{self, plain};

/// The hint for a document that is too long.
const HINT: &str = "shorten it, or keep it in a separate file";

/// Converts a Markdown document to sections, one for each heading of the first three levels. Text before the first
/// heading gets `title`.
pub(crate) fn of_markdown(text: &str, title: &str) -> Result<Vec<Section>, CliError> {
    let mut builder = SectionBuilder { title: title.to_owned(), ..SectionBuilder::default() };
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        builder.push(event);
    }
    builder.end_section();
    if builder.has_html {
        let title = plain(title);
        style::warn(&format!("{title}: HTML and the text in it are skipped; use Markdown instead"));
    }
    check_count(builder.sections.len())?;
    for section in &builder.sections {
        section.check().map_err(|error| {
            CliError::from(error).because(&format!("the section {:?}", section.title)).or_hint(HINT)
        })?;
    }
    Ok(builder.sections)
}

/// Checks the number of sections in a report.
pub(super) fn check_count(sections: usize) -> Result<(), CliError> {
    if sections <= MAX_SECTIONS {
        return Ok(());
    }
    let message =
        format!("the file has {sections} headings, but a report has at most {MAX_SECTIONS} sections");
    Err(CliError::unusable("evidence.invalid", message, HINT))
}

#[derive(Default)]
struct SectionBuilder {
    sections: Vec<Section>,
    title: String,
    blocks: Vec<Block>,
    /// The text read so far.
    text: String,
    /// The start of a link within the document, as an offset into the text.
    link: Option<usize>,
    /// The depth of nested lists.
    lists: usize,
    items: Vec<String>,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    row: Vec<String>,
    in_comment: bool,
    /// True if there is block HTML other than comments.
    has_html: bool,
}

impl SectionBuilder {
    fn push(&mut self, event: Event<'_>) {
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

    /// True if a line of HTML belongs to a comment.
    fn is_comment(&mut self, line: &str) -> bool {
        let is_comment = self.in_comment || line.trim_start().starts_with("<!--");
        self.in_comment = is_comment && !line.contains("-->");
        is_comment
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            // The report can't link to headings of the document.
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
            TagEnd::Heading(level) if level <= HeadingLevel::H3 => self.title = self.take_text(),
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
                let text = self.take_text();
                if !text.is_empty() {
                    self.blocks.push(Block::Text(text));
                }
            }
            TagEnd::TableCell => {
                let cell = self.take_text();
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

    fn take_text(&mut self) -> String {
        std::mem::take(&mut self.text).trim().to_owned()
    }

    fn end_item(&mut self) {
        let item = self.take_text();
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
    fn markdown_converts_to_texts_lists_and_tables() {
        let text = "# Exposure\n\nA *year* costs `12`\nor more. [See](#there)\n\n| P | cost |\n| --- | ---: |\n| 10 | 1 \\| 2 |\n| 90 |\n\n\
            ## Controls\n\n- one\n  - within\n- two\n\n#### Deeper\n\n```\nrun\n```\n";
        let sections = of_markdown(text, "risk.md").unwrap();
        let words = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let block = |text: &str| Block::Text(text.into());
        assert_eq!(
            sections,
            [
                Section {
                    title: "Exposure".into(),
                    blocks: vec![
                        block("A year costs 12 or more."),
                        Block::Table {
                            head: words(&["P", "cost"]),
                            rows: vec![words(&["10", "1 | 2"]), words(&["90", ""])],
                        },
                    ],
                    data: None,
                },
                Section {
                    title: "Controls".into(),
                    blocks: vec![
                        Block::List(words(&["one", "within", "two"])),
                        block("Deeper"),
                        block("run")
                    ],
                    data: None,
                },
            ]
        );
        assert_eq!(of_markdown("text only", "x.md").unwrap()[0].title, "x.md");
        assert!(of_markdown(&"# a\n\nb\n\n".repeat(201), "x.md").is_err());
        assert!(of_markdown(&"a".repeat(16_001), "x.md").is_err());
        assert!(of_markdown(&"a".repeat(16_000), "x.md").is_ok());
    }
}
