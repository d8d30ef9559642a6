//! The fuzz targets of this crate with known and spoiled bytes; see `tests/fuzz`.

#![expect(clippy::unwrap_used, reason = "a target that cannot go on has failed")]

#[path = "../../tests/fuzz/src/files.rs"]
mod files;
#[path = "../../tests/fuzz/src/recording.rs"]
mod recordings;
#[path = "../../tests/fuzz/src/smoke.rs"]
mod smoke;
#[path = "../../tests/fuzz/src/target.rs"]
mod target;

#[test]
fn no_bytes_bring_a_decoder_of_recordings_down() {
    smoke::feed(recordings::TARGETS, 200);
}

#[test]
fn no_bytes_bring_down_what_follows_files() {
    smoke::feed(files::TARGETS, 3000);
}
