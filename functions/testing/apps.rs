//! Helpers for the tests of apps: an administrator, apps of all kinds, forms and HTTP Basic.

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use data_encoding::BASE64;
use serde_json::{Value, json};

use super::{Answer, SignedIn, TestApp, accounts::PASSWORD, bodies::post_raw, json_request};

/// The phone of the administrator.
pub(crate) const ADMIN_PHONE: &str = "+14155550177";

/// The grants of an app that may use passwords at the token endpoint.
const PASSWORD_GRANTS: [&str; 3] = ["authorization_code", "refresh_token", "password"];

/// A confidential app of the tests, and the secret with which it authenticates.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) client_id: String,
    pub(crate) secret: String,
}

impl Server {
    /// Its `Authorization` header.
    pub(crate) fn basic(&self) -> String {
        basic(&self.client_id, &self.secret)
    }
}

/// The `Authorization` header of HTTP Basic.
pub(crate) fn basic(client_id: &str, secret: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{client_id}:{secret}").as_bytes()))
}

impl TestApp {
    /// The service, and its administrator, who is signed in.
    pub(crate) async fn with_admin() -> (Self, SignedIn) {
        Self::with_admin_and(&[]).await
    }

    /// As [`Self::with_admin`], with some settings changed.
    pub(crate) async fn with_admin_and(settings: &[(&str, &str)]) -> (Self, SignedIn) {
        let app = Self::with(&[&[("ADMIN_PHONE", ADMIN_PHONE)], settings].concat()).await;
        let admin = app.sign_in(ADMIN_PHONE).await;
        (app, admin)
    }

    /// Calls with a JSON body and an access token.
    pub(crate) async fn json_as(
        &self,
        who: &SignedIn,
        method: Method,
        path: &str,
        body: Value,
    ) -> Answer {
        self.send(json_request(method, path, Some(&who.access), &body)).await
    }

    /// Asks to create an app.
    pub(crate) async fn create_app(&self, admin: &SignedIn, body: Value) -> Answer {
        self.json_as(admin, Method::POST, "/v1/apps", body).await
    }

    /// Creates a public app, which may use passwords at the token endpoint.
    pub(crate) async fn public_app(&self, admin: &SignedIn, client_id: &str) {
        let body =
            json!({"client_id": client_id, "name": client_id, "grant_types": PASSWORD_GRANTS});
        self.create_app(admin, body).await.assert_created();
    }

    /// Creates a confidential app, which may use passwords at the token endpoint, and returns it.
    pub(crate) async fn server(&self, admin: &SignedIn, client_id: &str) -> Server {
        self.server_with(admin, client_id, json!({"grant_types": PASSWORD_GRANTS})).await
    }

    /// Creates a confidential app with some fields, and returns it.
    pub(crate) async fn server_with(
        &self,
        admin: &SignedIn,
        client_id: &str,
        mut body: Value,
    ) -> Server {
        body["client_id"] = json!(client_id);
        body["name"] = json!(client_id);
        body["type"] = json!("confidential");
        let created = self.create_app(admin, body).await;
        let secret = created.assert_created()["client_secret"].as_str().unwrap().to_owned();
        Server { client_id: client_id.to_owned(), secret }
    }

    /// Changes an app.
    pub(crate) async fn change_app(
        &self,
        admin: &SignedIn,
        client_id: &str,
        body: Value,
    ) -> Answer {
        self.json_as(admin, Method::PATCH, &format!("/v1/apps/{client_id}"), body).await
    }

    /// Deletes an app.
    pub(crate) async fn delete_app(&self, admin: &SignedIn, client_id: &str) -> Answer {
        self.call_as(&admin.access, Method::DELETE, &format!("/v1/apps/{client_id}")).await
    }

    /// Rotates an app's secret. The old one stays valid for `old_valid_for` seconds.
    pub(crate) async fn rotate(
        &self,
        admin: &SignedIn,
        client_id: &str,
        old_valid_for: i64,
    ) -> Answer {
        let body = json!({"old_secret_valid_for": old_valid_for});
        self.json_as(admin, Method::POST, &format!("/v1/apps/{client_id}/secret"), body).await
    }

    /// A user who has a password, signed in to the default app.
    pub(crate) async fn person(&self, phone: &str) -> SignedIn {
        self.sign_up(json!({"phone": phone, "password": PASSWORD})).await
    }

    /// Signs a person in to a public app by password.
    pub(crate) async fn login_to(&self, client_id: &str, phone: &str) -> SignedIn {
        self.login(json!({"phone": phone, "client_id": client_id}), PASSWORD).await.signed_in()
    }

    /// Signs a person in to a confidential app by password.
    pub(crate) async fn login_by(&self, server: &Server, phone: &str) -> SignedIn {
        let body = json!({"phone": phone, "password": PASSWORD});
        self.post_by(&server.basic(), "/v1/auth/login", body).await.signed_in()
    }

    /// Tries a code of a challenge that a confidential app asked for.
    pub(crate) async fn verify_by(
        &self,
        server: &Server,
        challenge_id: &str,
        code: &str,
    ) -> Answer {
        let body = json!({"challenge_id": challenge_id, "code": code});
        self.post_by(&server.basic(), "/v1/otp/verify", body).await
    }

    /// Posts JSON with an `Authorization` header.
    pub(crate) async fn post_by(&self, authorization: &str, path: &str, body: Value) -> Answer {
        let headers = [("content-type", "application/json"), ("authorization", authorization)];
        post_raw(self, None, path, &headers, body.to_string()).await
    }

    /// Posts a form, with an `Authorization` header if one is given.
    pub(crate) async fn form(
        &self,
        authorization: Option<&str>,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        headers.extend(authorization.map(|value| ("authorization", value)));
        post_raw(self, None, path, &headers, encoded(fields)).await
    }

    /// Introspects a token as a confidential app.
    pub(crate) async fn introspect(&self, server: &Server, token: &str) -> Answer {
        self.form(Some(&server.basic()), "/oauth2/introspect", &[("token", token)]).await
    }

    /// Refreshes at the token endpoint, as an app that names itself in the form.
    pub(crate) async fn grant_refresh(&self, client_id: &str, refresh: &str) -> Answer {
        let fields =
            [("grant_type", "refresh_token"), ("refresh_token", refresh), ("client_id", client_id)];
        self.form(None, "/oauth2/token", &fields).await
    }

    /// Asks, as a browser, whether a page of `origin` may call. Returns the origin that may, or an
    /// empty text.
    pub(crate) async fn preflight(&self, origin: &str) -> String {
        let request = Request::builder()
            .method(Method::OPTIONS)
            .uri("/v1/otp/send")
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type");

        let answer = self.send(request.body(Body::empty()).unwrap()).await;
        assert!(answer.status.is_success(), "{}", answer.status);

        answer.header("access-control-allow-origin").to_owned()
    }
}

impl Answer {
    /// Asserts that something was created (201). Returns it.
    #[track_caller]
    pub(crate) fn assert_created(&self) -> &Value {
        assert_eq!(self.status.as_u16(), 201, "{}", self.text);
        &self.json
    }

    /// The secret that a rotation returned.
    #[track_caller]
    pub(crate) fn secret(&self) -> String {
        self.assert_ok()["client_secret"].as_str().expect("a secret").to_owned()
    }

    /// Asserts an OAuth 2.0 error, in the format of RFC 6749 §5.2.
    #[track_caller]
    pub(crate) fn assert_oauth(&self, status: u16, error: &str) {
        assert_eq!(
            (self.status.as_u16(), self.json["error"].as_str()),
            (status, Some(error)),
            "{}",
            self.text
        );

        assert_eq!(self.header("content-type"), "application/json");
        assert_eq!((self.header("cache-control"), self.header("pragma")), ("no-store", "no-cache"));
        assert_eq!(self.json.as_object().unwrap().len(), 2, "{}", self.text);

        let description = self.json["error_description"].as_str().unwrap();
        assert!(!description.is_empty());

        let is_allowed = |c: char| (' '..='~').contains(&c) && c != '"' && c != '\\';
        assert!(description.chars().all(is_allowed), "{description}");

        // Only an app that tried HTTP Basic is told of it.
        let challenge = self.header("www-authenticate");
        let is_basic = challenge == r#"Basic realm="latchkey", charset="UTF-8""#;
        assert!(challenge.is_empty() || is_basic && error == "invalid_client", "{challenge}");
        assert_eq!(
            !self.header("retry-after").is_empty(),
            status == 429 || status == 503,
            "{}",
            self.text
        );
    }

    /// Asserts that a token is not active, and that the response reveals nothing else.
    #[track_caller]
    pub(crate) fn assert_inactive(&self) {
        assert_eq!(self.assert_ok(), &json!({"active": false}));
    }

    /// Asserts success without a body (200).
    #[track_caller]
    pub(crate) fn assert_empty_ok(&self) {
        assert_eq!((self.status.as_u16(), self.text.as_str()), (200, ""));
    }
}

/// Fields as a form.
pub(crate) fn encoded(fields: &[(&str, &str)]) -> String {
    serde_urlencoded::to_string(fields).unwrap()
}
