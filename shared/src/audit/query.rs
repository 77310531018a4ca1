//! Which events are asked for, and where a page begins.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Action, Event, USER_PREFIX, user_subject};

/// Selects events. Fields that are `None` select all.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Events that this user caused.
    pub actor: Option<Uuid>,
    /// Events about this user, role, app or address, as [`Event::target`].
    pub target: Option<String>,
    /// Events that this user caused, or that are about them.
    pub of: Option<Uuid>,
    /// Events of this action.
    pub action: Option<Action>,
    /// Events from this time on.
    pub from: Option<Timestamp>,
    /// Events before this time.
    pub to: Option<Timestamp>,
}

impl EventFilter {
    /// The subject under which the events are found in one query; `None` if they are found in the
    /// order of time only.
    pub(super) fn subject(&self) -> Option<String> {
        self.target.clone().or_else(|| self.of.or(self.actor).map(user_subject))
    }

    /// The user among whose events these are, if it is one.
    pub fn user(&self) -> Option<Uuid> {
        let subject = self.subject()?;
        Uuid::try_parse(subject.strip_prefix(USER_PREFIX)?).ok()
    }

    /// Whether an event passes.
    pub(super) fn matches(&self, event: &Event) -> bool {
        let is_of =
            |user_id| event.actor == Some(user_id) || event.is_about(&user_subject(user_id));
        self.actor.is_none_or(|actor| event.actor == Some(actor))
            && self.target.as_deref().is_none_or(|target| event.is_about(target))
            && self.of.is_none_or(is_of)
            && self.action.is_none_or(|action| event.action == action)
            && (self.first()..=self.last()).contains(&event.id)
    }

    /// The smallest id that an event can have. Ids are in the order of time.
    pub(super) fn first(&self) -> Uuid {
        self.from.map_or_else(Uuid::nil, first_at)
    }

    /// The largest id that an event can have.
    pub(super) fn last(&self) -> Uuid {
        self.to.map_or_else(Uuid::max, |to| before(first_at(to)))
    }
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Its events have smaller ids.
    pub(super) before: Uuid,
    /// The next sign-ins of the user, the latest first; `None` if they have to be looked for.
    pub(super) sign_ins: Option<Vec<Uuid>>,
}

impl Position {
    /// The first page. `sign_ins` are the last ones of the user.
    pub(super) fn start(sign_ins: Vec<Uuid>) -> Self {
        let sign_ins = Some(sign_ins).filter(|sign_ins| !sign_ins.is_empty());
        Self { before: Uuid::max(), sign_ins }
    }

    /// Reads a position from a cursor.
    pub fn parse(text: &str) -> Option<Self> {
        let (before, sign_ins) = text.split_once('|')?;
        let id = |text: &str| Uuid::try_parse(text).ok();
        let sign_ins = match sign_ins {
            "?" => None,
            "" => Some(Vec::new()),
            ids => Some(ids.split(',').map(id).collect::<Option<_>>()?),
        };
        Some(Self { before: id(before)?, sign_ins })
    }

    /// The position as the text of a cursor.
    pub fn text(&self) -> String {
        let sign_ins = self.sign_ins.as_ref().map_or_else(
            || "?".to_owned(),
            |ids| ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(","),
        );
        format!("{}|{sign_ins}", self.before)
    }
}

/// The smallest id of a time. Ids are version 7 UUIDs, which begin with the milliseconds.
pub(super) fn first_at(time: Timestamp) -> Uuid {
    let millis = u128::try_from(time.as_millisecond()).unwrap_or_default();
    Uuid::from_u128(millis << 80)
}

/// The id before an id.
pub(super) fn before(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_its_cursor() {
        let id = Uuid::from_u128(7);
        for sign_ins in [None, Some(vec![]), Some(vec![id]), Some(vec![id, Uuid::max()])] {
            let position = Position { before: id, sign_ins };
            assert_eq!(Position::parse(&position.text()), Some(position));
        }
        assert_eq!(Position::parse("7"), None);
    }

    #[test]
    fn times_bound_ids() {
        let at = Timestamp::from_millisecond(1_800_000_000_123).unwrap();
        let id = uuid::Builder::from_unix_timestamp_millis(1_800_000_000_123, &[0; 10]).into_uuid();
        let filter = EventFilter { from: Some(at), ..EventFilter::default() };
        assert!(filter.first() <= id && id <= filter.last());
        let filter = EventFilter { to: Some(at), ..EventFilter::default() };
        assert!(filter.last() < id, "`to` is exclusive");
    }
}
