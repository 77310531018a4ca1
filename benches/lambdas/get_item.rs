//! A Lambda that reads one item as often as it is asked to, with only the SDK: the unit of the CPU
//! time of warm requests.

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Region},
    types::AttributeValue,
};
use aws_smithy_http_client::{Builder, tls};
use lambda_http::{Error, Request, RequestExt, service_fn, tracing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let client = client()?;
    read(&client).await?;
    let client = &client;
    lambda_http::run(service_fn(async |request: Request| {
        let times =
            request.query_string_parameters().first("times").map_or(Ok(1), str::parse::<u32>)?;
        for _ in 0..times {
            read(client).await?;
        }
        Ok::<_, Error>("read")
    }))
    .await
}

async fn read(client: &Client) -> Result<(), Error> {
    client
        .get_item()
        .table_name(variable("TABLE_NAME")?)
        .key("pk", AttributeValue::S("SIGNING_KEYS".to_owned()))
        .key("sk", AttributeValue::S("PUBLIC".to_owned()))
        .consistent_read(true)
        .send()
        .await?;
    Ok(())
}

fn client() -> Result<Client, Error> {
    let mut roots = tls::TrustStore::empty();
    if let Ok(file) = variable("AWS_CA_BUNDLE") {
        roots.add_pem_certificate(std::fs::read(file)?);
    }
    let http_client = Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .tls_context(tls::TlsContext::builder().with_trust_store(roots).build()?)
        .build_https();
    let (key, secret) = (variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?);
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(variable("AWS_REGION")?))
        .credentials_provider(Credentials::new(key, secret, None, None, "environment"))
        .endpoint_url(variable("AWS_ENDPOINT_URL_DYNAMODB")?)
        .http_client(http_client)
        .build();
    Ok(Client::from_conf(config))
}

#[expect(clippy::disallowed_methods, reason = "these are all its settings")]
fn variable(name: &str) -> Result<String, Error> {
    std::env::var(name).map_err(|_| format!("{name} is not set").into())
}
