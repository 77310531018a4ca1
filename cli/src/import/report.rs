//! The report of what an import would do: counts, and reasons in plain English. It has no hashes and no secrets.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    failure::Failure,
    import::{
        draft::{Draft, Unusable},
        duplicates::{Duplicate, Duplicates},
        record::Record,
        row::Place,
    },
    output::{Format, print_line, printable},
};

/// How many examples of a reason are named.
const EXAMPLES: usize = 5;

/// A count of users, with the first of them as examples.
#[derive(Default)]
struct Group {
    count: u64,
    examples: Vec<String>,
}

/// The report of an export.
#[derive(Default)]
pub(crate) struct Report {
    /// Entries that are users.
    users: u64,
    usable: u64,
    phone: u64,
    phone_verified: u64,
    email: u64,
    email_verified: u64,
    username: u64,
    password: u64,
    second_factor: u64,
    disabled: u64,
    unusable: BTreeMap<String, Group>,
    left_out: BTreeMap<String, Group>,
    /// Users who have something of an earlier one.
    duplicates: BTreeMap<String, Group>,
    earlier: Duplicates,
    /// Roles by their names in the export.
    roles: BTreeMap<String, u64>,
}

impl Report {
    /// Adds an entry of the file.
    pub(crate) fn add(&mut self, place: Place, converted: &Result<Draft<'_>, Unusable>) {
        self.users += 1;
        let draft = match converted {
            Ok(draft) => draft,
            Err(Unusable { id, reason }) => {
                return add_to(&mut self.unusable, reason, example(place, id.as_deref()));
            }
        };

        let record = &draft.record;
        self.count(record);
        if let Some(Duplicate { reason, earlier }) = self.earlier.add(place, record) {
            let example = example(place, record.external_id.as_deref());
            add_to(&mut self.duplicates, &reason, format!("{example} as {earlier}"));
        }
        for what in &draft.left_out {
            let example = example(place, record.external_id.as_deref());
            add_to(&mut self.left_out, what, example);
        }
        for role in &draft.roles {
            *self.roles.entry(role.clone()).or_default() += 1;
        }
    }

    fn count(&mut self, record: &Record) {
        self.usable += 1;
        self.phone += u64::from(record.phone.is_some());
        self.phone_verified += u64::from(record.phone_verified);
        self.email += u64::from(record.email.is_some());
        self.email_verified += u64::from(record.email_verified);
        self.username += u64::from(record.username.is_some());
        self.password += u64::from(record.password_hash.is_some());
        self.second_factor += u64::from(record.totp_secret.is_some());
        self.disabled += u64::from(record.status.is_some());
    }

    /// How many users can be brought along.
    pub(crate) fn usable(&self) -> u64 {
        self.usable
    }

    /// How many users cannot be brought along.
    pub(crate) fn unusable(&self) -> u64 {
        self.users - self.usable
    }

    /// Prints the report. `mapped` has the role here for a role of the export.
    pub(crate) fn print(
        &self,
        format: Format,
        notes: &[&str],
        mapped: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        match format {
            Format::Json => print_line(&self.json(notes, mapped).to_string()),
            Format::Text => {
                let text = self.text(notes, mapped);
                text.iter().try_for_each(|line| print_line(&printable(line)))
            }
        }
    }

    fn json(&self, notes: &[&str], mapped: &BTreeMap<String, String>) -> Value {
        let groups = |groups: &BTreeMap<String, Group>| -> Vec<Value> {
            let groups = groups.iter().map(|(reason, group)| {
                json!({"reason": reason, "count": group.count, "examples": group.examples})
            });
            groups.collect()
        };
        let roles = self.roles.iter().map(
            |(role, count)| json!({"role": role, "count": count, "brought_as": mapped.get(role)}),
        );
        json!({
            "users": self.users,
            "usable": self.usable,
            "phone": self.phone,
            "phone_verified": self.phone_verified,
            "email": self.email,
            "email_verified": self.email_verified,
            "username": self.username,
            "password": self.password,
            "second_factor": self.second_factor,
            "disabled": self.disabled,
            "unusable": groups(&self.unusable),
            "left_out": groups(&self.left_out),
            "duplicates": groups(&self.duplicates),
            "roles": roles.collect::<Vec<_>>(),
            "notes": notes,
        })
    }

    fn text(&self, notes: &[&str], mapped: &BTreeMap<String, String>) -> Vec<String> {
        let line = |what: &str, count: u64| format!("{what:24}{count:>9}");
        let mut lines = vec![
            line("users in the export", self.users),
            line("can be brought along", self.usable),
            line("  with a phone", self.phone),
            line("    verified", self.phone_verified),
            line("  with an e-mail address", self.email),
            line("    verified", self.email_verified),
            line("  with a username", self.username),
            line("  with a password", self.password),
            line("  with a second factor", self.second_factor),
            line("  disabled", self.disabled),
            line("cannot be brought along", self.unusable()),
        ];

        for (heading, groups) in [
            ("Users that cannot be brought along:", &self.unusable),
            ("Duplicates:", &self.duplicates),
            ("Left out:", &self.left_out),
        ] {
            if !groups.is_empty() {
                lines.extend([String::new(), heading.to_owned()]);
            }
            for (reason, group) in groups {
                lines.push(format!("  {:>7}  {reason}", group.count));
                let more = if group.count > EXAMPLES as u64 { ", …" } else { "" };
                lines.push(format!("{:11}{}{more}", "", group.examples.join(", ")));
            }
        }

        if !self.roles.is_empty() {
            lines.extend([String::new(), "Roles in the export:".to_owned()]);
        }
        for (role, count) in &self.roles {
            let brought = match mapped.get(role) {
                Some(name) => format!("brought along as {name}"),
                None => "not brought along (--roles says as which)".to_owned(),
            };
            lines.push(format!("  {count:>7}  {role}: {brought}"));
        }
        if !notes.is_empty() {
            lines.push(String::new());
            lines.extend(notes.iter().map(|note| (*note).to_owned()));
        }
        lines
    }
}

/// How people find a user in the export.
fn example(place: Place, id: Option<&str>) -> String {
    match id {
        Some(id) => format!("{place} ({id})"),
        None => place.to_string(),
    }
}

fn add_to(groups: &mut BTreeMap<String, Group>, reason: &str, example: String) {
    let group = groups.entry(reason.to_owned()).or_default();
    group.count += 1;
    if group.examples.len() < EXAMPLES {
        group.examples.push(example);
    }
}
