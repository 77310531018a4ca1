//! Apps, and the web origins that are theirs.

use std::collections::BTreeSet;

use super::{App, app};
use crate::{
    base::Error,
    table::{APPS_LIST, Item, Key, Listed, Outcome, Store, to_item, until_written},
};
use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::Deserialize;

/// The apps that a web origin belongs to.
#[derive(Deserialize)]
struct Origin {
    #[serde(default)]
    client_ids: BTreeSet<String>,
}

/// What is changed here, where that is told.
const AN_APP: &str = "an app is";

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
        let app = App { written_by: self.mark()?, ..app.clone() };
        let mut items = vec![self.put_if_absent(&app_item(&app)?)?];
        items.extend(self.moved_origins(None, Some(&app))?);

        until_written!(AN_APP, {
            Ok(match self.transact(items.clone()).await? {
                Outcome::Done => Some(true),
                Outcome::Refused(_) => Some(self.is_written(&app).await?),
                Outcome::Busy => None,
            })
        })
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
        let default_app = Some(default_app).filter(|app| app.client_id == client_id);
        let mut written = None;

        until_written!(AN_APP, {
            let stored = self.app(client_id).await?;
            // Our own write, whose answer was lost.
            if let Some(stored) =
                stored.as_ref().filter(|stored| written == Some(stored.written_by))
            {
                return Ok(Some(stored.clone()));
            }

            let before = stored.clone().or(default_app.cloned()).ok_or(Error::NotFound)?;
            let mut after = before.clone();
            change(&mut after)?;
            if after == before {
                return Ok(Some(before));
            }

            after.version += 1;
            after.written_by = self.mark()?;
            let mut items = vec![match stored {
                Some(stored) => self.put_over(app_item(&after)?, stored.version)?,
                None => self.put_if_absent(&app_item(&after)?)?,
            }];
            items.extend(self.moved_origins(Some(&before), Some(&after))?);
            written = Some(after.written_by);
            let outcome = self.transact(items).await?;
            Ok(matches!(outcome, Outcome::Done).then_some(after))
        })
    }

    /// Deletes an app; its client id stays taken.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_app(&self, client_id: &str) -> Result<(), Error> {
        let mark = self.mark()?;
        let mut tried = None;

        until_written!(AN_APP, {
            let Some(app) = self.app(client_id).await? else {
                let is_ours = match &tried {
                    Some(deleted) => self.is_written(deleted).await?,
                    None => false,
                };
                return if is_ours { Ok(Some(())) } else { Err(Error::NotFound) };
            };

            let deleted = App {
                deleted: true,
                active: false,
                secrets: Vec::new(),
                version: app.version + 1,
                written_by: mark,
                ..app.clone()
            };
            let mut items = vec![self.put_over(app_item(&deleted)?, app.version)?];
            items.extend(self.moved_origins(Some(&app), None)?);
            tried = Some(deleted);
            let outcome = self.transact(items).await?;
            Ok(matches!(outcome, Outcome::Done).then_some(()))
        })
    }

    /// Whether the last write of an app is this one, whose answer may have been lost.
    async fn is_written(&self, app: &App) -> Result<bool, Error> {
        let stored = self.get::<App>(Key::app(&app.client_id)).await?;
        Ok(stored.is_some_and(|stored| stored.written_by == app.written_by))
    }

    /// Whether a web origin belongs to an app that is on.
    pub async fn is_origin_of_an_app(&self, origin: &str) -> Result<bool, Error> {
        // A set that is empty is not there.
        Ok(self
            .get::<Origin>(Key::origin(origin))
            .await?
            .is_some_and(|origin| !origin.client_ids.is_empty()))
    }

    /// The writes that lead from one app's origins to another's.
    fn moved_origins(
        &self,
        before: Option<&App>,
        after: Option<&App>,
    ) -> Result<Vec<TransactWriteItem>, Error> {
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
    Ok(if app.is_default() || app.deleted {
        item
    } else {
        Store::on_list(item, APPS_LIST, &app.client_id)
    })
}

/// The origins of an app that is on.
fn origins_in_use(app: Option<&App>) -> BTreeSet<&str> {
    app.filter(|app| app.active)
        .into_iter()
        .flat_map(|app| &app.allowed_origins)
        .map(String::as_str)
        .collect()
}
