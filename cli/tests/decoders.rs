//! The fuzz targets of this crate with known and spoiled bytes; see `tests/fuzz`.

#![expect(clippy::unwrap_used, reason = "a target that cannot go on has failed")]

#[path = "../../tests/fuzz/src/cli.rs"]
mod answers;
#[path = "../../tests/fuzz/src/smoke.rs"]
mod smoke;
#[path = "../../tests/fuzz/src/target.rs"]
mod target;

#[test]
fn no_bytes_bring_a_decoder_of_answers_down() {
    smoke::feed(answers::TARGETS, 200);
}
