//! The Lambda by which an operator replaces the root of the hash keys, with `latchkey keys`.
//!
//! Only AWS credentials can invoke it: it has no path, so no token of an administrator replaces a
//! root. The roots never leave it. The steps, and the reason for three of them, are in
//! [`shared::crypto::Roots`].

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::{
    base::{Error, FieldError, seconds},
    crypto::{HashKeys, Phase, Roots},
    http::{Page, PageQuery},
    latchkey::Latchkey,
    users::{DETACHED_SECONDS, UNDO_SECONDS},
};

#[cfg(test)]
mod tests;

/// How many users one order moves. They move at the same time.
const PAGE: usize = 50;

/// An order of an operator.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "order", rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    /// Tell the phase.
    Status,
    /// Do the next step: introduce a next root, or make it the current one.
    Rotate,
    /// Move what the previous root made for the next users.
    Move {
        /// The `next_cursor` of the previous order; none for the first users.
        #[serde(default)]
        cursor: Option<String>,
    },
    /// Forget the previous root. The order can be repeated.
    Forget {
        /// Also before everything that it made has expired.
        #[serde(default)]
        early: bool,
    },
}

/// The phase of a replacement, for operators.
#[derive(Clone, Debug, Serialize)]
pub struct RootStatus {
    /// The phase.
    pub phase: Phase,
    /// The version of the root that everything new is made with.
    pub version: u32,
    /// The version of the next or the previous root.
    pub other_version: Option<u32>,
    /// When the last step was done; null before the first.
    pub since: Option<Timestamp>,
    /// When the next step can be done, if only time is missing.
    pub next_step_at: Option<Timestamp>,
    /// Whether everything that can move has moved to the current root.
    pub has_moved: bool,
    /// When everything that the previous root made has moved or expired.
    pub can_go_at: Option<Timestamp>,
    /// Whether the previous root can go now.
    pub can_go: bool,
    /// How many users this order moved.
    pub moved: usize,
    /// The cursor to go on with; null at the end.
    pub next_cursor: Option<String>,
}

/// The answer to an order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was done.
    Done(RootStatus),
    /// It was refused, and nothing was changed. The reason, for operators.
    Refused(String),
}

/// Does what an operator orders, and answers it.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn answer(latchkey: &Latchkey, order: &Order) -> Result<Answer, Error> {
    let reason = |error: FieldError| format!("The {} {}.", error.field, error.message);
    match obey(latchkey, order).await {
        Ok(status) => Ok(Answer::Done(status)),
        Err(Error::Conflict(error)) => Ok(Answer::Refused(reason(error))),
        Err(Error::InvalidRequest(errors)) => {
            Ok(Answer::Refused(errors.into_iter().map(reason).collect::<Vec<_>>().join(" ")))
        }
        Err(error) => Err(error),
    }
}

/// Does what an operator orders.
///
/// # Errors
/// [`Error::Conflict`] if this is not the time for the step, or another order was first;
/// [`Error::InvalidRequest`] for a cursor of another pass; [`Error::Unavailable`].
pub async fn obey(latchkey: &Latchkey, order: &Order) -> Result<RootStatus, Error> {
    let roots = latchkey.roots().await?;
    match order {
        Order::Status => Ok(status(latchkey, &roots)),
        Order::Rotate => rotate(latchkey, &roots).await,
        Order::Move { cursor } => move_users(latchkey, &roots, cursor.clone()).await,
        Order::Forget { early } => forget(latchkey, &roots, *early).await,
    }
}

async fn rotate(latchkey: &Latchkey, roots: &Roots) -> Result<RootStatus, Error> {
    let now = latchkey.clock().now();
    let changed = match roots.phase() {
        Phase::One => roots.introduce(now, latchkey.random())?,
        Phase::Introduced | Phase::Moving => roots.switch(now)?,
    };
    latchkey.put_roots(&changed).await?;
    Ok(status(latchkey, &changed))
}

/// Moves a page of users. After the last page, this is noted beside the roots.
async fn move_users(
    latchkey: &Latchkey,
    roots: &Roots,
    cursor: Option<String>,
) -> Result<RootStatus, Error> {
    let keys = latchkey.hash_keys().await?;
    let list = format!("users under root {}", roots.version());
    let Pass { began, after } = Pass::parse(cursor, &list, &keys)?
        .unwrap_or_else(|| Pass { began: latchkey.clock().now(), after: None });
    // Refuses early what would not count.
    let moved = roots.moved(began)?;

    let (count, end) = latchkey.second_factors().await?.move_users(after.as_deref(), PAGE).await?;
    if end.is_none() {
        latchkey.put_roots(&moved).await?;
    }

    let status = status(latchkey, if end.is_none() { &moved } else { roots });
    let end = end.map(|end| format!("{} {end}", began.as_second()));
    let Page { next_cursor, .. } = Page::<()>::new(Vec::new(), &list, end.as_deref(), &keys);
    Ok(RootStatus { moved: count, next_cursor, ..status })
}

/// A pass over all users. Only one that began when every instance knew the current root counts, so
/// its cursors carry the time, under a tag.
struct Pass {
    began: Timestamp,
    after: Option<String>,
}

impl Pass {
    fn parse(cursor: Option<String>, list: &str, keys: &HashKeys) -> Result<Option<Self>, Error> {
        let Some(end) = PageQuery::new(None, cursor).after(list, keys)? else { return Ok(None) };
        let read = || {
            let (began, after) = end.split_once(' ')?;
            let began = Timestamp::from_second(began.parse().ok()?).ok()?;
            Some(Self { began, after: Some(after.to_owned()) })
        };
        read().map(Some).ok_or_else(|| Error::Internal("a cursor has no time".into()))
    }
}

async fn forget(latchkey: &Latchkey, roots: &Roots, early: bool) -> Result<RootStatus, Error> {
    // An order that was killed half-way has left the previous version of the secret.
    if roots.has_forgotten() {
        latchkey.forget_previous_roots().await?;
        return Ok(status(latchkey, roots));
    }

    let now = latchkey.clock().now();
    let forgotten = roots.forget(now)?;
    if !early && can_go_at(latchkey, roots).is_none_or(|at| now < at) {
        let until = can_go_at(latchkey, roots).map(|at| at.to_string()).unwrap_or_default();
        let why = format!("has a previous one, whose sessions last until {until}");
        return Err(Error::conflict("root", why));
    }
    latchkey.put_roots(&forgotten).await?;
    latchkey.forget_previous_roots().await?;
    Ok(status(latchkey, &forgotten))
}

fn status(latchkey: &Latchkey, roots: &Roots) -> RootStatus {
    let (now, can_go_at) = (latchkey.clock().now(), can_go_at(latchkey, roots));
    RootStatus {
        phase: roots.phase(),
        version: roots.version(),
        other_version: roots.other_version(),
        since: roots.since(),
        next_step_at: Some(roots.known_at()).filter(|_| roots.phase() != Phase::One),
        has_moved: roots.has_moved(),
        can_go_at,
        can_go: roots.has_moved() && can_go_at.is_some_and(|at| now >= at),
        moved: 0,
        next_cursor: None,
    }
}

/// When everything that the previous root made has moved or expired: sessions, whose refresh tokens
/// stay with their root, and links that undo a change. A device that was not used since then is not
/// known any more.
fn can_go_at(latchkey: &Latchkey, roots: &Roots) -> Option<Timestamp> {
    let (_, longest) = latchkey.settings().apps.refresh_token_ttl_bounds();
    let is_moving = roots.phase() == Phase::Moving;
    let longest = longest.max(UNDO_SECONDS).max(DETACHED_SECONDS);
    is_moving.then(|| roots.known_at() + seconds(longest))
}
