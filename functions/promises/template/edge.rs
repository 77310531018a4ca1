//! The edge (`deploy/edge.yaml`): what it caches, and what it passes on.

use std::sync::LazyLock;

use serde_yaml_ng::Value;

use super::{TEMPLATE_VALUE, entries, parse, resource, text, texts};
use crate::testing::{TestApp, passkeys::PASSKEYS};

static EDGE: LazyLock<Value> = LazyLock::new(|| parse(include_str!("../../../deploy/edge.yaml")));

/// <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html>
const CACHING_DISABLED: &str = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";

fn distribution() -> &'static Value {
    &EDGE["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
}

fn behaviors() -> impl Iterator<Item = &'static Value> {
    distribution()["CacheBehaviors"].as_sequence().unwrap().iter()
}

/// Whether a path pattern of CloudFront, with `*` at its end or without, matches a path.
fn matches(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => pattern == path,
    }
}

#[tokio::test]
async fn the_edge_caches_the_public_documents_and_nothing_else() {
    assert_eq!(text(&distribution()["DefaultCacheBehavior"]["CachePolicyId"]), CACHING_DISABLED);
    let apps = format!("ABCDE12345.com.example.app,com.example.app={}", "A".repeat(43));
    let app = TestApp::with(&[PASSKEYS, ("PASSKEY_APPS", &apps)]).await;
    let mut cached = 0;
    for (path, item) in entries(&resource("Api")["Properties"]["Body"]["paths"]) {
        let matching = behaviors().filter(|behavior| matches(text(&behavior["PathPattern"]), path));
        for behavior in matching {
            assert_ne!(text(&behavior["CachePolicyId"]), CACHING_DISABLED);
            assert_eq!(entries(item).map(|(method, _)| method).collect::<Vec<_>>(), ["get"]);
            let answer = app.get(path).await;
            assert!(answer.header("cache-control").starts_with("public, max-age="), "{path}");
            cached += 1;
        }
    }
    assert!(cached > behaviors().count(), "a pattern matches no path");
}

#[test]
fn the_edge_keeps_no_error() {
    // <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html>
    let kept_by_default = [404, 405, 414, 500, 501, 502, 503, 504];
    let errors = distribution()["CustomErrorResponses"].as_sequence().unwrap();
    for code in kept_by_default {
        let response = errors.iter().find(|response| response["ErrorCode"] == code);
        assert_eq!(response.unwrap()["ErrorCachingMinTTL"], 0, "{code}");
    }
}

#[test]
fn the_edge_passes_on_all_that_clients_send_and_their_address() {
    for behavior in behaviors().chain([&distribution()["DefaultCacheBehavior"]]) {
        assert_eq!(text(&behavior["OriginRequestPolicyId"]["Ref"]), "Everything");
        assert_eq!(texts(&behavior["AllowedMethods"]).len(), 7);
        assert_eq!(text(&behavior["ViewerProtocolPolicy"]), "https-only");
    }

    let policy = &EDGE["Resources"]["Everything"]["Properties"]["OriginRequestPolicyConfig"];
    let headers = &policy["HeadersConfig"];
    assert_eq!(text(&headers["HeaderBehavior"]), "allViewerAndWhitelistCloudFront");
    assert_eq!(texts(&headers["Headers"]), ["CloudFront-Viewer-Address"]);
    assert_eq!(text(&policy["CookiesConfig"]["CookieBehavior"]), "all");
    assert_eq!(text(&policy["QueryStringsConfig"]["QueryStringBehavior"]), "all");
}

#[test]
fn the_api_accepts_every_secret_that_the_edge_can_have() {
    let secret = &EDGE["Parameters"]["EdgeSecret"];
    let secrets = &TEMPLATE_VALUE["Parameters"]["EdgeSecrets"];
    for parameter in [secret, secrets] {
        assert_eq!(parameter["NoEcho"], true);
    }

    let one = text(&secret["AllowedPattern"]).trim_matches(['^', '$']);
    assert_eq!(text(&secrets["AllowedPattern"]), format!("^({one}(,{one})?)?$"));
    assert_eq!(one, "[A-Za-z0-9_-]{32,64}");
}
