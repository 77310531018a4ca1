//! Finds users of an export who have a phone, an e-mail address, a username or an id of an earlier one. The
//! service sees them in the same order.

use std::{collections::HashMap, hash::BuildHasher as _};

use crate::import::{record::Record, row::Place};

/// A value that only one user has here.
#[derive(Hash)]
enum Unique<'a> {
    Id(&'a str),
    Phone(&'a str),
    Email(&'a str),
    Username(String),
}

/// The user who has a value.
#[derive(Clone, Copy)]
struct Holder {
    /// The number of their first record in the file. It has 32 bits, since there is one for each value.
    number: u32,
    has_id: bool,
}

/// A user who has something of an earlier one.
pub(crate) struct Duplicate {
    /// The value that both have, and what the service does then.
    pub(crate) reason: String,
    /// The place of the earlier one.
    pub(crate) earlier: Place,
}

/// The values of all users so far. Only their hashes of 64 bits are kept, so that large exports fit into memory.
/// Two of four million values have the same one with a chance of less than one in a million.
#[derive(Default)]
pub(crate) struct Duplicates(HashMap<u64, Holder>);

impl Duplicates {
    /// Adds a user, and returns what they have of an earlier one.
    pub(crate) fn add(&mut self, place: Place, record: &Record) -> Option<Duplicate> {
        let duplicate = |holder: Holder, reason| {
            let earlier = place.with_number(holder.number.into());
            Some(Duplicate { reason, earlier })
        };
        let (same, reason) = match self.same_user(record) {
            Ok(Some((holder, reason))) => (Some(holder), reason),
            Ok(None) => (None, String::new()),
            Err((holder, reason)) => return duplicate(holder, reason),
        };
        let is_same = |holder: &Holder| same.is_some_and(|same| same.number == holder.number);
        let taken = claims(record).find_map(|value| {
            Some((self.holder(&value)?, value)).filter(|(holder, _)| !is_same(holder))
        });
        if let Some((holder, value)) = taken {
            return duplicate(holder, refused(value.name()));
        }

        let number = u32::try_from(place.number()).unwrap_or(u32::MAX);
        let has_id = record.external_id.is_some();
        let holder = match same {
            None => Holder { number, has_id },
            Some(same) => Holder { has_id: has_id || same.has_id, ..same },
        };
        for value in claims(record) {
            let hash = self.hash(&value);
            self.0.insert(hash, holder);
        }
        let username = record.username.as_ref().map(|name| name.to_ascii_lowercase());
        let username = username.map(|name| self.hash(&Unique::Username(name)));
        let other = username.map(|hash| *self.0.entry(hash).or_insert(holder));
        match (same, other.filter(|other| other.number != holder.number)) {
            (Some(same), _) => duplicate(same, reason),
            (None, Some(other)) => duplicate(other, without_username()),
            (None, None) => None,
        }
    }

    /// The earlier user for whom the service takes a record, and the reason: by the id, else by an address.
    ///
    /// # Errors
    /// The earlier user has the address and another id, for the reason that comes along.
    fn same_user(&self, record: &Record) -> Result<Option<(Holder, String)>, (Holder, String)> {
        let id = record.external_id.as_deref();
        if let Some(holder) = id.and_then(|id| self.holder(&Unique::Id(id))) {
            return Ok(Some((holder, replaced("id", ""))));
        }
        let by_address = addresses(record).find_map(|value| Some((self.holder(&value)?, value)));
        match by_address {
            None => Ok(None),
            Some((holder, value)) if id.is_some() && holder.has_id => {
                Err((holder, refused(value.name())))
            }
            Some((holder, value)) => {
                Ok(Some((holder, replaced(value.name(), ", without another id"))))
            }
        }
    }

    fn holder(&self, value: &Unique<'_>) -> Option<Holder> {
        self.0.get(&self.hash(value)).copied()
    }

    /// A hash with a key that is drawn for each run, so that no export is made for collisions.
    fn hash(&self, value: &Unique<'_>) -> u64 {
        self.0.hasher().hash_one(value)
    }
}

impl Unique<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Id(_) => "id",
            Self::Phone(_) => "phone",
            Self::Email(_) => "e-mail address",
            Self::Username(_) => "username",
        }
    }
}

/// The addresses that the user of a record claims: the verified ones, or else the first.
fn addresses(record: &Record) -> impl Iterator<Item = Unique<'_>> {
    let is_proven = record.phone_verified || record.email_verified;
    let phone = record.phone.as_deref().filter(|_| record.phone_verified || !is_proven);
    let is_first = record.phone.is_none();
    let email = record.email.as_deref().filter(|_| record.email_verified || !is_proven && is_first);
    phone.map(Unique::Phone).into_iter().chain(email.map(Unique::Email))
}

/// The values without which the service does not take the user.
fn claims(record: &Record) -> impl Iterator<Item = Unique<'_>> {
    addresses(record).chain(record.external_id.as_deref().map(Unique::Id))
}

fn refused(what: &str) -> String {
    format!("the same {what} as an earlier user: the service will refuse the later one")
}

fn without_username() -> String {
    "the same username as an earlier user: the later one comes along without it".to_owned()
}

fn replaced(what: &str, more: &str) -> String {
    format!("the same {what} as an earlier user{more}: the later one replaces what it names")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, phone: &str, email: (&str, bool), username: &str) -> Record {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Record {
            external_id: some(id),
            phone: some(phone),
            phone_verified: true,
            email: some(email.0),
            email_verified: email.1,
            username: some(username),
            ..Record::default()
        }
    }

    /// The duplicates of an export, as `later as earlier: reason`.
    fn found(records: &[Record]) -> Vec<String> {
        let mut duplicates = Duplicates::default();
        let found = (1..).zip(records).filter_map(|(number, record)| {
            let Duplicate { reason, earlier } = duplicates.add(Place::User(number), record)?;
            Some(format!("{number} as {earlier}: {}", reason.replace(" as an earlier user", "")))
        });
        found.collect()
    }

    #[test]
    fn users_with_two_ids_cannot_share_anything() {
        let (ann, refused) = (("ann@example.com", true), "the service will refuse the later one");
        let users = [
            record("1", "+14155550101", ann, "ann"),
            record("2", "", ann, ""),
            record("3", "+14155550101", ("", false), ""),
            record("4", "", ("bob@example.com", true), "Ann"),
            record("5", "", ("bob@example.com", true), "bob"),
            // An address beside a verified phone is nobody's until it is verified.
            record("6", "+14155550102", ("kim@example.com", false), ""),
            record("7", "", ("kim@example.com", true), ""),
            record("8", "+14155550103", ("ann@example.com", false), ""),
            record("9", "+14155550104", ann, ""),
        ];
        let expected = [
            format!("2 as user 1: the same e-mail address: {refused}"),
            format!("3 as user 1: the same phone: {refused}"),
            "4 as user 1: the same username: the later one comes along without it".to_owned(),
            format!("5 as user 4: the same e-mail address: {refused}"),
            format!("9 as user 1: the same e-mail address: {refused}"),
        ];
        assert_eq!(found(&users), expected);
    }

    #[test]
    fn records_of_one_user_replace_each_other() {
        let (ann, replaced) = (("ann@example.com", true), "the later one replaces what it names");
        let users = [
            record("", "+14155550101", ("", false), "ann"),
            record("", "+14155550101", ann, "ann"),
            record("1", "", ann, ""),
            record("1", "+14155550102", ann, ""),
            record("", "+14155550103", ("", false), ""),
            // They are the user of the id, who cannot have somebody else's phone.
            record("1", "+14155550103", ann, ""),
        ];
        let expected = [
            format!("2 as user 1: the same phone, without another id: {replaced}"),
            format!("3 as user 1: the same e-mail address, without another id: {replaced}"),
            format!("4 as user 1: the same id: {replaced}"),
            "6 as user 5: the same phone: the service will refuse the later one".to_owned(),
        ];
        assert_eq!(found(&users), expected);
    }
}
