//! The API over HTTP: it reads requests, has the caller proved, calls one use case, and writes the
//! answer. It decides nothing.
//!
//! The routes, each with the proof that it demands, are one table in [`route`]; the specification
//! is `docs/spec/api.md`.

mod answer;
mod body;
mod bundles;
mod connection;
mod feed;
mod layer;
mod looks;
mod oauth;
mod places;
mod proof;
mod published;
mod recordings;
mod registry;
mod route;
mod serve;
mod sessions;
#[cfg(test)]
mod tests;
mod tls;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use tokio::sync::watch;

use crate::app::App;

pub use serve::{ServeError, Transport, serve};
pub use tls::{TlsError, load as load_tls};

/// What every handler can reach.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    app: Arc<App>,
    /// Turns true when the service is to stop, which ends the feeds.
    stop: watch::Receiver<bool>,
}

/// The whole API. Feeds end when `stop` turns true.
pub fn router(app: Arc<App>, stop: watch::Receiver<bool>) -> Router {
    let mut router = Router::new();
    for route in route::table() {
        let handler = (route.handler)(route.method).layer(DefaultBodyLimit::max(route.limit));
        router = router.route(route.path, handler);
    }
    router
        .fallback(answer::no_such_route)
        .method_not_allowed_fallback(answer::no_such_route)
        .layer(axum::middleware::from_fn(layer::run))
        .with_state(Server { app, stop })
}
