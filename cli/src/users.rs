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

/// One user, line by line.
pub(crate) const USER: &[Column] = &[
    ("ID", "id"),
    ("PHONE", "phone"),
    ("EMAIL", "email"),
    ("USERNAME", "username"),
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
        /// Those who have this role, in the app of --app or in the default one
        #[arg(long)]
        role: Option<String>,
        /// Those who have a role in this app; their roles are shown as they are in it
        #[arg(long, value_name = "CLIENT_ID")]
        app: Option<String>,
        /// Those who are active, or those who are disabled
        #[arg(long)]
        status: Option<Status>,
        /// The one who has this phone
        #[arg(long)]
        phone: Option<String>,
        /// The one who has this e-mail address
        #[arg(long)]
        email: Option<String>,
        #[command(flatten)]
        pages: Pages,
    },
    /// Show one user
    Find {
        /// A phone, an e-mail address or an id
        user: String,
    },
    /// Let a user in no more: all sessions end, and no new one begins
    Disable {
        /// A phone, an e-mail address or an id
        user: String,
    },
    /// Let a user in again
    Enable {
        /// A phone, an e-mail address or an id
        user: String,
    },
    /// Give a user roles, in the place of those there are
    Roles {
        /// A phone, an e-mail address or an id
        user: String,
        /// All roles from now on, with commas between; '' for none
        #[arg(long, value_name = "ROLES", value_delimiter = ',', required = true)]
        set: Vec<String>,
        /// The app in which the user has them; without it the default one
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

/// Does what was asked for.
pub(crate) async fn run(api: &mut Api, command: Command, format: Format) -> Result<(), Failure> {
    let user = match command {
        Command::List { role, app, status, phone, email, pages } => {
            let status = status.map(Status::name);
            let query = [
                ("role", role),
                ("app", app),
                ("status", status),
                ("phone", phone),
                ("email", email),
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

/// The id of the user who is meant.
async fn id(api: &Api, user: &str) -> Result<String, Failure> {
    if let Ok(id) = Uuid::try_parse(user) {
        return Ok(id.to_string());
    }
    let found = find(api, user).await?;
    let id = found.get("id").and_then(Value::as_str);
    id.map(segment).ok_or_else(|| Failure::Unavailable("the answer has no id".to_owned()))
}

/// The user who has an id, an e-mail address or a phone.
async fn find(api: &Api, user: &str) -> Result<Value, Failure> {
    if let Ok(id) = Uuid::try_parse(user) {
        return api.ask(&Call::get(format!("/v1/users/{id}"))).await;
    }
    if user.contains('@') {
        let page = api.ask(&Call::get("/v1/users").query("email", Some(user))).await?;
        let found = page.get("items").and_then(|items| items.get(0)).cloned();
        return found.ok_or_else(|| Failure::NotFound(format!("nobody has {user}")));
    }
    api.ask(&Call::get(format!("/v1/users/by-phone/{}", segment(user)))).await
}
