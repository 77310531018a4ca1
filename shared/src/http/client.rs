//! The client of a request, and the address that the request counts for.

use std::{convert::Infallible, net::IpAddr};

use axum::extract::FromRequestParts;
use http::{HeaderName, HeaderValue, request::Parts};
use lambda_http::{RequestExt, request::RequestContext};
use utoipa::{
    IntoParams,
    openapi::path::{Parameter, ParameterBuilder, ParameterIn},
};

use super::{edge::SourceAddress, service::RequestId};
use crate::{
    apps::{App, AppType},
    base::{Device, Error},
};

/// The most characters of a `User-Agent` that are kept. Longer ones are cut.
const USER_AGENT_CHARS: usize = 256;
/// The header in which a confidential app names the address of its end user.
const CLIENT_IP: HeaderName = HeaderName::from_static("latchkey-client-ip");

/// The client of a request.
#[derive(Clone, Debug)]
pub struct Client {
    /// The source address.
    pub ip: Option<String>,
    /// The address that the request says it is sent for.
    end_user: Option<HeaderValue>,
    user_agent: Option<String>,
    request_id: Option<String>,
}

/// Describes `Latchkey-Client-IP` in the OpenAPI document.
pub struct EndUserAddress;

impl IntoParams for EndUserAddress {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "Only from a confidential app that authenticates: the IPv4 or IPv6 \
                           address of the end user. Limits by source address count it, and not \
                           the address of the app's server. It is ignored from everybody else";
        let parameter = ParameterBuilder::new()
            .name("Latchkey-Client-IP")
            .parameter_in(ParameterIn::Header)
            .description(Some(description))
            .schema(<String as utoipa::PartialSchema>::schema().into());
        vec![parameter.build()]
    }
}

impl Client {
    /// The client that an app calls for. A confidential app may name the address of its end user in
    /// `Latchkey-Client-IP`. For every other app, the header is ignored.
    ///
    /// `app` is the result of [`Apps::identify`] or [`Apps::resume`], so a confidential app has
    /// authenticated. `None` is the default app.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if what a confidential app names is not an IP address.
    ///
    /// [`Apps::identify`]: crate::apps::Apps::identify
    /// [`Apps::resume`]: crate::apps::Apps::resume
    pub fn served_by<'a>(self, app: impl Into<Option<&'a App>>) -> Result<Self, Error> {
        let kind = app.into().map_or(AppType::Public, |app| app.kind);
        let (AppType::Confidential, Some(end_user)) = (kind, &self.end_user) else {
            return Ok(self);
        };

        let address: Option<IpAddr> = end_user.to_str().ok().and_then(|text| text.parse().ok());
        let address = address.ok_or_else(|| {
            Error::field("Latchkey-Client-IP", "must be one IPv4 or IPv6 address, without a port")
        })?;
        Ok(Self { ip: Some(address.to_canonical().to_string()), ..self })
    }

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

        let extensions = &request.extensions;
        Ok(Self {
            request_id: extensions.get::<RequestId>().map(|RequestId(id)| id.clone()),
            ip: extensions.get::<SourceAddress>().and_then(|SourceAddress(ip)| ip.clone()),
            // API Gateway joins several headers into one value, which is no address.
            end_user: request.headers.get(CLIENT_IP).cloned(),
            user_agent: user_agent.map(|agent| {
                agent.chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARS).collect()
            }),
        })
    }
}
