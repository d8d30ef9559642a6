//! What bastions read and write: the feed as server-sent events, and their own events.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use portreeve_protocol::event::{EventBatch, EventsStored};
use portreeve_protocol::problem::Code;
use portreeve_protocol::time::Timestamp;
use tokio::sync::watch;

use super::Server;
use super::answer::{Json, Rejection};
use super::body::Body;
use super::proof::ByBastion;
use crate::app::App;
use crate::feed::{FeedError, Message, Reader};
use crate::identity::AuthenticatedBastion;

pub(super) async fn events(
    State(server): State<Server>,
    by: ByBastion,
    Body(batch): Body<EventBatch>,
) -> Result<Json<EventsStored>, Rejection> {
    Ok(Json(server.app.events_in(&by.bastion, batch).await?))
}

pub(super) async fn feed(
    State(server): State<Server>,
    by: ByBastion,
    headers: HeaderMap,
) -> Result<Response, Rejection> {
    let reader = Reader::open(server.app.store().clone(), last_seen(&headers)?)
        .await
        .map_err(|error| unavailable(&error))?;
    tracing::info!(bastion = %by.bastion.name(), "the feed is open");
    let open = Open {
        reader,
        stop: server.stop,
        app: server.app,
        bastion: by.bastion,
        noted_at: None,
    };
    let events = Sse::new(messages(open));
    // Told to proxies that would hold back what is to arrive at once.
    let unbuffered = [(
        header::HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    )];
    Ok((unbuffered, events).into_response())
}

fn last_seen(headers: &HeaderMap) -> Result<Option<u64>, Rejection> {
    match headers.get("last-event-id") {
        None => Ok(None),
        Some(value) => value
            .to_str()
            .ok()
            .and_then(|text| text.parse().ok())
            .map(Some)
            .ok_or_else(|| Rejection::advise(Code::Malformed, "`last-event-id` is a number")),
    }
}

/// A feed that a bastion reads.
struct Open {
    reader: Reader,
    stop: watch::Receiver<bool>,
    app: Arc<App>,
    bastion: AuthenticatedBastion,
    /// When it was noted last that the bastion is there.
    noted_at: Option<Timestamp>,
}

/// The messages of one feed until it fails or the service stops; the bastion comes back by itself.
fn messages(open: Open) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(open, |mut open| async move {
        open.noted_at = open.app.see_bastion(&open.bastion, open.noted_at);
        let message = tokio::select! {
            message = open.reader.next() => message,
            _ = open.stop.wait_for(|stopped| *stopped) => return None,
        };
        match message
            .map_err(|error| error.to_string())
            .and_then(to_event)
        {
            Ok(event) => Some((Ok(event), open)),
            Err(error) => {
                tracing::error!(error, "a feed ends");
                None
            }
        }
    })
}

fn to_event(message: Message) -> Result<Event, String> {
    let data = serde_json::to_string(&message.item).map_err(|error| error.to_string())?;
    let event = Event::default().data(data);
    Ok(match message.number {
        Some(number) => event.id(number.to_string()),
        None => event,
    })
}

fn unavailable(error: &FeedError) -> Rejection {
    tracing::error!(%error, "a feed cannot be opened");
    Rejection::new(Code::Unavailable)
}
