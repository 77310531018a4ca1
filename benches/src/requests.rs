//! The requests that one process is sent, one after the other.

use crate::{
    event::{HttpAnswer, HttpRequest},
    failure::Failure,
    people::People,
    sign_in::{Tokens, send_from_device, send_request, verify_request},
    subject::Kind,
};

/// The requests of one process: prepared ones or, for refreshes, the token of the next one.
pub(crate) struct Requests {
    prepared: Vec<HttpRequest>,
    refresh: Option<String>,
    is_form: bool,
}

impl Requests {
    /// Makes `count` requests.
    pub(crate) async fn prepare(
        kind: &Kind,
        count: usize,
        people: &mut People,
    ) -> Result<Self, Failure> {
        let mut requests = Self { prepared: Vec::new(), refresh: None, is_form: false };

        match kind {
            Kind::Same(request) => requests.prepared = vec![(**request).clone(); count],
            Kind::Send => {
                requests.prepared = (0..count).map(|_| send_request(people.next())).collect()
            }
            Kind::SendFromDevice => {
                let devices = people.devices(count).await?;
                requests.prepared = devices.iter().map(send_from_device).collect();
            }
            Kind::Verify => {
                for _ in 0..count {
                    requests.prepared.push(verify_request(&people.challenge().await?));
                }
            }
            Kind::Passkey => {
                for _ in 0..count {
                    requests.prepared.push(people.passkey_request().await?);
                }
            }
            Kind::Me => {
                let tokens = people.sign_in().await?;
                requests.prepared =
                    vec![HttpRequest::get("/v1/me").with_bearer(&tokens.access); count];
            }
            Kind::Refresh | Kind::RefreshByForm => {
                requests.refresh = Some(people.sign_in().await?.refresh);
                requests.is_form = matches!(kind, Kind::RefreshByForm);
            }
        }

        Ok(requests)
    }

    /// The next request. An error if none is left.
    pub(crate) fn next(&mut self) -> Result<HttpRequest, Failure> {
        match &self.refresh {
            Some(token) if self.is_form => {
                let grant = "grant_type=refresh_token&client_id=default";
                Ok(HttpRequest::form("/oauth2/token", &format!("{grant}&refresh_token={token}")))
            }
            Some(token) => Ok(HttpRequest::post(
                "/v1/auth/refresh",
                serde_json::json!({"refresh_token": token}),
            )),
            None => self.prepared.pop().ok_or_else(|| "no request left".into()),
        }
    }

    /// Takes the response to the last request, since a refresh needs the token in it.
    pub(crate) fn answered(&mut self, answer: &HttpAnswer) -> Result<(), Failure> {
        if let Some(token) = &mut self.refresh {
            *token = Tokens::of(&answer.json())?.refresh;
        }
        Ok(())
    }
}
