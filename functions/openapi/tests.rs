use crate::{document::document, testing::TestApp};

/// `UPDATE_OPENAPI=1 cargo test -p functions openapi` writes the document anew.
#[test]
fn the_document_in_the_repository_is_the_code_s() {
    let generated = format!("{}\n", document().to_pretty_json().unwrap());
    #[expect(clippy::disallowed_methods, reason = "a switch of this test alone")]
    let update = std::env::var("UPDATE_OPENAPI").is_ok();
    if update {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json"), &generated).unwrap();
        return;
    }
    assert!(
        generated == super::DOCUMENT,
        "docs/openapi.json is not what the code says; run: UPDATE_OPENAPI=1 cargo test -p functions openapi"
    );
}

#[tokio::test]
async fn a_stranger_reads_the_document() {
    let app = TestApp::start().await;
    let answer = app.get("/openapi.json").await;
    assert_eq!((answer.status.as_u16(), answer.json["openapi"].as_str()), (200, Some("3.1.0")));
    assert_eq!(answer.headers["content-type"], "application/json");
}
