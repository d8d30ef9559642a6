//! Every route, with the proof that it demands. The router is made from this table and from nothing
//! else, so a route that is not here does not exist.

use axum::routing::{MethodFilter, MethodRouter, on};

use super::{Server, bundles, feed, looks, oauth, published, recordings, registry, sessions};

/// What a caller must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Nothing: it is public.
    Nothing,
    /// A client assertion in the form.
    Client,
    /// An ID token.
    Person,
    /// A delegated token and a proof of possession.
    Pair,
    /// One of the two before.
    PersonOrPair,
    /// A bastion's assertion.
    Bastion,
    /// A one-time token in the body.
    Ticket,
}

/// The largest body of most requests.
const SMALL: usize = 256 * 1024;
/// The largest batch of events.
const LARGE: usize = 4 * 1024 * 1024;

/// One route.
pub(crate) struct Route {
    /// The method.
    pub(crate) method: MethodFilter,
    /// The path.
    pub(crate) path: &'static str,
    /// What the caller must show. The handler's extractor demands it; tests hold the two together.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "it is what the tests compare the handlers with")
    )]
    pub(crate) proof: Proof,
    /// The largest body in bytes.
    pub(crate) limit: usize,
    /// What answers.
    pub(crate) handler: fn(MethodFilter) -> MethodRouter<Server>,
}

impl Route {
    const fn new(
        method: MethodFilter,
        path: &'static str,
        proof: Proof,
        handler: fn(MethodFilter) -> MethodRouter<Server>,
    ) -> Self {
        Self {
            method,
            path,
            proof,
            limit: SMALL,
            handler,
        }
    }

    const fn large(mut self) -> Self {
        self.limit = LARGE;
        self
    }
}

/// All routes.
#[rustfmt::skip]
pub(crate) fn table() -> Vec<Route> {
    use Proof::{Bastion, Client, Nothing, Pair, Person, PersonOrPair, Ticket};
    const GET: MethodFilter = MethodFilter::GET;
    const POST: MethodFilter = MethodFilter::POST;
    const PUT: MethodFilter = MethodFilter::PUT;
    vec![
        Route::new(GET,  "/.well-known/oauth-authorization-server", Nothing, |method| on(method, oauth::metadata)),
        Route::new(GET,  "/oauth2/jwks", Nothing, |method| on(method, oauth::key_set)),
        Route::new(POST, "/oauth2/token", Client, |method| on(method, oauth::token)),

        Route::new(POST, "/v1/sessions", Pair, |method| on(method, sessions::request)),
        Route::new(GET,  "/v1/sessions", PersonOrPair, |method| on(method, sessions::list)),
        Route::new(GET,  "/v1/sessions/{id}", PersonOrPair, |method| on(method, sessions::show)),
        Route::new(POST, "/v1/sessions/{id}/kill", PersonOrPair, |method| on(method, sessions::kill)),
        Route::new(POST, "/v1/sessions/{id}/claim", Bastion, |method| on(method, sessions::claim)),
        Route::new(GET,  "/v1/sessions/{id}/trail", PersonOrPair, |method| on(method, sessions::trail)),
        Route::new(GET,  "/v1/sessions/{id}/recording", Person, |method| on(method, recordings::fetch)),
        Route::new(POST, "/v1/sessions/{id}/recording/hold", Person, |method| on(method, recordings::hold)),
        Route::new(POST, "/v1/sessions/{id}/recording/release", Person, |method| on(method, recordings::release)),
        Route::new(POST, "/v1/sessions/{id}/recording/deletion", Bastion, |method| on(method, recordings::deletion)),
        Route::new(GET,  "/v1/recordings", Person, |method| on(method, recordings::list)),
        Route::new(GET,  "/v1/log/events", Person, |method| on(method, sessions::log)),
        Route::new(GET,  "/v1/log/checkpoint", Nothing, |method| on(method, sessions::checkpoint)),

        Route::new(POST, "/v1/events", Bastion, |method| on(method, feed::events)).large(),
        Route::new(GET,  "/v1/feed", Bastion, |method| on(method, feed::feed)),

        Route::new(GET,  "/v1/agents", Person, |method| on(method, registry::agents)),
        Route::new(POST, "/v1/agents", Person, |method| on(method, registry::add_agent)),
        Route::new(POST, "/v1/agents/{team}/{name}/disable", Person, |method| on(method, registry::disable_agent)),
        Route::new(POST, "/v1/agents/{team}/{name}/enable", Person, |method| on(method, registry::enable_agent)),
        Route::new(GET,  "/v1/hosts", Person, |method| on(method, registry::hosts)),
        Route::new(POST, "/v1/hosts", Person, |method| on(method, registry::add_host)),
        Route::new(GET,  "/v1/hosts/{name}/inventory", Person, |method| on(method, registry::inventory)),
        Route::new(PUT,  "/v1/hosts/{name}/inventory", Person, |method| on(method, registry::keep_inventory)).large(),
        Route::new(POST, "/v1/hosts/{name}/discover", Person, |method| on(method, looks::ask)),
        Route::new(GET,  "/v1/hosts/{name}/discover/{id}", Person, |method| on(method, looks::show)),
        Route::new(POST, "/v1/looks/{id}/claim", Bastion, |method| on(method, looks::claim)),
        Route::new(POST, "/v1/looks/{id}/answer", Bastion, |method| on(method, looks::answer)).large(),
        Route::new(GET,  "/v1/inventories", Person, |method| on(method, registry::inventories)),
        Route::new(POST, "/v1/enrolments/hosts", Ticket, |method| on(method, registry::enrol_host)),
        Route::new(GET,  "/v1/bastions", Person, |method| on(method, registry::bastions)),
        Route::new(POST, "/v1/bastions", Person, |method| on(method, registry::add_bastion)),
        Route::new(POST, "/v1/enrolments/bastions", Ticket, |method| on(method, registry::enrol_bastion)),

        Route::new(GET,  "/v1/policy", Person, |method| on(method, published::policy)),
        Route::new(PUT,  "/v1/policy", Person, |method| on(method, published::publish_policy)).large(),
        Route::new(GET,  "/v1/bundles", Person, |method| on(method, bundles::list)),
        Route::new(PUT,  "/v1/bundles", Person, |method| on(method, bundles::publish)),
        Route::new(GET,  "/v1/bundles/{name}", Person, |method| on(method, bundles::show)),
        Route::new(GET,  "/v1/bundles/{name}/history", Person, |method| on(method, bundles::history)),
        Route::new(GET,  "/v1/bundles/{name}/versions/{digest}", Person, |method| on(method, bundles::version)),
        Route::new(POST, "/v1/bundles/{name}/withdraw", Person, |method| on(method, bundles::withdraw)),
    ]
}
