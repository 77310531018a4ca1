//! The URLs of pictures: under `AVATAR_BASE_URL`, or presigned URLs of the bucket itself.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4::SigningParams,
};
use jiff::Timestamp;

use crate::{
    avatars::AvatarSettings,
    aws::{credentials, endpoint},
    base::{Clock, Environment, Error},
    users::{AvatarKey, Size},
};

/// How long a presigned URL is valid, unless the credentials of the function end sooner.
const URL_SECONDS: u64 = 3600;
/// How long the presigned URL of a picture stays the same, so that caches can keep the picture.
const STEP_SECONDS: i64 = 900;

/// The URLs of pictures.
#[derive(Clone)]
pub struct AvatarUrls(Arc<Origin>);

enum Origin {
    /// CloudFront, or something else that serves the bucket.
    Served { base_url: String },
    /// The bucket itself, by URLs that this function signs (Signature Version 4, in the query).
    Presigned(Box<Bucket>, Clock),
}

struct Bucket {
    url: String,
    region: String,
    credentials: Option<Credentials>,
}

impl AvatarUrls {
    /// The URLs that the settings ask for.
    pub fn new(environment: &Environment, settings: &AvatarSettings, clock: Clock) -> Self {
        Self(Arc::new(match &settings.base_url {
            Some(base_url) => Origin::Served { base_url: base_url.clone() },
            None => Origin::Presigned(Box::new(Bucket::new(environment, &settings.bucket)), clock),
        }))
    }

    /// The URL of a picture. `None`, with a line in the log, if it cannot be signed.
    pub fn url(&self, key: &AvatarKey, size: Size) -> Option<String> {
        let object = key.object(size);
        match &*self.0 {
            Origin::Served { base_url } => Some(format!("{base_url}/{object}")),
            Origin::Presigned(bucket, clock) => {
                // Browsers treat the object as a picture only, whatever type it was stored with.
                let url = format!("{}/{object}?response-content-type=image%2Fjpeg", bucket.url);
                let now = clock.now().as_second();
                let since =
                    Timestamp::from_second(now - now.rem_euclid(STEP_SECONDS)).unwrap_or_default();
                let signed = bucket.presigned(&url, since, URL_SECONDS);
                signed
                    .inspect_err(
                        |error| tracing::error!(%error, "the URL of a picture could not be signed"),
                    )
                    .ok()
            }
        }
    }
}

impl Bucket {
    fn new(environment: &Environment, name: &str) -> Self {
        let region = environment.get("AWS_REGION").unwrap_or_default().to_owned();
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let url = match endpoint(environment, "S3") {
            Some(endpoint) => format!("{}/{name}", endpoint.trim_end_matches('/')),
            None => format!("https://{name}.s3.{region}.{domain}"),
        };
        Self { url, region, credentials: credentials(environment) }
    }

    /// `url` with a signature in its query, valid for `seconds` from `since`.
    fn presigned(&self, url: &str, since: Timestamp, seconds: u64) -> Result<String, Error> {
        let internal = |error: &dyn std::fmt::Display| Error::Internal(error.to_string());
        let credentials =
            self.credentials.clone().ok_or_else(|| Error::Internal("no credentials".into()))?;
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(seconds));
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;

        let identity = credentials.into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(SystemTime::from(since))
            .settings(settings)
            .build()
            .map_err(|error| internal(&error))?;

        let request =
            SignableRequest::new("GET", url, std::iter::empty(), SignableBody::UnsignedPayload)
                .map_err(|error| internal(&error))?;
        let (signature, _) =
            sign(request, &parameters.into()).map_err(|error| internal(&error))?.into_parts();
        let mut request = http::Request::get(url).body(()).map_err(|error| internal(&error))?;
        signature.apply_to_request_http1x(&mut request);
        Ok(request.uri().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
    #[test]
    fn the_example_of_the_manual_gets_the_signature_of_the_manual() {
        let bucket = Bucket {
            url: "https://examplebucket.s3.amazonaws.com".to_owned(),
            region: "us-east-1".to_owned(),
            credentials: Some(Credentials::new(
                "AKIAIOSFODNN7EXAMPLE",
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                None,
                None,
                "the manual",
            )),
        };
        let since = "2013-05-24T00:00:00Z".parse().unwrap();
        let url = bucket.presigned(&format!("{}/test.txt", bucket.url), since, 86_400).unwrap();
        assert!(url.starts_with("https://examplebucket.s3.amazonaws.com/test.txt?"), "{url}");
        assert!(
            url.contains(
                "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
            ),
            "{url}"
        );
    }

    fn bucket(variables: &[(&str, &str)]) -> String {
        Bucket::new(&variables.iter().copied().collect(), "avatars").url
    }

    #[test]
    fn the_host_of_the_bucket_depends_on_its_region() {
        assert_eq!(
            bucket(&[("AWS_REGION", "eu-central-1")]),
            "https://avatars.s3.eu-central-1.amazonaws.com"
        );
        assert_eq!(
            bucket(&[("AWS_REGION", "cn-north-1")]),
            "https://avatars.s3.cn-north-1.amazonaws.com.cn"
        );
        let local =
            [("AWS_REGION", "eu-central-1"), ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9000/")];
        assert_eq!(bucket(&local), "http://127.0.0.1:9000/avatars");
    }
}
