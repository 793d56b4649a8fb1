//! Descriptions of APIs: OpenAPI 3.0 and 3.1 and Swagger 2, in JSON or YAML.
//!
//! Of a description only the operations are read, and tolerantly: what is not known, or is not as it should be, is
//! passed over, for a description that a strict reader refuses describes an API all the same.

mod matching;
mod reader;

use std::collections::{BTreeMap, HashMap};

use crate::bounded::bounded;
use crate::error::AnalyzeError;
use crate::tree::{Node, Value};

use super::call::{self, Method};
use matching::Paths;

/// The largest description that is read, in bytes.
pub const MAX_DESCRIPTION: usize = 64 << 20;
/// The most operations of a description.
const MAX_OPERATIONS: usize = 50_000;
/// The most segments of all paths, below each base path of their servers.
const MAX_SEGMENTS: usize = 1_000_000;
/// How many references lead from one to the next.
const MAX_REFERENCES: usize = 8;

/// An API as somebody described it.
#[derive(Clone, Debug)]
pub struct Description {
    /// Its title.
    pub title: String,
    /// The version that it gives itself.
    pub version: String,
    /// How many of its paths refer to what is not in it, such as another file: of these no operation is known.
    pub elsewhere: usize,
    /// How many of its operations have the method and the path of another, but for a query, a fragment or names of
    /// parameters. Calls don't say which of them they are, so that they are one.
    pub alike: usize,
    pub(super) operations: Vec<Operation>,
    paths: Paths,
    /// The operations of each path.
    methods: Vec<Vec<(Method, usize)>>,
    templates: Vec<String>,
}

/// One method of one path.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) method: Method,
    /// As the description writes it.
    pub(super) path: String,
    pub(super) is_deprecated: bool,
    /// Whether it asks for credentials, as far as the description says.
    pub(super) is_secured: Option<bool>,
}

/// What a path of a call is in a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Operation(usize),
    /// The path is there, by its number, but not with this method.
    Path(usize),
}

impl Description {
    /// Reads a description.
    ///
    /// # Errors
    /// [`AnalyzeError`] for what is neither JSON nor YAML, and for what describes no paths.
    pub fn parse(text: &str) -> Result<Self, AnalyzeError> {
        if text.len() > MAX_DESCRIPTION {
            let hint = "64 MiB are the most: leave out examples, or split it";
            return Err(AnalyzeError::new("openapi.large", 0, "the description is too large", hint));
        }
        let root = reader::parse(text)?;
        let Some(Value::Map(_)) = root.get("paths").map(|paths| &paths.value) else {
            let hint = "give an OpenAPI 3 or Swagger 2 description, as JSON or YAML";
            return Err(AnalyzeError::new("openapi.paths", root.line, "it describes no paths", hint));
        };
        let info = |name: &str| root.get("info").and_then(|info| info.get(name)).and_then(scalar);
        let mut description = Self {
            title: info("title").unwrap_or_default(),
            version: info("version").unwrap_or_default(),
            elsewhere: 0,
            alike: 0,
            operations: Vec::new(),
            paths: Paths::default(),
            methods: Vec::new(),
            templates: Vec::new(),
        };
        description.read(&Root::of(&root))?;
        Ok(description)
    }

    fn read(&mut self, root: &Root<'_>) -> Result<(), AnalyzeError> {
        let paths = root.node.get("paths").map(Node::members).unwrap_or_default();
        let bases = Root::bases(root.node).unwrap_or_default();
        let secured = root.node.get("security").map(is_secured);
        let paths = || {
            let paths = paths.iter().filter(|member| member.name.starts_with('/'));
            paths.map(|member| (call::path(&member.name), &member.node, root.resolve(&member.node)))
        };
        // Of paths that are the same but for a query or a fragment, parameters of one name are the same.
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut kinds: Vec<BTreeMap<&str, Kind>> = Vec::new();
        for (path, given, item) in paths() {
            let place = *places.entry(path.to_owned()).or_insert(kinds.len());
            if place == kinds.len() {
                kinds.push(BTreeMap::new());
            }
            root.parameters(given, item, &mut kinds[place]);
        }
        let (mut numbers, mut segments) = (BTreeMap::<String, usize>::new(), 0);
        for (path, _, item) in paths() {
            self.elsewhere += usize::from(item.get("$ref").is_some());
            let own = Root::bases(item);
            let kinds = &kinds[places[path]];
            // JSON has no line that tells which path it is.
            let fault = |code, line, problem, hint| {
                AnalyzeError::new(code, line, problem, hint).of_rule(&bounded(path))
            };
            let same = matching::normal(path, kinds);
            let number = *numbers.entry(same).or_insert_with(|| {
                self.methods.push(Vec::new());
                self.templates.push(path.to_owned());
                self.methods.len() - 1
            });
            for base in own.as_ref().unwrap_or(&bases).iter().map(String::as_str).chain([""]) {
                let Some(added) = self.paths.add(&format!("{base}{path}"), kinds, number) else {
                    let hint = "64 are the most, with those of its server";
                    return Err(fault("openapi.deep", item.line, "a path has too many segments", hint));
                };
                segments += added + 1;
                if segments > MAX_SEGMENTS {
                    let hint = "a million segments are the most, below each server: split it";
                    return Err(fault("openapi.large", item.line, "it describes too much", hint));
                }
            }
            for member in item.members() {
                let (Some(method), operation) = (Method::of_item(&member.name), &member.node) else {
                    continue;
                };
                let is_deprecated = operation.get("deprecated").is_some_and(is_true);
                let is_secured = operation.get("security").map(is_secured).or(secured);
                if let Some((_, known)) = self.methods[number].iter().find(|(known, _)| *known == method) {
                    let known = &mut self.operations[*known];
                    known.is_deprecated &= is_deprecated;
                    known.is_secured = known.is_secured.filter(|known| is_secured == Some(*known));
                    self.alike += 1;
                    continue;
                }
                if self.operations.len() == MAX_OPERATIONS {
                    let hint = "50,000 operations are the most: split it";
                    return Err(fault("openapi.large", member.line, "it describes too much", hint));
                }
                self.methods[number].push((method, self.operations.len()));
                let path = path.to_owned();
                self.operations.push(Operation { method, path, is_deprecated, is_secured });
            }
        }
        Ok(())
    }

    /// How many operations it describes.
    pub fn operations(&self) -> usize {
        self.operations.len()
    }

    /// How many paths it describes.
    pub fn paths(&self) -> usize {
        self.methods.len()
    }

    pub(super) fn template(&self, path: usize) -> &str {
        self.templates.get(path).map_or("", String::as_str)
    }

    pub(super) fn find(&self, method: Method, path: &str) -> Option<Found> {
        let number = self.paths.find(path)?;
        let of = |method: Method| self.methods[number].iter().find(|(known, _)| *known == method);
        // Who answers GET answers HEAD.
        let found = of(method).or_else(|| if method == Method::HEAD { of(Method::GET) } else { None });
        Some(found.map_or(Found::Path(number), |(_, operation)| Found::Operation(*operation)))
    }
}

fn is_true(node: &Node) -> bool {
    matches!(&node.value, Value::Bool(true)) || node.text() == Some("true")
}

fn scalar(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) | Value::Number(text) => Some(text.clone()),
        _ => None,
    }
}

/// Whether one of the alternatives is nothing at all, there is a way in without credentials.
fn is_secured(security: &Node) -> bool {
    match &security.value {
        Value::List(ways) => !ways.is_empty() && ways.iter().all(|way| !way.members().is_empty()),
        _ => false,
    }
}

/// A description, and what of it others point to.
struct Root<'a> {
    node: &'a Node,
    /// What references lead to: by `components/parameters/name`.
    shared: HashMap<(&'a str, &'a str), &'a Node>,
}

impl<'a> Root<'a> {
    fn of(node: &'a Node) -> Self {
        let mut shared = HashMap::new();
        let components = node.get("components").map(Node::members).unwrap_or_default();
        let kinds = components.iter().chain(node.members());
        for kind in kinds.filter(|kind| {
            matches!(&*kind.name, "parameters" | "pathItems" | "schemas" | "paths" | "x-path-items")
        }) {
            for member in kind.node.members() {
                shared.entry((&*kind.name, &*member.name)).or_insert(&member.node);
            }
        }
        Self { node, shared }
    }

    /// What a node stands for: itself, or what its `$ref` leads to within the description.
    fn resolve(&self, node: &'a Node) -> &'a Node {
        let mut node = node;
        for _ in 0..MAX_REFERENCES {
            let Some(reference) = node.get("$ref").and_then(Node::text) else { break };
            let Some(pointer) = reference.strip_prefix("#/") else { break };
            let Some((kind, name)) = pointer.rsplit_once('/') else { break };
            let name = unescaped(name);
            let kind = kind.rsplit('/').next().unwrap_or_default();
            match self.shared.get(&(kind, &*name)) {
                Some(found) => node = found,
                None => break,
            }
        }
        node
    }

    /// The base paths of a description's or a path item's servers; `None` where it names none.
    fn bases(of: &Node) -> Option<Vec<String>> {
        if let Some(base) = of.get("basePath").and_then(Node::text) {
            return Some(vec![base.trim_end_matches('/').into()]);
        }
        let servers = of.get("servers").map(Node::items).filter(|servers| !servers.is_empty())?;
        let mut bases = Vec::new();
        for server in servers {
            let Some(url) = server.get("url").and_then(Node::text) else { continue };
            let mut url = url.to_owned();
            for variable in server.get("variables").map(Node::members).unwrap_or_default() {
                if let Some(value) = variable.node.get("default").and_then(scalar) {
                    url = url.replace(&format!("{{{}}}", variable.name), &value);
                }
            }
            let base = call::path(&url).trim_end_matches('/').to_owned();
            if base.is_empty() || base.starts_with('/') {
                bases.push(base);
            }
        }
        (!bases.is_empty()).then_some(bases)
    }

    /// Adds what kinds of values the parameters in a path take, as far as that can be told by a look at them.
    fn parameters(&self, given: &'a Node, item: &'a Node, kinds: &mut BTreeMap<&'a str, Kind>) {
        let operations = item.members().iter().filter(|member| Method::of_item(&member.name).is_some());
        let lists = [given, item].into_iter().chain(operations.map(|member| &member.node));
        for parameter in lists.filter_map(|of| of.get("parameters")).flat_map(Node::items) {
            let parameter = self.resolve(parameter);
            let is_in_path = parameter.get("in").and_then(Node::text) == Some("path");
            let Some(name) = parameter.get("name").and_then(Node::text).filter(|_| is_in_path) else {
                continue;
            };
            let kind = Kind::of(parameter.get("schema").unwrap_or(parameter));
            // What operations do not agree about can be anything.
            kinds
                .entry(name)
                .and_modify(|known| {
                    if *known != kind {
                        *known = Kind::Any;
                    }
                })
                .or_insert(kind);
        }
    }
}

fn unescaped(name: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = name.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        match (byte, after) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digits = [*high, *low];
                let text = core::str::from_utf8(&digits).unwrap_or_default();
                bytes.push(u8::from_str_radix(text, 16).unwrap_or(b'%'));
                rest = after;
            }
            _ => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).replace("~1", "/").replace("~0", "~")
}

/// What values a parameter takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Number,
    Uuid,
    #[default]
    Any,
}

impl Kind {
    fn of(schema: &Node) -> Self {
        match (schema.get("type").and_then(Node::text), schema.get("format").and_then(Node::text)) {
            (Some("integer" | "number"), _) => Self::Number,
            (_, Some("uuid")) => Self::Uuid,
            _ => Self::Any,
        }
    }
}
