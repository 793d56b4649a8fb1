//! Pages, with what they say of their values: programs can pass a page over by its own statistics.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use parquet::basic::Encoding;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::statistics::Statistics;

use crate::Value;
use crate::described::Described;
use crate::schema::Column;

/// The statistics of the pages that were read, with the number of values of each.
type Said = Arc<Mutex<VecDeque<(u64, Option<Statistics>)>>>;

/// The pages of a column, refused if one has a dictionary that is missing or said to be sorted.
pub(crate) struct PlainPages {
    pages: Box<dyn PageReader>,
    has_dictionary: bool,
    said: Said,
}

/// Compares the statistics of pages with the values that were read of them.
#[derive(Default)]
pub(crate) struct PageStatistics {
    said: Said,
    described: Described,
    /// The values of the current page that are still to come.
    left: u64,
    current: Option<Statistics>,
}

impl PageStatistics {
    /// Takes the next value of the column.
    pub(crate) fn add(&mut self, column: &Column, value: Option<&Value>) -> Result<()> {
        while self.left == 0 {
            let next = self.said.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some((values, said)) = next else { return Ok(()) };
            (self.left, self.current, self.described) = (values, said, Described::default());
        }
        self.left -= 1;
        let Some(said) = &self.current else { return Ok(()) };
        self.described.add(value);
        if self.left > 0 || self.described.fits(column, said) {
            return Ok(());
        }
        let message =
            format!("the statistics of a page of the column {} are not those of its values", column.name);
        Err(ParquetError::General(message))
    }
}

impl PlainPages {
    pub(crate) fn new(pages: Box<dyn PageReader>) -> (Self, PageStatistics) {
        let statistics = PageStatistics::default();
        (Self { pages, has_dictionary: false, said: Arc::clone(&statistics.said) }, statistics)
    }

    fn check(&mut self, page: Page) -> Result<Page> {
        let is_dictionary =
            |encoding| matches!(encoding, Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY);
        let what = match &page {
            // The library takes it for granted that the dictionary came before.
            Page::DataPage { encoding, .. } | Page::DataPageV2 { encoding, .. }
                if is_dictionary(*encoding) && !self.has_dictionary =>
            {
                return Err(ParquetError::General("a page has no dictionary to be read by".into()));
            }
            Page::DictionaryPage { is_sorted: true, .. } => "a sorted dictionary",
            Page::DictionaryPage { .. } => {
                self.has_dictionary = true;
                return Ok(page);
            }
            Page::DataPage { num_values, statistics, .. }
            | Page::DataPageV2 { num_values, statistics, .. } => {
                let said = (u64::from(*num_values), statistics.clone());
                self.said.lock().unwrap_or_else(PoisonError::into_inner).push_back(said);
                return Ok(page);
            }
        };
        Err(ParquetError::General(format!("it has {what}, which an export has not")))
    }
}

impl Iterator for PlainPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for PlainPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        page.map(|page| self.check(page)).transpose()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}
