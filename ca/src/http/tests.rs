//! The API as its callers see it: the real router, store, log and signer, and an identity provider
//! that is a key set.

mod admin;
mod attested;
mod bodies;
mod bundles;
mod deletions;
mod events;
mod exchange;
mod feed;
mod inventories;
mod lab;
mod looks;
mod lost;
mod recordings;
mod refusals;
mod routes;
mod serve;
mod sessions;
mod trail_room;
