//! Pages of lists: how much is asked for, where it begins, and how an answer is filled.

use std::fmt::Display;

use prost::Message;
use tonic::Status;

use super::convert::violations::Violations;
use super::token::{self, PageKey};
use crate::store::Page;

/// Entries of a page where the caller does not say.
const PAGE_SIZE_DEFAULT: u32 = 100;
/// The most entries of a page.
const PAGE_SIZE_MAX: u32 = 1_000;
/// Bytes after which a page ends early. Clients refuse answers of more than 4 MiB unless they are told otherwise; the
/// largest single entry, an order of 500 lines, is far below the difference.
const PAGE_BYTES_MAX: usize = 3 * 1_024 * 1_024;

/// Rows of one read: an inbound or a location can be large, and a page ends by bytes.
const CHUNK: u32 = 50;

/// Which page of a list is asked for.
#[derive(Debug)]
pub(crate) struct Paging<K> {
    /// The last key of the page before.
    pub(crate) after: Option<K>,
    /// The most entries.
    pub(crate) limit: u32,
    binding: String,
}

impl<K: PageKey + Clone> Paging<K> {
    /// The page that a request asks for. `list` names the list and its filters: a token serves no other.
    pub(crate) fn parse(v: &mut Violations, page_size: i32, page_token: &str, list: impl Display) -> Self {
        let asked = u32::try_from(page_size);
        v.check(
            asked.is_ok(),
            "page_size",
            format_args!("is {page_size}, must be 0 to {PAGE_SIZE_MAX}; 0 means {PAGE_SIZE_DEFAULT}"),
        );
        let limit = match asked {
            Ok(0) | Err(_) => PAGE_SIZE_DEFAULT,
            Ok(limit) => limit.min(PAGE_SIZE_MAX),
        };
        let binding = list.to_string();
        let after = if page_token.is_empty() {
            None
        } else {
            token::parse_page(&binding, page_token)
        };
        v.check(
            page_token.is_empty() || after.is_some(),
            "page_token",
            "is not the next_page_token of this list with these filters: leave it out to begin anew",
        );
        Self { after, limit, binding }
    }

    /// What to read for it: one more than is answered, to know whether more follows.
    pub(crate) fn to_read(&self) -> Page<K> {
        Page {
            after: self.after.clone(),
            limit: self.limit.saturating_add(1),
        }
    }

    /// The page's entries, and the token of the next one, read by chunks, so that no more is held than is answered.
    ///
    /// # Errors
    /// A read failed.
    pub(crate) async fn by_chunks<R, E, F>(
        &self,
        read: impl Fn(Page<K>) -> F + Send,
        entry: impl Fn(R) -> (K, E) + Send,
    ) -> Result<(Vec<E>, String), Status>
    where
        K: Send + Sync,
        E: Message,
        F: Future<Output = Result<Vec<R>, Status>> + Send,
    {
        let mut filling = Filling::new(self.limit);
        let mut last = self.after.clone();
        loop {
            let limit = self.limit.saturating_add(1).min(CHUNK);
            let after = last.clone();
            let rows = read(Page { after, limit }).await?;
            let count = rows.len();
            let ends = u32::try_from(count).is_ok_and(|count| count < limit);
            let pushed = rows.into_iter().map(&entry);
            let pushed = pushed.map_while(|(key, entry)| filling.push(entry).then_some(key));
            let keys: Vec<K> = pushed.collect();
            let full = keys.len() < count;
            last = keys.into_iter().next_back().or(last);
            if full || ends {
                let next = last.filter(|_| full).map(|last| self.token(&last));
                return Ok((filling.entries, next.unwrap_or_default()));
            }
        }
    }

    /// The token of the page after a key.
    pub(crate) fn token(&self, after: &K) -> String {
        token::page(&self.binding, after)
    }

    /// The page's entries, and the token of the next one, of what [`to_read`](Self::to_read) gave.
    pub(crate) fn fill<E: Message>(&self, rows: impl IntoIterator<Item = (K, E)>) -> (Vec<E>, String) {
        let mut filling = Filling::new(self.limit);
        let mut last = self.after.clone();
        for (key, entry) in rows {
            if !filling.push(entry) {
                return (filling.entries, last.map(|last| self.token(&last)).unwrap_or_default());
            }
            last = Some(key);
        }
        (filling.entries, String::new())
    }
}

/// The entries of a page, up to its limits.
#[derive(Debug)]
pub(crate) struct Filling<E> {
    /// The entries.
    pub(crate) entries: Vec<E>,
    limit: usize,
    bytes: usize,
}

impl<E: Message> Filling<E> {
    /// An empty page of at most so many entries.
    pub(crate) fn new(limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Self {
            entries: Vec::new(),
            limit,
            bytes: 0,
        }
    }

    /// Adds an entry; `false` when the page has no room for it. An empty page has room for any.
    pub(crate) fn push(&mut self, entry: E) -> bool {
        let bytes = self.bytes.saturating_add(entry.encoded_len());
        let fits = self.entries.len() < self.limit && bytes <= PAGE_BYTES_MAX;
        let pushed = fits || self.entries.is_empty();
        if pushed {
            self.bytes = bytes;
            self.entries.push(entry);
        }
        pushed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Sequence;
    use crate::proto::holdfast::v1::Item;

    fn item(bytes: usize) -> Item {
        Item {
            display_name: "x".repeat(bytes),
            ..Item::default()
        }
    }

    fn paging(size: i32, token: &str) -> (Paging<Sequence>, Violations) {
        let mut v = Violations::default();
        let paging = Paging::parse(&mut v, size, token, "list");
        (paging, v)
    }

    #[test]
    fn the_size_of_a_page_has_a_default_and_a_limit_and_is_not_negative() {
        assert_eq!(paging(0, "").0.limit, 100);
        assert_eq!(paging(7, "").0.limit, 7);
        assert_eq!(paging(1_000_000, "").0.limit, 1_000);
        let (_, v) = paging(-1, "junk");
        let fields: Vec<_> = v.kept().iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["page_size", "page_token"]);
    }

    #[test]
    fn a_token_is_given_only_when_more_follows() {
        let (all, _) = paging(2, "");
        let rows = |n: i64| (1..=n).map(|n| (Sequence(n), item(1)));
        let (entries, token) = all.fill(rows(2));
        assert_eq!((entries.len(), token.as_str()), (2, ""));
        let (entries, token) = all.fill(rows(3));
        assert_eq!(entries.len(), 2);
        assert_eq!(paging(2, &token).0.after, Some(Sequence(2)));
    }

    /// A page of a list of so many entries, and the chunks that were read for it.
    async fn by_chunks(paging: &Paging<Sequence>, entries: i64, bytes: usize) -> (usize, Option<Sequence>, Vec<usize>) {
        let chunks = std::sync::Mutex::new(Vec::new());
        let read = async |page: Page<Sequence>| {
            let after = page.after.map_or(0, |after| after.0);
            let rows: Vec<i64> = (after + 1..=entries.min(after + i64::from(page.limit))).collect();
            chunks.lock().expect("no holder panics").push(rows.len());
            Ok(rows)
        };
        let (entries, token) = paging
            .by_chunks(read, |n: i64| (Sequence(n), item(bytes)))
            .await
            .expect("a page");
        let next = self::paging(7, &token).0.after;
        (entries.len(), next, chunks.into_inner().expect("no holder panics"))
    }

    #[tokio::test]
    async fn a_page_is_read_by_chunks_and_ends_where_it_is_full() {
        let (all, _) = paging(120, "");
        assert_eq!(by_chunks(&all, 120, 1).await, (120, None, vec![50, 50, 20]));
        assert_eq!(
            by_chunks(&all, 130, 1).await,
            (120, Some(Sequence(120)), vec![50, 50, 30])
        );
        assert_eq!(by_chunks(&all, 100, 1).await, (100, None, vec![50, 50, 0]));
        assert_eq!(by_chunks(&all, 130, 1_000_000).await, (3, Some(Sequence(3)), vec![50]));
        assert_eq!(by_chunks(&paging(2, "").0, 9, 1).await, (2, Some(Sequence(2)), vec![3]));
    }

    #[test]
    fn large_entries_end_a_page_early_but_never_leave_it_empty() {
        let (all, _) = paging(10, "");
        let large = |n: i64| (Sequence(n), item(2_000_000));
        let (entries, token) = all.fill([large(1), large(2)]);
        assert_eq!(entries.len(), 1);
        assert_eq!(paging(10, &token).0.after, Some(Sequence(1)));
        assert_eq!(all.fill([(Sequence(1), item(5_000_000))]).0.len(), 1);
    }
}
