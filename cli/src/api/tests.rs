//! Retries, and what leaves this machine.

use std::{
    io::Read as _,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::*;

/// A server that gives each connection one of these responses, in this order, and the last one to all
/// that follow. An empty one closes the connection. Returns its URL, and the count of requests.
fn server(responses: &'static [&'static str]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // A request this small arrives in one piece.
            let _ = stream.read(&mut [0; 4096]).unwrap();
            let number = counted.fetch_add(1, Ordering::SeqCst);
            let response = responses.get(number).or(responses.last()).unwrap();
            if !response.is_empty() {
                let end = "content-length: 0\r\nconnection: close\r\n\r\n";
                write!(stream, "HTTP/1.1 {response}\r\n{end}").unwrap();
            }
        }
    });
    (url, count)
}

/// How many requests a call takes until it has succeeded or failed, and its result.
async fn requests(
    call: Call,
    responses: &'static [&'static str],
) -> (usize, Result<Value, Failure>) {
    let (url, count) = server(responses);
    let folder = tempfile::tempdir().unwrap();
    let mut api = Api::new(url, Sessions::in_folder(folder.path().to_owned())).unwrap();
    api.first_wait = Duration::from_millis(1);
    let result = api.ask_as_nobody(&call).await;
    (count.load(Ordering::SeqCst), result)
}

#[tokio::test]
async fn a_request_is_retried_twice_and_only_if_the_service_says_when() {
    let me = || Call::get("/v1/me");
    let exit_code = |result: Result<Value, Failure>| result.unwrap_err().exit_code();
    let (count, result) = requests(me(), &["503 Service Unavailable\r\nretry-after: 0"]).await;
    assert_eq!((count, exit_code(result)), (3, std::process::ExitCode::from(8)));
    let (count, result) = requests(me(), &["429 Too Many Requests\r\nretry-after: 1"]).await;
    assert_eq!((count, exit_code(result)), (3, std::process::ExitCode::from(7)));
    for once in [
        &["503 Service Unavailable"],
        &["429 Too Many Requests\r\nretry-after: 3600"],
        &["400 Bad Request\r\nretry-after: 0"],
        &["307 Temporary Redirect\r\nlocation: /v1/me"],
        &[""],
    ] {
        assert_eq!(requests(me(), once).await.0, 1, "{once:?}");
    }
}

#[tokio::test]
async fn an_idempotent_request_outlives_an_outage() {
    let import =
        || Call::with_body(Method::POST, "/v1/users/import", json!({"users": []})).idempotent();
    let outage = &[
        "",
        "502 Bad Gateway",
        "503 Service Unavailable",
        "503 Service Unavailable\r\nretry-after: 0",
        "504 Gateway Timeout",
        "200 OK",
    ];
    let (count, result) = requests(import(), outage).await;
    assert_eq!((count, result.unwrap()), (6, Value::Null));

    let (count, result) = requests(import(), &[""]).await;
    assert_eq!((count, result.unwrap_err().exit_code()), (6, std::process::ExitCode::from(8)));
    assert_eq!(requests(import(), &["500 Internal Server Error"]).await.0, 1);
}

#[tokio::test]
async fn a_response_that_is_not_from_latchkey_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let api =
        Api::new("http://127.0.0.1:1".to_owned(), Sessions::in_folder(folder.path().to_owned()))
            .unwrap();
    assert!(matches!(api.parse("<html>"), Err(Failure::Unavailable(_))));
    assert!(
        api.sign_in(&json!({"user": {}}))
            .is_err_and(|failure| matches!(failure, Failure::Unavailable(_)))
    );
    assert!(api.sessions.at(&api.url).unwrap().is_none());
}

#[test]
fn tokens_leave_this_machine_only_over_tls() {
    for good in [
        "https://id.example.com/",
        "http://localhost:4400",
        "http://127.0.0.1:3000/",
        "http://[::1]:1",
    ] {
        assert_eq!(parse_url(good), Ok(good.trim_end_matches('/').to_owned()));
    }
    assert_eq!(
        parse_url("https://x.example.com/prod/").as_deref(),
        Ok("https://x.example.com/prod")
    );
    for bad in [
        "http://id.example.com",
        "id.example.com",
        "ftp://127.0.0.1",
        "https://u:p@x.example",
        "https://x?y",
    ] {
        assert!(parse_url(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_segment_of_a_path_stays_one_segment() {
    assert_eq!(segment("+1415/.."), "%2B1415%2F%2E%2E");
}
