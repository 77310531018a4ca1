//! Links that undo changes.

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::{Value, json};

use super::{Answer, SignedIn, TestApp};

/// The path of the undo link in the last message to an address, if it has one.
pub(crate) fn link(app: &TestApp, to: &str) -> Option<String> {
    let text = app.texts(to).pop()?.body;
    let start = text.find("/undo/")?;
    Some(text[start..].split_whitespace().next().unwrap().to_owned())
}

pub(crate) async fn open(app: &TestApp, method: Method, path: &str) -> Answer {
    app.send(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await
}

/// Opens the link and presses the button.
pub(crate) async fn undo(app: &TestApp, path: &str) {
    let page = open(app, Method::GET, path).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("<form method=\"post\">"), "{}", page.text);
    let done = open(app, Method::POST, path).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert!(!done.text.contains("<form"), "{}", done.text);
}

/// Gives a signed-in user an e-mail address.
pub(crate) async fn change_email(app: &TestApp, who: &SignedIn, email: &str) -> Value {
    let id = app.post_as(&who.access, "/v1/me/email", json!({"email": email})).await;
    let code = app.code(email);
    app.verify_as(&who.access, &id.challenge_id(), &code).await.assert_ok().clone()
}
