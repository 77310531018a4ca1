use std::net::{IpAddr, Ipv4Addr};

use axum::http::Method;
use serde_json::json;

use crate::testing::{TestApp, json_request, wrong};

/// Sends `guesses` wrong codes for a person. Returns how many tries are left after the first one.
async fn guess(app: &TestApp, person: u16, guesses: usize) -> i64 {
    let phone = format!("+1415{:07}", 5_550_000 + u32::from(person) * 7);
    let [high, low] = person.to_be_bytes();
    let source = IpAddr::V4(Ipv4Addr::new(198, 51, high, low));
    let send = json_request(Method::POST, "/v1/otp/send", None, &json!({"phone": phone}));
    let id = app.send_from(source, send).await.challenge_id();
    let body = json!({"challenge_id": id, "code": wrong(&app.code(&phone))});
    let first = app.post("/v1/otp/verify", body.clone()).await;
    first.assert_problem(400, "otp_incorrect");

    for _ in 1..guesses {
        app.post("/v1/otp/verify", body.clone()).await;
    }

    first.json["attempts_left"].as_i64().unwrap()
}

#[tokio::test]
async fn a_wrong_code_closes_its_challenge_while_nearly_all_guesses_are_wrong() {
    let app = TestApp::with(&[("SMS_MONTHLY_BUDGET_USD", "1000")]).await;
    for person in 0..250 {
        let left = guess(&app, person, 4).await;
        assert!(left == 4 || person > 60, "a small sample proves nothing");
    }

    // Each guess reads one of sixteen samples. Some of them are still too small.
    let mut closed = 0;
    for person in 250..290 {
        closed += u16::from(guess(&app, person, 1).await == 0);
    }

    assert!(closed > 10, "{closed} of 40 challenges closed by a wrong code");
    let never = app.restarted(&[("OTP_MAX_FAILED_PERCENT", "100")]);
    for person in 290..300 {
        assert_eq!(guess(&never, person, 1).await, 4);
    }

    app.advance(3601);
    for person in 300..310 {
        assert_eq!(guess(&app, person, 1).await, 4, "an hour later the guesses no longer count");
    }
}
