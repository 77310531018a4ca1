//! Which e-mails an app words itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The templates of an app that a message may use. Only their names: the texts are read when an
/// e-mail is sent, so that an app without templates costs no read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnMails {
    /// The app.
    pub client_id: String,
    /// The names of the templates, like `sign_in/en`.
    pub names: Vec<String>,
}

impl OwnMails {
    /// Those of an app; `None` if it has none. `templates` has the times at which they were written.
    pub(super) fn of(client_id: &str, templates: &BTreeMap<String, i64>) -> Option<Self> {
        let names: Vec<_> = templates.keys().cloned().collect();
        (!names.is_empty()).then(|| Self { client_id: client_id.to_owned(), names })
    }

    /// Those for one kind of message, as a challenge keeps them.
    pub(super) fn for_kind(mut self, kind: &str) -> Option<Self> {
        self.names.retain(|name| name.split('/').next() == Some(kind));
        (!self.names.is_empty()).then_some(self)
    }

    /// Whether there is a template with this name.
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|it| it == name)
    }
}
