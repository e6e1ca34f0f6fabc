//! Rows of a CSV file, by the names of its header, one at a time.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use csv::{ByteRecord, Reader, ReaderBuilder, Trim};
use sha2::{Digest, Sha256};

/// A column that a file may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    /// Its name in the header.
    pub(super) name: &'static str,
    /// Whether every file has it.
    pub(super) required: bool,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The line on which the row begins, from 1.
    pub(super) line: u64,
    /// The column, or `row`.
    pub(super) field: String,
    /// What is wrong, and the way out.
    pub(super) description: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {} {}", self.line, self.field, self.description)
    }
}

/// A row of text.
#[derive(Debug)]
pub(super) struct Row<'r> {
    /// The line on which it begins, from 1.
    pub(super) line: u64,
    record: &'r ByteRecord,
    places: &'r [Option<usize>],
    columns: &'r [Column],
}

impl Row<'_> {
    /// The text of a column, empty where the file does not have it.
    pub(super) fn text(&self, column: &str) -> Result<&str, Fault> {
        let at = self.columns.iter().position(|known| known.name == column);
        let place = at.and_then(|at| self.places.get(at).copied().flatten());
        let bytes = place.and_then(|place| self.record.get(place)).unwrap_or_default();
        std::str::from_utf8(bytes).map_err(|error| self.fault(column, &format!("is not UTF-8: {error}")))
    }

    /// The value of a column, `None` where it is empty.
    pub(super) fn value<T: FromStr>(&self, column: &str, expected: &str) -> Result<Option<T>, Fault> {
        let text = self.text(column)?;
        if text.is_empty() {
            return Ok(None);
        }
        let wrong = |_| self.fault(column, &format!("is {:?}, must be {expected}", shortened(text)));
        text.parse().map(Some).map_err(wrong)
    }

    /// A fault of the row.
    pub(super) fn fault(&self, field: &str, description: &str) -> Fault {
        Fault {
            line: self.line,
            field: field.to_owned(),
            description: description.to_owned(),
        }
    }
}

/// The beginning of a text that may be long.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

/// A text whose lines all end with a line feed alone, the last one too: the lines of other endings cannot be counted.
struct Lines<R> {
    inner: R,
    last: u8,
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.inner.read(buffer)?;
            let Some(last) = count.checked_sub(1).and_then(|at| buffer.get(at).copied()) else {
                return Ok(self.end(buffer));
            };
            self.last = last;
            let kept = without_returns(buffer, count);
            if kept > 0 {
                return Ok(kept);
            }
        }
    }
}

impl<R> Lines<R> {
    /// Ends the last line, unless it has ended.
    fn end(&mut self, buffer: &mut [u8]) -> usize {
        let Some(first) = buffer.first_mut().filter(|_| self.last != b'\n') else {
            return 0;
        };
        *first = b'\n';
        self.last = b'\n';
        1
    }
}

/// Moves what is no carriage return together; answers how many bytes that are.
fn without_returns(buffer: &mut [u8], count: usize) -> usize {
    let mut kept = 0;
    for at in 0..count {
        let byte = buffer.get(at).copied().filter(|byte| *byte != b'\r');
        if let (Some(byte), Some(to)) = (byte, buffer.get_mut(kept)) {
            *to = byte;
            kept = kept.saturating_add(1);
        }
    }
    kept
}

/// The rows of a file.
pub(super) struct Rows {
    reader: Reader<Lines<BufReader<File>>>,
    record: ByteRecord,
    columns: &'static [Column],
    places: Vec<Option<usize>>,
    fields: usize,
    bytes: u64,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("places", &self.places)
            .finish_non_exhaustive()
    }
}

impl Rows {
    /// Opens a file and reads its header.
    pub(super) fn open(path: &Path, columns: &'static [Column]) -> Result<Self> {
        let named = || path.display().to_string();
        let file = File::open(path).with_context(named)?;
        let bytes = file.metadata().with_context(named)?.len();
        let mut reader = ReaderBuilder::new().flexible(true).trim(Trim::All).from_reader(Lines {
            inner: BufReader::new(file),
            last: b'\n',
        });
        let header = reader.byte_headers().with_context(named)?.clone();
        let mut places = vec![None; columns.len()];
        for (place, name) in header.iter().enumerate() {
            let name = String::from_utf8_lossy(name);
            let known = columns.iter().position(|column| column.name == name);
            match known.and_then(|at| places.get_mut(at)) {
                Some(found @ None) => *found = Some(place),
                Some(Some(_)) => bail!("{}: line 1 has the column {name} twice", path.display()),
                None => bail!(
                    "{}: line 1 has the column {:?}, which is none of {}; fields are separated by commas",
                    path.display(),
                    shortened(&name),
                    names(columns)
                ),
            }
        }
        let lacking = columns
            .iter()
            .zip(&places)
            .find(|(column, place)| column.required && place.is_none());
        if let Some((column, _)) = lacking {
            bail!("{}: line 1 lacks the column {}", path.display(), column.name);
        }
        Ok(Self {
            fields: header.len(),
            record: ByteRecord::new(),
            reader,
            columns,
            places,
            bytes,
        })
    }

    /// The next row; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Result<Row<'_>, Fault>>> {
        if !self.reader.read_byte_record(&mut self.record)? {
            return Ok(None);
        }
        // Where the record begins is known before the empty lines in front of it are passed over, so it is counted from its end.
        let breaks = self.record.iter().flatten().filter(|byte| **byte == b'\n').count();
        let breaks = u64::try_from(breaks).unwrap_or_default();
        let line = self.reader.position().line().saturating_sub(breaks).saturating_sub(1);
        let row = Row {
            line,
            record: &self.record,
            places: &self.places,
            columns: self.columns,
        };
        if self.record.len() == self.fields {
            return Ok(Some(Ok(row)));
        }
        let said = format!("has {} fields, the header has {}", self.record.len(), self.fields);
        Ok(Some(Err(row.fault("row", &said))))
    }

    /// How much of the file was read, in per cent.
    pub(super) fn percent(&self) -> u64 {
        let read = self.reader.position().byte().saturating_mul(100);
        read.checked_div(self.bytes).unwrap_or(100)
    }
}

fn names(columns: &[Column]) -> String {
    let names: Vec<_> = columns.iter().map(|column| column.name).collect();
    names.join(", ")
}

/// The beginning of the SHA-256 of a file, in hexadecimal digits: enough to tell files apart.
pub(super) fn fingerprint(path: &Path) -> Result<String> {
    let read = || {
        let (mut file, mut digest, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; 64 * 1_024]);
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                return Ok::<_, io::Error>(digest.finalize());
            }
            digest.update(buffer.get(..count).unwrap_or_default());
        }
    };
    let digest = read().with_context(|| path.display().to_string())?;
    let mut text = String::new();
    for byte in digest.iter().take(12) {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}
