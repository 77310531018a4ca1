//! The file with the tokens: for each service, the session of this person.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::PathBuf,
};

use etcetera::{BaseStrategy as _, base_strategy::Xdg};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::failure::Failure;

/// The tokens of a session. There is no `Debug`, so that they cannot get into a log.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
}

const SESSIONS: &str = "sessions.json";

/// Where tokens are kept: `$XDG_STATE_HOME/latchkey`.
pub(crate) struct Sessions {
    folder: PathBuf,
}

impl Sessions {
    /// The sessions of this person.
    pub(crate) fn of_user() -> Result<Self, Failure> {
        let base = Xdg::new().map_err(|error| {
            Failure::Machine(format!("cannot find a folder for the sessions: {error}; set HOME"))
        })?;
        let state = base.state_dir().unwrap_or_else(|| base.data_dir());
        Ok(Self::in_folder(state.join("latchkey")))
    }

    /// The sessions in a folder, which need not exist yet.
    pub(crate) fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn all(&self) -> Result<BTreeMap<String, Session>, Failure> {
        let file = self.folder.join(SESSIONS);
        let kept = match fs::read(&file) {
            Ok(kept) => kept,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(Failure::file(&file, &error)),
        };
        serde_json::from_slice(&kept).map_err(|_| {
            Failure::Machine(format!(
                "{} cannot be read: delete it, then run `latchkey login`",
                file.display()
            ))
        })
    }

    /// The session at a service, if there is one.
    pub(crate) fn at(&self, url: &str) -> Result<Option<Session>, Failure> {
        Ok(self.all()?.remove(url))
    }

    /// Waits until no other `latchkey` command changes sessions. A refresh token works once: if two
    /// commands used the same one, the service would revoke the session.
    pub(crate) fn lock(&self) -> Result<LockedSessions<'_>, Failure> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.map_err(|error| Failure::file(&self.folder, &error))?;

        let path = self.folder.join("sessions.lock");
        let lock =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let lock = lock
            .and_then(|lock| lock.lock().map(|()| lock))
            .map_err(|error| Failure::file(&path, &error))?;
        Ok(LockedSessions { sessions: self, _lock: lock })
    }
}

/// Sessions that no other command changes until this is dropped.
pub(crate) struct LockedSessions<'a> {
    sessions: &'a Sessions,
    _lock: File,
}

impl LockedSessions<'_> {
    /// The current session at a service, if there is one.
    pub(crate) fn at(&self, url: &str) -> Result<Option<Session>, Failure> {
        self.sessions.at(url)
    }

    /// Stores a session, or deletes it if it is `None`.
    pub(crate) fn keep(&self, url: &str, session: Option<&Session>) -> Result<(), Failure> {
        let mut all = self.sessions.all()?;
        match session {
            Some(session) => drop(all.insert(url.to_owned(), session.clone())),
            None => drop(all.remove(url)),
        }
        self.write(&all)
    }

    /// Replaces the file. Readers see the old or the new one, never a part of one.
    fn write(&self, all: &BTreeMap<String, Session>) -> Result<(), Failure> {
        let file = self.sessions.folder.join(SESSIONS);
        let text =
            serde_json::to_vec_pretty(all).map_err(|error| Failure::Machine(error.to_string()))?;
        // A temporary file is readable only by its owner, and keeps this mode.
        let written = NamedTempFile::new_in(&self.sessions.folder).and_then(|mut new| {
            new.write_all(&text)?;
            new.as_file().sync_all()?;
            new.persist(&file).map_err(|error| error.error)
        });
        written.map(drop).map_err(|error| Failure::file(&file, &error))
    }
}
