use std::io::Write as _;
use std::os::unix::net::UnixListener;

use super::*;

/// What is heard from a socket that somebody made.
fn heard(make: impl FnOnce(&Path)) -> Result<Running, Unheard> {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("status.sock");
    make(&socket);
    ask(socket, PATIENCE).unwrap()
}

/// What is heard from a program that answers this.
fn answered(answer: &'static [u8]) -> Result<Running, Unheard> {
    heard(|socket| {
        let listener = UnixListener::bind(socket).unwrap();
        std::thread::spawn(move || listener.accept().unwrap().0.write_all(answer).unwrap());
    })
}

#[test]
fn no_socket_is_not_a_socket_where_nobody_listens() {
    assert_eq!(heard(|_| ()), Err(Unheard::NoSocket));
    assert_eq!(
        heard(|socket| drop(UnixListener::bind(socket).unwrap())),
        Err(Unheard::NobodyListens)
    );
}

#[test]
fn a_program_that_does_not_answer_hides_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("status.sock");
    // Connections wait here, and nobody takes them.
    let _listener = UnixListener::bind(&socket).unwrap();
    let heard = ask(socket, Duration::from_millis(50)).unwrap();
    assert_eq!(heard, Err(Unheard::Silent));
}

#[test]
fn an_answer_of_another_version_is_not_understood() {
    for answer in [&b""[..], b"{}", b"\xff", b"{\"version\": 1"] {
        let heard = answered(answer);
        assert!(
            matches!(heard, Err(Unheard::NotUnderstood(_))),
            "{answer:?}: {heard:?}"
        );
    }
}

#[test]
fn a_socket_that_cannot_be_used_does_not_end_the_command() {
    let long = Path::new("/").join("a".repeat(200));
    let heard = ask(long, PATIENCE).unwrap();
    assert!(matches!(heard, Err(Unheard::CannotBeAsked(_))), "{heard:?}");
}
