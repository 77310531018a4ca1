//! Asking an Amazon Cognito user pool whether a password is right. Cognito exports no hashes, so this
//! is how people keep their passwords.

use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::{http::HttpConnector as _, orchestrator::HttpRequest};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use serde::Deserialize;
use serde_json::json;

use crate::{
    aws::{endpoint, roots},
    base::{Environment, https},
    tokens::unverified,
};

/// The time limit of a connection and of an answer. A person waits for it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_millis(1_200);
/// The name of the service in `AWS_ENDPOINT_URL_…`, as in all AWS SDKs.
const SERVICE: &str = "COGNITO_IDENTITY_PROVIDER";

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// A user pool of Cognito, and an app client of it that is public and has the flow
/// `ALLOW_USER_PASSWORD_AUTH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CognitoPool {
    /// The region.
    pub region: String,
    /// The id of the pool, which begins with the region.
    pub pool: String,
    /// The id of the app client.
    pub client: String,
}

/// A user of the pool, by the claims of their ID token.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct CognitoUser {
    pub(super) sub: String,
    pub(super) phone_number: Option<String>,
    #[serde(default)]
    pub(super) phone_number_verified: bool,
    pub(super) email: Option<String>,
    #[serde(default)]
    pub(super) email_verified: bool,
    #[serde(rename = "cognito:username")]
    pub(super) username: Option<String>,
    pub(super) name: Option<String>,
    pub(super) locale: Option<String>,
    iss: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    authentication_result: Option<AuthenticationResult>,
    challenge_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AuthenticationResult {
    id_token: String,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "__type")]
    code: String,
}

/// Asks a user pool.
pub(super) struct Cognito {
    pool: CognitoPool,
    url: String,
    connector: Connector,
}

impl CognitoPool {
    /// Reads a pool: region, id of the pool and id of the app client, separated by commas.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(',').map(|part| part.trim().to_owned());
        let (region, pool, client) = (parts.next()?, parts.next()?, parts.next()?);
        let is_region = region.split('-').count() >= 3
            && region
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || b"-0123456789".contains(&byte));
        let is_pool = pool.strip_prefix(&format!("{region}_")).is_some_and(is_word);
        let fits = is_region && is_pool && is_word(&client) && parts.next().is_none();
        fits.then_some(Self { region, pool, client })
    }
}

fn is_word(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

impl Cognito {
    /// A client of a pool. No call is made.
    pub(super) fn new(pool: CognitoPool, environment: &Environment) -> Self {
        let own = format!("https://cognito-idp.{}.amazonaws.com", pool.region);
        let url = endpoint(environment, SERVICE).map_or(own, str::to_owned);
        let connector = https::connector(roots(environment), CONNECT_TIMEOUT);
        Self { pool, url, connector }
    }

    /// The user of the pool with this name and password. `None` if there is none, if Cognito asks
    /// for more than the password, or if it does not answer: then the person cannot be told from somebody who is
    /// wrong.
    pub(super) async fn user(&self, name: &str, password: &str) -> Option<CognitoUser> {
        let asked = tokio::time::timeout(TIMEOUT, self.sign_in(name, password)).await;
        match asked.map_err(AnyError::from).flatten() {
            Ok(user) => user,
            Err(error) => {
                tracing::error!(%error, "Cognito did not say whether a password is right");
                None
            }
        }
    }

    /// <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_InitiateAuth.html>
    async fn sign_in(&self, name: &str, password: &str) -> Result<Option<CognitoUser>, AnyError> {
        let body = json!({
            "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": self.pool.client,
            "AuthParameters": {"USERNAME": name, "PASSWORD": password},
        });
        let mut request = HttpRequest::new(SdkBody::from(body.to_string()));
        request.set_method("POST")?;
        request.set_uri(self.url.as_str())?;
        let target = "AWSCognitoIdentityProviderService.InitiateAuth";
        request.headers_mut().insert("x-amz-target", target);
        request.headers_mut().insert("content-type", "application/x-amz-json-1.1");

        let response = self.connector.call(request).await?;
        let status = response.status().as_u16();
        let body = ByteStream::new(response.into_body()).collect().await?.to_vec();
        match status {
            200 => self.read(&serde_json::from_slice(&body)?),
            400 => match serde_json::from_slice::<Refusal>(&body)?.code.rsplit('#').next() {
                Some("NotAuthorizedException" | "UserNotFoundException") => Ok(None),
                Some(code) => Err(code.to_owned().into()),
                None => Err("an answer without a code".into()),
            },
            status => Err(format!("status {status}").into()),
        }
    }

    fn read(&self, answer: &Answer) -> Result<Option<CognitoUser>, AnyError> {
        let Some(result) = &answer.authentication_result else {
            // Somebody with a second factor is not let in by the password alone.
            let challenge = answer.challenge_name.as_deref().unwrap_or_default();
            tracing::warn!(challenge, "Cognito asks for more than a password");
            return Ok(None);
        };
        // The answer came over TLS from Cognito itself (OpenID Connect Core 1.0 §3.1.3.7 rule 6).
        let user: Option<CognitoUser> = unverified(&result.id_token);
        let user = user.ok_or("an ID token that cannot be read")?;
        let is_ours = user.iss.ends_with(&format!("/{}", self.pool.pool));
        if is_ours { Ok(Some(user)) } else { Err("an ID token of another user pool".into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_a_region_a_pool_of_it_and_a_client() {
        let pool = CognitoPool::parse("eu-central-1, eu-central-1_AbC123dEf, 1h57kf5cpq17m0eml1");
        assert_eq!(pool.unwrap().pool, "eu-central-1_AbC123dEf");
        for text in [
            "",
            "eu-central-1,eu-central-1_AbC",
            "eu-central-1,us-east-1_AbC,client",
            "eu-central-1,eu-central-1_AbC,client,more",
            "eu.evil.example/,eu.evil.example/_AbC,client",
            "eu-central-1,eu-central-1_,client",
        ] {
            assert_eq!(CognitoPool::parse(text), None, "{text}");
        }
    }
}
