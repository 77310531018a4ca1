//! What stands between the Lambdas and the embedded AWS: counts calls, and speaks TLS where it is asked to.

use std::{convert::Infallible, io, sync::Arc, time::Instant};

use axum::body::Bytes;
use embedded_aws::EmbeddedAws;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode, Uri, body::Incoming, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use crate::{
    calls::{Call, CallLog},
    failure::Failure,
};

type Forward = Client<HttpConnector, Full<Bytes>>;

/// A private authority and what servers prove themselves with.
pub(crate) struct Tls {
    /// The root, for `AWS_CA_BUNDLE`.
    pub(crate) root_pem: String,
    acceptor: TlsAcceptor,
}

impl Tls {
    /// Makes the authority: as with AWS, a root, one authority below it, and a server with an RSA key.
    pub(crate) fn make() -> Result<Self, Failure> {
        let root_key = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
        let root_params = authority("Root of the benchmark")?;
        let root = root_params.self_signed(&root_key)?;
        let root_issuer = Issuer::new(root_params, root_key);
        let between_key = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
        let between_params = authority("Authority of the benchmark")?;
        let between = between_params.signed_by(&between_key, &root_issuer)?;
        let between_issuer = Issuer::new(between_params, between_key);
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
        let server = CertificateParams::new(["localhost".to_owned()])?.signed_by(&key, &between_issuer)?;
        let chain: Vec<CertificateDer<'static>> = vec![server.into(), between.into()];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
        // DynamoDB speaks nothing newer.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { root_pem: root.pem(), acceptor: TlsAcceptor::from(Arc::new(config)) })
    }
}

fn authority(name: &str) -> Result<CertificateParams, Failure> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    Ok(params)
}

/// The way to the embedded AWS.
pub(crate) struct Wire {
    /// The variables that lead a function here.
    pub(crate) environment: Vec<(String, String)>,
    tasks: Vec<JoinHandle<()>>,
}

impl Wire {
    /// Stands before each service of `aws`, and tells `log` what passes.
    pub(crate) async fn start(aws: &EmbeddedAws, tls: Option<&Tls>, log: &CallLog) -> Result<Self, Failure> {
        let mut wire = Self { environment: Vec::new(), tasks: Vec::new() };
        let forward: Forward = Client::builder(TokioExecutor::new()).build(connector());
        for (name, value) in aws.environment() {
            let Some(service) = name.strip_prefix("AWS_ENDPOINT_URL_") else {
                wire.environment.push((name, value));
                continue;
            };
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let port = listener.local_addr()?.port();
            let front = Front {
                service: service.to_owned(),
                target: value,
                forward: forward.clone(),
                log: log.clone(),
                acceptor: tls.map(|tls| tls.acceptor.clone()),
            };
            wire.tasks.push(tokio::spawn(front.serve(listener)));
            let url = match tls {
                Some(_) => format!("https://localhost:{port}"),
                None => format!("http://127.0.0.1:{port}"),
            };
            wire.environment.push((name, url));
        }
        Ok(wire)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector
}

/// What stands before one service.
#[derive(Clone)]
struct Front {
    service: String,
    target: String,
    forward: Forward,
    log: CallLog,
    acceptor: Option<TlsAcceptor>,
}

impl Front {
    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(self.clone().connection(stream));
        }
    }

    /// A connection that breaks is the client's to notice.
    async fn connection(self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        self.log.connected();
        match self.acceptor.clone() {
            Some(acceptor) => self.requests(acceptor.accept(stream).await?).await,
            None => self.requests(stream).await,
        }
        Ok(())
    }

    async fn requests(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let answer = service_fn(async |request| Ok::<_, Infallible>(self.pass(request).await));
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
    }

    async fn pass(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        self.try_pass(request).await.unwrap_or_else(|problem| {
            let mut response = Response::new(Full::from(problem.to_string()));
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        })
    }

    #[expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's own time")]
    async fn try_pass(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Failure> {
        let began_at = Instant::now();
        let (mut parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = format!("{}{path}", self.target).parse::<Uri>()?;
        parts.headers.remove("host");
        let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).map(str::to_owned);
        let response = self.forward.request(Request::from_parts(parts, Full::new(body.clone()))).await?;
        let (parts, answer) = response.into_parts();
        let answer = answer.collect().await?.to_bytes();
        self.log.add(Call::read(&self.service, target.as_deref(), &body, &answer, began_at));
        Ok(Response::from_parts(parts, Full::new(answer)))
    }
}
