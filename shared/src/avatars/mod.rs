//! Avatars: two pictures in S3 under a random key, and the user who has the key.
//!
//! | killed, or refused, after            | what is left, and what ends it                                      |
//! |--------------------------------------|---------------------------------------------------------------------|
//! | the pictures are stored              | pictures tagged `pending`: the bucket's lifecycle rule, in a day    |
//! | their tags are removed               | pictures that nobody knows: nothing, but nobody knows their URL     |
//! | the user has the new key             | the old pictures, whose key the same write noted as a leftover: the |
//! |                                      | next change of the avatar, or the deletion of the account           |
//! | a picture to be removed is deleted   | a user with the key of a picture that is gone: asking again         |
//!
//! The tags go before the user has the key, so that no rule can ever take a picture that is shown. Where it
//! is not known whether a write to the user took place, nothing is deleted before a second write has ruled
//! the first one out.

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

/// How often a deletion is tried again when the user got another picture meanwhile.
const DELETE_TRIES: usize = 3;

/// A picture in all sizes, each a JPEG without metadata.
pub struct Picture {
    /// [`Size::Full`].
    pub full: Vec<u8>,
    /// [`Size::Thumbnail`].
    pub thumbnail: Vec<u8>,
}

/// The avatars of the service.
#[derive(Clone)]
pub struct Avatars {
    pub(crate) store: Store,
    pub(crate) objects: Objects,
    pub(crate) hash_keys: Arc<HashKeys>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
}

impl Avatars {
    /// Gives a user a picture in the place of the one he has, and records `event`.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; then he has the one that he had.
    pub async fn set(&self, user_id: Uuid, picture: Picture, event: Event) -> Result<User, Error> {
        let key = AvatarKey::random(&self.random)?;
        if let Err(error) = self.stored(&key, picture).await {
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

    async fn stored(&self, key: &AvatarKey, picture: Picture) -> Result<(), Error> {
        self.objects.put(key, picture).await?;
        self.objects.keep(key).await
    }

    /// Takes a picture back after a change of the user that failed with `error`, unless it took place all
    /// the same.
    async fn withdraw(&self, user_id: Uuid, key: &AvatarKey, error: Error) -> Result<User, Error> {
        // It is another version of the user: from here on the failed write cannot come late.
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
            Err(error) => tracing::warn!(%error, "a picture that nobody has may stay"),
        }
        Err(error)
    }

    async fn discard(&self, key: &AvatarKey) {
        if let Err(error) = self.objects.delete([key]).await {
            tracing::warn!(%error, "a picture that nobody has may stay");
        }
    }

    /// Deletes what a user has no more. Where that fails it stays noted.
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
                tracing::warn!(%error, "an old picture stays until the next change");
                user
            }
        }
    }

    /// Removes the picture of a user whom `check` lets change, and records `event` where there was one.
    ///
    /// # Errors
    /// [`Error::NotFound`]; what `check` refuses; [`Error::Unavailable`].
    pub async fn remove(
        &self,
        user_id: Uuid,
        event: Event,
        check: impl Fn(&User) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let user = self.store.user(user_id).await?.ok_or(Error::NotFound)?;
        check(&user)?;
        let pictures = user.pictures();
        // Before the user is changed: where S3 cannot be reached, all stays as it was.
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

    /// Deletes a user whom `check` lets go, in `store`, and his pictures before: afterwards nothing would
    /// know of them.
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
            let has_others = AtomicBool::new(false);
            let deleted = store.delete_user(id, &self.hash_keys, |user| {
                check(user)?;
                has_others.store(user.pictures() != pictures, Ordering::Relaxed);
                if has_others.load(Ordering::Relaxed) {
                    Err(Error::PreconditionFailed)
                } else {
                    Ok(())
                }
            });
            match deleted.await {
                Err(Error::PreconditionFailed) if has_others.load(Ordering::Relaxed) => {}
                other => return other,
            }
        }
        Err(Error::Unavailable("a user's picture is changed too often at once".into()))
    }
}
