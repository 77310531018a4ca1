//! The headers and the pictures of public reports in `corpus/`, as the service reads them.

use axum::{
    body::Body,
    http::{HeaderValue, Method, Request, header},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::testing::{Answer, PHONE, TestApp, json_request};

#[derive(Deserialize)]
struct Header {
    header: String,
    input: String,
    accepted: Option<String>,
    #[serde(default)]
    why: String,
}

#[derive(Deserialize)]
struct Picture {
    file: String,
    label: String,
    shows: Option<[u8; 3]>,
    #[serde(default)]
    why: String,
}

/// Posts JSON with a header.
async fn post_with(app: &TestApp, path: &str, line: &Header, body: &Value) -> Answer {
    let mut request = json_request(Method::POST, path, None, body);
    let name: header::HeaderName = line.header.parse().unwrap();
    request.headers_mut().insert(name, HeaderValue::from_bytes(line.input.as_bytes()).unwrap());
    app.send(request).await
}

/// The path of the page behind the last text's link to stop texts.
fn stop_path(app: &TestApp) -> String {
    let text = app.texts(PHONE).pop().unwrap().body;
    let token = text.split_once("/stop/").unwrap().1.split_whitespace().next().unwrap();
    format!("/stop/{token}")
}

/// The form in which a header was understood, or the message of its refusal.
async fn understood(app: &TestApp, line: &Header) -> Result<String, String> {
    match line.header.as_str() {
        "Content-Type" => {
            let body = json!({"refresh_token": "x"});
            let answer = post_with(app, "/v1/auth/refresh", line, &body).await;
            let is_read = answer.status == 401;
            if is_read { Ok("application/json".into()) } else { Err(answer.text) }
        }
        "Idempotency-Key" => {
            let answer = post_with(app, "/v1/otp/send", line, &json!({"phone": "x"})).await;
            let is_read = answer.json["code"] == "invalid_phone";
            if is_read { Ok(line.input.clone()) } else { Err(answer.text) }
        }
        "Accept-Language" => {
            let request = Request::get(stop_path(app)).header("accept-language", &line.input);
            let page = app.send(request.body(Body::empty()).unwrap()).await.text;
            let (_, tag) = page.split_once("<html lang=\"").unwrap();
            Ok(tag.split('"').next().unwrap().to_owned())
        }
        "Origin" => {
            let allowed = app.preflight(&line.input).await;
            if allowed.is_empty() { Err(allowed) } else { Ok(allowed) }
        }
        "Access-Control-Request-Headers" => {
            let request = Request::options("/v1/otp/send")
                .header("origin", "https://shop.example.com")
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", &line.input);
            let answer = app.send(request.body(Body::empty()).unwrap()).await;
            let allowed = answer.header("access-control-allow-headers");
            let is_allowed = allowed.split(',').any(|name| name.trim() == line.input);
            if is_allowed { Ok(line.input.clone()) } else { Err(allowed.to_owned()) }
        }
        "User-Agent" => {
            let challenge_id = app.challenge(PHONE).await;
            let body = json!({"challenge_id": challenge_id, "code": app.code(PHONE)});
            let signed_in = post_with(app, "/v1/otp/verify", line, &body).await;
            let token = signed_in.assert_ok()["access_token"].as_str().unwrap().to_owned();
            let sessions = app.get_as(&token, "/v1/me/sessions").await.assert_ok().clone();
            let current = |session: &&Value| session["current"] == true;
            let session = sessions["items"].as_array().unwrap().iter().find(current).unwrap();
            session["user_agent"].as_str().map(str::to_owned).ok_or_else(String::new)
        }
        other => panic!("no test reads the header {other}"),
    }
}

#[tokio::test]
async fn headers_of_public_reports_are_understood_or_refused_with_the_reason() {
    let origins = "https://shop.example.com:443,capacitor://localhost";
    let app = TestApp::with(&[("ALLOWED_ORIGINS", origins)]).await;
    app.challenge(PHONE).await;
    app.advance(60);
    app.challenge(PHONE).await;
    let lines: Vec<Header> =
        serde_json::from_str(include_str!("../../corpus/headers.json")).unwrap();
    for line in lines {
        app.advance(60);
        match understood(&app, &line).await {
            Ok(kept) => assert_eq!(Some(kept), line.accepted, "{}: {}", line.header, line.input),
            Err(reason) => {
                assert_eq!(line.accepted, None, "{}: {}: {reason}", line.header, line.input);
                assert!(reason.contains(&line.why), "{}: {reason}", line.input);
            }
        }
    }
}

#[tokio::test]
async fn pictures_are_judged_by_their_content_whatever_their_label() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let lines: Vec<Picture> =
        serde_json::from_str(include_str!("../../corpus/pictures.json")).unwrap();
    for Picture { file, label, shows, why } in lines {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus/pictures/").to_owned() + &file;
        let bytes = std::fs::read(path).unwrap();
        let headers = [("content-type", label.as_str())];
        let answer = app.put_avatar_with(&me.access, &headers, bytes).await;
        let Some(colour) = shows else {
            assert!(answer.status.is_client_error(), "{file}: {}", answer.text);
            assert!(answer.text.contains(&why), "{file}: {}", answer.text);
            continue;
        };
        answer.assert_ok();
        let shown = image::load_from_memory(&app.only_picture().0).unwrap().into_rgb8();
        let shown = shown.get_pixel(256, 256).0;
        let is_close = shown.iter().zip(colour).all(|(shown, wanted)| shown.abs_diff(wanted) <= 3);
        assert!(is_close, "{file}: {shown:?} instead of {colour:?}");
    }
}
