//! API descriptions: OpenAPI 3.0 and 3.1 and Swagger 2, in JSON or YAML.
//!
//! Only the operations are parsed, and leniently: unknown and invalid parts are ignored, because a
//! description that a strict parser rejects still describes an API.

mod matching;
mod reader;

use std::collections::{BTreeMap, HashMap};

use crate::bounded::bounded;
use crate::error::AnalyzeError;
use crate::tree::{Node, Value};

use super::call::{self, Method};
use matching::Paths;

/// The maximum size of a description, in bytes.
pub const MAX_DESCRIPTION: usize = 64 << 20;
/// The maximum number of operations in a description.
const MAX_OPERATIONS: usize = 50_000;
/// The maximum number of segments of all paths, counted below each of their servers' base paths.
const MAX_SEGMENTS: usize = 1_000_000;
/// The maximum number of URLs of one server, with the values of its variables.
const MAX_SERVER_URLS: usize = 64;
/// The maximum length of a chain of references.
const MAX_REFERENCES: usize = 8;

/// A description of an API.
#[derive(Clone, Debug)]
pub struct Description {
    /// The API's title.
    pub title: String,
    /// The API's version.
    pub version: String,
    /// The number of paths that refer to another file, whose operations are unknown.
    pub elsewhere: usize,
    /// The number of operations whose method and path equal another's, except for a query, a fragment, or
    /// names of parameters. Calls can't distinguish them, so they are merged.
    pub alike: usize,
    pub(super) operations: Vec<Operation>,
    paths: Paths,
    /// The operations of each path.
    methods: Vec<Vec<(Method, usize)>>,
    templates: Vec<String>,
}

/// A method of a path.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) method: Method,
    /// The path as written in the description.
    pub(super) path: String,
    pub(super) is_deprecated: bool,
    /// True if it requires credentials; `None` if the description doesn't say.
    pub(super) is_secured: Option<bool>,
}

/// The part of a description that a call matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathMatch {
    Operation(usize),
    /// A path, by its number, that doesn't have the method.
    Path(usize),
}

impl Description {
    /// Parses a description.
    ///
    /// # Errors
    /// Returns an [`AnalyzeError`] if the text is neither JSON nor YAML, describes no paths, or exceeds a limit.
    pub fn parse(text: &str) -> Result<Self, AnalyzeError> {
        if text.len() > MAX_DESCRIPTION {
            let hint = "remove examples, or split it";
            return Err(AnalyzeError::new("openapi.large", 0, "the description is larger than 64 MiB", hint));
        }
        let root = reader::parse(text)?;
        let Some(Value::Map(_)) = root.get("paths").map(|paths| &paths.value) else {
            let hint = "pass an OpenAPI 3 or Swagger 2 description, as JSON or YAML";
            return Err(AnalyzeError::new(
                "openapi.paths",
                root.line,
                "the description has no `paths`",
                hint,
            ));
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
        description.read(&Root::new(&root))?;
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
        // Parameters are collected by path, because paths that differ only by a query or a fragment share
        // them.
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
            let operations =
                item.members().iter().filter(|member| Method::from_item_key(&member.name).is_some());
            let of_operations: Vec<String> =
                operations.filter_map(|member| Root::bases(&member.node)).flatten().collect();
            let kinds = &kinds[places[path]];
            // JSON has no line numbers, so name the path.
            let fault = |code, line, problem, hint| {
                AnalyzeError::new(code, line, problem, hint).of_rule(&bounded(path))
            };
            let same = matching::normal(path, kinds);
            let number = *numbers.entry(same).or_insert_with(|| {
                self.methods.push(Vec::new());
                self.templates.push(path.to_owned());
                self.methods.len() - 1
            });
            let of_path = own.as_ref().unwrap_or(&bases).iter().chain(&of_operations);
            for base in of_path.map(String::as_str).chain([""]) {
                let Some(added) = self.paths.add(&format!("{base}{path}"), kinds, number) else {
                    let hint = "shorten the path, including its server's base path";
                    return Err(fault("openapi.deep", item.line, "the path has more than 64 segments", hint));
                };
                segments += added + 1;
                if segments > MAX_SEGMENTS {
                    let hint = "split the description";
                    return Err(fault(
                        "openapi.large",
                        item.line,
                        "the paths have more than 1,000,000 segments in total, counted for each server",
                        hint,
                    ));
                }
            }
            for member in item.members() {
                let (Some(method), operation) = (Method::from_item_key(&member.name), &member.node) else {
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
                    let hint = "split the description";
                    return Err(fault(
                        "openapi.large",
                        member.line,
                        "the description has more than 50,000 operations",
                        hint,
                    ));
                }
                self.methods[number].push((method, self.operations.len()));
                let path = path.to_owned();
                self.operations.push(Operation { method, path, is_deprecated, is_secured });
            }
        }
        Ok(())
    }

    /// Returns the number of operations.
    pub fn operations(&self) -> usize {
        self.operations.len()
    }

    /// Returns the number of paths.
    pub fn paths(&self) -> usize {
        self.methods.len()
    }

    pub(super) fn template(&self, path: usize) -> &str {
        self.templates.get(path).map_or("", String::as_str)
    }

    pub(super) fn find(&self, method: Method, path: &str) -> Option<PathMatch> {
        let number = self.paths.find(path)?;
        let of = |method: Method| self.methods[number].iter().find(|(known, _)| *known == method);
        // Servers that answer GET also answer HEAD.
        let found = of(method).or_else(|| if method == Method::HEAD { of(Method::GET) } else { None });
        Some(found.map_or(PathMatch::Path(number), |(_, operation)| PathMatch::Operation(*operation)))
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

/// True if every alternative requires credentials; an empty alternative allows access without.
fn is_secured(security: &Node) -> bool {
    match &security.value {
        Value::List(ways) => !ways.is_empty() && ways.iter().all(|way| !way.members().is_empty()),
        _ => false,
    }
}

/// A description, and the parts of it that references point to.
struct Root<'a> {
    node: &'a Node,
    /// The targets of references, by kind and name: `components/parameters/name`.
    shared: HashMap<(&'a str, &'a str), &'a Node>,
}

impl<'a> Root<'a> {
    fn new(node: &'a Node) -> Self {
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

    /// Returns the target of a node's `$ref` within the description, or the node itself.
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

    /// Returns the base paths of the servers of a description, path item, or operation; `None` if it names none.
    fn bases(of: &Node) -> Option<Vec<String>> {
        if let Some(path) = of.get("basePath").and_then(Node::text) {
            return base(path).map(|base| vec![base]);
        }
        let servers = of.get("servers").map(Node::items).filter(|servers| !servers.is_empty())?;
        let mut bases = Vec::new();
        for server in servers {
            let Some(url) = server.get("url").and_then(Node::text) else { continue };
            let mut urls = vec![url.to_owned()];
            for variable in server.get("variables").map(Node::members).unwrap_or_default() {
                let place = format!("{{{}}}", variable.name);
                let listed = variable.node.get("enum").map(Node::items).unwrap_or_default();
                let mut values: Vec<String> =
                    variable.node.get("default").into_iter().chain(listed).filter_map(scalar).collect();
                values.sort_unstable();
                values.dedup();
                if !values.is_empty() && urls.iter().any(|url| url.contains(&place)) {
                    let with = |url: &String| -> Vec<String> {
                        values.iter().map(|value| url.replace(&place, value)).collect()
                    };
                    urls = urls.iter().flat_map(with).take(MAX_SERVER_URLS).collect();
                }
            }
            bases.extend(urls.iter().filter_map(|url| base(url)));
        }
        bases.sort_unstable();
        bases.dedup();
        (!bases.is_empty()).then_some(bases)
    }

    /// Adds the kinds of values of the path parameters, if their schemas state them directly.
    fn parameters(&self, written: &'a Node, item: &'a Node, kinds: &mut BTreeMap<&'a str, Kind>) {
        let operations = item.members().iter().filter(|member| Method::from_item_key(&member.name).is_some());
        let lists = [written, item].into_iter().chain(operations.map(|member| &member.node));
        for parameter in lists.filter_map(|of| of.get("parameters")).flat_map(Node::items) {
            let parameter = self.resolve(parameter);
            let is_in_path = parameter.get("in").and_then(Node::text) == Some("path");
            let Some(name) = parameter.get("name").and_then(Node::text).filter(|_| is_in_path) else {
                continue;
            };
            let kind = Kind::from_schema(parameter.get("schema").unwrap_or(parameter));
            // If operations disagree, any value is possible.
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

/// Returns the path of a server's URL, without a slash at its end. A URL without a host is relative to the description,
/// whose own place is taken as the root. `None` if it is no URL.
fn base(url: &str) -> Option<String> {
    let path = call::path(url).trim_end_matches('/');
    if path.is_empty() || path.starts_with('/') {
        return Some(path.to_owned());
    }
    let relative = path.trim_start_matches("./").trim_start_matches("../");
    let is_relative = !url.contains("://") && !relative.starts_with('.');
    is_relative.then(|| if relative.is_empty() { String::new() } else { format!("/{relative}") })
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

/// The kind of values of a parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Number,
    Uuid,
    #[default]
    Any,
}

impl Kind {
    fn from_schema(schema: &Node) -> Self {
        match (schema.get("type").and_then(Node::text), schema.get("format").and_then(Node::text)) {
            (Some("integer" | "number"), _) => Self::Number,
            (_, Some("uuid")) => Self::Uuid,
            _ => Self::Any,
        }
    }
}
