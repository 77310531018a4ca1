use serde_json::json;

use crate::testing::{PHONE, TestApp};

#[tokio::test]
async fn i_see_my_roles() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    let answer = app.serving(super::routes().into()).get_as(&person.access, "/v1/me/roles").await;
    assert_eq!(answer.assert_ok(), &json!({"roles": ["User"]}));
}
