//! Invariants of the table, which hold at any time, whatever was interrupted.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;

use shared::base::ShortId;

use super::{TestApp, accounts::Item};

/// Asserts that nothing is half done: the owner of every identifier exists, every user owns their
/// identifiers, a deleted user leaves only items that expire, and the lists of administrators and
/// origins are right.
#[track_caller]
pub(crate) fn assert_invariants(app: &TestApp) -> impl Future<Output = ()> {
    let at = std::panic::Location::caller();
    async move {
        let items = app.items().await;
        let mut faults = faults(&items);
        faults.extend(pictures(app, &items));
        assert!(faults.is_empty(), "{at}: {faults:#?}");
    }
}

fn faults(items: &[Item]) -> Vec<String> {
    let mut faults = Vec::new();
    let users: BTreeMap<&str, &Item> =
        of_kind(items, "USER").map(|user| (text(user, "id"), user)).collect();
    let factors: BTreeSet<_> = of_kind(items, "SECOND_FACTOR").map(|it| text(it, "pk")).collect();
    let mut owned = BTreeMap::<_, usize>::new();
    for owner in of_kind(items, "OWNER") {
        *owned.entry(text(owner, "user_id")).or_default() += 1;
    }

    let named = users.values().filter_map(|user| user.get("ps")).flat_map(names);
    let named: BTreeSet<_> = named.map(|id| ShortId::parse(id).unwrap().0.to_string()).collect();
    let kept = of_kind(items, "PASSKEY").map(|it| text(it, "pk").trim_start_matches("PASSKEY#"));
    let kept: BTreeSet<_> = kept.map(str::to_owned).collect();
    if named != kept {
        faults
            .push(format!("passkeys that users name {named:?}, and those that there are {kept:?}"));
    }

    for id in owned.keys().filter(|id| !users.contains_key(*id)) {
        faults.push(format!("an identifier without a user: {id}"));
    }

    for (id, user) in &users {
        let email = user.contains_key("email_verified").then_some("email");
        let identifiers = ["phone", "username", "external_id"]
            .into_iter()
            .chain(email)
            .filter(|name| user.contains_key(*name));
        if identifiers.count() != owned.get(id).copied().unwrap_or_default() {
            faults.push(format!("a user who does not own their identifiers: {user:?}"));
        }

        let metadata = of_kind(items, "METADATA").find(|it| text(it, "pk") == format!("USER#{id}"));
        for field in ["metadata", "app_metadata"] {
            let is_kept = metadata.is_some_and(|metadata| metadata.contains_key(field));
            if user.contains_key(field) != is_kept {
                faults.push(format!("a user who does not name their {field}: {user:?}"));
            }
        }

        if user.contains_key("totp") != factors.contains(format!("USER#{id}").as_str()) {
            faults.push(format!("a second factor that is half set up: {id}"));
        }
    }

    for item in items {
        let owner = text(item, "pk").strip_prefix("USER#");
        let is_swept = item.contains_key("expires_at");
        if owner.is_some_and(|owner| !users.contains_key(owner)) && !is_swept {
            faults.push(format!("an item of a deleted user that never expires: {item:?}"));
        }

        let passes = [
            "MFA",
            "RESET",
            "SENDS",
            "ENROLMENT",
            "IDEMPOTENCY",
            "PAR",
            "PAST",
            "REMOVED_FACTOR",
            "PHONE_MOVE",
            "REPORT",
            "CHALLENGE",
        ];
        if passes.contains(&kind(item)) && !is_swept {
            faults.push(format!("an item that never expires: {item:?}"));
        }
    }

    faults.extend(administrators(items, &users));
    faults.extend(origins(items));
    faults
}

/// The pictures that users show but that a rule of the bucket would delete.
fn pictures(app: &TestApp, items: &[Item]) -> Vec<String> {
    let pending = app.aws.pending_objects();
    let shown =
        of_kind(items, "USER").filter_map(|user| user.get("avatar")).map(|key| key.as_s().unwrap());
    let names = shown.flat_map(|key| ["512", "96"].map(|size| format!("{key}/{size}.jpg")));
    names.filter(|name| pending.iter().any(|it| it.ends_with(name))).collect()
}

fn administrators(items: &[Item], users: &BTreeMap<&str, &Item>) -> Option<String> {
    let is_admin = |user: &Item| {
        let roles = user["roles"]
            .as_m()
            .unwrap()
            .get("default")
            .is_some_and(|roles| names(roles).contains("Admin"));
        let is_proven = !user.contains_key("unproven");
        let stays = !user.contains_key("erase_at");
        roles && is_proven && stays && text(user, "user_status") == "active"
    };

    let active: BTreeSet<_> =
        users.iter().filter(|(_, user)| is_admin(user)).map(|(id, _)| *id).collect();
    let listed = of_kind(items, "ADMINS").filter_map(|it| it.get("ids")).flat_map(names).collect();

    (active != listed).then(|| format!("administrators {active:?}, listed {listed:?}"))
}

fn origins(items: &[Item]) -> Option<String> {
    let mut used = BTreeSet::new();
    for app in
        of_kind(items, "APP").filter(|app| app["active"].as_bool().is_ok_and(|active| *active))
    {
        let origins = app.get("allowed_origins").map(names).unwrap_or_default();
        used.extend(
            origins
                .into_iter()
                .map(|origin| (origin.to_owned(), text(app, "client_id").to_owned())),
        );
    }

    let mut listed = BTreeSet::new();
    for item in of_kind(items, "ORIGIN") {
        let origin = text(item, "pk").trim_start_matches("ORIGIN#").to_owned();
        let client_ids = item.get("client_ids").map(names).unwrap_or_default();
        listed
            .extend(client_ids.into_iter().map(|client_id| (origin.clone(), client_id.to_owned())));
    }

    (used != listed).then(|| format!("origins {used:?}, listed {listed:?}"))
}

/// The items whose sort key is of this kind.
fn of_kind<'a>(items: &'a [Item], wanted: &'static str) -> impl Iterator<Item = &'a Item> {
    items.iter().filter(move |item| kind(item) == wanted)
}

fn kind(item: &Item) -> &str {
    text(item, "sk").split('#').next().unwrap_or_default()
}

fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item[name].as_s().unwrap()
}

/// The texts of a list or set.
fn names(value: &AttributeValue) -> BTreeSet<&str> {
    match value {
        AttributeValue::Ss(names) => names.iter().map(String::as_str).collect(),
        AttributeValue::L(names) => {
            names.iter().map(|name| name.as_s().unwrap().as_str()).collect()
        }
        other => panic!("neither a list nor a set: {other:?}"),
    }
}
