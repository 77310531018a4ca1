//! Avatars: two JPEGs in S3 under a random key, which is in the user's item.
//!
//! A change may be interrupted after any of these steps:
//!
//! | interrupted after           | left behind                     | cleaned up by               |
//! |-----------------------------|---------------------------------|-----------------------------|
//! | storing the pictures        | pictures tagged `pending`       | a lifecycle rule, in a day  |
//! | removing their tags         | pictures whose URL nobody knows | nothing                     |
//! | giving the user the new key | old pictures, noted in the item | the next change or deletion |
//! | deleting a removed picture  | a user whose picture is gone    | repeating the request       |
//!
//! The tags are removed before the user gets the key, so that no rule can delete a picture that is
//! shown. If it is unknown whether a write to the user took place, nothing is deleted before a
//! second write has ruled the first one out.

mod objects;
mod settings;
mod urls;

pub(crate) use self::objects::Objects;
pub use self::{objects::PENDING, settings::AvatarSettings, urls::AvatarUrls};

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use uuid::Uuid;

use crate::{
    audit::Event,
    base::{Clock, Error, Random, whole_seconds},
    crypto::HashKeys,
    table::Store,
    users::{AvatarKey, User},
};

/// How often a deletion is tried if the user gets another picture meanwhile.
const DELETE_TRIES: usize = 3;

/// A picture in both sizes, each a JPEG without metadata.
pub struct Picture {
    /// [`Size::Full`].
    pub full: Vec<u8>,
    /// [`Size::Thumbnail`].
    pub thumbnail: Vec<u8>,
}

/// Sets and removes avatars.
#[derive(Clone)]
pub struct Avatars {
    pub(crate) store: Store,
    pub(crate) objects: Objects,
    pub(crate) hash_keys: Arc<HashKeys>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
}

impl Avatars {
    /// Replaces the picture of a user, and records `event`. Returns the changed user.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; the user then keeps the previous picture.
    pub async fn set(&self, user_id: Uuid, picture: Picture, event: Event) -> Result<User, Error> {
        let key = AvatarKey::random(&self.random)?;
        if let Err(error) = self.store_pictures(&key, picture).await {
            self.discard(&key).await;
            return Err(error);
        }

        let now = whole_seconds(self.clock.now());
        let store = self.store.recording(event);
        let changed = store.change_user(user_id, &self.hash_keys, |user| {
            let old = user.avatar.replace(key.clone()).filter(|old| *old != key);
            user.avatar_leftovers.extend(old);
            user.updated_at = now;
            Ok(())
        });

        let user = match changed.await {
            Ok(user) => user,
            Err(error) => self.withdraw(user_id, &key, error).await?,
        };
        Ok(self.sweep(user).await)
    }

    /// Stores the pictures and removes their tags.
    async fn store_pictures(&self, key: &AvatarKey, picture: Picture) -> Result<(), Error> {
        self.objects.put(key, picture).await?;
        self.objects.keep(key).await
    }

    /// Deletes a new picture after the change of the user failed with `error`. Returns the user
    /// instead if the change took place all the same.
    async fn withdraw(&self, user_id: Uuid, key: &AvatarKey, error: Error) -> Result<User, Error> {
        // This writes a newer version of the user, so the failed write can no longer take effect.
        let noted = self.store.change_user(user_id, &self.hash_keys, |user| {
            if user.avatar.as_ref() != Some(key) {
                user.avatar_leftovers.insert(key.clone());
            }
            Ok(())
        });

        match noted.await {
            Ok(user) if user.avatar.as_ref() == Some(key) => return Ok(user),
            Ok(user) => drop(self.sweep(user).await),
            // The user is gone.
            Err(Error::TokenInvalid) => self.discard(key).await,
            Err(error) => tracing::warn!(%error, "a new picture may stay in S3 without a user"),
        }
        Err(error)
    }

    /// Deletes a picture that no user has.
    async fn discard(&self, key: &AvatarKey) {
        if let Err(error) = self.objects.delete([key]).await {
            tracing::warn!(%error, "a new picture may stay in S3 without a user");
        }
    }

    /// Deletes the previous pictures of a user. If that fails, they stay noted in the user's item.
    async fn sweep(&self, user: User) -> User {
        if user.avatar_leftovers.is_empty() {
            return user;
        }

        let deleted = async {
            self.objects.delete(&user.avatar_leftovers).await?;
            let forget = |current: &mut User| {
                current.avatar_leftovers.retain(|key| !user.avatar_leftovers.contains(key));
                Ok(())
            };
            self.store.change_user(user.id, &self.hash_keys, forget).await
        };

        match deleted.await {
            Ok(swept) => swept,
            Err(error) => {
                tracing::warn!(%error, "a previous picture stays in S3 until the next change");
                user
            }
        }
    }

    /// Removes the picture of a user if `check` allows it, and records `event` if there was one.
    ///
    /// # Errors
    /// [`Error::NotFound`]; the errors of `check`; [`Error::Unavailable`].
    pub async fn remove(
        &self,
        user_id: Uuid,
        event: Event,
        check: impl Fn(&User) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let user = self.store.user(user_id).await?.ok_or(Error::NotFound)?;
        check(&user)?;

        // The pictures are deleted before the user is changed: if S3 cannot be reached, nothing
        // changes.
        let pictures = user.pictures();
        self.objects.delete(&pictures).await?;

        let store =
            if user.avatar.is_some() { self.store.recording(event) } else { self.store.clone() };
        let now = whole_seconds(self.clock.now());
        let removed = store.change_user(user_id, &self.hash_keys, |user| {
            if user.avatar.take_if(|key| pictures.contains(key)).is_some() {
                user.updated_at = now;
            }
            user.avatar_leftovers.retain(|key| !pictures.contains(key));
            Ok(())
        });

        removed.await.map(drop).map_err(|error| match error {
            Error::TokenInvalid => Error::NotFound,
            error => error,
        })
    }

    /// Deletes a user in `store` if `check` allows it. Their pictures are deleted first, since
    /// afterwards nothing would refer to them.
    ///
    /// # Errors
    /// The errors of `check`; [`Error::Conflict`] for the last administrator;
    /// [`Error::Unavailable`].
    pub(crate) async fn delete_user(
        &self,
        store: &Store,
        id: Uuid,
        check: impl Fn(&User) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for _ in 0..DELETE_TRIES {
            let user = store.user(id).await?;
            let pictures = user.as_ref().map(User::pictures).unwrap_or_default();
            if let Some(user) = user.filter(|_| !pictures.is_empty()) {
                check(&user)?;
                store.check_not_last_admin(&user).await?;
                self.objects.delete(&pictures).await?;
            }

            // A picture that was added meanwhile has to be deleted first.
            let has_new_pictures = AtomicBool::new(false);
            let deleted = store.delete_user(id, &self.hash_keys, |user| {
                check(user)?;
                has_new_pictures.store(user.pictures() != pictures, Ordering::Relaxed);
                if has_new_pictures.load(Ordering::Relaxed) {
                    Err(Error::PreconditionFailed)
                } else {
                    Ok(())
                }
            });

            match deleted.await {
                Err(Error::PreconditionFailed) if has_new_pictures.load(Ordering::Relaxed) => {}
                other => return other,
            }
        }
        Err(Error::Unavailable(
            "too many requests changed a user's picture at the same time".into(),
        ))
    }
}
