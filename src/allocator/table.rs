//! A table of the working set: rows by position, found by key, each knowing whether it is to be written.

use std::hash::Hash;
use std::marker::PhantomData;

use foldhash::HashMap;

/// What the store has to do with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing: it is as it was loaded.
    Kept,
    /// Update it.
    Changed,
    /// Insert it.
    New,
}

/// A row's position in its table.
#[derive(Debug)]
pub struct Index<R>(usize, PhantomData<fn() -> R>);

impl<R> Index<R> {
    /// The bare position.
    #[must_use]
    pub fn position(self) -> usize {
        self.0
    }
}

impl<R> Clone for Index<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Index<R> {}

impl<R> PartialEq for Index<R> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<R> Eq for Index<R> {}

impl<R> PartialOrd for Index<R> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<R> Ord for Index<R> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<R> std::hash::Hash for Index<R> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[derive(Debug)]
struct Row<R> {
    row: R,
    fate: Fate,
    /// Whether another row stands for its key.
    is_replaced: bool,
    /// The version of the table when it was added, changed or noted last.
    version: u64,
}

/// Rows of one kind.
#[derive(Debug)]
pub struct Table<K, R> {
    rows: Vec<Row<R>>,
    positions: HashMap<K, Index<R>>,
    version: u64,
    is_written: bool,
}

impl<K, R> Default for Table<K, R> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            positions: HashMap::default(),
            version: 0,
            is_written: false,
        }
    }
}

impl<K: Hash + Eq, R> Table<K, R> {
    /// Adds a row as it was loaded.
    pub fn load(&mut self, key: K, row: R) -> Index<R> {
        self.push(key, row, Fate::Kept)
    }

    /// Adds a row that the store does not have.
    pub fn create(&mut self, key: K, row: R) -> Index<R> {
        self.push(key, row, Fate::New)
    }

    /// Adds a row as it was loaded, in the place of one that nobody finds by its key any more.
    pub fn load_anew(&mut self, key: K, row: R) -> Index<R> {
        let former = self.positions.remove(&key);
        if let Some(former) = former.and_then(|former| self.rows.get_mut(former.0)) {
            former.is_replaced = true;
        }
        self.load(key, row)
    }

    fn push(&mut self, key: K, row: R, fate: Fate) -> Index<R> {
        self.version = self.version.wrapping_add(1);
        self.is_written |= fate != Fate::Kept;
        let index = Index(self.rows.len(), PhantomData);
        self.rows.push(Row {
            row,
            fate,
            is_replaced: false,
            version: self.version,
        });
        let former = self.positions.insert(key, index);
        assert!(former.is_none(), "a key stands for one row");
        index
    }

    /// The row of a key.
    pub fn find(&self, key: &K) -> Option<Index<R>> {
        self.positions.get(key).copied()
    }

    /// The row at a position that this table gave.
    #[must_use]
    pub fn get(&self, index: Index<R>) -> &R {
        &self.rows.get(index.0).expect("positions come from this table").row
    }

    /// The row at a position, to change: it will be written.
    pub fn change(&mut self, index: Index<R>) -> &mut R {
        self.version = self.version.wrapping_add(1);
        self.is_written = true;
        let row = self.rows.get_mut(index.0).expect("positions come from this table");
        row.version = self.version;
        if row.fate == Fate::Kept {
            row.fate = Fate::Changed;
        }
        &mut row.row
    }

    /// The row at a position, to note what needs no writing.
    pub fn note(&mut self, index: Index<R>) -> &mut R {
        self.version = self.version.wrapping_add(1);
        let row = self.rows.get_mut(index.0).expect("positions come from this table");
        row.version = self.version;
        &mut row.row
    }

    /// Whether the row is not in the store yet.
    #[must_use]
    pub fn is_new(&self, index: Index<R>) -> bool {
        self.rows.get(index.0).is_some_and(|row| row.fate == Fate::New)
    }

    /// Whether the row is to be written.
    #[must_use]
    pub fn is_changed(&self, index: Index<R>) -> bool {
        self.rows.get(index.0).is_some_and(|row| row.fate != Fate::Kept)
    }

    /// Every row that its key finds, with its position, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (Index<R>, &R)> {
        self.rows
            .iter()
            .enumerate()
            .filter(|(_, row)| !row.is_replaced)
            .map(|(at, row)| (Index(at, PhantomData), &row.row))
    }

    /// The rows to be written.
    pub fn written(&self) -> impl Iterator<Item = (&R, Fate)> {
        self.rows
            .iter()
            .filter(|row| row.fate != Fate::Kept)
            .map(|row| (&row.row, row.fate))
    }

    /// The positions of the rows to be written.
    pub fn written_indexes(&self) -> impl Iterator<Item = Index<R>> {
        let numbered = self.rows.iter().enumerate();
        numbered
            .filter(|(_, row)| row.fate != Fate::Kept)
            .map(|(at, _)| Index(at, PhantomData))
    }

    /// A number that changes whenever a row is added, changed or noted.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// A number that changes whenever the row at a position is changed or noted.
    #[must_use]
    pub fn version_of(&self, index: Index<R>) -> u64 {
        self.rows.get(index.0).map_or(0, |row| row.version)
    }

    /// Whether there are rows to be written.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.is_written
    }

    /// How many rows there are, those that were replaced included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
