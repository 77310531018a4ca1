//! Apps and their web origins, in the table.

use std::collections::{BTreeMap, BTreeSet};

use super::{App, app, app::APP_FIELDS};
use crate::{
    base::Error,
    table::{APPS_LIST, Item, Key, Listed, Outcome, Store, to_item, until_written},
};
use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::Deserialize;

/// The item of a web origin: the apps that it belongs to.
#[derive(Deserialize)]
struct Origin {
    #[serde(default)]
    client_ids: BTreeSet<String>,
}

/// The subject of errors about writes that conflict too often; see [`until_written`].
const AN_APP: &str = "an app is";

impl Store {
    /// An app. `None` if it does not exist or is deleted.
    pub async fn app(&self, client_id: &str) -> Result<Option<App>, Error> {
        // DynamoDB refuses a key that is too long, which would look like a fault of ours.
        if !app::is_client_id(client_id) {
            return Ok(None);
        }
        Ok(self.get::<App>(Key::app(client_id)).await?.filter(|app| !app.deleted))
    }

    /// A page of apps by client id, without the default one.
    pub async fn apps(&self, after: Option<&str>, limit: usize) -> Result<Listed<App>, Error> {
        let mut listed: Listed<App> = self.list(APPS_LIST, after, limit).await?;
        // The index may be a moment behind and still list a deleted app.
        listed.items.retain(|app| !app.deleted);
        Ok(listed)
    }

    /// Creates an app. Returns whether its client id was never taken before; if it was, nothing is
    /// written.
    pub async fn create_app(&self, app: &App) -> Result<bool, Error> {
        let app = App { written_by: self.mark()?, ..app.clone() };
        let mut items = vec![self.put_if_absent(&app_item(&app)?)?];
        items.extend(self.origin_writes(None, Some(&app))?);
        let store = self.noting(&APP_FIELDS.changes(None, Some(&app))?);

        until_written!(AN_APP, {
            Ok(match store.transact(items.clone()).await? {
                Outcome::Done => Some(true),
                Outcome::Refused(_) => Some(self.is_written(&app).await?),
                Outcome::Busy => None,
            })
        })
    }

    /// Changes an app with optimistic locking: if another change comes first, `change` is applied
    /// again to the app as that one left it. `default_app` is the default app before its first
    /// change.
    ///
    /// # Errors
    /// The errors of `change`; [`Error::NotFound`].
    pub async fn change_app(
        &self,
        client_id: &str,
        default_app: &App,
        change: impl FnMut(&mut App) -> Result<(), Error>,
    ) -> Result<App, Error> {
        self.change_app_and(client_id, default_app, &[], change).await
    }

    /// As [`Self::change_app`], in one transaction with other writes. They are done even if `change`
    /// leaves the app as it is.
    pub(crate) async fn change_app_and(
        &self,
        client_id: &str,
        default_app: &App,
        others: &[TransactWriteItem],
        mut change: impl FnMut(&mut App) -> Result<(), Error>,
    ) -> Result<App, Error> {
        let default_app = Some(default_app).filter(|app| app.client_id == client_id);
        let mut written = None;

        until_written!(AN_APP, {
            let stored = self.app(client_id).await?;
            // This is our own write, whose response was lost.
            if let Some(stored) =
                stored.as_ref().filter(|stored| written == Some(stored.written_by))
            {
                return Ok(Some(stored.clone()));
            }

            let before = stored.clone().or(default_app.cloned()).ok_or(Error::NotFound)?;
            let mut after = before.clone();
            change(&mut after)?;
            if after == before && others.is_empty() {
                return Ok(Some(before));
            }

            after.version += 1;
            after.written_by = self.mark()?;
            let mut items = vec![match stored {
                Some(stored) => self.put_over(app_item(&after)?, stored.version)?,
                None => self.put_if_absent(&app_item(&after)?)?,
            }];
            items.extend(self.origin_writes(Some(&before), Some(&after))?);
            items.extend(others.iter().cloned());
            written = Some(after.written_by);

            let changes = APP_FIELDS.changes(Some(&before), Some(&after))?;
            let outcome = self.noting(&changes).transact(items).await?;
            Ok(matches!(outcome, Outcome::Done).then_some(after))
        })
    }

    /// Deletes an app with its templates of e-mails. Its client id stays taken.
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
                mail_templates: BTreeMap::new(),
                version: app.version + 1,
                written_by: mark,
                ..app.clone()
            };
            let mut items = vec![self.put_over(app_item(&deleted)?, app.version)?];
            items.extend(self.origin_writes(Some(&app), None)?);
            for name in app.mail_templates.keys() {
                items.push(self.delete_always(Key::mail_template(client_id, name))?);
            }
            let changes = APP_FIELDS.changes(Some(&app), Some(&deleted))?;
            tried = Some(deleted);

            let outcome = self.noting(&changes).transact(items).await?;
            Ok(matches!(outcome, Outcome::Done).then_some(()))
        })
    }

    /// Whether the last write of an app is this one. Its response may have been lost.
    async fn is_written(&self, app: &App) -> Result<bool, Error> {
        let stored = self.get::<App>(Key::app(&app.client_id)).await?;
        Ok(stored.is_some_and(|stored| stored.written_by == app.written_by))
    }

    /// Whether a web origin belongs to an app that is on.
    pub async fn is_origin_of_an_app(&self, origin: &str) -> Result<bool, Error> {
        // DynamoDB has no empty sets: the attribute is then absent.
        Ok(self
            .get::<Origin>(Key::origin(origin))
            .await?
            .is_some_and(|origin| !origin.client_ids.is_empty()))
    }

    /// The writes that replace the origins of the app `before` by those of the app `after`.
    fn origin_writes(
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
