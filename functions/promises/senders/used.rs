//! The log tells by which sender and in which country codes are used, and no write is made for it.

use shared::{
    identifiers::Channel,
    limits::{Recorded, SentText},
};

use super::{Deployment, QUEUED, Reply, TAKEN, TOO_MANY, base};
use crate::testing::{PHONE, TestApp, accounts::EMAIL, records::records};

/// The senders of the texts in some records, each with its country.
fn senders(recorded: &[Recorded], challenge_id: &str) -> Vec<(String, String)> {
    let sent = recorded.iter().filter_map(|recorded| match recorded {
        Recorded::TextSent(text) => Some(text),
        _ => None,
    });
    let sender = |text: &SentText| {
        assert_eq!(
            (text.challenge_id.to_string().as_str(), text.channel),
            (challenge_id, Channel::Sms)
        );
        (text.sender.clone(), text.country.clone())
    };
    sent.map(sender).collect()
}

fn by(sender: &str) -> Vec<(String, String)> {
    vec![(sender.to_owned(), "US".to_owned())]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_text_is_recorded_with_the_sender_that_has_it() {
    let app = base().await;
    let unknown = Deployment::of(&app, "unknown", Reply::Answer(500, ""), TAKEN).await;
    let (sent, recorded) = records(unknown.app.send_code(PHONE)).await;
    let id = sent.challenge_id();
    assert_eq!(senders(&recorded, &id), by("twilio"), "it may have been sent");

    app.advance(30);
    let (_, recorded) = records(unknown.app.resend(&id)).await;
    assert_eq!(senders(&recorded, &id), by("webhook"));
    let (_, recorded) = records(unknown.app.verify(&id, &unknown.code())).await;
    assert_eq!(recorded, [Recorded::CodeVerified(id.parse().unwrap())]);

    let refused = Deployment::of(&app, "refused", TOO_MANY, TAKEN).await;
    let (sent, recorded) = records(refused.app.send_code("+14155550124")).await;
    assert_eq!(senders(&recorded, &sent.challenge_id()), by("webhook"), "twilio refused it");

    let nobody = Deployment::of(&app, "nobody", TOO_MANY, TOO_MANY).await;
    let (sent, recorded) = records(nobody.app.send_code("+14155550125")).await;
    assert_eq!(sent.status, 503);
    assert_eq!(senders(&recorded, ""), []);
}

#[tokio::test]
async fn a_mail_is_not_recorded_as_a_text() {
    let app = TestApp::with_mail().await;
    let (_, recorded) = records(app.mail_challenge(EMAIL)).await;
    assert_eq!(senders(&recorded, ""), []);
}

/// `otp/send/tests.rs` and `otp/verify/tests.rs` have the units of SNS.
#[tokio::test]
async fn the_records_cost_no_unit() {
    let app = base().await;
    let vendors = Deployment::of(&app, "senders", QUEUED, TAKEN).await;
    let (sent, send_by_sns) = app.units(app.send_code("+14155550111")).await;
    let code = app.code("+14155550111");
    let (_, verify_by_sns) = app.units(app.verify(&sent.challenge_id(), &code)).await;

    let by = &vendors.app;
    let (sent, send_by_vendor) = by.units(by.send_code("+14155550112")).await;
    let (id, code) = (sent.challenge_id(), vendors.code());
    let (_, verify_by_vendor) = by.units(by.verify(&id, &code)).await;
    assert_eq!((send_by_sns, verify_by_sns), (send_by_vendor, verify_by_vendor));
}
