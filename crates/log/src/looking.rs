//! Compares links and events with queries.

use std::collections::HashMap;

use countersign::link::{ChainId, Link};
use countersign_query::needle::Needles;
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers, Query, Short};

use crate::store::{EntryReader, StoreError, link};
use crate::tokens::Scope;

/// Looks at links and events with queries.
#[derive(Clone, Debug)]
pub struct Looking {
    parsers: Parsers,
    /// The names of the keys that sign chains.
    signers: HashMap<ChainId, Option<String>>,
    /// What stands in the text of every event that is within the scope and as asked.
    needles: Option<Needles>,
}

impl Looking {
    /// By these parsers.
    pub fn new(parsers: &Parsers) -> Self {
        Self { parsers: parsers.clone(), signers: HashMap::new(), needles: None }
    }

    /// By these parsers, for [`Self::matches_within`] of one scope and query alone.
    pub(crate) fn for_search(parsers: &Parsers, scope: &Scope, asked: &Query) -> Self {
        // How long a reader with a scope waits for others' events does not depend on what is asked.
        let query = if scope.is_everything() { asked } else { scope.query() };
        Self { needles: Some(Needles::of(query, parsers)), ..Self::new(parsers) }
    }

    /// By these parsers, for [`Self::look_within`] of one scope alone.
    pub(crate) fn for_scope(parsers: &Parsers, scope: &Scope) -> Self {
        Self { needles: Some(Needles::of(scope.query(), parsers)), ..Self::new(parsers) }
    }

    /// True if an event need not be parsed to know that it is not as the needles say.
    fn passes_over(&self, event: Option<&str>) -> bool {
        self.needles.as_ref().zip(event).is_some_and(|(needles, event)| !needles.may_match(event))
    }

    /// What members say alone: for conditions that no reading is for.
    pub fn at_members() -> Self {
        Self::new(&Parsers::default())
    }

    /// Whether a link, and its event where it is there, are as asked.
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
        self.look(reader, query, link, event, |entry| query.matches(entry))
    }

    /// Looks at a link, and its event where it is there, as a query does.
    pub(crate) fn look<T>(
        &mut self,
        reader: &dyn EntryReader,
        query: &Query,
        link: &Link,
        event: Option<&str>,
        look: impl FnOnce(&Entry<'_>) -> T,
    ) -> Result<T, StoreError> {
        if query.asks(Short::Signer) {
            self.find_signer(reader, link)?;
        }
        let signer = self.signers.get(&link.chain()).and_then(Option::as_deref);
        Ok(self.with_entry(link, event, signer, look))
    }

    /// Looks at a link and its event if they are within the scope, which is decided first: how long it takes to look at
    /// what is outside of it does not depend on what is asked.
    pub(crate) fn look_within<T>(
        &mut self,
        reader: &dyn EntryReader,
        scope: &Scope,
        asked: &Query,
        link: &Link,
        event: Option<&str>,
        look: impl FnOnce(&Entry<'_>) -> T,
    ) -> Result<Option<T>, StoreError> {
        if self.passes_over(event) {
            return Ok(None);
        }
        if asked.asks(Short::Signer) {
            if !self.matches(reader, scope.query(), link, event)? {
                return Ok(None);
            }
            self.find_signer(reader, link)?;
        }
        let signer = self.signers.get(&link.chain()).and_then(Option::as_deref);
        Ok(self.with_entry(link, event, signer, |entry| scope.query().matches(entry).then(|| look(entry))))
    }

    /// Whether a link, and its event where it is there, are within the scope and as asked.
    pub(crate) fn matches_within(
        &mut self,
        reader: &dyn EntryReader,
        scope: &Scope,
        asked: &Query,
        link: &Link,
        event: Option<&str>,
    ) -> Result<bool, StoreError> {
        if scope.is_everything() && asked.is_empty() {
            return Ok(true);
        }
        let event = event.filter(|_| scope.query().reads_events() || asked.reads_events());
        let matches = self.look_within(reader, scope, asked, link, event, |entry| asked.matches(entry))?;
        Ok(matches.unwrap_or(false))
    }

    /// What there is to ask of a link and its event.
    pub fn with_entry<T>(
        &self,
        link: &Link,
        event: Option<&str>,
        signer: Option<&str>,
        look: impl FnOnce(&Entry<'_>) -> T,
    ) -> T {
        let document = event.and_then(Document::parse);
        let root = document.as_ref().map(Document::root);
        let read = root.as_ref().and_then(|event| self.parsers.parse(event));
        let chain = link.chain().to_string();
        look(&Entry {
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
