//! What is asked inside a session that is open.

use portreeve_tests::installation::Wish;
use russh::Pty;

use super::super::site::turn;
use super::super::table::{Logged, Table};
use super::client::{Came, Client, Shown, outcome};
use super::forge::{Granted, SEED, private};

/// A decision about a channel that says this.
const fn decided(what: &'static str) -> Logged {
    Logged::Event("channel_decided", what)
}

/// What policy is not asked about, because it is never offered.
const fn not_offered(why: &'static str) -> Logged {
    Logged::Event("connection_refused", why)
}

#[test]
fn a_session_gives_no_more_than_it_is_for() {
    let site = turn();
    let granted = Granted::new(&site);
    let agent = site.installation.lab().host("agent");
    let shown = Shown::Certificate(Box::new(granted.certificate.clone()), private(SEED));
    let connect = || {
        let mut client = Client::connect(agent);
        assert!(client.show(granted.user(), &shown));
        client
    };
    // Stays from the first row to the last: what one connection does must not harm another.
    let quiet = connect();
    let works = |table: &mut Table<'_>, name: &str| {
        let came = quiet.run("id -un");
        let fine = came.status == Some(0) && came.said.trim() == granted.user();
        table.demand(name, fine, format!("another connection: {came:?}"));
    };
    let mut table = Table::patient(&site, "channels");
    works(&mut table, "before");

    let refused = |came: &Came| came.status.is_none_or(|status| status != 0);
    let commands = [
        ("a command of 25 KiB", 25 * 1024, "24576 bytes at most"),
        ("a command of 60 KiB", 60 * 1024, "24576 bytes at most"),
        ("a command of 200 KiB", 200 * 1024, ""),
        ("a command of 1 MiB", 1024 * 1024, ""),
    ];
    for (name, bytes, says) in commands {
        let came = connect().run(vec![b'x'; bytes]);
        // What is beyond a packet's size does not even become a request.
        let logged = match says {
            "" => Logged::Any,
            _ => not_offered(says),
        };
        table.row(name, &refused(&came), &true, logged);
        table.demand(name, came.said.contains(says), &came);
        works(&mut table, name);
    }
    for (name, command, status) in [
        (
            "bytes that are no UTF-8",
            b"printf '\xff\xfe'".to_vec(),
            Some(0),
        ),
        ("an empty command", Vec::new(), Some(0)),
    ] {
        let came = connect().run(command);
        table.row(name, &came.status, &status, decided("permitted true: Exec"));
    }
    let came = connect().run(b"id -un\0; touch /tmp/behind-a-zero-byte".to_vec());
    table.row(
        "a zero byte",
        &refused(&came),
        &true,
        not_offered("a command has no zero byte"),
    );

    let client = connect();
    let subsystem = client.channel().unwrap();
    let came = client.block_on(async {
        let _ = subsystem.request_subsystem(true, "netconf").await;
        outcome(subsystem).await
    });
    table.row(
        "another subsystem",
        &refused(&came),
        &true,
        not_offered("this subsystem is not offered"),
    );
    let client = connect();
    let handle = client.handle();
    let forward =
        client.block_on(handle.channel_open_direct_tcpip("127.0.0.1", 22, "127.0.0.1", 1));
    table.row(
        "a forwarding",
        &forward.is_err(),
        &true,
        decided("permitted false: Forward { what: \"direct-tcpip\""),
    );
    let socket =
        client.block_on(handle.channel_open_direct_streamlocal("/run/portreeve/host.sock"));
    table.row(
        "a forwarding to the daemon",
        &socket.is_err(),
        &true,
        decided("permitted false: Forward { what: \"streamlocal\""),
    );

    let client = connect();
    let pty = client.channel().unwrap();
    let came = client.block_on(async {
        let modes = vec![(Pty::TTY_OP_ISPEED, u32::MAX); 20];
        let _ = pty
            .request_pty(true, "x\u{1b}[2J", u32::MAX, u32::MAX, 0, 0, &modes)
            .await;
        let _ = pty.exec(true, "true").await;
        outcome(pty).await
    });
    table.row(
        "a terminal of odd measures",
        &came.status,
        &Some(0),
        decided("pty: true"),
    );
    let client = connect();
    let held: Vec<_> = (0..64).map(|_| client.channel()).collect();
    let told = (held.iter().all(Result::is_ok), client.channel().is_ok());
    table.row("65 channels", &told, &(true, false), Logged::Any);
    drop(held);

    works(&mut table, "afterwards");
    let started = site
        .installation
        .agent()
        .try_start_session(&Wish::default());
    let started = started.unwrap();
    table.demand("another session meanwhile", started.success(), &started);
    table.done();
}
