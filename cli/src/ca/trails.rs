//! A session's trail from the CA, in pages where it is long.

use portreeve_protocol::checkpoint::Trail;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::problem::Code;

use super::client::{Ca, CallError};
use crate::identity::caller::Caller;

/// A page with fewer events is the last.
const PAGE: usize = 2_000;
/// The most pages of one trail: no session may make so many events.
const MOST_PAGES: usize = 1_000;

/// The whole trail of a session.
///
/// # Errors
/// When the CA does not answer it.
pub async fn trail_of(ca: &Ca, caller: &Caller, session: SessionId) -> Result<Trail, CallError> {
    let path = format!("/v1/sessions/{session}/trail");
    match ca.get(caller, &path).await {
        Err(CallError::Refused(problem)) if problem.code == Code::TooLarge => {}
        answer => return answer,
    }
    let mut whole: Trail = ca.get(caller, &format!("{path}?since=0")).await?;
    let size = size_of(&whole);
    let mut last = whole.events.len();
    for _ in 1..MOST_PAGES {
        let Some(next) = next_of(&whole).filter(|_| last >= PAGE) else {
            break;
        };
        let page = format!("{path}?since={next}&size={size}");
        let page: Trail = ca.get(caller, &page).await?;
        last = page.events.len();
        whole.events.extend(page.events);
    }
    Ok(whole)
}

/// The size that the checkpoint states; whether it holds is for whoever verifies to say.
fn size_of(trail: &Trail) -> String {
    let size = trail.checkpoint.lines().nth(1).unwrap_or_default();
    size.chars().filter(char::is_ascii_digit).collect()
}

fn next_of(trail: &Trail) -> Option<u64> {
    trail.events.last()?.index.checked_add(1)
}
