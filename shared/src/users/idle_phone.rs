//! Phones that nobody has signed in with for long. Carriers give numbers to new customers, so a text
//! may reach somebody who is not the account's owner.

use jiff::Timestamp;

use super::User;
use crate::{base::seconds, identifiers::PhoneNumber};

/// How long the owner of an account can get back a number that a new account has taken, in seconds.
pub const DETACHED_SECONDS: i64 = 30 * 24 * 3600;

/// The effect of a code that was sent to an account's phone, if nothing else shows who has it. A known
/// device, a second factor and another address each open the account in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextAlone {
    /// It opens the account.
    SignsIn,
    /// It opens a new account, and the number is taken from the idle one.
    StartsNewAccount,
    /// It opens nothing: the number of an administrator passes to nobody.
    IsRefused,
}

/// The effect of a text alone at `user`'s phone, by these rules. The first that applies decides:
///
/// | the account                                             | a text alone         |
/// |---------------------------------------------------------|----------------------|
/// | was used within `idle_days` (0: always)                 | signs in             |
/// | has a second factor, which is asked for                 | signs in             |
/// | is an administrator's, or the phone is `ADMIN_PHONE`    | is refused           |
/// | is any other                                            | starts a new account |
pub fn text_alone(
    user: &User,
    idle_days: i64,
    admin_phone: Option<&PhoneNumber>,
    now: Timestamp,
) -> TextAlone {
    let is_idle = idle_since(idle_days, now).is_some_and(|since| user.last_used_at() <= since);
    if !is_idle || user.totp {
        TextAlone::SignsIn
    } else if user.has_admin_role() || user.phone.is_some() && user.phone.as_ref() == admin_phone {
        TextAlone::IsRefused
    } else {
        TextAlone::StartsNewAccount
    }
}

/// The time since which an account must have been used; `None` if the rule is switched off.
pub fn idle_since(idle_days: i64, now: Timestamp) -> Option<Timestamp> {
    (idle_days > 0).then(|| now - seconds(idle_days * 24 * 3600))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use uuid::Uuid;

    use super::*;
    use crate::{apps::DEFAULT_CLIENT_ID, roles::ADMIN_ROLE};

    const DAY: i64 = 24 * 3600;

    #[test]
    fn a_text_opens_an_account_only_if_it_was_used_lately_or_asks_for_more() {
        let begin = Timestamp::from_second(1_800_000_000).unwrap();
        let phone = PhoneNumber::from_e164("+14155550123").unwrap();
        let plain = User { phone: Some(phone.clone()), ..User::new(Uuid::from_u128(1), begin) };
        let with_factor = User { totp: true, ..plain.clone() };
        let mut admin = plain.clone();
        admin.roles.insert(DEFAULT_CLIENT_ID.to_owned(), BTreeSet::from([ADMIN_ROLE.to_owned()]));

        use TextAlone::{IsRefused, SignsIn, StartsNewAccount};
        for (user, days, admin_phone, passed, expected) in [
            (&plain, 365, None, 365 * DAY - 1, SignsIn),
            (&plain, 365, None, 365 * DAY, StartsNewAccount),
            (&plain, 1, None, DAY, StartsNewAccount),
            (&plain, 0, None, 3_650 * DAY, SignsIn),
            (&with_factor, 365, None, 365 * DAY, SignsIn),
            (&admin, 365, None, 365 * DAY, IsRefused),
            (&plain, 365, Some(&phone), 365 * DAY, IsRefused),
        ] {
            let is = text_alone(user, days, admin_phone, begin + seconds(passed));
            assert_eq!(is, expected, "{days} days, after {passed} s");
        }
    }
}
