//! What a permission demands of whoever acts on it.
//!
//! Obligations are annotations of the policies that determined an answer; of several, the strictest
//! wins. They are read when a policy is published, so a wrong one never reaches a decision.

use std::collections::BTreeSet;

use portreeve_protocol::grant::{ContentLimit, RecordingMode};
use portreeve_protocol::recording::Retention;
use portreeve_protocol::time::Ttl;
use serde::{Deserialize, Serialize};

/// What a permission demands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Obligations {
    /// The session lasts no longer than this (`@max_ttl("30m")`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ttl: Option<Ttl>,
    /// A member of each of these groups must approve first (`@approval("soc-leads")`).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub approval: BTreeSet<String>,
    /// How strictly the recording binds (`@recording("strict")`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<RecordingMode>,
    /// The session's recording is kept for at least this long (`@retention("365d")`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// No more than this of each file's content is recorded (`@recording_content("1MiB")`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording_content: Option<ContentLimit>,
}

impl Obligations {
    /// Both together: the shorter lifetime, every approval, the stricter recording, the longer
    /// retention, the smaller part of each file's content.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.max_ttl = match (self.max_ttl, other.max_ttl) {
            (Some(one), Some(another)) => Some(one.min(another)),
            (one, another) => one.or(another),
        };
        self.approval.extend(other.approval);
        self.recording = match (self.recording, other.recording) {
            (Some(RecordingMode::Strict), _) | (_, Some(RecordingMode::Strict)) => {
                Some(RecordingMode::Strict)
            }
            (one, another) => one.or(another),
        };
        // Nothing is less than something, so the longer one wins.
        self.retention = self.retention.max(other.retention);
        self.recording_content = match (self.recording_content, other.recording_content) {
            (Some(one), Some(another)) => Some(one.min(another)),
            (one, another) => one.or(another),
        };
        self
    }

    /// Reads one annotation of a policy.
    pub(crate) fn read(&mut self, key: &str, value: &str) -> Result<(), BadAnnotation> {
        match key {
            "max_ttl" => self.max_ttl = Some(value.parse().map_err(|_| BadAnnotation::MaxTtl)?),
            "approval" => {
                if value.trim().is_empty()
                    || value.len() > 128
                    || value.chars().any(char::is_control)
                {
                    return Err(BadAnnotation::Approval);
                }
                self.approval.insert(value.to_owned());
            }
            "recording" => {
                self.recording = Some(match value {
                    "standard" => RecordingMode::Standard,
                    "strict" => RecordingMode::Strict,
                    _ => return Err(BadAnnotation::Recording),
                });
            }
            "retention" => {
                self.retention = Some(value.parse().map_err(|_| BadAnnotation::Retention)?);
            }
            "recording_content" => {
                let limit = value.parse().map_err(|_| BadAnnotation::RecordingContent)?;
                self.recording_content = Some(limit);
            }
            "id" | "description" => {}
            _ => return Err(BadAnnotation::Unknown),
        }
        Ok(())
    }

    /// Whether nothing is demanded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Why an annotation is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadAnnotation {
    #[error("`@max_ttl` takes a whole number and a unit, as `90s`, `30m` or `2h`")]
    MaxTtl,
    #[error("`@approval` takes the name of a group")]
    Approval,
    #[error("`@recording` takes `standard` or `strict`")]
    Recording,
    #[error("`@retention` takes a whole number and a unit, as `365d`, `12h` or `90m`")]
    Retention,
    #[error("`@recording_content` takes a size, as `0`, `64KiB`, `1MiB` or `2GiB`")]
    RecordingContent,
    #[error(
        "the annotations are `@id`, `@description`, `@max_ttl`, `@approval`, `@recording`, `@recording_content` and `@retention`"
    )]
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn obligations(annotations: &[(&str, &str)]) -> Result<Obligations, BadAnnotation> {
        let mut obligations = Obligations::default();
        annotations
            .iter()
            .try_for_each(|(key, value)| obligations.read(key, value))
            .map(|()| obligations)
    }

    #[test]
    fn the_strictest_of_several_wins_in_either_order() {
        let one = obligations(&[
            ("max_ttl", "2h"),
            ("recording", "strict"),
            ("recording_content", "1MiB"),
            ("approval", "a"),
            ("retention", "90d"),
        ])
        .unwrap();
        let other = obligations(&[
            ("max_ttl", "30m"),
            ("recording", "standard"),
            ("recording_content", "2KiB"),
            ("approval", "b"),
            ("retention", "400d"),
        ])
        .unwrap();
        let both = obligations(&[
            ("max_ttl", "30m"),
            ("recording", "strict"),
            ("recording_content", "2KiB"),
            ("approval", "a"),
            ("approval", "b"),
            ("retention", "400d"),
        ])
        .unwrap();
        assert_eq!(one.clone().and(other.clone()), both);
        assert_eq!(other.and(one.clone()), both);
        assert_eq!(one.clone().and(Obligations::default()), one);
    }

    #[test]
    fn wrong_annotations_are_refused() {
        for (key, value, wanted) in [
            ("max_ttl", "30", BadAnnotation::MaxTtl),
            ("max_ttl", "0s", BadAnnotation::MaxTtl),
            ("approval", " ", BadAnnotation::Approval),
            ("recording", "Strict", BadAnnotation::Recording),
            ("retention", "forever", BadAnnotation::Retention),
            ("retention", "0d", BadAnnotation::Retention),
            ("recording_content", "1MB", BadAnnotation::RecordingContent),
            ("max-ttl", "30m", BadAnnotation::Unknown),
            ("maxttl", "30m", BadAnnotation::Unknown),
        ] {
            assert_eq!(obligations(&[(key, value)]), Err(wanted), "{key} {value}");
        }
    }
}
