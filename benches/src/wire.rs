//! A proxy between the Lambdas and the embedded AWS, which records the calls. It can speak TLS.

use std::{
    convert::Infallible,
    io,
    time::{Duration, Instant},
};

use axum::body::Bytes;
use embedded_aws::EmbeddedAws;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode, Uri, body::Incoming, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    calls::{Call, CallLog},
    failure::Failure,
    tls::Tls,
};

type Forward = Client<HttpConnector, Full<Bytes>>;

/// A proxy before each service of the embedded AWS, and before each vendor of texts. They end when
/// this is dropped.
pub(crate) struct Wire {
    /// The variables that lead a Lambda to the proxy.
    pub(crate) environment: Vec<(String, String)>,
    tasks: Vec<JoinHandle<()>>,
}

impl Wire {
    /// Starts a proxy before each service of `aws` and each vendor, which are `away`: each call takes so
    /// much longer.
    /// `log` gets every call.
    pub(crate) async fn start(
        aws: &EmbeddedAws,
        tls: Option<&Tls>,
        away: Duration,
        log: &CallLog,
    ) -> Result<Self, Failure> {
        let mut wire = Self { environment: Vec::new(), tasks: Vec::new() };
        let forward: Forward = Client::builder(TokioExecutor::new()).build(connector());

        let vendors = aws.vendors().map(|(name, url)| (name.to_owned(), url.to_owned()));
        for (name, value) in aws.environment().into_iter().chain(vendors) {
            let service = name.strip_prefix("AWS_ENDPOINT_URL_").or(name.strip_suffix("_URL"));
            let Some(service) = service.filter(|_| value.starts_with("http://")) else {
                wire.environment.push((name, value));
                continue;
            };

            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let port = listener.local_addr()?.port();
            let front = Front {
                service: service.to_owned(),
                target: value,
                forward: forward.clone(),
                away,
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

/// The proxy before one service.
#[derive(Clone)]
struct Front {
    service: String,
    /// The URL of the service.
    target: String,
    forward: Forward,
    away: Duration,
    log: CallLog,
    acceptor: Option<TlsAcceptor>,
}

impl Front {
    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(self.clone().connection(stream));
        }
    }

    /// Serves one connection. If it breaks, the client notices, so nobody is told here.
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
        let _ = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), answer)
            .await;
    }

    /// Passes a request on. An error becomes a 502.
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
        if !self.away.is_zero() {
            tokio::time::sleep(self.away).await;
        }

        let (mut parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();

        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = format!("{}{path}", self.target).parse::<Uri>()?;
        parts.headers.remove("host");

        let target = parts
            .headers
            .get("x-amz-target")
            .and_then(|target| target.to_str().ok())
            .map(str::to_owned);

        let response =
            self.forward.request(Request::from_parts(parts, Full::new(body.clone()))).await?;
        let (parts, answer) = response.into_parts();
        let answer = answer.collect().await?.to_bytes();

        self.log.add(Call::read(&self.service, target.as_deref(), &body, &answer, began_at));
        Ok(Response::from_parts(parts, Full::new(answer)))
    }
}
