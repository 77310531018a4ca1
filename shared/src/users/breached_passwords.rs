//! Passwords that are known from data breaches, by k-anonymity: the service that knows them is told
//! five hexadecimal digits of a SHA-1, which hundreds of its passwords share, and compares nothing.
//! <https://haveibeenpwned.com/API/v3#PwnedPasswords>

use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_smithy_runtime_api::client::{http::HttpConnector as _, orchestrator::HttpRequest};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use data_encoding::HEXUPPER;

use crate::base::https;

/// How long a check may take. A user waits for it.
const TIMEOUT: Duration = Duration::from_secs(1);
/// How many digits of the hash the service is told.
const PREFIX_DIGITS: usize = 5;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Whether the service at `ranges` knows a password. If it does not return an answer in time, the
/// password counts as unknown: an outage of another service must not keep people from changing
/// their passwords.
pub(super) async fn is_breached(ranges: &str, password: &str) -> bool {
    let hash = HEXUPPER.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes()).as_ref());
    let (prefix, suffix) = hash.split_at(PREFIX_DIGITS);

    let answer = tokio::time::timeout(TIMEOUT, range(format!("{ranges}/{prefix}"))).await;
    match answer.map_err(AnyError::from).flatten() {
        Ok(range) => range.lines().any(|line| names(line, suffix)),
        Err(error) => {
            tracing::warn!(%error, "the check for breached passwords failed; the password is accepted");
            false
        }
    }
}

/// The hashes that begin with a prefix: a line for each, with its other digits and a count.
async fn range(url: String) -> Result<String, AnyError> {
    // Any authority that the system trusts: the service is not one of AWS's.
    let connector = https::connector(https::system_roots(), TIMEOUT);

    let mut request = HttpRequest::new(SdkBody::empty());
    request.set_uri(url)?;
    request.headers_mut().insert("user-agent", "latchkey");
    // Without it, the length of the answer would tell the prefix to anybody who watches the network.
    request.headers_mut().insert("add-padding", "true");

    let response = connector.call(request).await?;
    if !response.status().is_success() {
        return Err(format!("status {}", response.status()).into());
    }
    let body = ByteStream::new(response.into_body()).collect().await?;
    Ok(String::from_utf8(body.to_vec())?)
}

/// Whether a line names the hash with these digits. A count of 0 is padding.
fn names(line: &str, suffix: &str) -> bool {
    line.trim()
        .split_once(':')
        .is_some_and(|(digits, count)| digits.eq_ignore_ascii_case(suffix) && count.trim() != "0")
}
