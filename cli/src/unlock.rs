//! `latchkey unlock`: lets people in again whom wrong codes or passwords keep waiting.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    api::{Api, Call},
    failure::Failure,
    users::check_address,
};

/// Ends every wait of an address, whether or not somebody owns it, or of all addresses of a user.
pub(crate) async fn run(api: &Api, who: &str) -> Result<(), Failure> {
    if let Ok(id) = Uuid::try_parse(who) {
        unlock_user(api, id).await?;
    } else {
        check_address(who)?;
        let field = if who.contains('@') { "email" } else { "phone" };
        let body = json!({field: who});
        api.ask(&Call::with_body(Method::POST, "/v1/addresses/unlock", body)).await?;
    }

    api.note(&format!("Unlocked {who}."));
    Ok(())
}

/// Sets the status that an active user has already, which ends their waits. It would also enable a
/// disabled user, so that is refused.
async fn unlock_user(api: &Api, id: Uuid) -> Result<(), Failure> {
    let path = format!("/v1/users/{id}");
    let user = api.ask(&Call::get(path.as_str())).await?;
    if user.get("status").and_then(Value::as_str) == Some("disabled") {
        return Err(Failure::Usage(format!(
            "this user is disabled: `latchkey users enable {id}` enables and unlocks them"
        )));
    }

    api.ask(&Call::with_body(Method::PATCH, path, json!({"status": "active"}))).await?;
    Ok(())
}
