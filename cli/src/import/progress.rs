//! How far an import has come: a file beside the export, from which an interrupted import goes on, and
//! the lists of ids and refusals. None of them has a hash or a secret, and only their owner can read
//! them.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::{failure::Failure, import::row::Place};

/// The subject of an import. An import goes on only if all of it is the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subject {
    /// SHA-256 of the export, in hexadecimal.
    pub(crate) sha256: String,
    /// The URL of the service that the users are sent to.
    pub(crate) url: String,
    /// The options that decide what is sent, and the files of the lists.
    pub(crate) options: Vec<String>,
}

/// How far an import has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) subject: Subject,
    /// Entries of the export, from its start, that are done.
    pub(crate) entries: u64,
    /// Bytes of the list of ids that belong to these entries.
    ids_bytes: u64,
    /// Bytes of the list of refusals that belong to these entries.
    refused_bytes: u64,
    pub(crate) counts: Counts,
}

/// The results so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) unchanged: u64,
    pub(crate) refused: u64,
    /// Fields that the service left out, by name.
    pub(crate) left_out: BTreeMap<String, u64>,
}

/// The files of an import.
pub(crate) struct Files {
    pub(crate) state: PathBuf,
    pub(crate) ids: PathBuf,
    pub(crate) refused: PathBuf,
}

/// An import with its lists open.
pub(crate) struct Journal {
    pub(crate) progress: Progress,
    state: PathBuf,
    ids: List,
    refused: List,
}

impl Journal {
    /// Begins an import, or goes on with an interrupted one, from its `progress`.
    ///
    /// # Errors
    /// [`Failure::Usage`] if a new import would overwrite a list, or another command writes to it;
    /// [`Failure::Machine`] if a file cannot be read or written.
    pub(crate) fn open(
        files: &Files,
        subject: Subject,
        progress: Option<Progress>,
    ) -> Result<Self, Failure> {
        let is_new = progress.is_none();
        let progress = progress.unwrap_or_else(|| Progress {
            subject,
            entries: 0,
            ids_bytes: 0,
            refused_bytes: 0,
            counts: Counts::default(),
        });
        let ids = List::open(&files.ids, progress.ids_bytes, is_new, ["old", "new"].as_slice())?;
        let refused = ["old", "place", "reason"];
        let refused = List::open(&files.refused, progress.refused_bytes, is_new, &refused)?;
        let mut journal = Self { progress, state: files.state.clone(), ids, refused };
        journal.save()?;
        Ok(journal)
    }

    /// Adds the ids of a user: there, and here.
    pub(crate) fn add_id(&mut self, old: &str, new: &str) -> Result<(), Failure> {
        self.ids.add(&[old, new])
    }

    /// Adds a user who was refused, or of whom something was left out.
    pub(crate) fn add_refused(
        &mut self,
        old: &str,
        place: Place,
        reason: &str,
    ) -> Result<(), Failure> {
        self.refused.add(&[old, &place.to_string(), reason])
    }

    /// Writes everything to disk, the lists first. If this machine fails in between, the lists have more
    /// than the progress says: that is cut off when the import goes on, and sent again.
    pub(crate) fn save(&mut self) -> Result<(), Failure> {
        self.progress.ids_bytes = self.ids.sync()?;
        self.progress.refused_bytes = self.refused.sync()?;
        let text = serde_json::to_vec_pretty(&self.progress)
            .map_err(|error| Failure::Machine(error.to_string()))?;

        let folder = match self.state.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // A temporary file is readable only by its owner, and keeps this mode.
        let written = NamedTempFile::new_in(folder).and_then(|mut new| {
            new.write_all(&text)?;
            new.as_file().sync_all()?;
            new.persist(&self.state).map_err(|error| error.error)
        });
        written.map(drop).map_err(|error| Failure::file(&self.state, &error))
    }
}

impl Progress {
    /// The progress of an import that was begun; `None` if none was.
    ///
    /// # Errors
    /// [`Failure::Usage`] if it was of another export, to another service or with other options;
    /// [`Failure::Machine`] if its file cannot be read.
    pub(crate) fn of(state: &Path, subject: &Subject) -> Result<Option<Self>, Failure> {
        let text = match fs::read(state) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file(state, &error)),
        };
        let progress: Self = serde_json::from_slice(&text).map_err(|_| {
            Failure::Usage(format!(
                "{} is not the progress of an import: name another file with --state",
                state.display()
            ))
        })?;
        if progress.subject == *subject {
            Ok(Some(progress))
        } else {
            Err(other(state, &progress.subject, subject))
        }
    }
}

fn other(state: &Path, begun: &Subject, wanted: &Subject) -> Failure {
    let what = match () {
        () if begun.sha256 != wanted.sha256 => "the export has changed since the import was begun",
        () if begun.url != wanted.url => "the import was begun to another service",
        () => "the import was begun with other options",
    };
    Failure::Usage(format!(
        "{what}: to begin again, delete {} and the lists; users who are already here stay as they are",
        state.display()
    ))
}

/// A CSV file that grows.
struct List {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl List {
    /// Opens a list that has `bytes` bytes, or makes a new one with a header.
    fn open(path: &Path, bytes: u64, is_new: bool, header: &[&str]) -> Result<Self, Failure> {
        let mut options = OpenOptions::new();
        options.write(true).mode(0o600);
        let file = if is_new { options.create_new(true) } else { &mut options }.open(path);
        let file = file.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Failure::Usage(format!(
                "{} exists already: move it away, or name another file with --ids or --refused",
                path.display()
            )),
            _ => Failure::file(path, &error),
        })?;

        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                Failure::Usage(format!("{}: another command writes to it", path.display()))
            }
            TryLockError::Error(error) => Failure::file(path, &error),
        })?;

        let mut list = Self { path: path.to_owned(), file, bytes };
        if is_new {
            list.add(header)?;
        } else {
            list.cut().map_err(|error| Failure::file(path, &error))?;
        }
        Ok(list)
    }

    /// Cuts off what does not belong to finished entries.
    fn cut(&mut self) -> io::Result<()> {
        if self.file.metadata()?.len() < self.bytes {
            return Err(io::Error::other("it is shorter than the import has left it"));
        }
        self.file.set_len(self.bytes)?;
        self.file.seek(SeekFrom::Start(self.bytes)).map(drop)
    }

    fn add(&mut self, cells: &[&str]) -> Result<(), Failure> {
        let mut line = csv::Writer::from_writer(Vec::new());
        let line = line
            .write_record(cells)
            .map_err(io::Error::other)
            .and_then(|()| line.into_inner().map_err(|error| io::Error::other(error.to_string())));
        let added = line.and_then(|line| {
            self.file.write_all(&line)?;
            self.bytes += line.len() as u64;
            Ok(())
        });
        added.map_err(|error| Failure::file(&self.path, &error))
    }

    /// Writes the list to disk, and returns its length in bytes.
    fn sync(&mut self) -> Result<u64, Failure> {
        self.file.sync_data().map_err(|error| Failure::file(&self.path, &error))?;
        Ok(self.bytes)
    }
}

/// The SHA-256 of a file, in hexadecimal.
pub(crate) fn sha256(path: &Path) -> Result<String, Failure> {
    let digest = || -> io::Result<String> {
        let mut file = File::open(path)?;
        let mut digest = Context::new(&SHA256);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(HEXLOWER.encode(digest.finish().as_ref())),
                bytes => digest.update(buffer.get(..bytes).unwrap_or_default()),
            }
        }
    };
    digest().map_err(|error| Failure::file(path, &error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn subject(options: &str) -> Subject {
        Subject {
            sha256: "00".to_owned(),
            url: "http://localhost:4400".to_owned(),
            options: vec![options.to_owned()],
        }
    }

    fn refusal(opened: Result<Journal, Failure>) -> String {
        opened.err().unwrap().to_string()
    }

    #[test]
    fn an_interrupted_import_goes_on_after_the_last_finished_batch() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let files = Files { state: at("state"), ids: at("ids.csv"), refused: at("refused.csv") };
        let open = |subject: Subject| {
            let progress = Progress::of(&files.state, &subject)?;
            Journal::open(&files, subject, progress)
        };

        let mut journal = open(subject("a")).unwrap();
        assert!(refusal(open(subject("a"))).contains("another command writes to it"));
        journal.add_id("a,1", "id-1").unwrap();
        journal.progress.entries = 1;
        journal.save().unwrap();
        // The machine fails before the next batch is finished.
        journal.add_id("b", "id-2").unwrap();
        journal.add_refused("c", Place::Line(4), "no phone").unwrap();
        drop(journal);
        assert_eq!(fs::read_to_string(at("ids.csv")).unwrap(), "old,new\n\"a,1\",id-1\nb,id-2\n");

        let mut journal = open(subject("a")).unwrap();
        assert_eq!(journal.progress.entries, 1);
        journal.add_id("b", "id-3").unwrap();
        journal.save().unwrap();
        assert_eq!(fs::read_to_string(at("ids.csv")).unwrap(), "old,new\n\"a,1\",id-1\nb,id-3\n");
        assert_eq!(fs::read_to_string(at("refused.csv")).unwrap(), "old,place,reason\n");
        for file in ["state", "ids.csv", "refused.csv"] {
            assert_eq!(fs::metadata(at(file)).unwrap().permissions().mode() & 0o777, 0o600);
        }

        drop(journal);

        assert!(refusal(open(subject("b"))).contains("with other options"));
        let changed = Subject { sha256: "01".to_owned(), ..subject("a") };
        assert!(refusal(open(changed)).contains("the export has changed"));

        // A new import does not overwrite the ids of another one.
        fs::remove_file(at("state")).unwrap();
        assert!(refusal(open(subject("a"))).contains("exists already"));
    }
}
