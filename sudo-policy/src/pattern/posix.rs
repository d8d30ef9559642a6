//! Writes a pattern as a POSIX extended regular expression.
//!
//! Special characters stand in brackets instead of behind a backslash, because a backslash would
//! have to pass sudo's own reader first.

use super::{Characters, Node};

/// Longest regular expression that sudo takes.
pub(super) const MAX_LENGTH: usize = 1024;

/// The expression with both anchors.
pub(super) fn render(node: &Node) -> String {
    let mut out = String::from("^");
    write(node, &mut out);
    out.push('$');
    out
}

fn write(node: &Node, out: &mut String) {
    match node {
        Node::One(set) => write_characters(*set, out),
        Node::Sequence(nodes) => nodes.iter().for_each(|node| write(node, out)),
        Node::Choice(choices) => {
            out.push('(');
            for (index, choice) in choices.iter().enumerate() {
                if index > 0 {
                    out.push('|');
                }
                write(choice, out);
            }
            out.push(')');
        }
        Node::Repeat { node, least, most } => {
            write(node, out);
            match (least, most) {
                (0, None) => out.push('*'),
                (1, None) => out.push('+'),
                (0, Some(1)) => out.push('?'),
                (least, None) => out.push_str(&format!("{{{least},}}")),
                (least, Some(most)) if least == most => out.push_str(&format!("{{{least}}}")),
                (least, Some(most)) => out.push_str(&format!("{{{least},{most}}}")),
            }
        }
    }
}

fn write_characters(set: Characters, out: &mut String) {
    let characters: Vec<u8> = set.iter().collect();
    match characters.as_slice() {
        [one @ (b'.' | b'+')] => {
            out.push('[');
            out.push(char::from(*one));
            out.push(']');
        }
        [one] => out.push(char::from(*one)),
        many => {
            out.push('[');
            write_ranges(many, out);
            out.push(']');
        }
    }
}

/// Writes a class: ranges of three or more characters with `-`, and `-` itself last.
fn write_ranges(characters: &[u8], out: &mut String) {
    let mut rest = characters;
    while let [first, ..] = rest {
        let length = rest
            .iter()
            .zip(*first..)
            .take_while(|(c, next)| *c == next && c.is_ascii_alphanumeric())
            .count()
            .max(1);
        let (run, after) = rest.split_at(length);
        match run {
            [b'-'] => {}
            [first, _, .., last] => {
                out.push(char::from(*first));
                out.push('-');
                out.push(char::from(*last));
            }
            short => short.iter().for_each(|&c| out.push(char::from(c))),
        }
        rest = after;
    }
    if characters.contains(&b'-') {
        out.push('-');
    }
}
