use std::net::IpAddr;

use axum::http::Method;
use serde_json::json;

use crate::testing::{Answer, PHONE, TestApp, at_once, json_request, records::records};
use shared::limits::{Decision, ProofChallenge, Reason, Recorded, Verdict};

const SOURCE: &str = "198.51.100.7";
/// Numbers of four countries.
const ABROAD: [&str; 4] = ["+447400123456", "+34612345678", "+919876543210", "+966512345678"];

async fn app(mode: &str) -> TestApp {
    TestApp::with(&[("FRAUD_MODE", mode), ("SMS_MONTHLY_BUDGET_USD", "1000")]).await
}

async fn send_from(app: &TestApp, source: &str, phone: &str) -> Answer {
    let request = json_request(Method::POST, "/v1/otp/send", None, &json!({"phone": phone}));
    app.send_from(source.parse::<IpAddr>().unwrap(), request).await
}

/// A number far from the others.
fn somewhere(number: usize) -> String {
    format!("+1415555{:04}", 100 + number * 37)
}

/// Sends to all these phones. Returns the responses, and the decision on each text.
async fn decisions(app: &TestApp, phones: &[String]) -> (Vec<Answer>, Vec<Decision>) {
    let work = async {
        let mut answers = Vec::new();
        for (index, phone) in phones.iter().enumerate() {
            answers.push(send_from(app, &format!("198.51.100.{index}"), phone).await);
        }
        answers
    };
    let (answers, recorded) = records(work).await;
    let decisions = recorded.into_iter().filter_map(|recorded| match recorded {
        Recorded::SendDecision(decision) => Some(*decision),
        Recorded::TextSent(_) | Recorded::CodeVerified(_) => None,
    });
    (answers, decisions.collect())
}

#[tokio::test]
async fn a_suspicious_text_is_recorded_withheld_or_denied_by_mode() {
    for (mode, status, texts, verdict) in [
        ("record", 202, 1, Verdict::Sent),
        ("quiet", 202, 0, Verdict::Withheld),
        ("deny", 429, 0, Verdict::Denied),
    ] {
        let app = app(mode).await;
        for phone in &ABROAD[..3] {
            assert_eq!(send_from(&app, SOURCE, phone).await.status, 202, "{mode}");
            assert_eq!(app.texts(phone).len(), 1, "{mode}");
        }
        let (fourth, recorded) = records(send_from(&app, SOURCE, ABROAD[3])).await;
        assert_eq!(fourth.status, status, "{mode}: {}", fourth.text);
        assert_eq!(app.texts(ABROAD[3]).len(), texts, "{mode}");
        let decided = recorded.iter().find_map(|recorded| match recorded {
            Recorded::SendDecision(decision) => Some(decision),
            _ => None,
        });
        let Some(decision) = decided else { panic!("{recorded:?}") };
        assert_eq!(
            (decision.verdict, decision.reasons.as_slice()),
            (verdict, &[Reason::CountriesOfSource][..])
        );
        assert!(decision.micro_usd > 0 && decision.country == "SA");
        match mode {
            "deny" => fourth.assert_problem(429, "sms_limit_reached"),
            _ => assert_eq!(fourth.challenge_id(), decision.challenge_id.to_string()),
        }
        assert_eq!(
            send_from(&app, "203.0.113.9", "+4915112345678").await.status,
            202,
            "{mode}: other sources are not affected"
        );
    }
}

#[tokio::test]
async fn a_withheld_text_costs_nothing_and_its_response_looks_the_same() {
    let app = app("quiet").await;
    for phone in ABROAD {
        send_from(&app, SOURCE, phone).await.challenge_id();
    }

    let spent =
        |item: &std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>| {
            item.get("spent_in_SA").map_or(0, |spent| spent.as_n().unwrap().parse::<i64>().unwrap())
        };
    assert_eq!(app.items_like("SPENDING").await.iter().map(spent).sum::<i64>(), 0);

    // The cooldown begins, as if the text had been sent.
    send_from(&app, SOURCE, ABROAD[3]).await.assert_problem(429, "resend_too_soon");
}

#[tokio::test]
async fn numbers_in_a_sequence_are_suspected_from_any_source() {
    let app = app("deny").await;
    let phones: Vec<_> = (0..6).map(|number| format!("+1415555{:04}", 123 + number)).collect();
    let (answers, decisions) = decisions(&app, &phones).await;
    assert!(answers[..5].iter().all(|answer| answer.status == 202));
    answers[5].assert_problem(429, "sms_limit_reached");
    assert_eq!(decisions[5].reasons, [Reason::NumbersInSequence]);
    assert_eq!(decisions[5].signs.sequence, 6);
}

#[tokio::test]
async fn a_block_whose_texts_nobody_verifies_is_recorded_and_stops_nobody() {
    let app = app("deny").await;
    let phones: Vec<_> = (0..17).map(somewhere).collect();
    let (answers, decisions) = decisions(&app, &phones).await;

    // Four texts are not watched, and twelve watched ones are enough. Strangers could cause that,
    // so it keeps out nobody who has such a number.
    assert!(answers.iter().all(|answer| answer.status == 202));
    assert!(decisions[14].reasons.is_empty());
    assert_eq!(decisions[15].reasons, [Reason::PrefixUnverified]);
    assert_eq!((decisions[15].signs.prefix.texts, decisions[15].signs.prefix.verified), (16, 0));
}

#[tokio::test]
async fn texts_whose_codes_are_verified_are_not_suspected() {
    let app = app("deny").await;
    for number in 0..30 {
        let phone = somewhere(number);
        let sent = send_from(&app, &format!("198.51.100.{number}"), &phone).await;
        let (id, code) = (sent.challenge_id(), app.code(&phone));
        let (verified, recorded) = records(app.verify(&id, &code)).await;
        verified.assert_ok();
        assert_eq!(recorded, [Recorded::CodeVerified(id.parse().unwrap())]);
    }

    let counted =
        app.items_like("SENDS").await.into_iter().filter(|item| item.contains_key("numbers"));
    let verified: Vec<_> = counted.map(|item| item["verified"].as_n().unwrap().clone()).collect();

    // Sixteen of the first twenty texts are counted, and after these every eighth text.
    assert_eq!(verified, ["17"]);
}

#[tokio::test]
async fn a_block_of_numbers_does_not_stop_the_others_of_its_prefix() {
    let app = app("deny").await;
    let block: Vec<_> = (0..6).map(|number| format!("+1415555{:04}", 123 + number)).collect();
    decisions(&app, &block).await;
    assert_eq!(app.send_code("+14155550199").await.status, 202);
}

#[tokio::test]
async fn denied_texts_are_refunded_everywhere() {
    let app = TestApp::with(&[("FRAUD_MODE", "deny"), ("OTP_SENDS_PER_IP_PER_HOUR", "5")]).await;
    for phone in ABROAD {
        send_from(&app, SOURCE, phone).await;
    }

    for _ in 0..10 {
        send_from(&app, SOURCE, "+4915112345678").await.assert_problem(429, "sms_limit_reached");
    }
    // Two of five are left, for countries that were texted before.
    let known = format!("{}0", &ABROAD[0][..ABROAD[0].len() - 1]);
    assert_eq!(send_from(&app, SOURCE, &known).await.status, 202);
}

#[tokio::test]
async fn a_prefix_keeps_a_bounded_number_of_notes() {
    let app = TestApp::with(&[("OTP_SENDS_PER_PREFIX_PER_HOUR", "120")]).await;
    for number in 0..110 {
        let source = format!("198.51.100.{number}");
        let sent = send_from(&app, &source, &format!("+1415555{:04}", 100 + number)).await;
        assert_eq!(sent.status, 202);
    }

    let items = app.items_like("SENDS").await;
    let prefix = items.iter().find(|item| item.contains_key("numbers")).unwrap();
    assert_eq!(
        (prefix["numbers"].as_ns().unwrap().len(), prefix["sends"].as_n().unwrap().as_str()),
        (100, "110")
    );
}

#[tokio::test]
async fn a_code_that_is_sent_again_is_one_text() {
    let app = app("record").await;
    let id = send_from(&app, SOURCE, PHONE).await.challenge_id();
    app.advance(30);
    let (_, recorded) = records(app.resend(&id)).await;
    let [Recorded::SendDecision(decision), Recorded::TextSent(_)] = recorded.as_slice() else {
        panic!("{recorded:?}")
    };
    assert_eq!(decision.signs.prefix.texts, 1);
}

#[tokio::test]
async fn a_decision_names_nobody() {
    let app = app("record").await;
    let (_, recorded) = records(send_from(&app, SOURCE, PHONE)).await;
    let line = serde_json::to_string(&recorded).unwrap();

    for trace in [PHONE, "4155550123", "1415555", "0123\"", SOURCE] {
        assert!(!line.contains(trace), "{trace}: {line}");
    }
    // A hash may contain the digits of the code by chance.
    let code = app.code(PHONE);
    let mut words = line.split(|c: char| !c.is_ascii_alphanumeric());
    assert!(words.all(|word| word != code), "{code}: {line}");

    for item in app.items_like("SENDS").await {
        let numbers =
            item.get("numbers").map(|numbers| numbers.as_ns().unwrap().clone()).unwrap_or_default();
        assert!(
            numbers.iter().all(|number| number.len() > 9 && !number.ends_with("0123")),
            "{item:?}"
        );
    }
}

#[tokio::test]
async fn a_proof_of_work_counts_once_and_for_its_address() {
    let app = app("challenge").await;
    for phone in &ABROAD[..3] {
        send_from(&app, SOURCE, phone).await.challenge_id();
    }
    let send = |phone: &'static str, proof: String| {
        let body = json!({"phone": phone, "proof": proof});
        let request = json_request(Method::POST, "/v1/otp/send", None, &body);
        app.send_from(SOURCE.parse::<IpAddr>().unwrap(), request)
    };
    let proof = |answer: Answer| {
        answer.assert_problem(403, "proof_required");
        let challenge = serde_json::from_value::<ProofChallenge>(answer.json["proof"].clone());
        challenge.unwrap().solve().unwrap()
    };

    let solved = proof(send_from(&app, SOURCE, ABROAD[3]).await);
    send("+4915112345678", solved.clone()).await.assert_problem(403, "proof_required");
    send(ABROAD[3], solved.clone()).await.challenge_id();
    app.advance(30);
    let again = proof(send(ABROAD[3], solved).await);

    // Of several requests with one proof at the same time, one is let through.
    let answers = at_once(10, |_| {
        let (app, again) = (app.clone(), again.clone());
        let ip = SOURCE.parse::<IpAddr>().unwrap();
        async move {
            let body = json!({"phone": ABROAD[3], "proof": again});
            let request = json_request(Method::POST, "/v1/otp/send", None, &body);
            app.send_from(ip, request).await
        }
    })
    .await;
    let sent = answers.iter().filter(|answer| answer.status == 202).count();
    assert_eq!((sent, app.texts(ABROAD[3]).len()), (1, 2));
}

#[tokio::test]
async fn a_quiet_answer_tells_nobody_that_a_text_of_an_owner_could_not_be_sent() {
    for (setting, refuses) in [(Some(("SMS_MONTHLY_BUDGET_USD", "0.01")), false), (None, true)] {
        let mode = Some(("FRAUD_MODE", "quiet"));
        let settings: Vec<_> =
            [mode, Some(("SMS_MONTHLY_BUDGET_USD", "1000"))].into_iter().flatten().collect();
        let app = TestApp::with(&settings).await;
        app.sign_in(ABROAD[3]).await;
        app.advance(2 * 3600);
        for phone in &ABROAD[..3] {
            send_from(&app, SOURCE, phone).await.challenge_id();
        }
        let spent = app.restarted(&setting.into_iter().collect::<Vec<_>>());
        app.aws.inbox.refuse(refuses);
        for phone in [ABROAD[3], "+966512345679"] {
            let answer = send_from(&spent, SOURCE, phone).await;
            assert_eq!(answer.status, 202, "{phone}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_suspected_text_to_an_owner_leaves_no_trace_in_its_block() {
    let app = app("quiet").await;
    app.sign_in(ABROAD[3]).await;
    app.advance(2 * 3600);
    for phone in &ABROAD[..3] {
        send_from(&app, SOURCE, phone).await.challenge_id();
    }
    let before = app.texts(ABROAD[3]).len();
    send_from(&app, SOURCE, ABROAD[3]).await.challenge_id();
    assert_eq!(app.texts(ABROAD[3]).len(), before + 1);

    let items = app.items_like("SENDS").await;
    let released = items.iter().filter(|item| item["sends"].as_n().unwrap() == "0");
    let numbers: Vec<_> = released.map(|item| item.contains_key("numbers")).collect();
    assert_eq!(numbers, [false]);
}
