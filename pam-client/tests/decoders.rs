//! The fuzz targets of this crate with known and spoiled bytes; see `tests/fuzz`.

#![expect(clippy::unwrap_used, reason = "a target that cannot go on has failed")]

#[path = "../../tests/fuzz/src/discover.rs"]
mod discover;
#[path = "../../tests/fuzz/src/host.rs"]
mod orders;
#[path = "../../tests/fuzz/src/smoke.rs"]
mod smoke;
#[path = "../../tests/fuzz/src/target.rs"]
mod target;
#[path = "../../tests/fuzz/src/text.rs"]
mod text;

#[test]
fn no_bytes_bring_a_decoder_of_orders_down() {
    smoke::feed(orders::TARGETS, 100);
}

#[test]
fn no_bytes_bring_a_decoder_of_standing_access_down() {
    smoke::feed(discover::TARGETS, 100);
}
