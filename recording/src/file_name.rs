//! What a recording's file is called: `<session id>.tar`.

use std::path::Path;

use portreeve_protocol::id::SessionId;

/// The name of a session's recording.
#[must_use]
pub fn of(session: SessionId) -> String {
    format!("{session}.tar")
}

/// The session whose recording has this name.
#[must_use]
pub fn session(path: &Path) -> Option<SessionId> {
    let name = path.file_name()?.to_str()?;
    name.strip_suffix(".tar")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_names_its_session() {
        let id: SessionId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        assert_eq!(session(&Path::new("/recordings").join(of(id))), Some(id));
        for other in [
            "",
            "/",
            "x.tar",
            ".tar",
            "01890a5d-ac96-774b-bcce-b302099a8057",
        ] {
            assert_eq!(session(Path::new(other)), None, "{other}");
        }
    }
}
