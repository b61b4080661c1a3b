//! What was fetched, on disk, as it came: one file for each instance and resource, a log of answers in the order in
//! which they arrived.
//!
//! The file begins with the [`Binding`]: what the answers belong to. Each record is a length and a compressed,
//! checksummed frame, so a record cut short by a crash is recognised and dropped, with what follows it. Because the
//! sweep is a pure machine fed by answers, replaying the log resumes it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{api::Counters, pages::Ask};

/// The first bytes of a spool file.
const MAGIC: &[u8; 16] = b"crmlake-spool-1\n";
/// JSON compresses well and the network is slower than any level: a low one.
const LEVEL: i32 = 1;
/// A longer record is not one of ours.
const MAX_RECORD: u32 = 1 << 30;

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The file system refused.
    #[error("cannot {action} the spool file {path}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A record that was written whole cannot be read again.
    #[error("the spool file {path} is damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
}

/// What the answers in a file belong to. Answers to other questions are of no use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The instance's name.
    pub instance: String,
    /// Its base URL.
    pub base_url: String,
    /// The resource.
    pub resource: String,
    /// The latest run that loaded this list when they were asked for; they are of no use after another.
    pub after: String,
    /// Pages in flight, and the passes allowed: they decide what is asked in what order.
    pub window: usize,
    /// See above.
    pub max_passes: u32,
    /// The rows asked for on a page.
    pub page_size: u32,
    /// The verdict sought, which decides the order of pages.
    pub proof: String,
}

#[derive(Serialize, Deserialize)]
struct Opening {
    run_id: String,
    started_at: jiff::Timestamp,
    #[serde(flatten)]
    binding: Binding,
}

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What was asked.
    pub ask: Ask,
    /// Whether nothing was there (404).
    pub missing: bool,
    /// What it took.
    pub cost: Counters,
    offset: u64,
    length: u32,
}

#[derive(Serialize, Deserialize)]
struct Header {
    ask: Ask,
    missing: bool,
    requests: u64,
    retries: u64,
}

/// The file of one resource.
#[derive(Debug)]
pub struct Spool {
    path: PathBuf,
    file: File,
    end: u64,
    entries: Vec<Entry>,
}

/// Why an existing file was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discarded {
    /// It is older than allowed.
    Stale,
    /// It answers other questions, or is no spool file.
    Foreign,
}

impl Spool {
    /// Begins a new file, in place of any that is there.
    pub fn create(path: &Path, run_id: &str, binding: &Binding, now: jiff::Timestamp) -> Result<Self, SpoolError> {
        if let Some(folder) = path.parent() {
            private_folder(folder).map_err(|source| failed("create the folder of", path, source))?;
        }
        let file = private_file().truncate(true).open(path).map_err(|source| failed("create", path, source))?;
        let mut spool = Self { path: path.to_owned(), file, end: 0, entries: Vec::new() };
        let opening = Opening { run_id: run_id.to_owned(), started_at: now, binding: binding.clone() };
        let opening = serde_json::to_string(&opening).map_err(|error| failed("write", path, error.into()))?;
        spool.write(MAGIC)?;
        spool.write_record(&opening, "")?;
        Ok(spool)
    }

    /// Opens what an earlier run left, if it answers the same questions and is young enough.
    pub fn resume(
        path: &Path,
        binding: &Binding,
        oldest: jiff::Timestamp,
    ) -> Result<Result<Self, Discarded>, SpoolError> {
        let mut options = private_file();
        let file = match options.create(false).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Err(Discarded::Foreign)),
            Err(source) => return Err(failed("open", path, source)),
        };
        let mut spool = Self { path: path.to_owned(), file, end: 0, entries: Vec::new() };
        let mut reader = BufReader::new(&spool.file);
        let mut magic = [0; MAGIC.len()];
        if reader.read_exact(&mut magic).is_err() || magic != *MAGIC {
            return Ok(Err(Discarded::Foreign));
        }
        let mut end = MAGIC.len() as u64;
        let Some((length, opening)) = next_record(&mut reader) else { return Ok(Err(Discarded::Foreign)) };
        end += 4 + u64::from(length);
        let Ok(opening) = serde_json::from_str::<Opening>(opening.split('\n').next().unwrap_or_default()) else {
            return Ok(Err(Discarded::Foreign));
        };
        if opening.binding != *binding {
            return Ok(Err(Discarded::Foreign));
        }
        if opening.started_at < oldest {
            return Ok(Err(Discarded::Stale));
        }
        let mut entries = Vec::new();
        while let Some((length, record)) = next_record(&mut reader) {
            let Some(header) = record.split('\n').next().and_then(|line| serde_json::from_str::<Header>(line).ok())
            else {
                break;
            };
            entries.push(Entry {
                ask: header.ask,
                missing: header.missing,
                cost: Counters { requests: header.requests, retries: header.retries },
                offset: end + 4,
                length,
            });
            end += 4 + u64::from(length);
        }
        spool.file.set_len(end).map_err(|source| failed("trim", path, source))?;
        spool.end = end;
        spool.entries = entries;
        Ok(Ok(spool))
    }

    /// Appends an answer.
    pub fn append(&mut self, ask: Ask, body: Option<&str>, cost: Counters) -> Result<(), SpoolError> {
        let header = Header { ask, missing: body.is_none(), requests: cost.requests, retries: cost.retries };
        let header = serde_json::to_string(&header).map_err(|error| failed("write", &self.path, error.into()))?;
        let (offset, length) = self.write_record(&header, body.unwrap_or_default())?;
        self.entries.push(Entry { ask, missing: body.is_none(), cost, offset, length });
        Ok(())
    }

    /// The answers there are, in the order in which they arrived.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Forgets the answers from the `count`-th on.
    pub fn truncate(&mut self, count: usize) -> Result<(), SpoolError> {
        if let Some(entry) = self.entries.get(count) {
            self.end = entry.offset - 4;
            self.file.set_len(self.end).map_err(|source| failed("trim", &self.path, source))?;
            self.entries.truncate(count);
        }
        Ok(())
    }

    /// The text of an answer.
    pub fn body(&self, entry: &Entry) -> Result<String, SpoolError> {
        let mut frame = vec![0; entry.length as usize];
        read_at(&self.file, &mut frame, entry.offset).map_err(|source| failed("read", &self.path, source))?;
        let mut record = decode(&frame).ok_or_else(|| SpoolError::Damaged { path: self.path.clone() })?;
        let body = record.find('\n').map_or(record.len(), |at| at + 1);
        record.drain(..body);
        Ok(record)
    }

    /// Removes the file.
    pub fn remove(self) -> Result<(), SpoolError> {
        drop(self.file);
        fs::remove_file(&self.path).map_err(|source| failed("remove", &self.path, source))
    }

    fn write_record(&mut self, header: &str, body: &str) -> Result<(u64, u32), SpoolError> {
        let frame = encode(header, body).map_err(|source| failed("write", &self.path, source))?;
        let length = u32::try_from(frame.len()).map_err(|_| SpoolError::Damaged { path: self.path.clone() })?;
        let offset = self.end + 4;
        let mut record = Vec::with_capacity(frame.len() + 4);
        record.extend_from_slice(&length.to_le_bytes());
        record.extend_from_slice(&frame);
        self.write(&record)?;
        Ok((offset, length))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.end))
            .and_then(|_| file.write_all(bytes))
            .map_err(|source| failed("write", &self.path, source))?;
        self.end += bytes.len() as u64;
        Ok(())
    }
}

/// Reads at a place without moving the file's own: several threads read one file.
#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buffer, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                buffer = &mut buffer[read..];
                offset += read as u64;
            }
        }
    }
    Ok(())
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> SpoolError {
    SpoolError::Io { action, path: path.to_owned(), source }
}

fn encode(header: &str, body: &str) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::with_capacity(body.len() / 4 + 256), LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.write_all(header.as_bytes())?;
    encoder.write_all(b"\n")?;
    encoder.write_all(body.as_bytes())?;
    encoder.finish()
}

fn decode(frame: &[u8]) -> Option<String> {
    String::from_utf8(zstd::decode_all(frame).ok()?).ok()
}

/// The next record, unless it is cut short or damaged.
fn next_record(reader: &mut impl io::Read) -> Option<(u32, String)> {
    let mut length = [0; 4];
    reader.read_exact(&mut length).ok()?;
    let length = u32::from_le_bytes(length);
    if length > MAX_RECORD {
        return None;
    }
    let mut frame = vec![0; length as usize];
    reader.read_exact(&mut frame).ok()?;
    Some((length, decode(&frame)?))
}

/// The spool holds personal data: nobody else may read it.
fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Creates a folder that only its owner can enter.
pub fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::Purpose;

    fn binding() -> Binding {
        Binding {
            instance: "main".into(),
            base_url: "http://127.0.0.1/".into(),
            resource: "leads".into(),
            after: String::new(),
            window: 8,
            max_passes: 3,
            page_size: 10,
            proof: "counted".into(),
        }
    }

    fn ask(page: u64) -> Ask {
        Ask { pass: 1, purpose: Purpose::Read, page, size: 10 }
    }

    fn written(path: &Path) -> Spool {
        let mut spool = Spool::create(path, "run", &binding(), jiff::Timestamp::now()).unwrap();
        let cost = Counters { requests: 2, retries: 1 };
        spool.append(ask(1), Some("[\"é\\n\"]"), cost).unwrap();
        spool.append(ask(2), None, cost).unwrap();
        spool.append(ask(3), Some("[]"), cost).unwrap();
        spool
    }

    #[test]
    fn answers_come_back_as_they_went_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/leads.spool");
        let before = written(&path);
        assert_eq!(before.body(&before.entries()[0]).unwrap(), "[\"é\\n\"]");
        let oldest = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(5);
        let mut after = Spool::resume(&path, &binding(), oldest).unwrap().unwrap();
        assert_eq!(after.entries(), before.entries());
        assert!(after.entries()[1].missing);
        assert_eq!(after.body(&after.entries()[2]).unwrap(), "[]");
        after.truncate(1).unwrap();
        after.append(ask(9), Some("9"), Counters::default()).unwrap();
        let again = Spool::resume(&path, &binding(), oldest).unwrap().unwrap();
        assert_eq!(again.entries().iter().map(|entry| entry.ask.page).collect::<Vec<_>>(), [1, 9]);
    }

    #[test]
    fn a_file_cut_anywhere_keeps_its_whole_records() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("leads.spool");
        let whole = written(&path);
        let bytes = fs::read(&path).unwrap();
        let ends: Vec<u64> = whole.entries().iter().map(|entry| entry.offset + u64::from(entry.length)).collect();
        for cut in 0..bytes.len() {
            fs::write(&path, &bytes[..cut]).unwrap();
            let expected = ends.iter().filter(|end| **end <= cut as u64).count();
            match Spool::resume(&path, &binding(), jiff::Timestamp::MIN).unwrap() {
                Ok(spool) => assert_eq!(spool.entries().len(), expected, "cut at {cut}"),
                Err(reason) => assert!(reason == Discarded::Foreign && expected == 0, "cut at {cut}"),
            }
        }
    }

    #[test]
    fn other_questions_and_old_answers_are_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("leads.spool");
        drop(written(&path));
        let other = Binding { page_size: 20, ..binding() };
        let discarded = |binding, oldest| Spool::resume(&path, binding, oldest).unwrap().unwrap_err();
        assert_eq!(discarded(&other, jiff::Timestamp::MIN), Discarded::Foreign);
        let later = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(60);
        assert_eq!(discarded(&binding(), later), Discarded::Stale);
    }
}
