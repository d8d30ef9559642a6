//! Between columns and types. What a column holds was written by this program, so anything else is
//! damage and is reported as such.

use std::str::FromStr;

use portreeve_protocol::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row as _, Sqlite, Type};

use super::StoreError;

/// Reads typed columns of a row.
pub(super) trait Columns {
    /// A column as the database has it.
    fn raw<'r, T: Decode<'r, Sqlite> + Type<Sqlite>>(
        &'r self,
        column: &'static str,
    ) -> Result<T, StoreError>;

    /// A text that has a parser.
    fn parsed<T: FromStr<Err: std::fmt::Display>>(
        &self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        parse(column, self.raw(column)?)
    }

    /// The same where there may be none.
    fn parsed_if_any<T: FromStr<Err: std::fmt::Display>>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let text: Option<&str> = self.raw(column)?;
        text.map(|text| parse(column, text)).transpose()
    }

    /// A record in JSON.
    fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        serde_json::from_str(self.raw(column)?).map_err(|error| damaged(column, error))
    }

    /// A word of an enum.
    fn word<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        from_word(column, self.raw(column)?)
    }

    /// The same where there may be none.
    fn word_if_any<T: DeserializeOwned>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let word: Option<&str> = self.raw(column)?;
        word.map(|word| from_word(column, word)).transpose()
    }

    /// A moment.
    fn moment(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        self.raw(column).map(Timestamp::from_micros)
    }

    /// The same where there may be none.
    fn moment_if_any(&self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        let micros: Option<i64> = self.raw(column)?;
        Ok(micros.map(Timestamp::from_micros))
    }

    /// A number that is never negative.
    fn count(&self, column: &'static str) -> Result<u64, StoreError> {
        let number: i64 = self.raw(column)?;
        u64::try_from(number).map_err(|error| damaged(column, error))
    }
}

impl Columns for SqliteRow {
    fn raw<'r, T: Decode<'r, Sqlite> + Type<Sqlite>>(
        &'r self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        self.try_get(column).map_err(|error| damaged(column, error))
    }
}

/// An unsigned number as the database stores it.
pub(super) fn signed(number: u64) -> i64 {
    // Nothing that is counted or numbered here reaches 2^63; serial numbers are drawn below it.
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A record as JSON text.
pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| damaged("record", error))
}

/// An enum's word as it stands on the wire.
pub(super) fn to_word<T: Serialize>(value: &T) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        Ok(other) => Err(damaged("word", other)),
        Err(error) => Err(damaged("word", error)),
    }
}

fn from_word<T: DeserializeOwned>(column: &'static str, word: &str) -> Result<T, StoreError> {
    serde_json::from_value(word.into()).map_err(|error| damaged(column, error))
}

fn parse<T: FromStr<Err: std::fmt::Display>>(
    column: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    text.parse().map_err(|error| damaged(column, error))
}

pub(super) fn damaged(what: &'static str, detail: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged {
        what,
        detail: detail.to_string(),
    }
}
