//! Pages with their statistics: programs can skip a page by its own statistics.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use parquet::basic::Encoding;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::statistics::Statistics;

use crate::Value;
use crate::schema::Column;
use crate::statistics::ColumnSummary;

/// The statistics of the pages that were read, with the number of values of each.
type StatedPages = Arc<Mutex<VecDeque<(u64, Option<Statistics>)>>>;

/// The pages of a column. A missing dictionary, or one marked as sorted, is an error.
pub(crate) struct PlainPages {
    pages: Box<dyn PageReader>,
    has_dictionary: bool,
    stated: StatedPages,
}

/// A comparison of the pages' statistics with the values read from them.
#[derive(Default)]
pub(crate) struct PageStatistics {
    stated: StatedPages,
    summary: ColumnSummary,
    /// The number of values of the current page that were not read yet.
    left: u64,
    current: Option<Statistics>,
}

impl PageStatistics {
    /// Adds the next value of the column.
    pub(crate) fn add(&mut self, column: &Column, value: Option<&Value>) -> Result<()> {
        while self.left == 0 {
            let next = self.stated.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some((values, stated)) = next else { return Ok(()) };
            (self.left, self.current, self.summary) = (values, stated, ColumnSummary::default());
        }
        self.left -= 1;
        let Some(stated) = &self.current else { return Ok(()) };
        self.summary.add(value);
        if self.left > 0 || self.summary.fits(column, stated) {
            return Ok(());
        }
        let message = format!("the statistics of a page of the column {} contradict its values", column.name);
        Err(ParquetError::General(message))
    }
}

impl PlainPages {
    pub(crate) fn new(pages: Box<dyn PageReader>) -> (Self, PageStatistics) {
        let statistics = PageStatistics::default();
        (Self { pages, has_dictionary: false, stated: Arc::clone(&statistics.stated) }, statistics)
    }

    fn check(&mut self, page: Page) -> Result<Page> {
        let is_dictionary =
            |encoding| matches!(encoding, Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY);
        let what = match &page {
            // The library assumes that the dictionary came before.
            Page::DataPage { encoding, .. } | Page::DataPageV2 { encoding, .. }
                if is_dictionary(*encoding) && !self.has_dictionary =>
            {
                return Err(ParquetError::General("a page lacks the dictionary that it needs".into()));
            }
            Page::DictionaryPage { is_sorted: true, .. } => "a sorted dictionary",
            Page::DictionaryPage { .. } => {
                self.has_dictionary = true;
                return Ok(page);
            }
            Page::DataPage { num_values, statistics, .. }
            | Page::DataPageV2 { num_values, statistics, .. } => {
                let stated = (u64::from(*num_values), statistics.clone());
                self.stated.lock().unwrap_or_else(PoisonError::into_inner).push_back(stated);
                return Ok(page);
            }
        };
        Err(ParquetError::General(format!("the file has {what}, which an export must not have")))
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
