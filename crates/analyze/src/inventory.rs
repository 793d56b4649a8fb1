//! Inventories: the API endpoints that were really called, by whom and how, according to verified events.
//!
//! ```
//! use countersign_analyze::inventory::{InventoryOptions, Description, Flag, Inventory};
//! use countersign_query::{Entry, value::Document};
//!
//! let description = Description::parse(r#"{"openapi":"3.1.0","paths":{"/jobs/{id}":{"get":{}}}}"#)?;
//! let mut inventory = Inventory::new(InventoryOptions { description: Some(description), since: None });
//! for (leaf, path) in [(1, "/jobs/42"), (2, "/jobs/42/export")] {
//!     let event = format!(r#"{{"action":"http.request","http":{{"method":"GET","path":"{path}","status":200}}}}"#);
//!     let document = Document::parse(&event);
//!     let event = document.as_ref().map(Document::root);
//!     inventory.add(leaf, &Entry { event, ..Entry::recorded("2026-11-20T06:00:00.000Z".parse()?) });
//! }
//! let report = inventory.finish();
//! let shadow: Vec<_> = report.endpoints.iter().filter(|endpoint| endpoint.flags.contains(&Flag::Shadow)).collect();
//! assert_eq!((shadow[0].name.to_string().as_str(), &shadow[0].leaves[..]), ("GET /jobs/{number}/export", &[2][..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "state")]
mod block;
mod call;
mod escapes;
mod facts;
mod openapi;
#[cfg(test)]
mod recovery;
mod report;
mod risk;
mod tree;

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, HashMap};

use countersign::hash::Hash;
use countersign::time::Time;
use countersign_query::Entry;

use call::{Call, Method, Target};
use facts::{At, Facts};
use openapi::PathMatch;
use tree::{MAX_NODES, Tree};

pub use openapi::{Description, MAX_DESCRIPTION};
pub use report::{
    Answer, Caller, DescriptionSummary, Endpoint, Flag, Latency, MAX_LISTED, Name, Operation, ProvenCalls,
    Reason, Report, Status,
};

/// The maximum number of callers that are distinguished.
const MAX_CALLERS: usize = 100_000;
/// The maximum number of pairs of an endpoint and a caller.
const MAX_PAIRS: usize = 500_000;
/// The maximum number of operations of services.
const MAX_OPERATIONS: usize = 20_000;

/// Options of an inventory.
#[derive(Clone, Debug, Default)]
pub struct InventoryOptions {
    /// The API description to compare with.
    pub description: Option<Description>,
    /// The time from which endpoints and callers count as new if they weren't seen before.
    pub since: Option<Time>,
}

/// An inventory of endpoints, built from events in bounded memory. Paths, callers, and pairs of both are
/// limited; what exceeds the limits is counted.
#[derive(Clone, Debug)]
pub struct Inventory {
    options: InventoryOptions,
    /// Successful calls by path, then calls that were refused or failed.
    answered: Tree,
    refused: Tree,
    /// Calls of described operations, by operation.
    described: BTreeMap<usize, Facts>,
    /// Calls of described paths with other methods.
    undescribed: BTreeMap<(usize, Method), Facts>,
    services: BTreeMap<(String, String), Facts>,
    callers: Callers,
    calls: u64,
    unparsed: u64,
    left_out: Option<(u64, u64)>,
    /// True if there were calls before `since`.
    has_before: bool,
    max_nodes: usize,
}

/// An API call that an event records.
#[derive(Clone, Debug)]
pub struct ApiCall(Call<'static>);

impl ApiCall {
    /// Extracts the call from an event. `None` if an inventory doesn't count the event. The result doesn't
    /// depend on the signer.
    pub fn from_entry(entry: &Entry<'_>) -> Option<Self> {
        entry.within(|entry| Call::from_entry(0, entry).map(|call| Self(call.into_owned())))
    }

    /// Estimates the memory it takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let what = match &self.0.target {
            Target::Request { path, .. } => path.len(),
            Target::Operation { service, operation } => service.len() + operation.len(),
        };
        size_of::<Self>() + what + self.0.caller.as_ref().map_or(0, String::len)
    }
}

impl Inventory {
    /// Creates an empty inventory.
    pub fn new(options: InventoryOptions) -> Self {
        Self::with_max_nodes(options, MAX_NODES)
    }

    /// Creates an inventory with at most this many path nodes.
    fn with_max_nodes(options: InventoryOptions, max_nodes: usize) -> Self {
        Self {
            options,
            answered: Tree::default(),
            refused: Tree::default(),
            described: BTreeMap::new(),
            undescribed: BTreeMap::new(),
            services: BTreeMap::new(),
            callers: Callers::default(),
            calls: 0,
            unparsed: 0,
            left_out: None,
            has_before: false,
            max_nodes,
        }
    }

    /// Adds an event. Returns true if it records an API call.
    pub fn add(&mut self, leaf: u64, entry: &Entry<'_>) -> bool {
        if entry.read.is_none() {
            self.add_unparsed();
        }
        entry.within(|entry| Call::from_entry(leaf, entry).is_some_and(|call| self.count(&call)))
    }

    /// Counts an event that no parser recognizes. Its call, if it records one, is added separately.
    pub const fn add_unparsed(&mut self) {
        self.unparsed += 1;
    }

    /// Adds a call recorded by the event of an entry.
    pub fn add_call(&mut self, leaf: u64, call: ApiCall) {
        self.count(&Call { leaf, ..call.0 });
    }

    fn count(&mut self, call: &Call<'_>) -> bool {
        self.calls += 1;
        self.has_before |= self.options.since.is_some_and(|since| call.time < since);
        let callers = &mut self.callers;
        let found = match (&call.target, &self.options.description) {
            (Target::Request { method, path }, Some(description)) => description.find(*method, path),
            _ => None,
        };
        let is_counted = match (&call.target, found) {
            (_, Some(PathMatch::Operation(operation))) => {
                callers.note(call, &mut self.described, operation, usize::MAX)
            }
            // Browsers send preflight requests before calls, so OPTIONS isn't undocumented.
            (Target::Request { method, .. }, Some(PathMatch::Path(_))) if *method == Method::OPTIONS => true,
            (Target::Request { method, .. }, Some(PathMatch::Path(path))) => {
                callers.note(call, &mut self.undescribed, (path, *method), usize::MAX)
            }
            (Target::Request { method, path }, None) => {
                let (tree, max_nodes) = if call.is_answered() {
                    (&mut self.answered, self.max_nodes)
                } else {
                    (&mut self.refused, self.max_nodes / 4)
                };
                let end = tree.end(path, max_nodes);
                end.is_some_and(|end| {
                    if let Some((_, facts)) = end.iter_mut().find(|(known, _)| known == method) {
                        callers.add(call, facts);
                    } else {
                        // Most paths have one method.
                        end.reserve_exact(1);
                        end.push((*method, callers.begin(call)));
                    }
                    true
                })
            }
            (Target::Operation { service, operation }, _) => {
                let key = (short(service), short(operation));
                callers.note(call, &mut self.services, key, MAX_OPERATIONS)
            }
        };
        if !is_counted {
            self.left_out.get_or_insert((0, call.leaf)).0 += 1;
        }
        true
    }

    /// Infers path templates and returns the report.
    pub fn finish(mut self) -> Report {
        self.answered.infer();
        self.answered.absorb(&mut self.refused);
        self.refused.infer();
        let Self {
            options,
            answered,
            refused,
            described,
            undescribed,
            services,
            callers,
            calls,
            unparsed,
            left_out,
            ..
        } = self;
        let InventoryOptions { description, since } = options;
        let builder = EndpointBuilder { callers: &callers, since: since.filter(|_| self.has_before) };
        let (mut endpoints, mut probed) = (Vec::new(), Vec::new());
        let mut unused = Vec::new();
        let is_described = description.as_ref().map(|_| false);
        for (path, method, facts) in answered.into_ends().into_iter().chain(refused.into_ends()) {
            let name = Name::Request { path, method: method.as_str() };
            let flag = is_described.map(|_| Flag::Shadow);
            let to = if facts.answered > 0 { &mut endpoints } else { &mut probed };
            to.push(builder.endpoint(name, facts, is_described, None, flag, method.is_writing()));
        }
        if let Some(description) = &description {
            for ((path, method), facts) in undescribed {
                let name = Name::Request { path: description.template(path).into(), method: method.as_str() };
                let flag = Some(Flag::UndocumentedMethod);
                let to = if facts.answered > 0 { &mut endpoints } else { &mut probed };
                to.push(builder.endpoint(name, facts, Some(false), None, flag, method.is_writing()));
            }
            let mut described = described;
            for (number, operation) in description.operations.iter().enumerate() {
                let (path, method) = (operation.path.clone(), operation.method.as_str());
                let Some(facts) = described.remove(&number) else {
                    unused.push(Operation { path, method, is_deprecated: operation.is_deprecated });
                    continue;
                };
                let flag = (operation.is_deprecated && facts.answered > 0).then_some(Flag::Zombie);
                let is_writing = operation.method.is_writing();
                let name = Name::Request { path, method };
                endpoints.push(builder.endpoint(
                    name,
                    facts,
                    Some(true),
                    operation.is_secured,
                    flag,
                    is_writing,
                ));
            }
        }
        for ((service, operation), facts) in services {
            let to = if facts.answered > 0 { &mut endpoints } else { &mut probed };
            to.push(builder.endpoint(Name::Operation { service, operation }, facts, None, None, None, false));
        }
        for endpoint in &mut probed {
            (endpoint.flags, endpoint.reasons, endpoint.risk) = (Vec::new(), Vec::new(), 0);
        }
        endpoints.sort_by(|one, other| other.risk.cmp(&one.risk).then_with(|| one.name.cmp(&other.name)));
        probed.sort_by(|one, other| one.name.cmp(&other.name));
        unused.sort();
        let mut report = Report {
            endpoints,
            probed,
            unused,
            calls,
            callers: callers.names.len() as u64,
            unparsed,
            description: description.map(|description| DescriptionSummary {
                title: description.title.clone(),
                version: description.version.clone(),
                operations: description.operations(),
                alike: description.alike,
                elsewhere: description.elsewhere,
            }),
            since,
            left_out: [left_out, callers.left_out],
            digest: Hash([0; 32]),
        };
        report.digest();
        report
    }
}

fn short(text: &str) -> String {
    crate::bounded::bounded(text).into_owned()
}

/// Callers by number.
#[derive(Clone, Debug, Default)]
struct Callers {
    names: Vec<String>,
    /// The first call of each.
    firsts: Vec<At>,
    numbers: HashMap<String, u32>,
    pairs: usize,
    left_out: Option<(u64, u64)>,
}

impl Callers {
    fn note<K: Ord>(&mut self, call: &Call<'_>, known: &mut BTreeMap<K, Facts>, key: K, max: usize) -> bool {
        let is_full = known.len() >= max;
        match known.entry(key) {
            Slot::Occupied(facts) => self.add(call, facts.into_mut()),
            Slot::Vacant(_) if is_full => return false,
            Slot::Vacant(place) => {
                place.insert(self.begin(call));
            }
        }
        true
    }

    fn begin(&mut self, call: &Call<'_>) -> Facts {
        let number = self.number(call, |_| false);
        Facts::new(call, number)
    }

    fn add(&mut self, call: &Call<'_>, facts: &mut Facts) {
        let number = self.number(call, |number| facts.callers.contains_key(&number));
        facts.add(call, number);
    }

    /// Returns the caller's number, unless a limit is reached.
    fn number(&mut self, call: &Call<'_>, is_known: impl Fn(u32) -> bool) -> Option<u32> {
        let name = call.caller.as_ref()?;
        let at = At { time: call.time, leaf: call.leaf };
        let number = match self.numbers.get(name) {
            Some(number) => *number,
            None if self.names.len() < MAX_CALLERS => {
                let number = self.names.len() as u32;
                self.names.push(name.clone());
                self.firsts.push(at);
                self.numbers.insert(name.clone(), number);
                number
            }
            None => {
                self.left_out.get_or_insert((0, call.leaf)).0 += 1;
                return None;
            }
        };
        let first = &mut self.firsts[number as usize];
        *first = at.min(*first);
        if is_known(number) {
            return Some(number);
        }
        if self.pairs >= MAX_PAIRS {
            self.left_out.get_or_insert((0, call.leaf)).0 += 1;
            return None;
        }
        self.pairs += 1;
        Some(number)
    }
}

/// Creates the report's endpoints.
struct EndpointBuilder<'a> {
    callers: &'a Callers,
    /// The time from which something is new; `None` if there were no calls before it.
    since: Option<Time>,
}

impl EndpointBuilder<'_> {
    fn endpoint(
        &self,
        name: Name,
        facts: Facts,
        is_described: Option<bool>,
        is_secured: Option<bool>,
        flag: Option<Flag>,
        is_writing: bool,
    ) -> Endpoint {
        let sensitive = match &name {
            Name::Request { path, .. } => risk::sensitive(path),
            Name::Operation { .. } => Vec::new(),
        };
        let is_new = self.since.is_some_and(|since| facts.first.time >= since);
        let all_callers = facts.callers.len() as u64;
        let (callers, new_callers) = self.listed(&facts, is_new);
        let is_open = facts.open > 0 && is_secured != Some(false);
        let mut flags: Vec<Flag> = flag.into_iter().collect();
        let is_named_elsewhere = all_callers > 0 || !sensitive.is_empty() && !self.callers.names.is_empty();
        flags.extend(
            (is_open && (is_secured == Some(true) || is_named_elsewhere)).then_some(Flag::Unauthenticated),
        );
        flags.extend((new_callers > 0).then_some(Flag::NewCaller));
        flags.extend(is_new.then_some(Flag::New));
        flags.extend((!sensitive.is_empty()).then_some(Flag::Sensitive));
        let mut endpoint = Endpoint {
            name,
            is_described,
            is_secured,
            flags,
            calls: facts.calls,
            first: (facts.first.time, facts.first.leaf),
            last: (facts.last.time, facts.last.leaf),
            leaves: facts.leaves.0,
            statuses: facts.statuses,
            callers,
            all_callers,
            new_callers,
            other_calls: facts.others,
            latency: facts.latency.map(|latency| Latency {
                calls: latency.calls,
                p50: latency.percentile(50),
                p95: latency.percentile(95),
                most: latency.max,
            }),
            unauthenticated: ProvenCalls { calls: facts.open, leaves: facts.open_leaves.0 },
            sensitive,
            risk: 0,
            reasons: Vec::new(),
        };
        endpoint.reasons = risk::reasons(&endpoint, is_writing);
        endpoint.risk = endpoint.reasons.iter().map(|reason| reason.points).sum();
        endpoint
    }

    /// Returns the callers to list, and the number of callers that are new to this endpoint but known from
    /// others. For an endpoint that is new itself, that number is 0.
    fn listed(&self, facts: &Facts, is_endpoint_new: bool) -> (Vec<Caller>, u64) {
        let mut callers: Vec<Caller> = facts
            .callers
            .iter()
            .filter_map(|(number, caller)| {
                let before = self.callers.firsts.get(*number as usize)?;
                let is_new = !is_endpoint_new
                    && self.since.is_some_and(|since| caller.first.time >= since && before.time < since);
                let (first, leaf) = (caller.first.time, caller.first.leaf);
                let id = self.callers.names.get(*number as usize)?.clone();
                Some(Caller { id, calls: caller.calls, first, leaf, is_new })
            })
            .collect();
        callers.sort_by(|one, other| other.calls.cmp(&one.calls).then_with(|| one.id.cmp(&other.id)));
        let new = callers.iter().filter(|caller| caller.is_new).count() as u64;
        let (mut usual, mut fresh) = (0, 0);
        callers.retain(|caller| {
            let count = if caller.is_new { &mut fresh } else { &mut usual };
            *count += 1;
            *count <= MAX_LISTED
        });
        (callers, new)
    }
}

#[cfg(test)]
mod tests {
    use countersign_query::Parsers;
    use countersign_query::value::Document;

    use super::*;

    fn take(inventory: &mut Inventory, leaf: u64, event: &str) -> bool {
        let document = Document::parse(event);
        let event = document.as_ref().map(Document::root);
        let recorded = "2026-11-20T06:00:00.000Z".parse().unwrap();
        inventory.add(leaf, &Entry { event, ..Entry::recorded(recorded) })
    }

    fn get(path: &str, status: u16, actor: u64) -> String {
        format!(
            r#"{{"actor":{{"id":"u_{actor}"}},"http":{{"method":"GET","path":"{path}","status":{status}}}}}"#
        )
    }

    fn names(endpoints: &[Endpoint]) -> Vec<String> {
        endpoints.iter().map(|endpoint| endpoint.name.to_string()).collect()
    }

    #[test]
    fn memory_is_bounded_for_arbitrary_paths() {
        let mut inventory = Inventory::with_max_nodes(InventoryOptions::default(), 1_000);
        for nth in 0..20_000u64 {
            let deep = "/x".repeat((nth % 60) as usize);
            take(&mut inventory, 2 * nth, &get(&format!("{deep}/{}-word", words(nth)), 200, nth % 7));
            take(&mut inventory, 2 * nth + 1, &get(&format!("/{}.php", words(nth)), 404, nth % 7));
        }
        let report = inventory.finish();
        let listed: u64 = report.endpoints.iter().chain(&report.probed).map(|endpoint| endpoint.calls).sum();
        let left = report.left_out[0].map_or(0, |(number, _)| number);
        assert_eq!((report.calls, listed + left), (40_000, 40_000));
        assert!(report.endpoints.len() + report.probed.len() <= 2_000, "{}", report.endpoints.len());
    }

    /// Writes a number as a word, without digits.
    fn words(number: u64) -> String {
        number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
    }

    #[test]
    fn paths_that_were_not_found_do_not_blur_templates() {
        let mut inventory = Inventory::new(InventoryOptions::default());
        for nth in 0..500 {
            take(&mut inventory, nth, &get(&format!("/{}", words(nth)), 404, 1));
        }
        for (nth, path) in ["/health", "/jobs", "/jobs/7", "/jobs/8"].into_iter().enumerate() {
            take(&mut inventory, 500 + nth as u64, &get(path, 200, 1));
        }
        take(&mut inventory, 600, &get("/jobs/9", 404, 1));
        let report = inventory.finish();
        assert_eq!(names(&report.endpoints), ["GET /health", "GET /jobs", "GET /jobs/{number}"]);
        assert_eq!(names(&report.probed), ["GET /{string}"]);
        let job = &report.endpoints[2];
        assert_eq!((job.calls, &job.leaves[..]), (3, &[502, 503, 600][..]));
    }

    #[test]
    fn constant_segments_are_words_even_if_they_look_like_identifiers() {
        let mut inventory = Inventory::new(InventoryOptions::default());
        for nth in 0..30 {
            take(&mut inventory, nth, &get(&format!("/2010-04-01/calls/{nth}.json"), 200, 1));
        }
        assert_eq!(names(&inventory.finish().endpoints), ["GET /2010-04-01/calls/{number}.json"]);
    }

    #[test]
    fn recorded_templates_are_recognized() {
        let mut inventory = Inventory::new(InventoryOptions::default());
        for (nth, path) in
            ["/jobs/:id", "/jobs/{id}", "/runs/{number}", "/runs/7", "*"].into_iter().enumerate()
        {
            take(&mut inventory, nth as u64, &get(path, 200, 1));
        }
        assert_eq!(names(&inventory.finish().endpoints), ["GET /*", "GET /jobs/{id}", "GET /runs/{number}"]);
    }

    #[test]
    fn order_of_events_makes_no_difference() {
        let events: Vec<(u64, String)> = (0..400u64)
            .map(|nth| (nth, get(&format!("/teams/{}/files/{nth}", words(nth % 40)), 200, nth % 5)))
            .collect();
        let report = |events: &mut dyn Iterator<Item = &(u64, String)>| {
            let mut inventory = Inventory::new(InventoryOptions::default());
            events.for_each(|(leaf, event)| {
                take(&mut inventory, *leaf, event);
            });
            inventory.finish()
        };
        let there = report(&mut events.iter());
        assert_eq!(names(&there.endpoints), ["GET /teams/{string}/files/{number}"]);
        assert_eq!(there, report(&mut events.iter().rev()));
    }

    #[test]
    fn descriptions_are_read_tolerantly() {
        for (text, found) in [
            (
                r#"{"swagger":"2.0","basePath":"/v1/","paths":{"/a/{b}":{"get":{"deprecated":true}}}}"#,
                "/v1/a/x",
            ),
            (
                "openapi: 3.0.0\npaths:\n  /a/{b}:\n    $ref: '#/components/pathItems/A'\ncomponents:\n  pathItems:\n    A: {get: {deprecated: true}}\n",
                "/a/x",
            ),
            ("x: &x {get: {deprecated: true}}\npaths:\n  /a/{b}: *x\n", "/a/x"),
            ("x: &x\n  get: {deprecated: true}\npaths:\n  /a/{b}:\n    <<: *x\n", "/a/x"),
            (
                r#"{"servers":[{"url":"/{v}","variables":{"v":{"default":"v9"}}}],"paths":{"/a/{b}":{"get":{"deprecated":true,"responses":7,"tags":{}},"parameters":3},"x":1}}"#,
                "/v9/a/x",
            ),
        ] {
            let description = Description::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(description.find(Method::GET, found), Some(PathMatch::Operation(0)), "{text}");
            assert_eq!(description.find(Method::parse("POST"), found), Some(PathMatch::Path(0)), "{text}");
            assert_eq!(description.find(Method::GET, "/b"), None);
            assert!(description.operations[0].is_deprecated, "{text}");
        }
        for (security, is_secured) in [
            ("[]", Some(false)),
            ("[{}]", Some(false)),
            ("[{\"a\":[]}]", Some(true)),
            ("[{\"a\":[]},{}]", Some(false)),
        ] {
            let text = format!(
                r#"{{"security":[{{"k":[]}}],"paths":{{"/a":{{"get":{{"security":{security}}},"put":{{}}}}}}}}"#
            );
            let description = Description::parse(&text).unwrap();
            let secured: Vec<_> =
                description.operations.iter().map(|operation| operation.is_secured).collect();
            assert_eq!(secured, [is_secured, Some(true)], "{security}");
        }
    }

    #[test]
    fn the_most_specific_path_matches() {
        let text = r#"{"paths":{
            "/a/{x}":{"get":{},"parameters":[{"name":"x","in":"path","schema":{"type":"integer"}}]},
            "/a/{y}.json":{"get":{}}, "/a/me":{"get":{}}, "/a/{z}":{"get":{}}, "/{b}/c/d":{"get":{}},
            "/a/{base}...{head}":{"get":{}}, "/odd":{"get":{}}, "/odd;v=1":{"get":{}}}}"#;
        let description = Description::parse(text).unwrap();
        for (path, wanted) in [
            ("/a/7", "/a/{x}"),
            ("/a/7.json", "/a/{y}.json"),
            ("/a/me", "/a/me"),
            ("/a/you", "/a/{z}"),
            ("/a/c/d", "/{b}/c/d"),
            ("/a/main...dev", "/a/{base}...{head}"),
            ("/a/you/?q=/x", "/a/{z}"),
            ("/a/me;jsessionid=1", "/a/me"),
            ("/a;v=1/7;jsessionid=1", "/a/{x}"),
            ("/a/me/;jsessionid=1", "/a/me"),
            ("/a/v;w/", "/a/{z}"),
            ("/odd;v=1", "/odd;v=1"),
            ("/odd;v=2", "/odd"),
            ("https://h.example/a/me", "/a/me"),
        ] {
            let Some(PathMatch::Operation(number)) = description.find(Method::GET, path) else {
                panic!("{path}")
            };
            assert_eq!(description.operations[number].path, wanted, "{path}");
        }
    }

    #[test]
    fn operations_that_calls_cannot_distinguish_are_merged() {
        let text = r#"{"security":[{"k":[]}],"paths":{
            "/?Action=Get":{"get":{"deprecated":true}}, "/?Action=Put":{"get":{}},
            "/files/{id}#add":{"put":{"deprecated":true}}, "/files/{id}#drop":{"put":{"deprecated":true}},
            "/files/{id}":{"get":{}}, "/files/{name}":{"get":{"security":[]}},
            "/tags/{of}#keys&all":{"delete":{}},
            "/runs/{n}":{"get":{},"parameters":[{"name":"n","in":"path","schema":{"type":"integer"}}]},
            "/runs/{n}?cmd=stop":{"post":{},"parameters":[{"name":"n","in":"path","schema":{"type":"string"}}]}}}"#;
        let description = Description::parse(text).unwrap();
        assert_eq!((description.operations(), description.alike), (6, 3));
        let operations: Vec<_> =
            description.operations.iter().map(|of| (&*of.path, of.is_deprecated, of.is_secured)).collect();
        assert_eq!(
            operations,
            [
                ("/", false, Some(true)),
                ("/files/{id}", true, Some(true)),
                ("/files/{id}", false, None),
                ("/tags/{of}", false, Some(true)),
                ("/runs/{n}", false, Some(true)),
                ("/runs/{n}", false, Some(true)),
            ]
        );
        for (method, path, wanted) in [
            ("GET", "/?Action=Put", 0),
            ("PUT", "/files/7#drop", 1),
            ("GET", "/files/7", 2),
            ("DELETE", "/tags/a", 3),
            ("GET", "/runs/7", 4),
            ("POST", "/runs/7", 5),
        ] {
            assert_eq!(
                description.find(Method::parse(method), path),
                Some(PathMatch::Operation(wanted)),
                "{path}"
            );
        }
    }

    #[test]
    fn matches_paths_below_all_servers() {
        let servers: Vec<_> =
            (0..40).map(|nth| format!(r#"{{"url":"https://h.example/engines/e{nth}"}},"#)).collect();
        let servers = servers.concat();
        let text =
            format!(r#"{{"servers":[{servers}{{"url":"/last/"}}],"paths":{{"/info":{{"get":{{}}}}}}}}"#);
        let description = Description::parse(&text).unwrap();
        for path in ["/info", "/engines/e0/info", "/engines/e39/info", "/last/info"] {
            assert_eq!(description.find(Method::GET, path), Some(PathMatch::Operation(0)), "{path}");
        }
        assert_eq!(description.find(Method::GET, "/engines/e40/info"), None);
    }

    #[test]
    fn servers_are_those_of_the_description_a_path_or_an_operation() {
        for (server, base) in [
            (r#"{"url":"https://api.example.com/v1"}"#, "/v1"),
            (r#"{"url":"v1/"}"#, "/v1"),
            (r#"{"url":"./v1"}"#, "/v1"),
            (r#"{"url":"/"}"#, ""),
            (
                r#"{"url":"https://{region}.example.com:{port}/{v}","variables":{"region":{"default":"eu"},"port":{"default":"443"},"v":{"default":"v1","enum":["v1","v2"]}}}"#,
                "/v2",
            ),
        ] {
            for place in ["root", "path", "operation"] {
                let at = |wanted: &str| {
                    if place == wanted { format!(r#""servers":[{server}],"#) } else { String::new() }
                };
                let (root, path, operation) = (at("root"), at("path"), at("operation"));
                let text = format!(
                    r#"{{{root}"paths":{{"/users":{{{path}"get":{{{operation}"deprecated":true}}}}}}}}"#
                );
                let description = Description::parse(&text).unwrap();
                for called in [format!("{base}/users"), "/users".to_owned()] {
                    assert_eq!(
                        description.find(Method::GET, &called),
                        Some(PathMatch::Operation(0)),
                        "{text} {called}"
                    );
                }
                assert_eq!(description.find(Method::GET, "/v9/users"), None, "{text}");
            }
        }
        let swagger =
            Description::parse(r#"{"swagger":"2.0","basePath":"v1","paths":{"/users":{"get":{}}}}"#).unwrap();
        assert_eq!(swagger.find(Method::GET, "/v1/users"), Some(PathMatch::Operation(0)));
        // The values of variables are bounded.
        let values: Vec<String> = (0..100).map(|nth| format!("\"v{nth}\"")).collect();
        let variable = format!(r#"{{"default":"v0","enum":[{}]}}"#, values.join(","));
        let text = format!(
            r#"{{"servers":[{{"url":"/{{a}}/{{b}}/{{c}}","variables":{{"a":{variable},"b":{variable},"c":{variable}}}}}],"paths":{{"/users":{{"get":{{}}}}}}}}"#
        );
        assert!(Description::parse(&text).is_ok());
    }

    #[test]
    fn an_address_in_a_path_is_part_of_the_path() {
        let description =
            Description::parse(r#"{"paths":{"/health":{"get":{}},"/fetch/{a}/{b}/{c}":{"get":{}}}}"#)
                .unwrap();
        let mut inventory = Inventory::new(InventoryOptions { description: Some(description), since: None });
        let paths =
            ["/x://h/health", "/fetch/https://h.example/health?x", "https://h.example/health", "/health#x"];
        for (leaf, path) in paths.into_iter().enumerate() {
            take(&mut inventory, leaf as u64, &get(path, 200, 1));
        }
        let mut endpoints = names(&inventory.finish().endpoints);
        endpoints.sort();
        assert_eq!(endpoints, ["GET /fetch/{a}/{b}/{c}", "GET /health", "GET /x:/h/health"]);
    }

    #[test]
    fn escaping_of_paths_makes_no_difference() {
        let text = r#"{"paths":{
            "/caf%C3%A9":{"get":{}}, "/menü/{x}":{"get":{}}, "/users/@me":{"get":{}}, "/users/{id}":{"get":{}},
            "/jobs/{n}:cancel":{"get":{},"parameters":[{"name":"n","in":"path","schema":{"type":"integer"}}]},
            "/jobs/{n}":{"get":{},"parameters":[{"name":"n","in":"path","schema":{"type":"integer"}}]},
            "/repos/{owner}%2f{name}":{"get":{}}, "/caf\u00e9":{"post":{}}}}"#;
        let description = Description::parse(text).unwrap();
        let found = |path: &str| match description.find(Method::GET, path)? {
            PathMatch::Operation(number) => Some(&*description.operations[number].path),
            PathMatch::Path(_) => Some("another method"),
        };
        for (path, wanted) in [
            ("/caf%C3%A9", Some("/caf%C3%A9")),
            ("/caf%c3%a9", Some("/caf%C3%A9")),
            ("/café", Some("/caf%C3%A9")),
            ("/men%C3%BC/1", Some("/menü/{x}")),
            ("/users/%40me", Some("/users/@me")),
            ("/%75sers/7", Some("/users/{id}")),
            ("/jobs/42%3Acancel", Some("/jobs/{n}:cancel")),
            ("/jobs/%34%32", Some("/jobs/{n}")),
            ("/repos/a%2Fb", Some("/repos/{owner}%2f{name}")),
            // An encoded slash is part of a value and doesn't separate segments.
            ("/users/a%2Fb", Some("/users/{id}")),
            ("/users%2Fa", None),
            // Escaped braces and brackets don't make a template.
            ("/jobs/%3Cscript%3E", None),
            ("/jobs/%7Bn%7D", None),
        ] {
            assert_eq!(found(path), wanted, "{path}");
        }
        let post = description.find(Method::parse("POST"), "/caf%C3%A9");
        assert_eq!(post, Some(PathMatch::Operation(7)), "both spellings are one path");
        // The same holds without a description.
        let paths =
            ["/caf%C3%A9/7", "/café/8", "/%6aobs", "/jobs", "/x/a%2fb", "/x/a%2Fb", "/y/%31%32", "/y/7"];
        let mut inventory = Inventory::new(InventoryOptions::default());
        for (leaf, path) in paths.iter().enumerate() {
            let event = format!(r#"{{"action":"a","http":{{"method":"GET","path":"{path}","status":200}}}}"#);
            take(&mut inventory, leaf as u64, &event);
        }
        let report = inventory.finish();
        let expected = ["GET /café/{number}", "GET /jobs", "GET /x/a%2Fb", "GET /y/{number}"];
        assert_eq!(names(&report.endpoints), expected);
    }

    #[test]
    fn webhooks_without_a_caller_are_not_unauthenticated() {
        let run = |sender: &str| {
            format!(
                r#"{{"action":"completed","workflow_run":{{"conclusion":"success"}},"repository":{{"full_name":"acme/shop"}}{sender}}}"#
            )
        };
        let bucket = |identity: &str| {
            format!(
                r#"{{"eventVersion":"1.08","eventSource":"s3.amazonaws.com","eventName":"GetObject","eventTime":"2026-11-20T06:01:02Z","awsRegion":"us-east-1","sourceIPAddress":"198.51.100.7","userIdentity":{{"type":{identity}}}}}"#
            )
        };
        let (mut inventory, parsers) = (Inventory::new(InventoryOptions::default()), Parsers::built_in());
        for (leaf, event) in [
            run(r#","sender":{"login":"ada","type":"User"}"#),
            run(""),
            bucket(r#""IAMUser","userName":"ada","arn":"arn:aws:iam::1:user/ada""#),
            bucket(r#""AWSAccount","principalId":"","accountId":"ANONYMOUS_PRINCIPAL""#),
        ]
        .iter()
        .enumerate()
        {
            let document = Document::parse(event).unwrap();
            let root = document.root();
            let read = parsers.parse(&root);
            let recorded = "2026-11-20T06:00:00.000Z".parse().unwrap();
            let entry = Entry { event: Some(root), read: read.as_ref(), ..Entry::recorded(recorded) };
            inventory.add(leaf as u64, &entry);
        }
        let report = inventory.finish();
        let endpoints = report
            .endpoints
            .iter()
            .map(|endpoint| {
                (endpoint.name.to_string(), endpoint.calls, endpoint.flags.contains(&Flag::Unauthenticated))
            })
            .collect::<Vec<_>>();
        let (bucket, run) =
            ("s3.amazonaws.com GetObject".into(), "GitHub webhook workflow_run.completed".into());
        assert_eq!(endpoints, [(bucket, 2, true), (run, 2, false)]);
    }

    #[test]
    fn hostile_descriptions_are_rejected() {
        let deep = format!("{{\"paths\":{}", "[".repeat(100));
        let bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\n".to_owned()
            + &(b'b'..=b'j').fold(String::new(), |bomb, name| {
                let before = char::from(name - 1);
                let name = char::from(name);
                bomb + &format!("{name}: &{name} [{}*{before}]\n", format!("*{before},").repeat(9))
            });
        for (text, code) in [
            (deep.as_str(), "openapi.json"),
            (&("paths: ".to_owned() + &"[".repeat(100)), "openapi.deep"),
            (&bomb, "openapi.large"),
            (&format!(r#"{{"paths":{{"{}":{{}}}}}}"#, "/a".repeat(300_000)), "openapi.deep"),
            (
                &format!(r#"{{"servers":[{{"url":"{}"}}],"paths":{{"/a":{{}}}}}}"#, "/a".repeat(64)),
                "openapi.deep",
            ),
            (
                &format!(
                    r#"{{"servers":[{}],"paths":{{{}}}}}"#,
                    (0..999).map(|nth| format!(r#"{{"url":"/b{nth}"}},"#)).collect::<Vec<_>>().concat()
                        + "{}",
                    (0..999).map(|nth| format!(r#""/a#{nth}":{{}},"#)).collect::<Vec<_>>().concat()
                        + r#""/":{}"#
                ),
                "openapi.large",
            ),
        ] {
            let error = Description::parse(text).unwrap_err();
            assert_eq!(error.code, code);
            // JSON may be on one line, so its errors name the path.
            let of = error.member.as_deref().unwrap_or_default();
            assert!(error.line.is_some() || code == "openapi.json" || of.starts_with('/'), "{error}");
            assert!(of.len() < 300, "{error}");
        }
    }
}
