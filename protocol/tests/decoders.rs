//! The fuzz targets of this crate with known and spoiled bytes; see `tests/fuzz`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a target that cannot go on has failed"
)]

#[path = "../../tests/fuzz/src/example.rs"]
mod example;
#[path = "../../tests/fuzz/src/protocol.rs"]
mod messages;
#[path = "../../tests/fuzz/src/smoke.rs"]
mod smoke;
#[path = "../../tests/fuzz/src/target.rs"]
mod target;
#[path = "../../tests/fuzz/src/text.rs"]
mod text;

#[test]
fn no_bytes_bring_a_decoder_of_messages_down() {
    smoke::feed(messages::TARGETS, 400);
}
