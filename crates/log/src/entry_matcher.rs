//! Matches links and events against queries.

use std::collections::HashMap;

use countersign::link::{ChainId, Link};
use countersign_query::needle::Needles;
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers, Query, Short};

use crate::store::{EntryReader, StoreError, link};
use crate::tokens::Scope;

/// A matcher of links and events against queries.
#[derive(Clone, Debug)]
pub struct EntryMatcher {
    parsers: Parsers,
    /// The names of the keys that sign chains.
    signers: HashMap<ChainId, Option<String>>,
    /// Strings that occur in every event that matches the scope and the query.
    needles: Option<Needles>,
}

impl EntryMatcher {
    /// Creates a matcher with these parsers.
    pub fn new(parsers: &Parsers) -> Self {
        Self { parsers: parsers.clone(), signers: HashMap::new(), needles: None }
    }

    /// Creates a matcher for [`Self::matches_within`] with one scope and query only.
    pub(crate) fn for_search(parsers: &Parsers, scope: &Scope, query: &Query) -> Self {
        // For a reader with a scope, the time that events outside it take must not depend on the query.
        let query = if scope.is_everything() { query } else { scope.query() };
        Self { needles: Some(Needles::new(query, parsers)), ..Self::new(parsers) }
    }

    /// Creates a matcher for [`Self::examine_within`] with one scope only.
    pub(crate) fn for_scope(parsers: &Parsers, scope: &Scope) -> Self {
        Self { needles: Some(Needles::new(scope.query(), parsers)), ..Self::new(parsers) }
    }

    /// True if the needles rule the event out, so it needn't be parsed.
    fn rules_out(&self, event: Option<&str>) -> bool {
        self.needles.as_ref().zip(event).is_some_and(|(needles, event)| !needles.may_match(event))
    }

    /// Creates a matcher that sees the fields of events as they are, for conditions that no parser applies to.
    pub fn without_parsers() -> Self {
        Self::new(&Parsers::default())
    }

    /// True if a link, with its event if there is one, matches the query.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn matches(
        &mut self,
        reader: &dyn EntryReader,
        query: &Query,
        link: &Link,
        event: Option<&str>,
    ) -> Result<bool, StoreError> {
        if query.is_empty() {
            return Ok(true);
        }
        let event = event.filter(|_| query.reads_events());
        self.examine(reader, query, link, event, |entry| query.matches(entry))
    }

    /// Passes a link, with its event if there is one, to `visit`, with everything that the query needs.
    pub(crate) fn examine<T>(
        &mut self,
        reader: &dyn EntryReader,
        query: &Query,
        link: &Link,
        event: Option<&str>,
        visit: impl FnOnce(&Entry<'_>) -> T,
    ) -> Result<T, StoreError> {
        if query.asks(Short::Signer) {
            self.find_signer(reader, link)?;
        }
        let signer = self.signers.get(&link.chain()).and_then(Option::as_deref);
        Ok(self.with_entry(link, event, signer, visit))
    }

    /// Passes a link and its event to `visit` if they are within the scope. The scope is decided first, so the time
    /// that entries outside it take doesn't depend on the query.
    pub(crate) fn examine_within<T>(
        &mut self,
        reader: &dyn EntryReader,
        scope: &Scope,
        query: &Query,
        link: &Link,
        event: Option<&str>,
        visit: impl FnOnce(&Entry<'_>) -> T,
    ) -> Result<Option<T>, StoreError> {
        if self.rules_out(event) {
            return Ok(None);
        }
        if query.asks(Short::Signer) {
            if !self.matches(reader, scope.query(), link, event)? {
                return Ok(None);
            }
            self.find_signer(reader, link)?;
        }
        let signer = self.signers.get(&link.chain()).and_then(Option::as_deref);
        Ok(self.with_entry(link, event, signer, |entry| scope.query().matches(entry).then(|| visit(entry))))
    }

    /// True if a link, with its event if there is one, is within the scope and matches the query.
    pub(crate) fn matches_within(
        &mut self,
        reader: &dyn EntryReader,
        scope: &Scope,
        query: &Query,
        link: &Link,
        event: Option<&str>,
    ) -> Result<bool, StoreError> {
        if scope.is_everything() && query.is_empty() {
            return Ok(true);
        }
        let event = event.filter(|_| scope.query().reads_events() || query.reads_events());
        let matches = self.examine_within(reader, scope, query, link, event, |entry| query.matches(entry))?;
        Ok(matches.unwrap_or(false))
    }

    /// Passes a link, its event, and its signer to `visit`, in the form that queries match.
    pub fn with_entry<T>(
        &self,
        link: &Link,
        event: Option<&str>,
        signer: Option<&str>,
        visit: impl FnOnce(&Entry<'_>) -> T,
    ) -> T {
        let document = event.and_then(Document::parse);
        let root = document.as_ref().map(Document::root);
        let read = root.as_ref().and_then(|event| self.parsers.parse(event));
        let chain = link.chain().to_string();
        visit(&Entry {
            event: root,
            roots: &[],
            read: read.as_ref(),
            recorded: link.time(),
            chain: &chain,
            signer,
        })
    }

    fn find_signer(&mut self, reader: &dyn EntryReader, of: &Link) -> Result<(), StoreError> {
        let chain = of.chain();
        if self.signers.contains_key(&chain) {
            return Ok(());
        }
        let opened = match reader.index_of(&chain, 0)? {
            Some(index) => reader.leaves(index..index + 1)?.pop().and_then(|leaf| link(&leaf)),
            None => None,
        };
        let signer = match opened {
            Some(Link::Open(open)) => Some(open.key.name().to_owned()),
            _ => None,
        };
        self.signers.insert(chain, signer);
        Ok(())
    }
}
