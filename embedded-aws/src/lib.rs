//! DynamoDB with its stream, S3, SNS, SQS, SES, Cognito, Secrets Manager and other senders of texts on loopback, with API Gateway
//! in front, in one process, for `cargo run` and the tests. The code under test reaches them through
//! the AWS SDK and its endpoint variables.
//!
//! Never part of a deployed binary.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod api_gateway;
mod chain;
mod cognito;
mod dynamodb;
pub mod faults;
mod front_door;
mod inbox;
mod locked_bucket;
mod s3;
mod secrets;
mod ses;
mod sns;
mod sqs;
mod stream;
mod vendors;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use tokio::{net::TcpListener, task::JoinHandle};

use self::s3::PendingObjects;
pub use self::{
    chain::longest_chain,
    cognito::{USER_POOL, UserPool},
    inbox::{Inbox, Message},
    secrets::Secrets,
    sqs::{Queue, QueuedMessage},
    stream::{Batch, Stream},
};

/// The name of the table.
pub const TABLE: &str = "latchkey";
/// The name of the bucket for avatars.
pub const AVATAR_BUCKET: &str = "avatars";
/// The name of the bucket for the anchors of the audit trail.
pub const AUDIT_BUCKET: &str = "audit-anchors";
/// The name of the secret that holds the signing keys.
pub const SIGNING_KEYS_SECRET: &str = "latchkey/signing-keys";
/// The name of the secret that holds the credentials of senders of texts.
pub const SENDERS_SECRET: &str = "latchkey/senders";
/// The name of the secret that holds the root of the hash keys.
pub const HASH_KEYS_SECRET: &str = "latchkey/hash-keys";

/// The URL of the queue of ended sessions.
const QUEUE_URL: &str = "https://sqs.eu-central-1.amazonaws.com/000000000000/latchkey-back-channel";

/// The access key and its secret that the services expect.
const CREDENTIALS: (&str, &str) = ("local", "local-secret");
const REGION: &str = "eu-central-1";

/// A sentence that says what could not be started, and why.
pub type StartError = String;

/// The services. They end when this is dropped.
pub struct EmbeddedAws {
    /// The texts and e-mails that were sent.
    pub inbox: Inbox,
    /// The secrets.
    pub secrets: Secrets,
    /// The queue of ended sessions.
    pub queue: Queue,
    /// The user pool of Cognito from which people come.
    pub user_pool: UserPool,
    /// The changes of the table since the start.
    pub stream: Stream,
    user_pool_endpoint: String,
    endpoints: Vec<(&'static str, String)>,
    vendors: Vec<(&'static str, String)>,
    tasks: Vec<JoinHandle<()>>,
    buckets: PathBuf,
    pending_objects: PendingObjects,
    _temporary: Option<tempfile::TempDir>,
}

impl EmbeddedAws {
    /// Starts the services, with the table that `template` (a SAM template, YAML) describes. Data
    /// are kept in `folder`. Without one, they are kept in memory and in a temporary folder.
    ///
    /// # Errors
    /// A sentence that says what could not be started, and why.
    pub async fn start(template: &str, folder: Option<&Path>) -> Result<Self, StartError> {
        let temporary = match folder {
            Some(_) => None,
            None => {
                Some(tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?)
            }
        };

        let files: PathBuf = match (folder, &temporary) {
            (Some(folder), _) => folder.to_owned(),
            (None, Some(temporary)) => temporary.path().to_owned(),
            (None, None) => return Err("no folder for files".into()),
        };
        std::fs::create_dir_all(&files).map_err(|error| format!("{}: {error}", files.display()))?;

        let inbox = Inbox::default();
        let secrets = Secrets::open(folder.map(|folder| folder.join("secrets.json")))?;
        let buckets = files.join("s3");
        let database = dynamodb::open(template, folder)?;
        let mut aws = Self {
            inbox,
            secrets,
            queue: Queue::default(),
            user_pool: UserPool::default(),
            user_pool_endpoint: String::new(),
            stream: Stream::open(database.clone())?,
            endpoints: Vec::new(),
            vendors: Vec::new(),
            tasks: Vec::new(),
            buckets,
            pending_objects: PendingObjects::default(),
            _temporary: temporary,
        };

        let listener = aws.listen("DYNAMODB").await?;
        aws.tasks.push(tokio::spawn(dynoxide::server::serve_on(listener, database)));

        let listener = aws.listen("S3").await?;
        aws.tasks.push(s3::serve(listener, &aws.buckets, aws.pending_objects.clone())?);

        let listener = aws.listen("SNS").await?;
        aws.serve(listener, sns::router(aws.inbox.clone()));

        let listener = aws.listen("SQS").await?;
        aws.serve(listener, sqs::router(aws.queue.clone()));

        let listener = aws.listen("SESV2").await?;
        aws.serve(listener, ses::router(aws.inbox.clone()));

        let listener = aws.listen(front_door::EUM).await?;
        aws.serve(listener, vendors::end_user_messaging(aws.inbox.clone()));

        let listener = aws.listen(front_door::SOCIAL).await?;
        aws.serve(listener, vendors::social_messaging(aws.inbox.clone()));

        for (setting, router) in vendors::all(&aws.inbox) {
            let (listener, url) = listen(setting).await?;
            aws.vendors.push((setting, url));
            aws.serve(listener, router);
        }

        let (listener, url) = listen("COGNITO_IDENTITY_PROVIDER").await?;
        aws.user_pool_endpoint = url;
        aws.serve(listener, cognito::router(aws.user_pool.clone()));

        let listener = aws.listen("SECRETSMANAGER").await?;
        aws.serve(listener, secrets::router(aws.secrets.clone()));
        Ok(aws)
    }

    /// The folder in which S3 keeps its objects.
    pub fn buckets(&self) -> &Path {
        &self.buckets
    }

    /// The objects that a lifecycle rule would delete because of their tag.
    pub fn pending_objects(&self) -> BTreeSet<String> {
        self.pending_objects.names()
    }

    /// The environment variables with which the functions reach these services.
    pub fn environment(&self) -> Vec<(String, String)> {
        let (key, secret) = CREDENTIALS;
        let fixed = [
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("TABLE_NAME", TABLE),
            ("AVATAR_BUCKET", AVATAR_BUCKET),
            ("AUDIT_BUCKET", AUDIT_BUCKET),
            ("KEYS_SECRET_ARN", SIGNING_KEYS_SECRET),
            ("HASH_KEYS_SECRET_ARN", HASH_KEYS_SECRET),
            ("BACK_CHANNEL_QUEUE_URL", QUEUE_URL),
        ];

        let fixed = fixed.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let endpoints = self
            .endpoints
            .iter()
            .map(|(name, url)| (format!("AWS_ENDPOINT_URL_{name}"), url.clone()));

        fixed.chain(endpoints).collect()
    }

    /// The environment variables with which the functions ask the user pool of Cognito. On a laptop,
    /// somebody may want to ask their own: it is asked without credentials.
    pub fn user_pool_environment(&self) -> [(&'static str, &str); 2] {
        let endpoint = "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER";
        [("COGNITO_USER_POOL", USER_POOL), (endpoint, &self.user_pool_endpoint)]
    }

    /// The environment variables with which the functions reach the vendors that are embedded beside
    /// AWS. They have no TLS, which production requires of vendors.
    pub fn vendors(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.vendors.iter().map(|(setting, url)| (*setting, url.as_str()))
    }

    /// Serves all services at `listener` as well. Anybody who reaches it can read codes and keys.
    pub fn serve_at(&mut self, listener: TcpListener) {
        self.serve(listener, front_door::router(self.endpoints.clone()));
    }

    async fn listen(&mut self, name: &'static str) -> Result<TcpListener, StartError> {
        let (listener, url) = listen(name).await?;
        self.endpoints.push((name, url));
        Ok(listener)
    }

    fn serve(&mut self, listener: TcpListener, router: axum::Router) {
        self.tasks.push(tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "an embedded service stopped");
            }
        }));
    }
}

/// A listener at a free port, and its URL.
async fn listen(name: &str) -> Result<(TcpListener, String), StartError> {
    let listener =
        TcpListener::bind("127.0.0.1:0").await.map_err(|error| format!("{name}: {error}"))?;
    let address = listener.local_addr().map_err(|error| format!("{name}: {error}"))?;
    Ok((listener, format!("http://{address}")))
}

impl Drop for EmbeddedAws {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
