//! Which endpoints of APIs are really called, by whom and how, as verified events say it.
//!
//! ```
//! use countersign_analyze::inventory::{Asked, Description, Flag, Inventory};
//! use countersign_query::{Entry, value::Document};
//!
//! let description = Description::parse(r#"{"openapi":"3.1.0","paths":{"/jobs/{id}":{"get":{}}}}"#)?;
//! let mut inventory = Inventory::new(Asked { description: Some(description), since: None });
//! for (leaf, path) in [(1, "/jobs/42"), (2, "/jobs/42/export")] {
//!     let event = format!(r#"{{"action":"http.request","http":{{"method":"GET","path":"{path}","status":200}}}}"#);
//!     let document = Document::parse(&event);
//!     let event = document.as_ref().map(Document::root);
//!     inventory.take(leaf, &Entry { event, ..Entry::recorded("2026-11-20T06:00:00.000Z".parse()?) });
//! }
//! let report = inventory.finish();
//! let shadow: Vec<_> = report.endpoints.iter().filter(|endpoint| endpoint.flags.contains(&Flag::Shadow)).collect();
//! assert_eq!((shadow[0].name.to_string().as_str(), &shadow[0].leaves[..]), ("GET /jobs/{number}/export", &[2][..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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

use call::{Call, Method, What};
use facts::{At, Facts};
use openapi::Found;
use tree::{MAX_NODES, Tree};

pub use openapi::{Description, MAX_DESCRIPTION};
pub use report::{
    Answer, Caller, Described, Endpoint, Flag, LISTED, Latency, Name, Operation, Reason, Report, Shown,
    Status,
};

/// The most callers that are told apart.
const MAX_CALLERS: usize = 100_000;
/// The most pairs of an endpoint and a caller.
const MAX_PAIRS: usize = 500_000;
/// The most operations of services.
const MAX_OPERATIONS: usize = 20_000;

/// What an inventory is asked for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// What to compare with.
    pub description: Option<Description>,
    /// From when on what was not met before is new.
    pub since: Option<Time>,
}

/// What is learnt of endpoints from events, in bounded memory: so many nodes of paths, callers, and pairs of both. What
/// there is no room for is counted.
#[derive(Clone, Debug)]
pub struct Inventory {
    asked: Asked,
    /// Calls that were answered, and those that were not, by their paths.
    answered: Tree,
    refused: Tree,
    /// By operation of the description.
    described: BTreeMap<usize, Facts>,
    /// Of paths of the description, but other methods.
    undescribed: BTreeMap<(usize, Method), Facts>,
    services: BTreeMap<(String, String), Facts>,
    callers: Callers,
    calls: u64,
    left_out: Option<(u64, u64)>,
    /// Whether something was before the time that is asked about.
    has_before: bool,
    room: usize,
}

/// A call of an API, as an event states it.
#[derive(Clone, Debug)]
pub struct ApiCall(Call<'static>);

impl ApiCall {
    /// Returns the call that an event is of. None if an inventory doesn't count the event. Who signed it makes no
    /// difference.
    pub fn from_entry(entry: &Entry<'_>) -> Option<Self> {
        entry.within(|entry| Call::of(0, entry).map(|call| Self(call.into_owned())))
    }

    /// Returns about how many bytes of memory it takes.
    pub fn memory_bytes(&self) -> usize {
        let what = match &self.0.what {
            What::Request { path, .. } => path.len(),
            What::Operation { service, operation } => service.len() + operation.len(),
        };
        size_of::<Self>() + what + self.0.caller.as_ref().map_or(0, String::len)
    }
}

impl Inventory {
    /// Begins.
    pub fn new(asked: Asked) -> Self {
        Self::with_room(asked, MAX_NODES)
    }

    /// With so many nodes of paths at most.
    fn with_room(asked: Asked, room: usize) -> Self {
        Self {
            asked,
            answered: Tree::default(),
            refused: Tree::default(),
            described: BTreeMap::new(),
            undescribed: BTreeMap::new(),
            services: BTreeMap::new(),
            callers: Callers::default(),
            calls: 0,
            left_out: None,
            has_before: false,
            room,
        }
    }

    /// Takes an event. Whether it is of a call.
    pub fn take(&mut self, leaf: u64, entry: &Entry<'_>) -> bool {
        entry.within(|entry| Call::of(leaf, entry).is_some_and(|call| self.count(&call)))
    }

    /// Takes a call that the event of a leaf is of.
    pub fn take_call(&mut self, leaf: u64, call: ApiCall) {
        self.count(&Call { leaf, ..call.0 });
    }

    fn count(&mut self, call: &Call<'_>) -> bool {
        self.calls += 1;
        self.has_before |= self.asked.since.is_some_and(|since| call.time < since);
        let callers = &mut self.callers;
        let found = match (&call.what, &self.asked.description) {
            (What::Request { method, path }, Some(description)) => description.find(*method, path),
            _ => None,
        };
        let is_taken = match (&call.what, found) {
            (_, Some(Found::Operation(operation))) => {
                callers.note(call, &mut self.described, operation, usize::MAX)
            }
            // Browsers ask for what is allowed before they call.
            (What::Request { method, .. }, Some(Found::Path(_))) if *method == Method::OPTIONS => true,
            (What::Request { method, .. }, Some(Found::Path(path))) => {
                callers.note(call, &mut self.undescribed, (path, *method), usize::MAX)
            }
            (What::Request { method, path }, None) => {
                let (tree, room) = if call.is_answered() {
                    (&mut self.answered, self.room)
                } else {
                    (&mut self.refused, self.room / 4)
                };
                let end = tree.end(path, room);
                end.is_some_and(|end| {
                    if let Some((_, facts)) = end.iter_mut().find(|(known, _)| known == method) {
                        callers.add(call, facts);
                    } else {
                        // Most ends have one method.
                        end.reserve_exact(1);
                        end.push((*method, callers.begin(call)));
                    }
                    true
                })
            }
            (What::Operation { service, operation }, _) => {
                let key = (short(service), short(operation));
                callers.note(call, &mut self.services, key, MAX_OPERATIONS)
            }
        };
        if !is_taken {
            self.left_out.get_or_insert((0, call.leaf)).0 += 1;
        }
        true
    }

    /// Ends.
    pub fn finish(mut self) -> Report {
        self.answered.infer();
        self.answered.absorb(&mut self.refused);
        self.refused.infer();
        let Self {
            asked, answered, refused, described, undescribed, services, callers, calls, left_out, ..
        } = self;
        let Asked { description, since } = asked;
        let telling = Telling { callers: &callers, since: since.filter(|_| self.has_before) };
        let (mut endpoints, mut probed) = (Vec::new(), Vec::new());
        let mut unused = Vec::new();
        let is_described = description.as_ref().map(|_| false);
        for (path, method, facts) in answered.into_ends().into_iter().chain(refused.into_ends()) {
            let name = Name::Request { path, method: method.as_str() };
            let flag = is_described.map(|_| Flag::Shadow);
            let to = if facts.answered > 0 { &mut endpoints } else { &mut probed };
            to.push(telling.endpoint(name, facts, is_described, None, flag, method.is_writing()));
        }
        if let Some(description) = &description {
            for ((path, method), facts) in undescribed {
                let name = Name::Request { path: description.template(path).into(), method: method.as_str() };
                let flag = Some(Flag::UndocumentedMethod);
                let to = if facts.answered > 0 { &mut endpoints } else { &mut probed };
                to.push(telling.endpoint(name, facts, Some(false), None, flag, method.is_writing()));
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
                endpoints.push(telling.endpoint(
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
            to.push(telling.endpoint(Name::Operation { service, operation }, facts, None, None, None, false));
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
            description: description.map(|description| Described {
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
    /// When each was met first.
    firsts: Vec<At>,
    numbers: HashMap<String, u32>,
    pairs: usize,
    left_out: Option<(u64, u64)>,
}

impl Callers {
    fn note<K: Ord>(&mut self, call: &Call<'_>, known: &mut BTreeMap<K, Facts>, key: K, most: usize) -> bool {
        let is_full = known.len() >= most;
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
        Facts::of(call, number)
    }

    fn add(&mut self, call: &Call<'_>, facts: &mut Facts) {
        let number = self.number(call, |number| facts.callers.contains_key(&number));
        facts.add(call, number);
    }

    /// The caller's number, as far as there is room for it.
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

/// What it takes to tell of an endpoint.
struct Telling<'a> {
    callers: &'a Callers,
    /// From when on something is new; none where nothing was before.
    since: Option<Time>,
}

impl Telling<'_> {
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
                p50: latency.part(50),
                p95: latency.part(95),
                most: latency.most,
            }),
            unauthenticated: Shown { calls: facts.open, leaves: facts.open_leaves.0 },
            sensitive,
            risk: 0,
            reasons: Vec::new(),
        };
        endpoint.reasons = risk::reasons(&endpoint, is_writing);
        endpoint.risk = endpoint.reasons.iter().map(|reason| reason.points).sum();
        endpoint
    }

    /// The callers to name, and how many are new here but known from elsewhere. Where the endpoint itself is new, nobody
    /// is.
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
            let seen = if caller.is_new { &mut fresh } else { &mut usual };
            *seen += 1;
            *seen <= LISTED
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
        inventory.take(leaf, &Entry { event, ..Entry::recorded(recorded) })
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
    fn room_is_bounded_whatever_clients_ask_for() {
        let mut inventory = Inventory::with_room(Asked::default(), 1_000);
        for nth in 0..20_000u64 {
            let deep = "/x".repeat((nth % 60) as usize);
            take(&mut inventory, 2 * nth, &get(&format!("{deep}/{}-word", words(nth)), 200, nth % 7));
            take(&mut inventory, 2 * nth + 1, &get(&format!("/{}.php", words(nth)), 404, nth % 7));
        }
        let report = inventory.finish();
        let told: u64 = report.endpoints.iter().chain(&report.probed).map(|endpoint| endpoint.calls).sum();
        let left = report.left_out[0].map_or(0, |(number, _)| number);
        assert_eq!((report.calls, told + left), (40_000, 40_000));
        assert!(report.endpoints.len() + report.probed.len() <= 2_000, "{}", report.endpoints.len());
    }

    /// A word for a number, without digits.
    fn words(number: u64) -> String {
        number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
    }

    #[test]
    fn what_is_not_found_blurs_nothing() {
        let mut inventory = Inventory::new(Asked::default());
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
    fn what_looks_like_an_identifier_and_never_changes_is_a_word() {
        let mut inventory = Inventory::new(Asked::default());
        for nth in 0..30 {
            take(&mut inventory, nth, &get(&format!("/2010-04-01/calls/{nth}.json"), 200, 1));
        }
        assert_eq!(names(&inventory.finish().endpoints), ["GET /2010-04-01/calls/{number}.json"]);
    }

    #[test]
    fn what_was_recorded_as_a_template_or_a_shape_is_one() {
        let mut inventory = Inventory::new(Asked::default());
        for (nth, path) in
            ["/jobs/:id", "/jobs/{id}", "/runs/{number}", "/runs/7", "*"].into_iter().enumerate()
        {
            take(&mut inventory, nth as u64, &get(path, 200, 1));
        }
        assert_eq!(names(&inventory.finish().endpoints), ["GET /*", "GET /jobs/{id}", "GET /runs/{number}"]);
    }

    #[test]
    fn what_comes_apart_is_the_same_in_any_order() {
        let events: Vec<(u64, String)> = (0..400u64)
            .map(|nth| (nth, get(&format!("/teams/{}/files/{nth}", words(nth % 40)), 200, nth % 5)))
            .collect();
        let report = |events: &mut dyn Iterator<Item = &(u64, String)>| {
            let mut inventory = Inventory::new(Asked::default());
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
            let description = Description::parse(text).unwrap_or_else(|fault| panic!("{fault}: {text}"));
            assert_eq!(description.find(Method::GET, found), Some(Found::Operation(0)), "{text}");
            assert_eq!(description.find(Method::of("POST"), found), Some(Found::Path(0)), "{text}");
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
    fn the_path_that_says_most_is_meant() {
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
            let Some(Found::Operation(number)) = description.find(Method::GET, path) else {
                panic!("{path}")
            };
            assert_eq!(description.operations[number].path, wanted, "{path}");
        }
    }

    #[test]
    fn operations_that_calls_do_not_tell_apart_are_one() {
        let text = r#"{"security":[{"k":[]}],"paths":{
            "/?Action=Get":{"get":{"deprecated":true}}, "/?Action=Put":{"get":{}},
            "/files/{id}#add":{"put":{"deprecated":true}}, "/files/{id}#drop":{"put":{"deprecated":true}},
            "/files/{id}":{"get":{}}, "/files/{name}":{"get":{"security":[]}},
            "/tags/{of}#keys&all":{"delete":{}},
            "/runs/{n}":{"get":{},"parameters":[{"name":"n","in":"path","schema":{"type":"integer"}}]},
            "/runs/{n}?cmd=stop":{"post":{},"parameters":[{"name":"n","in":"path","schema":{"type":"string"}}]}}}"#;
        let description = Description::parse(text).unwrap();
        assert_eq!((description.operations(), description.alike), (6, 3));
        let told: Vec<_> =
            description.operations.iter().map(|of| (&*of.path, of.is_deprecated, of.is_secured)).collect();
        assert_eq!(
            told,
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
            assert_eq!(description.find(Method::of(method), path), Some(Found::Operation(wanted)), "{path}");
        }
    }

    #[test]
    fn all_servers_are_known() {
        let servers: Vec<_> =
            (0..40).map(|nth| format!(r#"{{"url":"https://h.example/engines/e{nth}"}},"#)).collect();
        let servers = servers.concat();
        let text =
            format!(r#"{{"servers":[{servers}{{"url":"/last/"}}],"paths":{{"/info":{{"get":{{}}}}}}}}"#);
        let description = Description::parse(&text).unwrap();
        for path in ["/info", "/engines/e0/info", "/engines/e39/info", "/last/info"] {
            assert_eq!(description.find(Method::GET, path), Some(Found::Operation(0)), "{path}");
        }
        assert_eq!(description.find(Method::GET, "/engines/e40/info"), None);
    }

    #[test]
    fn an_address_in_a_path_is_part_of_it() {
        let description =
            Description::parse(r#"{"paths":{"/health":{"get":{}},"/fetch/{a}/{b}/{c}":{"get":{}}}}"#)
                .unwrap();
        let mut inventory = Inventory::new(Asked { description: Some(description), since: None });
        let paths =
            ["/x://h/health", "/fetch/https://h.example/health?x", "https://h.example/health", "/health#x"];
        for (leaf, path) in paths.into_iter().enumerate() {
            take(&mut inventory, leaf as u64, &get(path, 200, 1));
        }
        let mut told = names(&inventory.finish().endpoints);
        told.sort();
        assert_eq!(told, ["GET /fetch/{a}/{b}/{c}", "GET /health", "GET /x:/h/health"]);
    }

    #[test]
    fn a_path_is_the_same_however_it_is_escaped() {
        let text = r#"{"paths":{
            "/caf%C3%A9":{"get":{}}, "/menü/{x}":{"get":{}}, "/users/@me":{"get":{}}, "/users/{id}":{"get":{}},
            "/jobs/{n}:cancel":{"get":{},"parameters":[{"name":"n","in":"path","schema":{"type":"integer"}}]},
            "/jobs/{n}":{"get":{},"parameters":[{"name":"n","in":"path","schema":{"type":"integer"}}]},
            "/repos/{owner}%2f{name}":{"get":{}}, "/caf\u00e9":{"post":{}}}}"#;
        let description = Description::parse(text).unwrap();
        let found = |path: &str| match description.find(Method::GET, path)? {
            Found::Operation(number) => Some(&*description.operations[number].path),
            Found::Path(_) => Some("another method"),
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
            // An encoded slash separates nothing, and is part of a value.
            ("/users/a%2Fb", Some("/users/{id}")),
            ("/users%2Fa", None),
            // What is escaped so that it can be sent is no template.
            ("/jobs/%3Cscript%3E", None),
            ("/jobs/%7Bn%7D", None),
        ] {
            assert_eq!(found(path), wanted, "{path}");
        }
        let post = description.find(Method::of("POST"), "/caf%C3%A9");
        assert_eq!(post, Some(Found::Operation(7)), "both ways to write it are one path");
        // Where nothing is described, too.
        let paths =
            ["/caf%C3%A9/7", "/café/8", "/%6aobs", "/jobs", "/x/a%2fb", "/x/a%2Fb", "/y/%31%32", "/y/7"];
        let mut inventory = Inventory::new(Asked::default());
        for (leaf, path) in paths.iter().enumerate() {
            let event = format!(r#"{{"action":"a","http":{{"method":"GET","path":"{path}","status":200}}}}"#);
            take(&mut inventory, leaf as u64, &event);
        }
        let report = inventory.finish();
        let told = ["GET /café/{number}", "GET /jobs", "GET /x/a%2Fb", "GET /y/{number}"];
        assert_eq!(names(&report.endpoints), told);
    }

    #[test]
    fn nobody_called_what_a_webhook_tells_of() {
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
        let (mut inventory, parsers) = (Inventory::new(Asked::default()), Parsers::built_in());
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
            inventory.take(leaf as u64, &entry);
        }
        let report = inventory.finish();
        let told = report
            .endpoints
            .iter()
            .map(|endpoint| {
                (endpoint.name.to_string(), endpoint.calls, endpoint.flags.contains(&Flag::Unauthenticated))
            })
            .collect::<Vec<_>>();
        let (bucket, run) =
            ("s3.amazonaws.com GetObject".into(), "GitHub webhook workflow_run.completed".into());
        assert_eq!(told, [(bucket, 2, true), (run, 2, false)]);
    }

    #[test]
    fn hostile_descriptions_are_refused() {
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
            let fault = Description::parse(text).unwrap_err();
            assert_eq!(fault.code, code);
            // What is JSON, perhaps on one line, is told of by its path.
            let of = fault.member.as_deref().unwrap_or_default();
            assert!(fault.line.is_some() || code == "openapi.json" || of.starts_with('/'), "{fault}");
            assert!(of.len() < 300, "{fault}");
        }
    }
}
