//! Pages that say nothing of their values: programs can pass a page over by its own statistics.

use parquet::basic::Encoding;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};

/// The pages of a column, refused if they have statistics or a dictionary that is said to be sorted.
pub(crate) struct PlainPages {
    pages: Box<dyn PageReader>,
    has_dictionary: bool,
}

impl PlainPages {
    pub(crate) fn new(pages: Box<dyn PageReader>) -> Self {
        Self { pages, has_dictionary: false }
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
            Page::DataPage { statistics: Some(_), .. } | Page::DataPageV2 { statistics: Some(_), .. } => {
                "statistics of pages"
            }
            Page::DictionaryPage { is_sorted: true, .. } => "a sorted dictionary",
            Page::DictionaryPage { .. } => {
                self.has_dictionary = true;
                return Ok(page);
            }
            _ => return Ok(page),
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
