//! Helpers for the tests of administration: people with some permissions, complete lists, the audit
//! trail, and the operations that DynamoDB is asked for.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use axum::http::{Method, header};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{
    Answer, SignedIn, TestApp,
    accounts::{Item, PASSWORD},
    json_request,
};

/// An id that was never issued.
pub(crate) const NOBODY: &str = "01890000-0000-7000-8000-000000000000";
/// The permissions of the service's own endpoints.
pub(crate) const PERMISSIONS: [&str; 9] = [
    "users:read",
    "users:write",
    "users:import",
    "roles:read",
    "roles:write",
    "roles:assign",
    "apps:read",
    "apps:write",
    "audit:read",
];

impl TestApp {
    /// The service with its administrator. Any number of people may sign in. The audit trail is
    /// short, since a list of a long one goes through many empty days before it ends.
    pub(crate) async fn with_staff() -> (Self, SignedIn) {
        let settings = [
            ("OTP_SENDS_PER_IP_PER_HOUR", "1000000"),
            ("EMAIL_FROM", "latchkey@example.com"),
            ("AUDIT_RETENTION_DAYS", "1"),
        ];
        Self::with_admin_and(&settings).await
    }

    /// Sends a PATCH.
    pub(crate) async fn patch_as(&self, who: &SignedIn, path: &str, body: Value) -> Answer {
        self.json_as(who, Method::PATCH, path, body).await
    }

    /// Sends a DELETE.
    pub(crate) async fn delete_as(&self, who: &SignedIn, path: &str) -> Answer {
        self.call_as(&who.access, Method::DELETE, path).await
    }

    /// Calls with a JSON body and the entity tag `tag` in `If-Match` (optimistic locking).
    pub(crate) async fn if_match(
        &self,
        who: &SignedIn,
        method: Method,
        path: &str,
        tag: &str,
        body: Value,
    ) -> Answer {
        let mut request = json_request(method, path, Some(&who.access), &body);
        request.headers_mut().insert(header::IF_MATCH, tag.parse().unwrap());
        self.send(request).await
    }

    /// Asks to create a role.
    pub(crate) async fn create_role(
        &self,
        who: &SignedIn,
        name: &str,
        permissions: &[&str],
    ) -> Answer {
        self.json_as(
            who,
            Method::POST,
            "/v1/roles",
            json!({"name": name, "permissions": permissions}),
        )
        .await
    }

    /// Creates a role, and returns it.
    pub(crate) async fn role(&self, admin: &SignedIn, name: &str, permissions: &[&str]) -> Value {
        self.create_role(admin, name, permissions).await.assert_created().clone()
    }

    /// Asks to create a user.
    pub(crate) async fn create_user(&self, who: &SignedIn, body: Value) -> Answer {
        self.json_as(who, Method::POST, "/v1/users", body).await
    }

    /// Gives a user roles in the default app.
    pub(crate) async fn give(&self, who: &SignedIn, user_id: &str, roles: &[&str]) -> Answer {
        self.json_as(
            who,
            Method::PUT,
            &format!("/v1/users/{user_id}/roles"),
            json!({"roles": roles}),
        )
        .await
    }

    /// Gives a user roles in an app.
    pub(crate) async fn give_in(
        &self,
        who: &SignedIn,
        client_id: &str,
        user_id: &str,
        roles: &[&str],
    ) -> Answer {
        let body = json!({"roles": roles, "client_id": client_id});
        self.json_as(who, Method::PUT, &format!("/v1/users/{user_id}/roles"), body).await
    }

    /// A user as an administrator sees them.
    pub(crate) async fn user(&self, who: &SignedIn, user_id: &str) -> Answer {
        self.get_as(&who.access, &format!("/v1/users/{user_id}")).await
    }

    /// A user with a password and a new role, named `role`, with these permissions.
    pub(crate) async fn staff(
        &self,
        admin: &SignedIn,
        phone: &str,
        role: &str,
        permissions: &[&str],
    ) -> SignedIn {
        self.role(admin, role, permissions).await;
        self.holder(admin, phone, role).await
    }

    /// A user with a password and this one role.
    pub(crate) async fn holder(&self, admin: &SignedIn, phone: &str, role: &str) -> SignedIn {
        let person = self.sign_up(json!({"phone": phone, "password": PASSWORD})).await;
        self.give(admin, person.id(), &[role]).await.assert_ok();
        person
    }

    /// All items of a list, fetched in pages of `limit`.
    pub(crate) async fn all(&self, who: &SignedIn, path: &str, limit: usize) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        let joint = if path.contains('?') { '&' } else { '?' };
        loop {
            let page =
                self.get_as(&who.access, &format!("{path}{joint}limit={limit}{cursor}")).await;
            let of_page = page.assert_ok()["items"].as_array().unwrap();
            assert!(of_page.len() <= limit, "{path}");

            items.extend(of_page.clone());
            match page.json["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// The audit trail, newest first.
    pub(crate) async fn events(&self, who: &SignedIn) -> Vec<Value> {
        self.all(who, "/v1/audit", 100).await
    }

    /// The events of the audit trail as they are stored, without their marks.
    pub(crate) async fn audit_items(&self) -> Vec<Item> {
        let is_event = |item: &Item| {
            item["pk"].as_s().unwrap().starts_with("AUDIT#") && item.contains_key("action")
        };
        self.items().await.into_iter().filter(is_event).collect()
    }

    /// The same service, and the names of the operations that it calls on DynamoDB from now on.
    pub(crate) async fn watched(&self) -> (Self, Arc<Mutex<BTreeSet<String>>>) {
        let endpoint = self
            .aws
            .environment()
            .into_iter()
            .find(|(name, _)| name == "AWS_ENDPOINT_URL_DYNAMODB");
        let target =
            endpoint.unwrap().1.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let names = seen.clone();

        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&target).await.unwrap();
                tokio::spawn(pass_on(client, server, names.clone()));
            }
        });

        (self.restarted(&[("AWS_ENDPOINT_URL_DYNAMODB", &proxy)]), seen)
    }
}

/// Forwards bytes in both directions, and records the operations that requests name in a header.
async fn pass_on(client: TcpStream, server: TcpStream, seen: Arc<Mutex<BTreeSet<String>>>) {
    const TARGET: &str = "DynamoDB_20120810.";

    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });

    let (mut buffer, mut sent) = (vec![0; 64 * 1024], String::new());
    while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
        sent.push_str(&String::from_utf8_lossy(&buffer[..length]));
        for (place, _) in sent.match_indices(TARGET) {
            let name =
                sent[place + TARGET.len()..].split_once('\r').map(|(name, _)| name.to_owned());
            seen.lock().unwrap().extend(name);
        }

        if to_server.write_all(&buffer[..length]).await.is_err() {
            return;
        }

        // A header may be cut in two. Keep enough to read it together with the next piece.
        let keep = sent.char_indices().rev().nth(200).map_or(0, |(place, _)| place);
        sent.drain(..keep);
    }
}

/// The values of a field in all items.
pub(crate) fn values<'a>(items: &'a [Value], field: &str) -> Vec<&'a str> {
    items.iter().map(|item| item[field].as_str().unwrap()).collect()
}
