//! Promises that hold for every endpoint that writes, whichever of its AWS calls fails, and however
//! it fails.

mod account;
mod administration;
mod passkeys;
mod second_factor;
mod sending;
mod sign_in;

use std::collections::BTreeSet;

use axum::http::Method;
use embedded_aws::SENDERS_SECRET;

use crate::{
    promises::coverage::operations,
    testing::{
        apps::ADMIN_PHONE,
        faults::{Prepare, failures},
        passkeys::PASSKEYS,
    },
};

/// Operations called by POST that change nothing.
const READS: [&str; 7] = [
    "apps-messages-preview",
    "auth-passkey-options",
    "me-passkeys-options",
    "oauth2-authorize-post",
    "oauth2-introspect",
    "oauth2-logout-post",
    "oauth2-userinfo-post",
];

/// The budget for prefixes adds one more call that can fail.
const SETTINGS: &[(&str, &str)] = &[
    ("ADMIN_PHONE", ADMIN_PHONE),
    ("OTP_SENDS_PER_IP_PER_HOUR", "1000000"),
    ("SMS_PREFIX_MONTHLY_BUDGET_USD", "50"),
    ("SENDERS_SECRET_ARN", SENDERS_SECRET),
    PASSKEYS,
];

/// The cases of each module. A case is an endpoint, or an endpoint with a way to call it after a
/// colon.
const CASES: [(&[&str], Prepare); 6] = [
    (&sending::CASES, sending::prepare),
    (&sign_in::CASES, sign_in::prepare),
    (&account::CASES, account::prepare),
    (&second_factor::CASES, second_factor::prepare),
    (&administration::CASES, administration::prepare),
    (&passkeys::CASES, passkeys::prepare),
];

async fn assert_all_withstand(module: usize) {
    let (cases, prepare) = CASES[module];
    let mut failed = Vec::new();
    for case in cases {
        let failures = failures(case, SETTINGS, prepare).await;
        failed.extend((failures > 0).then_some((case, failures)));
    }
    assert!(failed.is_empty(), "failures by case (see the panics above): {failed:?}");
}

#[test]
fn every_endpoint_that_writes_is_tried_under_faults() {
    let tried: BTreeSet<_> = CASES
        .iter()
        .flat_map(|(cases, _)| *cases)
        .map(|case| case.split(':').next().unwrap())
        .collect();
    let writing = operations()
        .into_iter()
        .filter(|operation| operation.method != Method::GET)
        .map(|operation| operation.id);
    let writing: BTreeSet<_> = writing.filter(|id| !READS.contains(&id.as_str())).collect();

    assert_eq!(tried, writing.iter().map(String::as_str).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn sending_withstands_faults() {
    assert_all_withstand(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_withstands_faults() {
    assert_all_withstand(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_withstand_faults() {
    assert_all_withstand(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn second_factors_withstand_faults() {
    assert_all_withstand(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn administration_withstands_faults() {
    assert_all_withstand(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passkeys_withstand_faults() {
    assert_all_withstand(5).await;
}
