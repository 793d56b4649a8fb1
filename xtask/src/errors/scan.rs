//! Finds errors in sources: a call with a code, a message, and often a hint among its arguments.
//!
//! The functions that create errors are known by the positions of these arguments. A function that passes its own
//! parameters to one of them creates errors too, so the scan repeats until it finds no more such functions.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::source::{Arm, Call, Function, Source, Visibility, is_constant, unescaped};
use crate::language::lexer::Kind;

/// An error, as one place in the sources creates it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fault {
    pub(super) code: String,
    pub(super) message: String,
    /// Empty if there is none.
    pub(super) hint: String,
    /// The file that creates it.
    pub(super) path: String,
}

/// All errors.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) faults: BTreeSet<Fault>,
    /// The HTTP statuses of codes.
    pub(super) statuses: BTreeMap<String, BTreeSet<&'static str>>,
}

/// A part of an error.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// The texts that it may be.
    Texts(Vec<String>),
    /// The argument at this position.
    Argument(usize),
    /// A text with a slot for the argument at this position.
    Within(String, String, usize),
}

const NONE: Part = Part::Texts(Vec::new());

/// A function that creates errors.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Maker {
    name: String,
    /// The type or module before the name; empty for a function that only its own file calls.
    owner: String,
    /// The beginning of the paths of the files that may call it.
    scope: String,
    /// The part of the file in which it is called, if it is a closure.
    within: Option<(usize, usize)>,
    code: Part,
    message: Part,
    hint: Part,
}

/// The functions that create errors: the type, the name, the beginning of the paths of their callers, and the positions
/// of the code, the message, and the hint. 9 is none.
const MAKERS: &[(&str, &str, &str, [usize; 3])] = &[
    ("CliError", "unusable", "crates/cli/", [0, 1, 2]),
    ("EngineError", "new", "crates/", [0, 1, 2]),
    ("AnalyzeError", "new", "crates/", [0, 2, 3]),
    ("ApiError", "new", "crates/", [1, 2, 9]),
    ("Error", "new", "", [0, 1, 9]),
    ("QueryError", "new", "crates/query/", [0, 2, 3]),
    ("Diagnostic", "new", "crates/", [0, 1, 9]),
    ("", "CountersignError", "js/", [0, 1, 2]),
];

/// Texts by the enum and the variant.
type VariantTexts = BTreeMap<(String, String), String>;

/// The sources, and facts about all of them.
pub(super) struct Scan<'s> {
    sources: &'s [Source],
    /// The words of the enums of codes, by the crate's folder and the variant.
    codes: &'s BTreeMap<(String, String), String>,
    /// The constants, by name: several files may have one of that name.
    constants: BTreeMap<&'s str, Vec<(&'s Source, Range<usize>)>>,
    arms: BTreeMap<&'s str, Vec<Arm>>,
    /// The messages of the variants of enums, and their hints.
    messages: VariantTexts,
    hints: VariantTexts,
    makers: BTreeSet<Maker>,
}

impl<'s> Scan<'s> {
    pub(super) fn new(sources: &'s [Source], codes: &'s BTreeMap<(String, String), String>) -> Self {
        let maker = |&(owner, name, scope, [code, message, hint]): &(&str, &str, &str, [usize; 3])| Maker {
            name: name.to_owned(),
            owner: owner.to_owned(),
            scope: scope.to_owned(),
            within: None,
            code: Part::Argument(code),
            message: Part::Argument(message),
            hint: Part::Argument(hint),
        };
        let parsers = Maker {
            code: Part::Texts(vec!["parsers.invalid".into()]),
            ..maker(&("ParserError", "new", "crates/query/", [9, 1, 2]))
        };
        let mut constants: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for source in sources {
            for (name, range) in source.constants() {
                constants.entry(name).or_default().push((source, range));
            }
        }
        let mut scan = Self {
            sources,
            codes,
            constants,
            arms: sources.iter().map(|source| (source.path.as_str(), source.arms().collect())).collect(),
            messages: BTreeMap::new(),
            hints: BTreeMap::new(),
            makers: MAKERS.iter().map(maker).chain([parsers]).collect(),
        };
        (scan.messages, scan.hints) = scan.variants();
        scan
    }

    /// Returns the messages and the hints of variants: in `match` expressions of `fmt` and `hint`, and the messages of
    /// `#[display("…")]` and `#[error("…")]`.
    fn variants(&self) -> (VariantTexts, VariantTexts) {
        let (mut messages, mut hints) = (BTreeMap::new(), BTreeMap::new());
        for source in self.sources {
            let displays = source.displays().into_iter().filter(|(_, text)| source.string(*text).is_some());
            messages
                .extend(displays.map(|(variant, text)| (variant, filled(source, text, source.tokens.len()))));
            for arm in &self.arms[source.path.as_str()] {
                let texts = match arm.function.as_str() {
                    "fmt" => &mut messages,
                    "hint" => &mut hints,
                    _ => continue,
                };
                if let Some(text) = self.texts(source, arm.value.clone(), Wanted::Text, 0).into_iter().next()
                {
                    texts.extend(arm.variants.iter().cloned().map(|variant| (variant, text.clone())));
                }
            }
        }
        (messages, hints)
    }

    /// Returns all errors, sorted.
    pub(super) fn faults(mut self) -> Faults {
        loop {
            let (mut faults, mut makers) = (Faults::default(), self.makers.clone());
            let mut by_name: BTreeMap<&str, Vec<&Maker>> = BTreeMap::new();
            for maker in &self.makers {
                by_name.entry(&maker.name).or_default().push(maker);
            }
            for source in self.sources {
                for open in 0..source.tokens.len() {
                    let Some(call) = source.call(open) else { continue };
                    for maker in by_name
                        .get(call.name.as_str())
                        .into_iter()
                        .flatten()
                        .filter(|maker| maker.fits(&call, source))
                    {
                        self.apply(maker, source, &call, &mut faults, &mut makers);
                    }
                    if call.name.is_empty() {
                        self.literal(source, &call, &mut faults, &mut makers);
                    }
                }
            }
            if makers == self.makers {
                faults.faults.append(&mut self.tables());
                return faults;
            }
            self.makers = makers;
        }
    }

    /// Adds what a call of a maker creates.
    fn apply(
        &self,
        maker: &Maker,
        source: &Source,
        call: &Call,
        faults: &mut Faults,
        makers: &mut BTreeSet<Maker>,
    ) {
        let arguments = source.parts(call.open);
        let argument = |at: usize, wanted| {
            arguments.get(at).map_or(NONE, |range| self.part(source, range.clone(), wanted))
        };
        let resolve = |part: &Part, wanted| match part {
            Part::Texts(_) => part.clone(),
            Part::Argument(at) => argument(*at, wanted),
            Part::Within(text, slot, at) => match argument(*at, Wanted::Text) {
                Part::Texts(texts) => {
                    Part::Texts(texts.iter().map(|inner| text.replace(slot, inner)).collect())
                }
                Part::Argument(at) => Part::Within(text.clone(), slot.clone(), at),
                within @ Part::Within(..) => within,
            },
        };
        let mut hint = resolve(&maker.hint, Wanted::Hint);
        if let Some(later) = self.later_hint(source, source.after(call.open)) {
            hint = later;
        }
        let parts = [resolve(&maker.code, Wanted::Code), resolve(&maker.message, Wanted::Text), hint];
        self.add(source, call.open, parts, faults, makers);
    }

    /// Adds what a struct or object literal with the fields `code` and `message` creates.
    fn literal(&self, source: &Source, call: &Call, faults: &mut Faults, makers: &mut BTreeSet<Maker>) {
        let field = |name: &str, wanted| {
            let part = source.parts(call.open).into_iter().find(|part| source.text(part.start) == name)?;
            let value = if source.text(part.start + 1) == ":" { part.start + 2 } else { part.start };
            Some(self.part(source, value..part.end, wanted))
        };
        let (Some(code), Some(message)) = (field("code", Wanted::Code), field("message", Wanted::Text))
        else {
            return;
        };
        let hint = field("hint", Wanted::Text).unwrap_or(NONE);
        self.add(source, call.open, [code, message, hint], faults, makers);
    }

    /// Adds the errors that these parts make up, or the function whose parameters they are.
    fn add(
        &self,
        source: &Source,
        at: usize,
        parts: [Part; 3],
        faults: &mut Faults,
        makers: &mut BTreeSet<Maker>,
    ) {
        let [code, message, hint] = &parts;
        if let (Part::Texts(codes), Some(status)) = (code, status(source, at)) {
            for code in codes {
                faults.statuses.entry(code.clone()).or_default().insert(status);
            }
        }
        if parts.iter().any(|part| !matches!(part, Part::Texts(_))) {
            if let Some(function) = source.enclosing(at).find(|function| !function.params.is_empty())
                && (function.name != "new" || matches!(code, Part::Texts(_)))
                && *code != NONE
            {
                let [code, message, hint] = parts;
                let stem = source.path.rsplit_once('.').map_or(source.path.as_str(), |(stem, _)| stem);
                let module = stem.trim_end_matches("/index").rsplit('/').next();
                let owner = source.implemented(at).or(module).unwrap_or_default();
                let (folder, _) = source.path.split_once("src/").unwrap_or_default();
                let scope = match function.visibility {
                    Visibility::File => stem,
                    Visibility::Folder => stem.rsplit_once('/').map_or("", |(folder, _)| folder),
                    Visibility::All if source.is_js() => "js/",
                    // A method may be called by other crates.
                    Visibility::All if !folder.is_empty() && source.implemented(at).is_some() => "crates/",
                    Visibility::Crate | Visibility::All if folder.is_empty() => "src/",
                    Visibility::Crate | Visibility::All => folder,
                };
                let owner = if function.visibility == Visibility::File { "" } else { owner };
                let (name, owner, scope) = (function.name.clone(), owner.to_owned(), scope.to_owned());
                makers.insert(Maker {
                    name,
                    owner,
                    scope,
                    within: source.around(function),
                    code,
                    message,
                    hint,
                });
            }
            return;
        }
        let (Part::Texts(codes), Part::Texts(messages), Part::Texts(hints)) = (code, message, hint) else {
            return;
        };
        let displayed = if messages.iter().all(|message| is_slot(message)) {
            self.displayed(source, at)
        } else {
            Vec::new()
        };
        let messages = if displayed.is_empty() { messages } else { &displayed };
        // Alternatives belong together if there are as many of them.
        let most = codes.len().max(messages.len()).max(hints.len());
        let pick = |texts: &[String], number: usize| -> Vec<String> {
            match texts.len() {
                0 => vec![String::new()],
                count if count == most => vec![texts[number].clone()],
                _ => texts.to_vec(),
            }
        };
        if codes.is_empty() || messages.is_empty() {
            return;
        }
        for number in 0..most {
            for code in pick(codes, number) {
                for message in pick(messages, number) {
                    for hint in pick(hints, number) {
                        let (code, message, path) = (code.clone(), message.clone(), source.path.clone());
                        faults.faults.insert(Fault { code, message, hint, path });
                    }
                }
            }
        }
    }

    /// Returns the errors of enums: the codes of their variants in `match` expressions, with their messages and hints.
    fn tables(&self) -> BTreeSet<Fault> {
        let mut faults = BTreeSet::new();
        for source in self.sources {
            for arm in &self.arms[source.path.as_str()] {
                let texts = |wanted| self.texts(source, arm.value.clone(), wanted, 0).into_iter().next();
                // A call in an arm is an error of its own.
                let has_call = arm.value.clone().any(|at| matches!(source.text(at), "new" | "unusable"));
                let Some(code) = texts(Wanted::Code).filter(|_| !has_call) else { continue };
                let hint = texts(Wanted::Text);
                for variant in &arm.variants {
                    let message = match self.messages.get(variant) {
                        None if variant.0 == "ErrorKind" => "cannot {doing}: {error}",
                        None if variant.0.ends_with("Error") => "{error}",
                        None => continue,
                        Some(message) => message,
                    };
                    let hint = hint.as_ref().or_else(|| self.hints.get(variant)).cloned().unwrap_or_default();
                    let (message, path) = (message.to_owned(), source.path.clone());
                    faults.insert(Fault { code: code.clone(), message, hint, path });
                }
            }
        }
        faults
    }

    /// Returns the messages of the variants in whose arm a call is.
    fn displayed(&self, source: &Source, at: usize) -> Vec<String> {
        let arm = self.arms[source.path.as_str()].iter().rev().find(|arm| arm.value.contains(&at));
        let variants = arm.into_iter().flat_map(|arm| &arm.variants);
        variants.filter_map(|variant| self.messages.get(variant)).cloned().collect()
    }

    /// Returns the hint that is added to the result of a call: `.with_hint(…)`.
    fn later_hint(&self, source: &Source, mut at: usize) -> Option<Part> {
        while matches!(source.text(at), ")" | "." | "?") {
            if source.text(at) == ")" && source.text(at + 1) != "." {
                return None;
            }
            if source.text(at) == "." && source.text(at + 2) == "(" {
                if matches!(source.text(at + 1), "with_hint" | "or_hint") {
                    let argument = at + 3..source.after(at + 2) - 1;
                    return Some(self.part(source, argument, Wanted::Text));
                }
                at = source.after(at + 2);
            } else {
                at += 1;
            }
        }
        None
    }

    /// Returns the texts of an expression, or the parameter that it is.
    fn part(&self, source: &Source, range: Range<usize>, wanted: Wanted) -> Part {
        let range = if wanted == Wanted::Hint { hint_field(source, range) } else { range };
        let texts = self.texts(source, range.clone(), wanted, 0);
        if let [text] = &texts[..]
            && let Some((slot, at)) = parameter_in(source, text, range.start)
        {
            return Part::Within(text.clone(), slot, at);
        }
        if !texts.is_empty() {
            return Part::Texts(texts);
        }
        let is_plain = |at: &usize| source.is_name(*at) && !matches!(source.text(*at), "Some" | "mut");
        let Some(name) = range.clone().find(is_plain) else { return NONE };
        let parameter =
            |function: &Function| function.params.iter().position(|param| param == source.text(name));
        if let Some(at) = source.enclosing(range.start).find_map(parameter)
            && !(range.start..range.end).any(|at| {
                source.text(at) == "." && !matches!(source.text(at + 1), "into" | "to_owned" | "clone")
            })
        {
            return Part::Argument(at);
        }
        Part::Texts(if wanted == Wanted::Text {
            vec![format!("{{{}}}", last_name(source, range))]
        } else {
            Vec::new()
        })
    }

    /// Returns the strings in an expression that are codes or texts, and those of the names in it.
    fn texts(&self, source: &Source, range: Range<usize>, wanted: Wanted, depth: usize) -> Vec<String> {
        let mut texts = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let token = &source.tokens[at];
            match token.kind {
                Kind::String
                    if wanted.accepts(&token.text)
                        || range.len() == 1 && wanted != Wanted::Code && !is_code(&token.text) =>
                {
                    texts.push(if source.is_template(at) {
                        filled(source, at, range.end)
                    } else {
                        unescaped(&token.text)
                    });
                }
                // Skip conditions, which may compare with texts.
                Kind::Name if source.text(at) == "if" && !source.is_js() => {
                    let is_end =
                        |at| source.text(at) == "{" || source.text(at) == "=" && source.text(at + 1) == ">";
                    while at < range.end && !is_end(at) {
                        at = source.after(at);
                    }
                    continue;
                }
                // Skip the value that another path returns.
                Kind::Name if source.text(at) == "return" => {
                    while at < range.end && !matches!(source.text(at), ";" | "}" | ",") {
                        at = source.after(at).max(at + 1);
                    }
                    continue;
                }
                Kind::Name
                    if wanted != Wanted::Code
                        && FORMATS.contains(&source.text(at))
                        && source.text(at + 1) == "!" =>
                {
                    let end = source.after(at + 2);
                    let mut strings = (at..end).filter(|&at| source.tokens[at].kind == Kind::String);
                    texts.extend(
                        strings
                            .find(|&at| !is_code(&source.tokens[at].text))
                            .map(|at| filled(source, at, end)),
                    );
                    at = end - 1;
                }
                Kind::Name
                    if wanted == Wanted::Code && source.text(at) == "Code" && source.is_name(at + 3) =>
                {
                    let folder = source.path.split("src/").next().unwrap_or_default();
                    let find =
                        |folder: &str| self.codes.get(&(folder.to_owned(), source.text(at + 3).to_owned()));
                    texts.extend(find(folder).or_else(|| find("")).cloned());
                    at += 3;
                }
                Kind::Name
                    if depth < 3
                        && !is_call_or_path(source, at)
                        && (at == 0 || source.text(at - 1) != ".") =>
                {
                    texts.extend(self.named(source, at, wanted, depth));
                }
                _ => {}
            }
            at += 1;
        }
        texts
    }

    /// Returns the texts in one place of a tuple, as many as in the place that has the most alternatives.
    fn place_in(
        &self,
        source: &Source,
        parts: &[Range<usize>],
        place: usize,
        wanted: Wanted,
        depth: usize,
    ) -> Vec<String> {
        let texts = |part: &Range<usize>, wanted| self.texts(source, part.clone(), wanted, depth + 1);
        let count = |part| texts(part, Wanted::Code).len().max(texts(part, Wanted::Text).len());
        let own = texts(&parts[place], wanted);
        match &own[..] {
            [text] => vec![text.clone(); parts.iter().map(count).max().unwrap_or(1)],
            _ => own,
        }
    }

    /// Returns the texts that a variable or a constant stands for.
    fn named(&self, source: &Source, at: usize, wanted: Wanted, depth: usize) -> Vec<String> {
        let name = source.text(at);
        if is_constant(name) {
            let found = self.constant(source, at);
            return found.map_or(Vec::new(), |(source, range)| self.texts(source, range, wanted, depth + 1));
        }
        for function in source.enclosing(at) {
            if function.params.iter().any(|param| param == name) {
                return Vec::new();
            }
            let Some((range, place)) = source.binding(name, function, at) else { continue };
            let start = range.start;
            let Some(place) = place else { return self.texts(source, range, wanted, depth + 1) };
            let names: Vec<usize> = range.clone().filter(|&at| source.is_name(at)).collect();
            let range = match names[..] {
                [name] => {
                    source.binding(source.text(name), function, start).map_or(range, |(range, _)| range)
                }
                _ => range,
            };
            let constants = names.into_iter().filter_map(|at| self.constant(source, at));
            let tables: Vec<_> = [(source, range)].into_iter().chain(constants).collect();
            let tuples = tables.into_iter().flat_map(|(source, range)| {
                let opens = range.filter(|&open| matches!(source.text(open), "(" | "["));
                opens.map(move |open| (source, source.parts(open)))
            });
            return tuples
                .filter(|(_, parts)| {
                    parts.len() > place
                        && parts.len() < 4
                        && !matches!(source.text(parts[place].start), "[" | ",")
                })
                .flat_map(|(source, parts)| self.place_in(source, &parts, place, wanted, depth))
                .collect();
        }
        Vec::new()
    }

    /// Returns the constant whose name is at a position: of the same file, crate, or module, if several have the name.
    fn constant<'a>(&'a self, source: &'a Source, at: usize) -> Option<(&'a Source, Range<usize>)> {
        let module = if at > 2 { source.text(at - 3) } else { "" };
        let distance = |other: &Source| {
            let is_of_module = other.path.ends_with(&format!("/{module}.rs"));
            (other.path != source.path, other.folder() != source.folder(), !is_of_module)
        };
        let all = self.constants.get(source.text(at))?.iter();
        all.min_by_key(|(other, _)| distance(other)).map(|(source, range)| (*source, range.clone()))
    }
}

impl Maker {
    fn fits(&self, call: &Call, source: &Source) -> bool {
        let is_owned = call.owner.as_ref().is_none_or(|owner| self.owner.is_empty() || *owner == self.owner);
        // A function of the file itself hides one of the same name that is imported elsewhere.
        let is_hidden = || source.declares(&self.name) && !source.path.contains(&format!("/{}.", self.owner));
        let is_imported =
            !self.owner.starts_with(char::is_uppercase) && (self.owner.is_empty() || !is_hidden());
        let is_plain = call.owner.is_some() || call.is_method || is_imported;
        let is_within = self.within.is_none_or(|(start, end)| (start..end).contains(&call.open));
        is_owned && is_plain && is_within && source.path.starts_with(&self.scope)
    }
}

/// Returns the slot of a text that is filled with a parameter which is itself a text, and its position.
fn parameter_in(source: &Source, text: &str, at: usize) -> Option<(String, usize)> {
    TEXT_PARAMETERS.iter().find_map(|name| {
        let slot = format!("{{{name}}}");
        let find = |function: &Function| function.params.iter().position(|param| param == name);
        text.contains(&slot).then(|| source.enclosing(at).find_map(find)).flatten().map(|at| (slot, at))
    })
}

/// The names of parameters that are a part of a message.
const TEXT_PARAMETERS: [&str; 7] = ["what", "why", "message", "problem", "detail", "reason", "expected"];

/// The macros that format a text.
const FORMATS: [&str; 5] = ["format", "format_args", "explain", "message", "say"];

/// The kind of text that an argument has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Code,
    Text,
    /// A text, or an object of JavaScript with a field `hint`.
    Hint,
}

impl Wanted {
    fn accepts(self, text: &str) -> bool {
        if self == Self::Code {
            is_code(text)
        } else {
            text.trim().contains(' ') && text.chars().any(char::is_alphabetic)
        }
    }
}

/// True if the text is only a slot.
pub(super) fn is_slot(text: &str) -> bool {
    text.starts_with('{') && text.find('}') == Some(text.len() - 1)
}

/// True if the text has the form of a code: `area.name`.
pub(super) fn is_code(text: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|char: char| char.is_ascii_lowercase())
            && word.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_')
    };
    let is_file =
        |name: &str| matches!(name, "yml" | "yaml" | "txt" | "sqlite" | "json" | "ndjson" | "localhost");
    text.split_once('.').is_some_and(|(area, name)| is_word(area) && is_word(name) && !is_file(name))
}

/// Returns the HTTP status in a call.
fn status(source: &Source, open: usize) -> Option<&'static str> {
    let at = (open..source.after(open)).find(|&at| source.text(at) == "StatusCode")?;
    STATUSES.iter().find(|(name, _)| *name == source.text(at + 3)).map(|(_, status)| *status)
}

/// The HTTP statuses of errors.
const STATUSES: [(&str, &str); 15] = [
    ("BAD_REQUEST", "400"),
    ("UNAUTHORIZED", "401"),
    ("FORBIDDEN", "403"),
    ("NOT_FOUND", "404"),
    ("METHOD_NOT_ALLOWED", "405"),
    ("NOT_ACCEPTABLE", "406"),
    ("REQUEST_TIMEOUT", "408"),
    ("CONFLICT", "409"),
    ("PAYLOAD_TOO_LARGE", "413"),
    ("UNSUPPORTED_MEDIA_TYPE", "415"),
    ("MISDIRECTED_REQUEST", "421"),
    ("UNPROCESSABLE_ENTITY", "422"),
    ("TOO_MANY_REQUESTS", "429"),
    ("INTERNAL_SERVER_ERROR", "500"),
    ("SERVICE_UNAVAILABLE", "503"),
];

/// Returns the expression of the field `hint` in an object of JavaScript.
fn hint_field(source: &Source, range: Range<usize>) -> Range<usize> {
    if source.text(range.start) != "{" || !source.is_js() {
        return range;
    }
    let field = source.parts(range.start).into_iter().find(|part| source.text(part.start) == "hint");
    field.map_or(range.end..range.end, |part| {
        if source.text(part.start + 1) == ":" { part.start + 2..part.end } else { part }
    })
}

/// True if the name is that of a call, or a path begins with it.
fn is_call_or_path(source: &Source, at: usize) -> bool {
    matches!(source.text(at + 1), "(" | "!") || source.text(at + 1) == ":" && source.text(at + 2) == ":"
}

/// Returns a string with names for all slots: those of the arguments after it for `{}`.
fn filled(source: &Source, at: usize, end: usize) -> String {
    let is_js = source.is_js();
    let mut arguments = Vec::new();
    if source.text(at + 1) == "," {
        let mut start = at + 2;
        let mut next = start;
        while next < end && !matches!(source.text(next), ")" | "]" | "}") {
            if source.text(next) == "," {
                arguments.push(start..next);
                start = next + 1;
            }
            next = source.after(next);
        }
        arguments.push(start..next);
    }
    let mut arguments = arguments.into_iter();
    let mut out = String::new();
    let mut rest = unescaped(&source.tokens[at].text);
    while let Some((before, after)) = split_slot(&rest, is_js) {
        out.push_str(&before);
        let (slot, tail) = after;
        let slot = match slot.split(':').next().unwrap_or_default() {
            "" if !is_js => arguments.next().map_or("value".to_owned(), |range| last_name(source, range)),
            name => name_of(name),
        };
        out = out + "{" + &slot + "}";
        rest = tail;
    }
    out.push_str(&rest);
    out.replace("{{", "{").replace("}}", "}")
}

type Slot = (String, String);

/// Splits a text at its first slot: before it, the slot, and after it.
fn split_slot(text: &str, is_js: bool) -> Option<(String, Slot)> {
    let open = if is_js {
        text.find("${")? + 1
    } else {
        text.match_indices('{')
            .map(|(at, _)| at)
            .find(|&at| !text[at + 1..].starts_with('{') && !text[..at].ends_with('{'))?
    };
    let mut depth = 0;
    let close = text[open..]
        .char_indices()
        .find(|(_, char)| {
            depth += match char {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            depth == 0
        })?
        .0
        + open;
    let before = if is_js { open - 1 } else { open };
    Some((text[..before].to_owned(), (text[open + 1..close].to_owned(), text[close + 1..].to_owned())))
}

/// Returns a name for an expression: the last descriptive word before its first bracket, or the first one after it.
fn name_of(expression: &str) -> String {
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|char: char| !char.is_alphanumeric() && char != '_').map(str::to_owned);
        words
            .filter(|word| word.starts_with(char::is_lowercase) && !GENERIC.contains(&word.as_str()))
            .collect()
    };
    let (head, tail) = expression.split_at(expression.find('(').unwrap_or(expression.len()));
    let name = words(head).pop().or_else(|| words(tail).into_iter().next());
    name.or_else(|| is_constant(head).then(|| head.to_lowercase())).unwrap_or_else(|| "value".to_owned())
}

/// Words that don't describe a value.
const GENERIC: [&str; 25] = [
    "undefined",
    "typeof",
    "null",
    "as_str",
    "to_string",
    "to_owned",
    "clone",
    "into",
    "display",
    "len",
    "join",
    "get",
    "get_ref",
    "min",
    "max",
    "plain",
    "shown",
    "self",
    "this",
    "stringify",
    "quoted",
    "escape_debug",
    "unwrap_or_default",
    "of_request",
    "innermost",
];

fn last_name(source: &Source, range: Range<usize>) -> String {
    let words: Vec<&str> = range.map(|at| source.text(at)).collect();
    name_of(&words.join(" "))
}
