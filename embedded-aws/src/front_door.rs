//! All services at one address, for functions that can be given only one: those that run in
//! containers.

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

/// AWS End User Messaging, in the name of its endpoint variable.
pub(crate) const EUM: &str = "PINPOINT_SMS_VOICE_V2";

/// AWS End User Messaging Social, in the name of its endpoint variable.
pub(crate) const SOCIAL: &str = "SOCIALMESSAGING";

/// The services: the name in a signature, and the name in the endpoint variable.
const SERVICES: [(&str, &str); 8] = [
    ("dynamodb", "DYNAMODB"),
    ("s3", "S3"),
    ("secretsmanager", "SECRETSMANAGER"),
    ("ses", "SESV2"),
    ("sms-voice", EUM),
    ("sns", "SNS"),
    ("social-messaging", SOCIAL),
    ("sqs", "SQS"),
];

#[derive(Clone)]
struct FrontDoor {
    client: Client<HttpConnector, Body>,
    endpoints: Vec<(&'static str, String)>,
}

pub(crate) fn router(endpoints: Vec<(&'static str, String)>) -> Router {
    let client = Client::builder(TokioExecutor::new()).build_http();
    Router::new().fallback(forward).with_state(FrontDoor { client, endpoints })
}

async fn forward(State(door): State<FrontDoor>, mut request: Request) -> Response {
    let endpoint = service(&request).and_then(|wanted| {
        door.endpoints.iter().find(|(name, _)| *name == wanted).map(|(_, endpoint)| endpoint)
    });
    let Some(endpoint) = endpoint else {
        return (StatusCode::BAD_REQUEST, "the request is not signed for an embedded service")
            .into_response();
    };

    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    match format!("{endpoint}{path}").parse() {
        Ok(uri) => *request.uri_mut() = uri,
        Err(_) => return StatusCode::BAD_REQUEST.into_response(),
    }

    match door.client.request(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

/// The service that a request is signed for (Signature Version 4:
/// `Credential=key/date/region/service/aws4_request`).
pub(crate) fn service(request: &Request) -> Option<&'static str> {
    let signature = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let scope = signature.split_once("Credential=")?.1.split(',').next()?;
    let signed_for = scope.split('/').nth(3)?;
    SERVICES.iter().find(|(name, _)| *name == signed_for).map(|(_, variable)| *variable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_names_the_service() {
        let signed = |authorization: &str| {
            let request = Request::builder().header(header::AUTHORIZATION, authorization);
            service(&request.body(Body::empty()).unwrap())
        };
        let scope = |service: &str| {
            format!(
                "AWS4-HMAC-SHA256 Credential=key/20261121/eu-central-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
            )
        };

        assert_eq!(signed(&scope("dynamodb")), Some("DYNAMODB"));
        assert_eq!(signed(&scope("ses")), Some("SESV2"));
        assert_eq!(signed(&scope("iam")), None);
        assert_eq!(signed("Bearer token"), None);
    }
}
