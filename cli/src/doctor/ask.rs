//! Asks AWS and the service. A question that fails spoils no other.

mod emails;

use std::{error::Error, time::Duration};

use aws_config::{
    BehaviorVersion, Region, SdkConfig,
    environment::EnvironmentVariableRegionProvider,
    meta::region::{ProvideRegion as _, RegionProviderChain},
    profile::ProfileFileRegionProvider,
    timeout::TimeoutConfig,
};
use aws_credential_types::provider::ProvideCredentials as _;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::{Timestamp, fmt::rfc2822};
use reqwest::{Client, header::DATE};
use serde_json::Value;
use shared::{
    base::{Clock, Environment},
    table::Store,
};

use super::facts::{
    Answer, Certificate, Concurrency, Facts, Number, Regions, Secret, Service, Stack, Texts,
};
use crate::{api, failure::Failure};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The time limit of one call to AWS, with its retries.
const TIMEOUT: Duration = Duration::from_secs(20);
/// AWS's own key for secrets.
const SECRETS_KEY: &str = "alias/aws/secretsmanager";

/// Asks everything there is to ask about a stack.
///
/// # Errors
/// [`Failure::Usage`] without a region or credentials: then no question could be asked.
pub(super) async fn everything(
    environment: &Environment,
    stack_name: &str,
    region: Option<&str>,
    url: Option<String>,
) -> Result<Facts, Failure> {
    let regions = regions(environment, region).await?;
    let config = config(&regions.asked).await?;
    let stack = stack(&config, &regions.asked, stack_name).await;

    // Without the stack, only the questions about the whole account remain.
    let about = stack.clone().unwrap_or_default();
    let url = url.unwrap_or_else(|| about.output("Url").to_owned());
    let (
        texts,
        emails,
        senders_secret,
        concurrency,
        subscriptions,
        has_admin,
        service,
        domain,
        certificate,
    ) = tokio::join!(
        texts(&config),
        emails::ask(&config, about.parameter("EmailFrom")),
        secret(&config, about.parameter("SendersSecretArn")),
        concurrency(&config),
        subscriptions(&config, about.output("AlarmTopicArn")),
        has_admin(&config, about.output("TableName")),
        service(url),
        resolve(about.parameter("DomainName")),
        certificate(&config, about.parameter("CertificateArn")),
    );

    Ok(Facts {
        regions,
        stack_name: stack_name.to_owned(),
        stack,
        texts,
        emails,
        senders_secret,
        concurrency,
        subscriptions,
        has_admin,
        service,
        domain,
        certificate,
        now: Clock::system().now(),
    })
}

/// The regions of this terminal. Outside of EC2, the metadata service that the SDK's own chain ends
/// with would only cost time.
async fn regions(environment: &Environment, given: Option<&str>) -> Result<Regions, Failure> {
    let asked = RegionProviderChain::first_try(given.map(|region| Region::new(region.to_owned())))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new())
        .region()
        .await
        .map(|region| region.to_string())
        .filter(|region| !region.is_empty());
    let asked = asked.ok_or_else(|| {
        Failure::Usage(
            "no region is set: pass --region, or export AWS_REGION and AWS_DEFAULT_REGION"
                .to_owned(),
        )
    })?;

    let of_sam = match environment.get("AWS_DEFAULT_REGION") {
        Some(region) => Some(region.to_owned()),
        None => ProfileFileRegionProvider::new().region().await.map(|region| region.to_string()),
    };
    Ok(Regions { asked, given: given.is_some(), of_sam })
}

/// The region of this terminal.
///
/// # Errors
/// [`Failure::Usage`] if none is set.
pub(crate) async fn region(
    environment: &Environment,
    given: Option<&str>,
) -> Result<String, Failure> {
    Ok(regions(environment, given).await?.asked)
}

/// The credentials that every AWS tool finds: from the environment, a profile, single sign-on, a
/// process or the machine's role.
///
/// # Errors
/// [`Failure::Usage`] if there are none.
pub(crate) async fn config(region: &str) -> Result<SdkConfig, Failure> {
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(TIMEOUT);
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .http_client(Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https())
        .timeout_config(timeouts.build())
        .load()
        .await;

    let lacking = |why: String| {
        Failure::Usage(format!(
            "no AWS credentials: {why}; set AWS_PROFILE, or run `aws sso login`"
        ))
    };
    let provider =
        config.credentials_provider().ok_or_else(|| lacking("none are set".to_owned()))?;
    provider.provide_credentials().await.map_err(|error| lacking(innermost(&error)))?;
    Ok(config)
}

/// A stack, as CloudFormation describes it.
pub(crate) async fn stack(config: &SdkConfig, region: &str, name: &str) -> Answer<Stack> {
    let client = aws_sdk_cloudformation::Client::new(config);
    let described = client.describe_stacks().stack_name(name).send().await.map_err(said)?;
    let stack = described.stacks().first().ok_or("there is no such stack")?;

    let parameters = stack.parameters().iter().filter_map(|parameter| {
        Some((parameter.parameter_key()?.to_owned(), parameter.parameter_value()?.to_owned()))
    });
    let outputs = stack.outputs().iter().filter_map(|output| {
        Some((output.output_key()?.to_owned(), output.output_value()?.to_owned()))
    });
    Ok(Stack {
        name: name.to_owned(),
        region: region.to_owned(),
        status: stack.stack_status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
        parameters: parameters.collect(),
        outputs: outputs.collect(),
    })
}

async fn texts(config: &SdkConfig) -> Texts {
    let client = aws_sdk_sns::Client::new(config);
    let (sandbox, attributes, numbers) = tokio::join!(
        client.get_sms_sandbox_account_status().send(),
        client.get_sms_attributes().send(),
        client.list_origination_numbers().into_paginator().items().send().collect(),
    );

    let numbers: Result<Vec<_>, _> = numbers;
    Texts {
        in_sandbox: sandbox.map(|status| status.is_in_sandbox()).map_err(said),
        attributes: attributes
            .map(|said| said.attributes.unwrap_or_default().into_iter().collect())
            .map_err(said),
        numbers: numbers.map(|numbers| numbers.iter().map(number).collect()).map_err(said),
    }
}

fn number(number: &aws_sdk_sns::types::PhoneNumberInformation) -> Number {
    let active = number.status().is_some_and(|status| status.eq_ignore_ascii_case("ACTIVE"));
    let texts = number.number_capabilities().contains(&aws_sdk_sns::types::NumberCapability::Sms);
    Number {
        country: number.iso2_country_code().unwrap_or_default().to_owned(),
        ready: active && texts,
    }
}

/// Describes a secret. Without one, nothing is asked.
async fn secret(config: &SdkConfig, arn: &str) -> Answer<Secret> {
    if arn.is_empty() {
        return Err("the stack has no secret of senders".to_owned());
    }

    let client = aws_sdk_secretsmanager::Client::new(config);
    let described = match client.describe_secret().secret_id(arn).send().await {
        Ok(described) => described,
        Err(error) if error.code() == Some("ResourceNotFoundException") => {
            return Ok(Secret::Missing);
        }
        Err(error) => return Err(said(error)),
    };

    let has_value = described
        .version_ids_to_stages()
        .is_some_and(|versions| versions.values().flatten().any(|stage| stage == "AWSCURRENT"));
    let has_other_key = described.kms_key_id().is_some_and(|key| !key.ends_with(SECRETS_KEY));
    Ok(if described.deleted_date().is_some() {
        Secret::Deleted
    } else if has_other_key {
        Secret::OtherKey
    } else if has_value {
        Secret::Ready
    } else {
        Secret::Empty
    })
}

async fn concurrency(config: &SdkConfig) -> Answer<Concurrency> {
    let settings = aws_sdk_lambda::Client::new(config).get_account_settings().send().await;
    let settings = settings.map_err(said)?;
    let limit = settings.account_limit().ok_or("the response has no limit")?;
    Ok(Concurrency {
        limit: limit.concurrent_executions(),
        unreserved: limit.unreserved_concurrent_executions().unwrap_or_default(),
    })
}

async fn subscriptions(config: &SdkConfig, topic: &str) -> Answer<Vec<(String, bool)>> {
    if topic.is_empty() {
        return Err("the stack has no topic of alarms".to_owned());
    }

    let client = aws_sdk_sns::Client::new(config);
    let pages = client.list_subscriptions_by_topic().topic_arn(topic).into_paginator().send();
    let pages: Vec<_> = pages.collect::<Result<_, _>>().await.map_err(said)?;
    let subscriptions = pages.iter().flat_map(|page| page.subscriptions()).map(|subscription| {
        let endpoint = subscription.endpoint().unwrap_or_default().to_owned();
        // Until it is confirmed, its ARN is the text `PendingConfirmation`.
        let confirmed = subscription.subscription_arn().is_some_and(|arn| arn.starts_with("arn:"));
        (endpoint, confirmed)
    });
    Ok(subscriptions.collect())
}

async fn has_admin(config: &SdkConfig, table: &str) -> Answer<bool> {
    if table.is_empty() {
        return Err("the stack has no table".to_owned());
    }

    let client = aws_sdk_dynamodb::Client::new(config);
    let key = Store::administrators_key();
    let found = client.get_item().table_name(table).set_key(Some(key)).send().await;
    found.map(|found| found.item.is_some()).map_err(said)
}

/// Asks the service at `url`. Without one, nothing is asked.
async fn service(url: String) -> Service {
    if url.is_empty() {
        let nowhere = "there is no URL".to_owned();
        return Service { url, health: Err(nowhere.clone()), keys: Err(nowhere) };
    }

    let (health, keys) = match api::client() {
        Ok(client) => tokio::join!(health(&client, &url), keys(&client, &url)),
        Err(failure) => (Err(failure.to_string()), Err(failure.to_string())),
    };
    Service { url, health, keys }
}

async fn health(client: &Client, url: &str) -> Answer<(u16, Option<Timestamp>)> {
    let response = client.get(format!("{url}/health")).send().await;
    let response = response.map_err(|error| api::chain(&error.without_url()))?;
    let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| rfc2822::parse(date).ok()).map(|date| date.timestamp());
    Ok((response.status().as_u16(), date))
}

async fn keys(client: &Client, url: &str) -> Answer<usize> {
    let response = client.get(format!("{url}/.well-known/jwks.json")).send().await;
    let response = response.map_err(|error| api::chain(&error.without_url()))?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("the response has status {}", status.as_u16()));
    }

    let set: Value =
        response.json().await.map_err(|_| "the response is not a key set".to_owned())?;
    Ok(set.get("keys").and_then(Value::as_array).map(Vec::len).unwrap_or_default())
}

async fn resolve(domain: &str) -> Answer<()> {
    if domain.is_empty() {
        return Err("there is no domain".to_owned());
    }

    match tokio::net::lookup_host((domain, 443)).await {
        Ok(mut addresses) => addresses.next().map(drop).ok_or("it has no address".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

async fn certificate(config: &SdkConfig, arn: &str) -> Answer<Certificate> {
    if arn.is_empty() {
        return Err("there is no certificate".to_owned());
    }

    let client = aws_sdk_acm::Client::new(config);
    let described = client.describe_certificate().certificate_arn(arn).send().await;
    let described = described.map_err(said)?;
    let certificate = described.certificate().ok_or("the response has no certificate")?;
    let expires = certificate.not_after().and_then(|at| Timestamp::from_second(at.secs()).ok());
    let renewed = certificate
        .renewal_eligibility()
        .is_some_and(|eligible| *eligible == aws_sdk_acm::types::RenewalEligibility::Eligible);
    Ok(Certificate {
        status: certificate.status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
        names: certificate.subject_alternative_names().to_vec(),
        expires,
        renewed,
    })
}

/// The code and the message of AWS's error, or the reason why it did not answer.
pub(crate) fn said<E: ProvideErrorMetadata + Error>(error: E) -> String {
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => innermost(&error),
    }
}

/// The innermost cause of an error: the outermost one says only "dispatch failure".
fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
