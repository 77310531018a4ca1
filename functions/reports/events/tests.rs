use serde_json::{Value, json};
use shared::messages::DeliveryEvent;

use super::count;
use crate::testing::{TestApp, apps::ADMIN_PHONE};

/// An event as AWS documents it.
fn event(kind: &str, is_final: bool, message: u128) -> DeliveryEvent {
    let id = uuid::Uuid::from_u128(message);
    serde_json::from_value(json!({
        "version": "0",
        "id": "27255ce5-7d8c-7dd3-2b9f-0ab3bf0b2f2a",
        "detail-type": "Text Message Delivery Status Updated",
        "source": "aws.sms-voice",
        "account": "123456789012",
        "time": "2027-01-15T08:00:05Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {
            "eventType": kind,
            "eventTimestamp": 1_800_000_005_000_i64,
            "isFinal": is_final,
            "originationPhoneNumber": "+14155550100",
            "isoCountryCode": "US",
            "mcc": "310",
            "mnc": "800",
            "carrierName": "A carrier",
            "messageId": id,
            "messageRequestTimestamp": 1_800_000_000_000_i64,
            "messageEncoding": "GSM",
            "messageType": "TRANSACTIONAL",
            "messageStatus": "DELIVERED",
            "messageStatusDescription": "Message has been accepted by phone",
            "totalMessageParts": 1,
            "totalMessagePrice": 0.00581,
            "totalCarrierFee": 0.003,
        },
    }))
    .unwrap()
}

#[tokio::test]
async fn events_of_texts_count_once_in_whatever_order_they_come() {
    let app = TestApp::with(&[("ADMIN_PHONE", ADMIN_PHONE)]).await;
    let admin = app.sign_in(ADMIN_PHONE).await;
    for (message, events) in [
        (1, vec![("TEXT_PENDING", false), ("TEXT_DELIVERED", true), ("TEXT_PENDING", false)]),
        (2, vec![("TEXT_SUCCESSFUL", true); 10]),
        (3, vec![("TEXT_CARRIER_BLOCKED", true), ("TEXT_QUEUED", false)]),
        (4, vec![("VOICE_INITIATED", false), ("VOICE_NO_ANSWER", true)]),
        (5, vec![("TEXT_UNKNOWN", true), ("RCS_READ", true)]),
    ] {
        for (kind, is_final) in events {
            let instance = app.restarted(&[]);
            count(&instance.latchkey, event(kind, is_final, message)).await.unwrap();
        }
    }

    let counts = app.get_as(&admin.access, "/v1/reports").await;
    let expected = json!([{
        "day": "2027-01-15", "sender": "end_user_messaging", "country": "US",
        "sent": 4, "delivered": 2, "failed": 2,
    }]);
    assert_eq!(counts.json["items"], expected, "{}", counts.text);
}

#[tokio::test]
async fn an_event_that_cannot_be_counted_is_brought_again() {
    let app = TestApp::start().await;
    let cut_off = app.cut_off("DYNAMODB");
    assert!(count(&cut_off.latchkey, event("TEXT_DELIVERED", true, 1)).await.is_err());
    let unread: Result<DeliveryEvent, _> = serde_json::from_value(Value::Null);
    assert!(unread.is_err());
}
