//! The programs that must open a recording without us: tar, age, zstd, ssh-keygen, and a CBOR
//! reader in Python.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::support::*;

fn run(program: &str, arguments: &[&str], folder: &Path, input: Stdio) -> Output {
    Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(input)
        .output()
        .unwrap_or_else(|error| {
            panic!("cannot run `{program}`; install its Debian package: {error}")
        })
}

fn run_quietly(program: &str, arguments: &[&str], folder: &Path, input: Stdio) -> String {
    let output = run(program, arguments, folder, input);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && errors.is_empty(),
        "{program}: {errors}"
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn tar_age_zstd_and_ssh_keygen_open_a_recording() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), &example_batches()).path;
    let tar = path.to_str().unwrap();
    assert_eq!(
        run_quietly("tar", &["tf", tar], folder.path(), Stdio::null()),
        "session.json\nsegments/000000.age\nsegments/000001.age\nsegments/000002.age\nmanifest.json\nmanifest.json.sig\n"
    );
    run_quietly("tar", &["xf", tar], folder.path(), Stdio::null());

    fs::write(
        folder.path().join("key.txt"),
        reviewer().expose_secret_text().as_bytes(),
    )
    .unwrap();
    run_quietly(
        "age",
        &["-d", "-i", "key.txt", "-o", "0.zst", "segments/000000.age"],
        folder.path(),
        Stdio::null(),
    );
    run_quietly(
        "zstd",
        &["-q", "-d", "0.zst", "-o", "0.cbor"],
        folder.path(),
        Stdio::null(),
    );
    let cbor = fs::read(folder.path().join("0.cbor")).unwrap();
    let mut rest = cbor.as_slice();
    let header: ciborium::Value = ciborium::from_reader(&mut rest).unwrap();
    assert_eq!(
        header.as_array().unwrap()[1].as_text(),
        Some(info().session.to_string().as_str())
    );
    let mut count = 0;
    while !rest.is_empty() {
        let event: ciborium::Value = ciborium::from_reader(&mut rest).unwrap();
        assert!(event.is_array());
        count += 1;
    }
    assert_eq!(count, example_batches()[0].len());

    fs::write(
        folder.path().join("allowed_signers"),
        format!("bastion-1 {}\n", bastion_public()),
    )
    .unwrap();
    let manifest = fs::File::open(folder.path().join("manifest.json")).unwrap();
    let arguments = [
        "-Y",
        "verify",
        "-f",
        "allowed_signers",
        "-I",
        "bastion-1",
        "-n",
        "manifest@portreeve",
        "-s",
        "manifest.json.sig",
    ];
    let verified = run("ssh-keygen", &arguments, folder.path(), manifest.into());
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stderr)
    );
}

#[test]
fn tar_lists_a_recording_that_ends_after_a_whole_entry_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), &example_batches()).path;
    let bytes = fs::read(&path).unwrap();
    let recording = open(&path);
    for (number, span) in recording.segment_spans().iter().enumerate() {
        let cut = altered(folder.path(), &bytes[..place(span.next_entry())]);
        let listed = run_quietly(
            "tar",
            &["tf", cut.to_str().unwrap()],
            folder.path(),
            Stdio::null(),
        );
        assert_eq!(listed.lines().count(), number + 2);
    }
}

#[test]
fn a_reader_that_shares_no_code_with_ours_sees_the_same_events() {
    let vectors = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/vectors/recording"
    ));
    let read = |tar: &Path, key: &Path| {
        let script = vectors.join("read.py");
        let arguments = [
            script.to_str().unwrap(),
            tar.to_str().unwrap(),
            key.to_str().unwrap(),
        ];
        run_quietly("python3", &arguments, vectors, Stdio::null())
    };
    let expected = fs::read_to_string(vectors.join("events.txt")).unwrap();
    assert_eq!(
        read(
            &vectors.join("recording.tar"),
            &vectors.join("review-key.txt")
        ),
        expected
    );

    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), &example_batches()).path;
    let key = folder.path().join("key.txt");
    fs::write(&key, reviewer().expose_secret_text().as_bytes()).unwrap();
    assert_eq!(read(&path, &key), expected);
}

#[test]
fn a_reader_that_shares_no_code_with_ours_makes_the_same_heads() {
    let vectors = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/vectors/recording"
    ));
    let (script, tar) = (vectors.join("heads.py"), vectors.join("recording.tar"));
    let arguments = [script.to_str().unwrap(), tar.to_str().unwrap()];
    let theirs = run_quietly("python3", &arguments, vectors, Stdio::null());
    let ours: String = open(&tar)
        .heads()
        .map(|head| {
            let head = head.unwrap();
            format!("{} {} {}\n", head.segments, head.digest, head.bytes)
        })
        .collect();
    assert_eq!(ours.lines().count(), 4);
    assert_eq!(theirs, ours);
}

#[test]
fn a_reader_that_shares_no_code_with_ours_sees_where_programs_stand() {
    let vectors = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/vectors/recording"
    ));
    let arguments = ["standing.py", "standing.cbor"];
    let seen = run_quietly("python3", &arguments, vectors, Stdio::null());
    let expected = fs::read_to_string(vectors.join("standing.txt")).unwrap();
    assert_eq!(seen, expected);
}

#[test]
fn the_stored_recording_reads_as_it_was_written() {
    let vectors = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/vectors/recording"
    ));
    assert_eq!(
        events(&vectors.join("recording.tar")),
        example_batches().concat()
    );
}
