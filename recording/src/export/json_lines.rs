//! One JSON object per event and line. Bytes are `text` where they are UTF-8, else `base64`.

use std::io::Write;

use base64ct::{Base64, Encoding};
use serde_json::{Map, Value, json};

use super::{ExportError, json_line};
use crate::event::{Event, FileOperation, Kind, Program, Started, Terminal, WindowSize};

/// Writes all `events`; of what the agent sent only how much it was, unless `with_input`.
///
/// # Errors
/// [`ExportError`], after everything before it was written.
pub fn json_lines<E>(
    events: impl IntoIterator<Item = Result<Event, E>>,
    with_input: bool,
    out: &mut impl Write,
) -> Result<(), ExportError<E>> {
    for event in events {
        let line = object(&event.map_err(ExportError::Read)?, with_input);
        writeln!(out, "{}", json_line(&Value::Object(line)))?;
    }
    Ok(())
}

fn object(event: &Event, with_input: bool) -> Map<String, Value> {
    let (kind, fields) = match &event.kind {
        Kind::Started(started) => ("started", program(started)),
        Kind::Input(bytes) if with_input => ("input", data(bytes)),
        Kind::Input(bytes) => ("input", json!({ "bytes": bytes.len() })),
        Kind::Output(bytes) => ("output", data(bytes)),
        Kind::ErrorOutput(bytes) => ("error_output", data(bytes)),
        Kind::Window(size) => ("window", window(size)),
        Kind::Signal(name) => ("signal", json!({ "name": name })),
        Kind::EndOfInput => ("end_of_input", Value::Null),
        Kind::EndOfOutput => ("end_of_output", Value::Null),
        Kind::ExitStatus(status) => ("exit_status", json!({ "status": status })),
        Kind::ExitSignal(exit) => (
            "exit_signal",
            json!({ "name": exit.name, "core_dumped": exit.core_dumped, "message": exit.message }),
        ),
        Kind::Closed => ("closed", Value::Null),
        Kind::Refused { what, reason } => ("refused", json!({ "what": what, "reason": reason })),
        Kind::Note(text) => ("note", json!({ "text": text })),
        Kind::HostEvent(json) => ("host_event", json!({ "event": json_or_text(json) })),
        Kind::File(operation) => ("file", file(operation)),
        Kind::Omitted(omitted) => (
            "omitted",
            json!({
                "direction": if omitted.is_output { "output" } else { "input" },
                "bytes": omitted.bytes,
                "digest": omitted.digest,
            }),
        ),
    };
    let mut object = Map::new();
    object.insert("at_us".into(), event.at_us.into());
    object.insert("channel".into(), event.channel.0.into());
    object.insert("type".into(), kind.into());
    if let Value::Object(fields) = fields {
        object.extend(fields);
    }
    object
}

fn data(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({ "text": text }),
        Err(_) => json!({ "base64": Base64::encode_string(bytes) }),
    }
}

fn file(operation: &FileOperation) -> Value {
    json!({
        "operation": operation.act.word(),
        "path": data(&operation.path),
        "other": operation.other.as_ref().map(|other| data(other)),
        "detail": operation.detail,
        "result": operation.result,
        "content": operation.content.as_ref().map(|moved| json!({
            "read": moved.read,
            "written": moved.written,
            "digest": moved.digest,
            "remark": moved.remark,
        })),
    })
}

fn program(started: &Started) -> Value {
    let (program, command) = match &started.program {
        Program::Shell => ("shell", Value::Null),
        Program::Exec(command) => ("exec", data(command)),
        Program::Sftp => ("sftp", Value::Null),
    };
    json!({
        "program": program,
        "command": command,
        "argv": started.program.argv().map(|words| words.iter().map(|word| data(word)).collect::<Vec<_>>()),
        "environment": started.environment.iter()
            .map(|(name, value)| json!({ "name": data(name), "value": data(value) }))
            .collect::<Vec<_>>(),
        "terminal": started.terminal.as_ref().map(terminal),
        "decision": started.decision,
    })
}

fn terminal(terminal: &Terminal) -> Value {
    json!({ "term": data(&terminal.term), "size": window(&terminal.size), "modes": terminal.modes })
}

fn window(size: &WindowSize) -> Value {
    json!({
        "columns": size.columns,
        "rows": size.rows,
        "pixel_width": size.pixel_width,
        "pixel_height": size.pixel_height,
    })
}

/// What a host said is JSON if all went well; it is not ours to fail on.
fn json_or_text(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|_| Value::String(json.to_owned()))
}
