//! The client of a request, as API Gateway saw it.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use lambda_http::{RequestExt, request::RequestContext};

use super::service::RequestId;
use crate::base::Device;

/// The most characters of a `User-Agent` that are kept. Longer ones are cut.
const USER_AGENT_CHARS: usize = 256;

/// The client of a request. The source address comes only from API Gateway's request context, never
/// from a header, which a client can write.
#[derive(Clone, Debug)]
pub struct Client {
    /// The source address.
    pub ip: Option<String>,
    user_agent: Option<String>,
    request_id: Option<String>,
}

impl Client {
    /// The device, as sessions and the audit trail keep it.
    pub fn into_device(self) -> Device {
        Device { user_agent: self.user_agent, ip: self.ip, request_id: self.request_id }
    }
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(request: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let http = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => Some(&context.http),
            _ => None,
        };
        let user_agent =
            http.and_then(|http| http.user_agent.as_deref()).filter(|agent| !agent.is_empty());

        let request_id = request.extensions.get::<RequestId>().map(|RequestId(id)| id.clone());
        Ok(Self {
            request_id,
            ip: http.and_then(|http| http.source_ip.clone()),
            user_agent: user_agent.map(|agent| {
                agent.chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARS).collect()
            }),
        })
    }
}
