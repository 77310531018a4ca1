//! Apps, and the web origins that are theirs.

use std::collections::BTreeSet;

use super::{App, app};
use crate::{
    base::Error,
    table::{APPS_LIST, CHANGE_TRIES, Item, Key, Listed, Outcome, Store, to_item},
};
use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::Deserialize;

/// The apps that a web origin belongs to.
#[derive(Deserialize)]
struct Origin {
    #[serde(default)]
    client_ids: BTreeSet<String>,
}

impl Store {
    /// An app; nothing where there is none, or no more.
    pub async fn app(&self, client_id: &str) -> Result<Option<App>, Error> {
        // DynamoDB refuses a key that is too long, which would read as a fault of ours.
        if !app::is_client_id(client_id) {
            return Ok(None);
        }
        Ok(self.get::<App>(Key::app(client_id)).await?.filter(|app| !app.deleted))
    }

    /// The apps but the default one, by client id.
    pub async fn apps(&self, after: Option<&str>, limit: usize) -> Result<Listed<App>, Error> {
        let mut listed: Listed<App> = self.list(APPS_LIST, after, limit).await?;
        // The index may be a moment behind: an app that it still names is gone.
        listed.items.retain(|app| !app.deleted);
        Ok(listed)
    }

    /// Keeps a new app; answers whether its client id was free, and had always been.
    pub async fn create_app(&self, app: &App) -> Result<bool, Error> {
        let mut items = vec![self.put_if_absent(&app_item(app)?)?];
        items.extend(self.moved_origins(None, Some(app))?);
        for _ in 0..CHANGE_TRIES {
            match self.transact(items.clone()).await? {
                Outcome::Done => return Ok(true),
                Outcome::Refused(_) => return Ok(false),
                Outcome::Busy => {}
            }
        }
        Err(Error::Unavailable("an app is changed too often at once".into()))
    }

    /// Changes an app. Where another change comes first, `change` is applied anew to what that one left.
    /// `default_app` is what the default app is before its first change.
    ///
    /// # Errors
    /// What `change` refuses; [`Error::NotFound`].
    pub async fn change_app(
        &self,
        client_id: &str,
        default_app: &App,
        mut change: impl FnMut(&mut App) -> Result<(), Error>,
    ) -> Result<App, Error> {
        let mut written: Option<App> = None;
        for _ in 0..CHANGE_TRIES {
            let stored = self.app(client_id).await?;
            // Our own write, whose answer was lost.
            if let Some(stored) = &stored
                && written.as_ref() == Some(stored)
            {
                return Ok(stored.clone());
            }
            let default_app = Some(default_app).filter(|app| app.client_id == client_id);
            let before = stored.clone().or(default_app.cloned()).ok_or(Error::NotFound)?;
            let mut after = before.clone();
            change(&mut after)?;
            if after == before {
                return Ok(before);
            }
            after.version += 1;
            let mut items = vec![match stored {
                Some(stored) => self.put_over(app_item(&after)?, stored.version)?,
                None => self.put_if_absent(&app_item(&after)?)?,
            }];
            items.extend(self.moved_origins(Some(&before), Some(&after))?);
            match self.transact(items).await? {
                Outcome::Done => return Ok(after),
                Outcome::Refused(_) | Outcome::Busy => written = Some(after),
            }
        }
        Err(Error::Unavailable("an app is changed too often at once".into()))
    }

    /// Deletes an app; its client id stays taken.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_app(&self, client_id: &str) -> Result<(), Error> {
        for attempt in 0..CHANGE_TRIES {
            let Some(app) = self.app(client_id).await? else {
                // Gone after a try of ours: that one was written, and its answer lost.
                return if attempt == 0 { Err(Error::NotFound) } else { Ok(()) };
            };
            let version = app.version + 1;
            let deleted = App { deleted: true, active: false, secrets: Vec::new(), version, ..app.clone() };
            let mut items = vec![self.put_over(app_item(&deleted)?, app.version)?];
            items.extend(self.moved_origins(Some(&app), None)?);
            if matches!(self.transact(items).await?, Outcome::Done) {
                return Ok(());
            }
        }
        Err(Error::Unavailable("an app is changed too often at once".into()))
    }

    /// Whether a web origin belongs to an app that is on.
    pub async fn is_origin_of_an_app(&self, origin: &str) -> Result<bool, Error> {
        // A set that is empty is not there.
        Ok(self.get::<Origin>(Key::origin(origin)).await?.is_some_and(|origin| !origin.client_ids.is_empty()))
    }

    /// The writes that lead from one app's origins to another's.
    fn moved_origins(&self, before: Option<&App>, after: Option<&App>) -> Result<Vec<TransactWriteItem>, Error> {
        let client_id = after.or(before).map(|app| app.client_id.clone()).unwrap_or_default();
        let (old, new) = (origins_in_use(before), origins_in_use(after));
        let mut items = Vec::new();
        for origin in new.symmetric_difference(&old) {
            let member = (client_id.as_str(), new.contains(origin));
            items.push(self.change_set(Key::origin(origin), "client_ids", member)?);
        }
        Ok(items)
    }
}

fn app_item(app: &App) -> Result<Item, Error> {
    let item = to_item(Key::app(&app.client_id), app)?;
    Ok(if app.is_default() || app.deleted { item } else { Store::on_list(item, APPS_LIST, &app.client_id) })
}

/// The origins of an app that is on.
fn origins_in_use(app: Option<&App>) -> BTreeSet<&str> {
    app.filter(|app| app.active).into_iter().flat_map(|app| &app.allowed_origins).map(String::as_str).collect()
}
