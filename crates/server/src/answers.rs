//! Shapes that answers of several slices share: pages of lists, and what is gone.
use crate::route::Reply;
use schemars::JsonSchema;
use serde::Serialize;
use usher_http::form::{Field, Form, flag, int};
use usher_types::{Error, Result};

/// Asks for `{data, total_count}`.
pub const PAGINATED: Field = flag("paginated")
    .query()
    .about("Answer `{data, total_count}` instead of an array.");
/// Entries at most.
pub const LIMIT: Field = int("limit", 1, 500)
    .query()
    .about("Entries at most; 10 when left out.");
/// Entries before the first one.
pub const OFFSET: Field = int("offset", 0, i64::MAX).query();
/// The query of a list that nothing narrows.
pub const WINDOW: &[Field] = &[PAGINATED, LIMIT, OFFSET];

/// The part of a list that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Entries at most.
    pub limit: i64,
    /// Entries before it.
    pub offset: i64,
    /// The whole is counted.
    paginated: bool,
}

impl Window {
    /// As the query says; ten entries where it does not.
    #[must_use]
    pub fn read(form: &Form) -> Self {
        Self {
            limit: form.int("limit").unwrap_or(10),
            offset: form.int("offset").unwrap_or(0),
            paginated: form.flag("paginated") == Some(true),
        }
    }
    /// As the query says; all entries where it does not.
    #[must_use]
    pub fn or_all(form: &Form) -> Self {
        Self {
            limit: form.int("limit").unwrap_or(i64::MAX),
            ..Self::read(form)
        }
    }
    /// Answers with a part, as it was asked for. The whole is counted only where that is asked for.
    ///
    /// # Errors
    /// The count's.
    pub async fn answer<T: Serialize + JsonSchema, E: Into<Error>>(
        self,
        data: Vec<T>,
        total: impl Future<Output = Result<i64, E>>,
    ) -> Result<Reply> {
        Reply::json(&self.list(data, total).await?)
    }
    /// A part, as it was asked for. The whole is counted only where that is asked for.
    ///
    /// # Errors
    /// The count's.
    pub async fn list<T, E: Into<Error>>(
        self,
        data: Vec<T>,
        total: impl Future<Output = Result<i64, E>>,
    ) -> Result<List<T>> {
        if !self.paginated {
            return Ok(List::Plain(data));
        }
        let total_count = total.await.map_err(Into::into)?;
        Ok(List::Paginated(Page { data, total_count }))
    }
    /// The part of a whole that is at hand, with the size of the whole.
    #[must_use]
    pub fn page<T>(self, all: Vec<T>) -> Page<T> {
        let total_count = i64::try_from(all.len()).unwrap_or(i64::MAX);
        let count = |n: i64| usize::try_from(n).unwrap_or(usize::MAX);
        let part = all
            .into_iter()
            .skip(count(self.offset))
            .take(count(self.limit));
        Page {
            data: part.collect(),
            total_count,
        }
    }
    /// The part of a whole that is at hand, as it was asked for.
    #[must_use]
    pub fn cut<T>(self, all: Vec<T>) -> List<T> {
        let page = self.page(all);
        if self.paginated {
            List::Paginated(page)
        } else {
            List::Plain(page.data)
        }
    }
    /// Answers with the part of a whole that is at hand.
    ///
    /// # Errors
    /// Those of writing it.
    pub async fn of<T, R: Serialize + JsonSchema>(
        self,
        all: Vec<T>,
        show: impl FnMut(T) -> R,
    ) -> Result<Reply> {
        let page = self.page(all);
        let data = page.data.into_iter().map(show).collect();
        self.answer(data, async { Ok::<_, Error>(page.total_count) })
            .await
    }
}

/// A part of a list, and the size of the whole.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    /// In the list's order.
    pub data: Vec<T>,
    /// How many fit.
    pub total_count: i64,
}

/// A list: an array, or a page.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "{T}List")]
pub enum List<T> {
    /// In the list's order.
    Plain(Vec<T>),
    /// With `paginated=true`.
    Paginated(Page<T>),
}

/// What is gone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeletedObject")]
pub struct Deleted {
    /// What it was.
    pub object: &'static str,
    /// Its id.
    pub id: String,
    /// True.
    pub deleted: bool,
}

impl Deleted {
    /// Of this id.
    #[must_use]
    pub fn new(object: &'static str, id: impl Into<String>) -> Self {
        Self {
            object,
            id: id.into(),
            deleted: true,
        }
    }
}
