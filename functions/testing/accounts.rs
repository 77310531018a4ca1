//! Helpers for the tests of accounts: people with passwords and e-mail addresses, and a look into
//! the table.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    config::{self, timeout::TimeoutConfig},
    types::{AttributeValue, PutRequest, WriteRequest},
};
use axum::http::{Method, StatusCode};
use embedded_aws::TABLE;
use serde_json::{Value, json};

use super::{Answer, SignedIn, TestApp, json_request};
use shared::{
    aws::sdk_config,
    users::{ForeignHash, PasswordHasher, User},
};

/// An e-mail address that belongs to no user yet.
pub(crate) const EMAIL: &str = "ann.lee@example.org";
/// Another one.
pub(crate) const OTHER_EMAIL: &str = "bob@example.net";
/// A good password.
pub(crate) const PASSWORD: &str = "correct horse battery";
/// Another one.
pub(crate) const NEW_PASSWORD: &str = "staple for the winter";
/// The page of reset links.
pub(crate) const RESET_PAGE: &str = "https://app.example.com/reset";

/// An item of the table.
pub(crate) type Item = HashMap<String, AttributeValue>;

impl TestApp {
    /// The service with e-mail, and with a page for reset links.
    pub(crate) async fn with_mail() -> Self {
        Self::with_mail_and(&[]).await
    }

    /// As [`Self::with_mail`], with some settings changed.
    pub(crate) async fn with_mail_and(settings: &[(&str, &str)]) -> Self {
        let mail = [("EMAIL_FROM", "latchkey@example.com"), ("PASSWORD_RESET_URL", RESET_PAGE)];
        Self::with(&[&mail, settings].concat()).await
    }

    /// Asks to sign up.
    pub(crate) async fn register(&self, body: Value) -> Answer {
        self.post("/v1/auth/register", body).await
    }

    /// Signs up: registers, then proves the phone or, if there is none, the e-mail address.
    pub(crate) async fn sign_up(&self, body: Value) -> SignedIn {
        let address = body["phone"].as_str().or(body["email"].as_str()).unwrap().to_owned();
        let id = self.register(body).await.challenge_id();
        self.verify(&id, &self.code(&address)).await.signed_in()
    }

    /// Opens a sign-in challenge for an e-mail address. Returns its id.
    pub(crate) async fn mail_challenge(&self, email: &str) -> String {
        self.post("/v1/otp/send", json!({"email": email})).await.challenge_id()
    }

    /// Signs in with a password; `who` is the identifier.
    pub(crate) async fn login(&self, who: Value, password: &str) -> Answer {
        let mut body = who;
        body["password"] = json!(password);
        self.post("/v1/auth/login", body).await
    }

    /// Asks to set a new password; `who` is the identifier.
    pub(crate) async fn forgot(&self, who: Value) -> Answer {
        self.post("/v1/password/forgot", who).await
    }

    /// Sets a password with a code.
    pub(crate) async fn reset(&self, challenge_id: &str, code: &str, new_password: &str) -> Answer {
        let body =
            json!({"challenge_id": challenge_id, "code": code, "new_password": new_password});
        self.post("/v1/password/reset", body).await
    }

    /// Sets a password with the token of a reset link.
    pub(crate) async fn reset_by_link(&self, token: &str, new_password: &str) -> Answer {
        self.post("/v1/password/reset", json!({"token": token, "new_password": new_password})).await
    }

    /// The token of the link in the last e-mail to an address.
    pub(crate) fn link_token(&self, email: &str) -> String {
        let mail = self.texts(email).pop().expect("an e-mail").body;
        mail.split_once(&format!("{RESET_PAGE}#"))
            .expect("a link")
            .1
            .split_whitespace()
            .next()
            .unwrap()
            .to_owned()
    }

    /// Changes the profile of the token's user.
    pub(crate) async fn patch_me(&self, token: &str, body: Value) -> Answer {
        self.send(json_request(Method::PATCH, "/v1/me", Some(token), &body)).await
    }

    /// The profile of the token's user.
    pub(crate) async fn me(&self, token: &str) -> Value {
        self.get_as(token, "/v1/me").await.assert_ok().clone()
    }

    /// Deletes the account of the token's user.
    pub(crate) async fn delete_me(&self, token: &str) -> Answer {
        self.call_as(token, Method::DELETE, "/v1/me").await
    }

    /// Tries a code, with an access token.
    pub(crate) async fn verify_as(&self, token: &str, challenge_id: &str, code: &str) -> Answer {
        self.post_as(token, "/v1/otp/verify", json!({"challenge_id": challenge_id, "code": code}))
            .await
    }

    /// Changes a user's phone: asks for a code and proves it.
    pub(crate) async fn change_phone(&self, who: &SignedIn, phone: &str) {
        let id =
            self.post_as(&who.access, "/v1/me/phone", json!({"phone": phone})).await.challenge_id();
        self.verify_as(&who.access, &id, &self.code(phone)).await.assert_ok();
    }

    /// The user with this id, as the store keeps them.
    pub(crate) async fn stored_user(&self, id: &str) -> User {
        self.latchkey.store().user(id.parse().unwrap()).await.unwrap().unwrap()
    }

    /// Gives a user the hash of a password that another service made.
    pub(crate) async fn keep_foreign(&self, user_id: &str, hash: &str) {
        let (user_id, keys) = (user_id.parse().unwrap(), self.latchkey.hash_keys().await.unwrap());
        let (hasher, hash) =
            (PasswordHasher::new(keys.clone(), 512), ForeignHash::parse(hash).unwrap());
        let kept = hasher.keep_foreign(&hash, user_id, self.latchkey.random()).unwrap();
        let keep = |user: &mut User| {
            user.password = Some(kept.clone());
            Ok(())
        };
        self.latchkey.store().change_user(user_id, &keys, keep).await.unwrap();
    }

    /// A client of DynamoDB without timeouts, for busy machines.
    fn table(&self) -> &Client {
        self.table.get_or_init(|| {
            let config = config::Builder::from(&sdk_config(&self.environment, "DYNAMODB"));
            Client::from_conf(config.timeout_config(TimeoutConfig::disabled()).build())
        })
    }

    /// Everything in the table.
    pub(crate) async fn items(&self) -> Vec<Item> {
        let mut pages = self
            .table()
            .scan()
            .table_name(TABLE)
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();

        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.unwrap());
        }

        items
    }

    /// Puts an item into the table.
    pub(crate) async fn put_item(&self, item: Item) {
        self.table().put_item().table_name(TABLE).set_item(Some(item)).send().await.unwrap();
    }

    /// Deletes the audit event with this id, as somebody who can write to the table.
    pub(crate) async fn delete_event(&self, id: &str) {
        let is_it = |item: &Item| item["sk"] == text(id) && item.contains_key("action");
        let event = self.items().await.into_iter().find(is_it).unwrap();
        let key = |name: &str| (name.to_owned(), event[name].clone());
        let key = [key("pk"), key("sk")].into();
        self.table().delete_item().table_name(TABLE).set_key(Some(key)).send().await.unwrap();
    }

    /// Puts items into the table unchanged.
    pub(crate) async fn put_all(&self, items: Vec<Item>) {
        for batch in items.chunks(25) {
            let puts = batch.iter().map(|item| {
                let put = PutRequest::builder().set_item(Some(item.clone())).build().unwrap();
                WriteRequest::builder().put_request(put).build()
            });
            let written = self
                .table()
                .batch_write_item()
                .request_items(TABLE, puts.collect())
                .send()
                .await
                .unwrap();

            assert!(written.unprocessed_items.unwrap_or_default().is_empty());
        }
    }

    /// All items under a user's partition key.
    pub(crate) async fn items_of(&self, user_id: &str) -> Vec<Item> {
        let key = text(&format!("USER#{user_id}"));
        self.items().await.into_iter().filter(|item| item["pk"] == key).collect()
    }

    /// How many sessions a user has.
    pub(crate) async fn sessions_of(&self, user_id: &str) -> usize {
        let is_user = |item: &Item| item["sk"].as_s().unwrap() == "USER";
        let user = self.items_of(user_id).await.into_iter().find(is_user).unwrap();
        user["sessions"].as_m().unwrap().len()
    }

    /// All challenges in the table.
    pub(crate) async fn challenges(&self) -> Vec<Item> {
        let identifiers = self.items_like("THROTTLE").await.into_iter();
        let challenges = identifiers.filter_map(|mut item| item.remove("challenges"));
        challenges
            .flat_map(|them| them.as_l().unwrap().clone())
            .map(|it| it.as_m().unwrap().clone())
            .collect()
    }

    /// The items whose sort key starts with `prefix`.
    pub(crate) async fn items_like(&self, prefix: &str) -> Vec<Item> {
        let is_like = |item: &Item| item["sk"].as_s().unwrap().starts_with(prefix);
        self.items().await.into_iter().filter(is_like).collect()
    }
}

impl Answer {
    /// The id of the challenge that was opened.
    #[track_caller]
    pub(crate) fn challenge_id(&self) -> String {
        assert_eq!(self.status, StatusCode::ACCEPTED, "{}", self.text);
        self.json["challenge_id"].as_str().unwrap().to_owned()
    }

    /// The person whom this response signed in.
    #[track_caller]
    pub(crate) fn signed_in(&self) -> SignedIn {
        let token = |name: &str| self.json[name].as_str().expect(name).to_owned();
        self.assert_ok();
        SignedIn {
            access: token("access_token"),
            refresh: token("refresh_token"),
            json: self.json.clone(),
        }
    }

    /// Asserts success without a body (204).
    #[track_caller]
    pub(crate) fn assert_done(&self) {
        assert_eq!((self.status.as_u16(), self.text.as_str()), (204, ""));
    }

    /// Asserts that the password in `field` was refused, and that the message contains `reason`.
    #[track_caller]
    pub(crate) fn assert_weak(&self, field: &str, reason: &str) {
        self.assert_problem(400, "weak_password");
        assert_eq!(self.json["errors"][0]["field"], field, "{}", self.text);
        let message = self.json["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(reason), "{message}");
    }

    /// Asserts that the value of `field` is taken by somebody else.
    #[track_caller]
    pub(crate) fn assert_taken(&self, field: &str) {
        self.assert_problem(409, "conflict");
        assert_eq!(self.json["errors"][0]["field"], field, "{}", self.text);
    }

    /// The status and body, with the ids that differ in every response replaced.
    pub(crate) fn without_ids(&self) -> String {
        let mut json = self.json.clone();
        for name in ["challenge_id", "request_id"] {
            if json.get(name).is_some() {
                json[name] = json!("…");
            }
        }

        let text = json.to_string();
        assert_ne!(text, "null", "{}", self.text);

        format!("{} {text}", self.status)
    }
}

impl SignedIn {
    /// The user's id.
    pub(crate) fn id(&self) -> &str {
        self.json["user"]["id"].as_str().unwrap()
    }
}

/// Text as an attribute.
pub(crate) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// Whether a value contains `needle`, in any type, at any depth and in any case.
pub(crate) fn mentions(value: &AttributeValue, needle: &str) -> bool {
    let within = |bytes: &[u8]| {
        let folded = bytes.to_ascii_lowercase();
        folded.windows(needle.len()).any(|window| window == needle.to_ascii_lowercase().as_bytes())
    };
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => within(text.as_bytes()),
        AttributeValue::B(bytes) => within(bytes.as_ref()),
        AttributeValue::Ss(texts) | AttributeValue::Ns(texts) => {
            texts.iter().any(|text| within(text.as_bytes()))
        }
        AttributeValue::Bs(all) => all.iter().any(|bytes| within(bytes.as_ref())),
        AttributeValue::L(values) => values.iter().any(|value| mentions(value, needle)),
        AttributeValue::M(map) => {
            map.iter().any(|(name, value)| within(name.as_bytes()) || mentions(value, needle))
        }
        AttributeValue::Bool(_) | AttributeValue::Null(_) => false,
        other => panic!("an attribute of a type that is not searched: {other:?}"),
    }
}
