//! An import while responses of the service are lost.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use crate::terminal::{ADMIN, Operator, Service};

/// Starts a gateway to the service at this URL, and returns its URL. It passes every request on, and loses the
/// first response to each of these requests, which are named by method and path.
fn gateway(url: &str, lost: &[&'static str]) -> String {
    let service = url.strip_prefix("http://").unwrap().to_owned();
    let lost = Arc::new(Mutex::new(lost.to_vec()));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(&service).unwrap());
            let lost = Arc::clone(&lost);
            thread::spawn(move || pass(&client, &server, &lost));
        }
    });
    url
}

/// Passes on what both sides of a connection send, until one closes it or a response is lost.
fn pass(client: &TcpStream, server: &TcpStream, lost: &Mutex<Vec<&'static str>>) {
    let is_lost = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            copy(client, server, |sent| {
                let mut lost = lost.lock().unwrap();
                let found = lost.iter().position(|request| sent.starts_with(request.as_bytes()));
                if let Some(position) = found {
                    lost.remove(position);
                    is_lost.store(true, Ordering::SeqCst);
                }
                true
            });
        });
        scope.spawn(|| copy(server, client, |_| !is_lost.load(Ordering::SeqCst)));
    });
}

/// Copies until the end, or until `goes_on` says of a piece that it does not. Then both are closed.
fn copy(mut from: &TcpStream, mut to: &TcpStream, goes_on: impl Fn(&[u8]) -> bool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer)
        && goes_on(&buffer[..count])
        && to.write_all(&buffer[..count]).is_ok()
    {}
    for stream in [from, to] {
        // The other side may have closed it already.
        drop(stream.shutdown(Shutdown::Both));
    }
}

#[test]
fn an_import_goes_on_when_responses_are_lost() {
    let mut service = Service::start(&[]);
    service.url = gateway(&service.url, &["POST /v1/users/import ", "POST /v1/auth/refresh "]);
    let operator = Operator::of(&service);
    let users = operator.home.path().join("users.csv");
    fs::write(&users, "external_id,email\n1,ann@example.com\n2,bob@example.com\n").unwrap();
    operator.sign_in(ADMIN);
    let says = |stderr: &str| {
        let line = stderr.trim_end();
        line.starts_with("cannot reach ") && line.ends_with(": trying again in 1 s")
    };

    // The first refresh has used the refresh token, and the second one gets another pair for it.
    operator.set_token("access_token", "expired");
    let done = operator.run(&["whoami"]).succeeds();
    assert!(says(&done.stderr), "{}", done.stderr);

    let mut command =
        operator.command(&["import", "--from", "csv", "users.csv", "--yes", "--json"]);
    let done = Operator::done(command.current_dir(operator.home.path()).output().unwrap());
    assert_eq!(done.exit_code, 0, "{}", done.stderr);
    assert!(says(&done.stderr), "{}", done.stderr);
    // The first request was done, though its response was lost.
    let results = done.objects().pop().unwrap();
    assert_eq!((&results["created"], &results["unchanged"]), (&0.into(), &2.into()), "{results}");
}
