//! `latchkey users …`.

use clap::{Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Pages,
    api::{Api, Call, segment},
    failure::Failure,
    list,
    output::{Column, Format, List},
};

const USERS: &[Column] = &[
    ("ID", "id"),
    ("PHONE", "phone"),
    ("EMAIL", "email"),
    ("STATUS", "status"),
    ("ROLES", "roles"),
    ("LAST_SIGN_IN", "last_sign_in_at"),
    ("NAME", "name"),
];

/// The lines of one user.
pub(crate) const USER: &[Column] = &[
    ("ID", "id"),
    ("PHONE", "phone"),
    ("EMAIL", "email"),
    ("USERNAME", "username"),
    ("EXTERNAL ID", "external_id"),
    ("NAME", "name"),
    ("STATUS", "status"),
    ("ROLES", "roles"),
    ("MFA", "mfa"),
    ("CREATED", "created_at"),
    ("LAST SIGN-IN", "last_sign_in_at"),
];

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the users, oldest first
    List {
        /// Only users with this role in the app of --app, or else in the default app
        #[arg(long)]
        role: Option<String>,
        /// Only users with a role in this app; shows their roles in it
        #[arg(long, value_name = "CLIENT_ID")]
        app: Option<String>,
        /// Only active users, or only disabled ones
        #[arg(long)]
        status: Option<Status>,
        /// Only the user with this phone
        #[arg(long)]
        phone: Option<String>,
        /// Only the user with this e-mail address
        #[arg(long)]
        email: Option<String>,
        /// Only the user with this id in another system
        #[arg(long, value_name = "ID", conflicts_with_all = ["phone", "email"])]
        external_id: Option<String>,
        #[command(flatten)]
        pages: Pages,
    },
    /// Show one user
    Find {
        /// Phone, e-mail address or id of the user
        user: String,
    },
    /// Disable a user: revoke all their sessions and refuse new ones
    Disable {
        /// Phone, e-mail address or id of the user
        user: String,
    },
    /// Enable a disabled user, who can then sign in again
    Enable {
        /// Phone, e-mail address or id of the user
        user: String,
    },
    /// Replace the roles of a user
    Roles {
        /// Phone, e-mail address or id of the user
        user: String,
        /// All roles that the user is to have, separated by commas; '' for none
        #[arg(long, value_name = "ROLES", value_delimiter = ',', required = true)]
        set: Vec<String>,
        /// App in which the user is to have them; without it, the default app
        #[arg(long, value_name = "CLIENT_ID")]
        app: Option<String>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Status {
    Active,
    Disabled,
}

impl Status {
    fn name(self) -> String {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
        .to_owned()
    }
}

/// Runs a command.
pub(crate) async fn run(api: &mut Api, command: Command, format: Format) -> Result<(), Failure> {
    let user = match command {
        Command::List { role, app, status, phone, email, external_id, pages } => {
            let status = status.map(Status::name);
            let query = [
                ("role", role),
                ("app", app),
                ("status", status),
                ("phone", phone),
                ("email", email),
                ("external_id", external_id),
                pages.limit(),
            ];
            return list(api, ("/v1/users", "users"), &query, List::new(format, USERS)).await;
        }
        Command::Find { user } => find(api, &user).await?,
        Command::Disable { user } => set_status(api, &user, Status::Disabled).await?,
        Command::Enable { user } => set_status(api, &user, Status::Active).await?,
        Command::Roles { user, set, app } => {
            let roles: Vec<_> =
                set.iter().map(|role| role.trim()).filter(|role| !role.is_empty()).collect();
            let mut body = json!({"roles": roles});
            if let (Some(app), Some(fields)) = (app, body.as_object_mut()) {
                fields.insert("client_id".to_owned(), app.into());
            }
            let path = format!("/v1/users/{}/roles", id(api, &user).await?);
            api.ask(&Call::with_body(Method::PUT, path, body)).await?
        }
    };
    format.print_one(&user, USER)
}

async fn set_status(api: &Api, user: &str, status: Status) -> Result<Value, Failure> {
    let path = format!("/v1/users/{}", id(api, user).await?);
    api.ask(&Call::with_body(Method::PATCH, path, json!({"status": status.name()}))).await
}

/// The id of a user, who is named by phone, e-mail address or id.
async fn id(api: &Api, user: &str) -> Result<String, Failure> {
    if let Ok(id) = Uuid::try_parse(user) {
        return Ok(id.to_string());
    }
    let found = find(api, user).await?;
    let id = found.get("id").and_then(Value::as_str);
    id.map(segment)
        .ok_or_else(|| Failure::Unavailable("the response has no id: check the URL".to_owned()))
}

/// Checks that a text can name somebody who is no id: a phone or an e-mail address.
///
/// # Errors
/// [`Failure::Usage`] if it has letters and no `@`, or is longer than any phone: most often an id with
/// a wrong digit.
pub(crate) fn check_address(text: &str) -> Result<(), Failure> {
    /// A phone has 15 digits, and people write marks between them.
    const MAX_PHONE_CHARS: usize = 30;
    let is_phone =
        text.chars().count() <= MAX_PHONE_CHARS && !text.chars().any(char::is_alphabetic);
    if is_phone || text.contains('@') {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{text} is no phone, no e-mail address and no id: give a phone like +14155550123, an e-mail \
         address like ann@example.com, or the id of a user like 01890000-0000-7000-8000-000000000000"
    )))
}

/// Finds a user by phone, e-mail address or id.
async fn find(api: &Api, user: &str) -> Result<Value, Failure> {
    if let Ok(id) = Uuid::try_parse(user) {
        return api.ask(&Call::get(format!("/v1/users/{id}"))).await;
    }
    check_address(user)?;
    if user.contains('@') {
        let page = api.ask(&Call::get("/v1/users").query("email", Some(user))).await?;
        let found = page.get("items").and_then(|items| items.get(0)).cloned();
        return found
            .ok_or_else(|| Failure::NotFound(format!("no user has the e-mail address {user}")));
    }
    api.ask(&Call::get(format!("/v1/users/by-phone/{}", segment(user)))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_can_be_nobody_is_refused_with_the_forms_that_are_understood() {
        for accepted in ["+14155550123", "4155550123", "(415) 555-0123", "12", "ann@example.com"] {
            assert!(check_address(accepted).is_ok(), "{accepted}");
        }
        let lost = "01a22c8f-0a36-772b-b421-b2e9e125dea";
        for refused in [lost, "bad", "annlee", "01222222-0233-7722-4421-22292125222"] {
            let told = check_address(refused).unwrap_err().to_string();
            assert!(told.contains("+14155550123") && told.contains("ann@example.com"), "{told}");
        }
    }
}
