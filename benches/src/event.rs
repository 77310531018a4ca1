//! HTTP requests and responses, as API Gateway's HTTP APIs exchange them with a Lambda: events of
//! payload format 2.0, and what the Lambda returns.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::Failure;

/// An HTTP request.
#[derive(Clone, Debug)]
pub(crate) struct HttpRequest {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) query: &'static str,
    pub(crate) bearer: Option<String>,
    /// JSON; a text is sent as it is.
    pub(crate) body: Option<Value>,
    pub(crate) content_type: &'static str,
    /// The IP address of the client.
    pub(crate) source_ip: String,
}

impl HttpRequest {
    /// A GET.
    pub(crate) fn get(path: &str) -> Self {
        Self {
            method: "GET",
            path: path.to_owned(),
            query: "",
            bearer: None,
            body: None,
            content_type: "application/json",
            source_ip: "198.51.100.7".to_owned(),
        }
    }

    /// A POST of JSON.
    pub(crate) fn post(path: &str, body: Value) -> Self {
        Self { method: "POST", body: Some(body), ..Self::get(path) }
    }

    /// A POST of a form, whose fields need no percent-encoding.
    pub(crate) fn form(path: &str, fields: &str) -> Self {
        let content_type = "application/x-www-form-urlencoded";
        Self { content_type, ..Self::post(path, fields.into()) }
    }

    /// The same request with an access token.
    pub(crate) fn with_bearer(self, token: &str) -> Self {
        Self { bearer: Some(token.to_owned()), ..self }
    }

    /// The same request from another IP address.
    pub(crate) fn from(self, source_ip: String) -> Self {
        Self { source_ip, ..self }
    }

    /// The event, as JSON.
    pub(crate) fn event(&self, request_id: &str) -> String {
        let host = "abcdefghij.execute-api.eu-central-1.amazonaws.com";
        let mut event = json!({
            "version": "2.0",
            "routeKey": format!("{} {}", self.method, self.path),
            "rawPath": self.path,
            "rawQueryString": self.query,
            "headers": {
                "accept": "*/*",
                "accept-encoding": "gzip, deflate, br",
                "content-type": self.content_type,
                "host": host,
                "user-agent": "benchmark/1.0",
                "x-amzn-trace-id": "Root=1-65a1b2c3-0123456789abcdef01234567",
                "x-forwarded-for": self.source_ip,
                "x-forwarded-port": "443",
                "x-forwarded-proto": "https",
            },
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "abcdefghij",
                "domainName": host,
                "domainPrefix": "abcdefghij",
                "http": {
                    "method": self.method,
                    "path": self.path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": self.source_ip,
                    "userAgent": "benchmark/1.0",
                },
                "requestId": request_id,
                "routeKey": format!("{} {}", self.method, self.path),
                "stage": "$default",
                "time": "12/Jan/2027:10:00:00 +0000",
                "timeEpoch": 1_799_748_000_000_u64,
            },
            "isBase64Encoded": false,
        });

        if let Some(fields) = event.as_object_mut() {
            if let Some(body) = &self.body {
                let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
                fields.insert("body".into(), text.into());
            }

            if let Some(headers) = fields.get_mut("headers").and_then(Value::as_object_mut)
                && let Some(token) = &self.bearer
            {
                headers.insert("authorization".into(), format!("Bearer {token}").into());
            }

            if let Some(query) = self.query.split_once('=') {
                fields.insert("queryStringParameters".into(), json!({query.0: query.1}));
            }
        }

        event.to_string()
    }
}

/// An HTTP response, as a Lambda returns it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HttpAnswer {
    pub(crate) status_code: u16,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

impl HttpAnswer {
    /// Parses what a Lambda returned. An error quotes its first 300 characters.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        serde_json::from_slice(bytes).map_err(|error| {
            format!(
                "{error}: {}",
                String::from_utf8_lossy(bytes).chars().take(300).collect::<String>()
            )
            .into()
        })
    }

    /// The body as JSON, or null if it is none.
    pub(crate) fn json(&self) -> Value {
        let body = self.body.clone().unwrap_or_default();
        let body = match self.is_base64_encoded {
            true => data_encoding::BASE64.decode(body.as_bytes()).unwrap_or_default(),
            false => body.into_bytes(),
        };

        serde_json::from_slice(&body).unwrap_or_default()
    }

    /// Whether the status is 2xx.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status_code)
    }
}
