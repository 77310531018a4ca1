use std::net::{IpAddr, Ipv4Addr};

use axum::http::Method;
use serde_json::json;
use tokio::net::TcpListener;

use crate::testing::{Answer, PHONE, TestApp, accounts::EMAIL, at_once, json_request};

const PRICE: (&str, &str) = ("SMS_PRICES_USD", "US=0.01,GB=0.04");
const DAY: i64 = 24 * 3600;

async fn app(settings: &[(&str, &str)]) -> TestApp {
    let unbound = [
        PRICE,
        ("OTP_SENDS_PER_IP_PER_HOUR", "1000000"),
        ("OTP_SENDS_PER_PREFIX_PER_HOUR", "1000000"),
        // A separate test covers the part that is kept for known devices.
        ("SMS_BUDGET_RESERVED_PERCENT", "0"),
    ];
    TestApp::with(&[&unbound, settings].concat()).await
}

fn us(number: usize) -> String {
    format!("+1415{:07}", 5_550_000 + number)
}

/// The amount that is counted as spent, in millionths of a dollar.
async fn spent(app: &TestApp, attribute: &str) -> i64 {
    let of_item =
        |item: &std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>| {
            item.get(attribute).map_or(0, |spent| spent.as_n().unwrap().parse::<i64>().unwrap())
        };
    app.items_like("SPENDING").await.iter().map(of_item).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_not_exceeded_by_requests_at_the_same_time() {
    let app = app(&[("SMS_MONTHLY_BUDGET_USD", "1")]).await;
    let mut answers: Vec<Answer> = Vec::new();

    // A thousand requests, to instances that share no memory.
    let instances: Vec<_> = (0..4).map(|_| app.restarted(&[])).collect();
    for round in 0..10 {
        answers.extend(
            at_once(100, |index| {
                let app = instances[index % 4].clone();
                async move { app.send_code(&us(round * 100 + index)).await }
            })
            .await,
        );
    }

    let sent = answers.iter().filter(|answer| answer.status == 202).count();
    let texts: usize = (0..1000).map(|number| app.texts(&us(number)).len()).sum();
    assert!(texts <= 100, "{texts} texts at a cent each");

    // On a busy machine, some requests get no response in time.
    assert!((10..=texts).contains(&sent), "{sent} responses 202 for {texts} texts");
    assert!(spent(&app, "spent").await <= 1_000_000);

    let refused = answers.iter().filter(|answer| answer.status != 202 && answer.status != 503);
    refused.for_each(|answer| answer.assert_problem(429, "sms_limit_reached"));
}

#[tokio::test]
async fn budgets_apply_per_month_day_and_country() {
    let app = app(&[
        ("SMS_MONTHLY_BUDGET_USD", "0.10"),
        ("SMS_DAILY_BUDGET_USD", "0.05"),
        ("SMS_COUNTRY_BUDGETS_USD", "GB=0.04"),
    ])
    .await;
    app.challenge("+447400123456").await;
    assert!(
        app.send_code("+447400123457").await.assert_wait(429, "sms_limit_reached") > DAY,
        "until the month ends"
    );

    app.challenge(&us(0)).await;
    let refused = app.send_code(&us(1)).await;
    let wait = refused.assert_wait(429, "sms_limit_reached");
    assert!((1..=DAY).contains(&wait), "until the day ends: {wait}");

    app.advance(wait - 1);
    assert_eq!(app.send_code(&us(1)).await.assert_wait(429, "sms_limit_reached"), 1);

    app.advance(1);
    for number in 1..=5 {
        app.challenge(&us(number)).await;
    }

    app.advance(DAY);
    app.send_code(&us(6)).await.assert_problem(429, "sms_limit_reached");
    assert_eq!((spent(&app, "spent").await, spent(&app, "spent_in_GB").await), (100_000, 40_000));

    app.advance(31 * DAY);
    app.challenge("+447400123457").await;
}

#[tokio::test]
async fn a_country_and_a_prefix_have_their_own_daily_budgets() {
    let app = app(&[
        ("SMS_COUNTRY_DAILY_BUDGETS_USD", "GB=0.08"),
        ("SMS_PREFIX_DAILY_BUDGET_USD", "0.03"),
        ("SMS_PREFIX_MONTHLY_BUDGET_USD", "0.05"),
    ])
    .await;

    // A text of 4 cents is more than the daily budget of a prefix.
    app.send_code("+447400123456").await.assert_problem(429, "sms_limit_reached");
    assert_eq!((spent(&app, "spent").await, spent(&app, "paid").await), (0, 0));

    let dearer = app
        .restarted(&[("SMS_PREFIX_DAILY_BUDGET_USD", "1"), ("SMS_PREFIX_MONTHLY_BUDGET_USD", "1")]);
    dearer.challenge("+447400123456").await;
    dearer.challenge("+447500123456").await;

    assert!(
        (1..=DAY).contains(
            &dearer.send_code("+447800123456").await.assert_wait(429, "sms_limit_reached")
        )
    );

    // Numbers that begin with +1415555.
    for number in 0..3 {
        app.challenge(&us(number)).await;
    }

    assert!((1..=DAY).contains(&app.send_code(&us(3)).await.assert_wait(429, "sms_limit_reached")));
    app.challenge("+14165550100").await;
    app.advance(DAY);
    app.challenge(&us(3)).await;
    app.challenge(&us(4)).await;
    app.send_code(&us(5)).await.assert_problem(429, "sms_limit_reached");

    dearer.challenge("+447800123456").await;
    app.advance(DAY);
    let wait = app.send_code(&us(5)).await.assert_wait(429, "sms_limit_reached");
    assert!(wait > DAY, "the month is used up: {wait}");

    app.advance(wait);
    app.challenge(&us(5)).await;
}

#[tokio::test]
async fn a_daily_budget_does_not_reduce_the_monthly_one() {
    let app = app(&[
        ("SMS_PRICES_USD", "US=0.5"),
        ("SMS_MONTHLY_BUDGET_USD", "16"),
        ("SMS_COUNTRY_DAILY_BUDGETS_USD", "US=2"),
    ])
    .await;
    let mut sent = 0;
    for day in 0..9 {
        for number in 0..5 {
            sent += usize::from(app.send_code(&us(day * 5 + number)).await.status == 202);
        }
        assert_eq!(sent, 4 * (day + 1).min(8));
        app.advance(DAY);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_of_a_prefix_is_exact_and_unsent_texts_are_refunded() {
    let app = app(&[("SMS_PREFIX_DAILY_BUDGET_USD", "0.1")]).await;
    app.cut_off("SNS").send_code(PHONE).await.assert_problem(503, "unavailable");

    let poor = app.restarted(&[("SMS_MONTHLY_BUDGET_USD", "0")]);
    poor.send_code(&us(0)).await.assert_problem(429, "sms_limit_reached");

    let answers = at_once(30, |number| {
        let app = app.clone();
        async move { app.send_code(&us(number)).await }
    })
    .await;
    let texts: usize = (0..30).map(|number| app.texts(&us(number)).len()).sum();
    let sent = answers.iter().filter(|answer| answer.status == 202).count();

    assert!(
        (sent..=10).contains(&texts) && sent > 0,
        "{sent} responses 202 for {texts} texts at a cent each"
    );

    if answers.iter().all(|answer| answer.status != 503) {
        assert_eq!(texts, 10, "refunded money can be spent");
    }
}

/// An SNS that ends each connection by a reset once the whole request has arrived. Returns its
/// endpoint.
async fn resetting_sns() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 8 * 1024];
            // The text is at the end of the body.
            while !String::from_utf8_lossy(&request).contains("Transactional") {
                socket.peek(&mut request).await.unwrap();
                tokio::task::yield_now().await;
            }
            // Bytes that arrived and were not read make the system send a reset.
            drop(socket);
        }
    });

    endpoint
}

#[tokio::test]
async fn a_text_stays_paid_if_the_connection_is_reset_after_the_request() {
    let app = app(&[("SMS_MONTHLY_BUDGET_USD", "0.02")]).await;
    let reset = app.restarted(&[("AWS_ENDPOINT_URL_SNS", &resetting_sns().await)]);
    assert_eq!(reset.send_code(PHONE).await.status, 202);
    assert_eq!(spent(&app, "spent").await, 10_000, "SNS may have sent the text");
}

#[tokio::test]
async fn a_text_that_aws_refuses_is_refunded_and_mails_cost_nothing() {
    let app = app(&[("SMS_MONTHLY_BUDGET_USD", "0.02"), ("EMAIL_FROM", "id@example.com")]).await;
    for _ in 0..5 {
        app.cut_off("SNS").send_code(PHONE).await.assert_problem(503, "unavailable");
    }

    assert_eq!(spent(&app, "spent").await, 0);
    app.challenge(&us(0)).await;
    app.challenge(&us(1)).await;
    let refused = app.send_code(PHONE).await;
    refused.assert_problem(429, "sms_limit_reached");
    assert!(refused.json["retry_after"].as_i64().unwrap() > 3600);
    assert_eq!(app.post("/v1/otp/send", json!({"email": EMAIL})).await.status, 202);

    // The cooldown of the phone and the count of its source were refunded: with a larger budget the
    // next text is sent immediately.
    app.restarted(&[("SMS_MONTHLY_BUDGET_USD", "5")]).challenge(PHONE).await;
}

#[tokio::test]
async fn a_text_of_two_segments_costs_twice() {
    let name = "A very long name for an app 12";
    let app = app(&[
        ("APP_NAME", name),
        ("WEB_OTP_ORIGIN", "https://a-rather-long-name-of-a-host.example.com"),
    ])
    .await;
    let request =
        json_request(Method::POST, "/v1/otp/send", None, &json!({"phone": us(0), "locale": "ar"}));
    let sent = app.send_from(IpAddr::V4(Ipv4Addr::LOCALHOST), request).await;
    assert_eq!(sent.status, 202, "{}", sent.text);

    let segments = shared::spending::segments(&app.texts(&us(0))[0].body);
    assert!(segments >= 2);
    assert_eq!(spent(&app, "spent").await, 10_000 * i64::try_from(segments).unwrap());
}

#[tokio::test]
async fn a_test_phone_costs_nothing_and_a_budget_of_zero_sends_nothing() {
    let phones =
        [("TEST_PHONE_NUMBERS", "+15005550006=123456"), ("TEST_PHONES_UNTIL", "2027-02-01")];
    let app = app(&[("SMS_MONTHLY_BUDGET_USD", "0"), phones[0], phones[1]]).await;
    app.challenge("+15005550006").await;
    app.send_code(PHONE).await.assert_problem(429, "sms_limit_reached");
    // A password reset does not reveal that the budget is used up.
    assert_eq!(app.post("/v1/password/forgot", json!({"phone": PHONE})).await.status, 202);
}

#[tokio::test]
async fn an_app_has_its_own_budget() {
    let unbound = [
        PRICE,
        ("OTP_SENDS_PER_IP_PER_HOUR", "1000000"),
        ("OTP_SENDS_PER_PREFIX_PER_HOUR", "1000000"),
        // A separate test covers the part that is kept for known devices.
        ("SMS_BUDGET_RESERVED_PERCENT", "0"),
    ];
    let (app, admin) = TestApp::with_admin_and(&unbound).await;
    app.public_app(&admin, "shop").await;
    app.change_app(&admin, "shop", json!({"sms_monthly_budget_usd": 0.03})).await.assert_ok();

    let of_shop = |number: usize| json!({"phone": us(number), "client_id": "shop"});
    for number in 0..3 {
        app.post("/v1/otp/send", of_shop(number)).await.challenge_id();
    }

    assert!(app.post("/v1/otp/send", of_shop(3)).await.assert_wait(429, "sms_limit_reached") > DAY);
    assert_eq!(app.send_code(&us(4)).await.status, 202, "the budget of others is not affected");
    assert_eq!(spent(&app, "spent_by_shop").await, 30_000);
    app.change_app(
        &admin,
        "shop",
        json!({"sms_monthly_budget_usd": 1, "sms_daily_budget_usd": 0.01}),
    )
    .await
    .assert_ok();

    app.advance(DAY);
    app.post("/v1/otp/send", of_shop(6)).await.challenge_id();
    assert!((1..=DAY).contains(
        &app.post("/v1/otp/send", of_shop(7)).await.assert_wait(429, "sms_limit_reached")
    ));

    app.advance(31 * DAY);
    app.post("/v1/otp/send", of_shop(5)).await.challenge_id();
    app.change_app(&admin, "shop", json!({"sms_monthly_budget_usd": null}))
        .await
        .assert_problem(401, "token_expired");
}

#[tokio::test]
async fn many_texts_share_the_writes_that_reserve_their_price() {
    let app = app(&[("SMS_MONTHLY_BUDGET_USD", "1000")]).await;
    let (_, (_, writes)) = app
        .units(async {
            for number in 0..32 {
                app.send_code(&us(number * 7)).await.challenge_id();
            }
        })
        .await;

    // Each text needs three writes: the source, the prefix, and the phone with its challenge. The
    // budget is written only once for several texts.
    assert!(writes < 3.25 * 32.0, "{writes} for 32 texts");

    let spent = spent(&app, "spent").await;
    assert!((320_000..=400_000).contains(&spent), "{spent} for 32 texts of a cent");
}

#[tokio::test]
async fn a_fifth_of_the_budget_is_kept_for_known_devices() {
    let app = TestApp::with(&[PRICE, ("SMS_MONTHLY_BUDGET_USD", "0.10")]).await;
    let known = app.sign_in(PHONE).await.json["device_token"].clone();
    app.advance(3600);
    for number in 0..7 {
        assert_eq!(app.send_code(&us(number * 7)).await.status, 202, "{number}");
    }
    app.send_code(&us(99)).await.assert_problem(429, "sms_limit_reached");
    app.send_code(PHONE).await.assert_problem(429, "sms_limit_reached");

    let body = json!({"phone": PHONE, "device_token": known});
    app.post("/v1/otp/send", body.clone()).await.challenge_id();
    app.advance(60);
    app.post("/v1/otp/send", body.clone()).await.challenge_id();
    app.advance(120);
    app.post("/v1/otp/send", body).await.assert_problem(429, "sms_limit_reached");
    assert_eq!(spent(&app, "spent").await, 100_000);
}
