//! The words of a command line, where it means the same whoever runs it.
//!
//! A command line over SSH is one text that the account's shell interprets. Here it becomes words
//! only when nothing but quotes and escapes of a POSIX shell stands between the text and what is
//! run: no variable, substitution, pattern, construct or comment, on which the machine and the
//! moment decide. What does not qualify has no words; nothing is guessed, and nothing is run.

/// The longest command line that is looked at, in bytes.
pub const MAX_COMMAND: usize = 1024 * 1024;

/// The words of a command line.
pub type Words = Vec<Vec<u8>>;

/// The words of a command line that is a single command without redirections, as the program gets
/// them as `argv`.
#[must_use]
pub fn words(command: &[u8]) -> Option<Words> {
    let mut commands = simple_commands(command)?;
    match (commands.pop(), commands.is_empty()) {
        (Some(only), true) if only.is_plain() => Some(only.words),
        _ => None,
    }
}

/// One command of a pipeline or list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SimpleCommand {
    /// Variables that are set for it, as `NAME=value`.
    pub assignments: Words,
    /// What is run, and its arguments.
    pub words: Words,
    /// The files that it is redirected from or to.
    pub files: Words,
    /// Whether it has redirections between file descriptors, such as `2>&1`.
    pub has_duplicates: bool,
}

impl SimpleCommand {
    fn is_plain(&self) -> bool {
        !self.words.is_empty()
            && self.assignments.is_empty()
            && self.files.is_empty()
            && !self.has_duplicates
    }

    fn is_empty(&self) -> bool {
        self.words.is_empty()
            && self.assignments.is_empty()
            && self.files.is_empty()
            && !self.has_duplicates
    }
}

/// The commands of a command line, which may be put together with `|`, `&&`, `||`, `;`, `&` and
/// line feeds; nothing when any part of it needs a shell to know what is run.
#[must_use]
pub fn simple_commands(command: &[u8]) -> Option<Vec<SimpleCommand>> {
    if command.len() > MAX_COMMAND || command.contains(&0) {
        return None;
    }
    let mut reader = Reader { rest: command };
    let mut commands = Vec::new();
    let mut current = SimpleCommand::default();
    // After `|`, `&&` and `||` another command must follow.
    let mut is_expected = false;
    while let Some(token) = reader.next()? {
        match token {
            Token::Word { text, is_bare } => {
                if current.words.is_empty() && is_bare && is_reserved(&text) {
                    return None;
                }
                if current.words.is_empty() && is_assignment(&text) {
                    current.assignments.push(text);
                } else {
                    current.words.push(text);
                }
                is_expected = false;
            }
            Token::Redirection => {
                let Some(Token::Word { text, .. }) = reader.next()? else {
                    return None;
                };
                current.files.push(text);
                is_expected = false;
            }
            Token::Duplicate => {
                let Some(Token::Word { text, .. }) = reader.next()? else {
                    return None;
                };
                if text != b"-" && !text.iter().all(u8::is_ascii_digit) {
                    return None;
                }
                current.has_duplicates = true;
                is_expected = false;
            }
            Token::Joint { needs_more } => {
                if current.is_empty() {
                    return None;
                }
                commands.push(std::mem::take(&mut current));
                is_expected = needs_more;
            }
            Token::NewLine => {
                if !current.is_empty() {
                    commands.push(std::mem::take(&mut current));
                }
            }
        }
    }
    if is_expected {
        return None;
    }
    if !current.is_empty() {
        commands.push(current);
    }
    Some(commands)
}

enum Token {
    /// `is_bare`: written without quotes or escapes.
    Word {
        text: Vec<u8>,
        is_bare: bool,
    },
    /// `<`, `>`, `>>`, `>|`, `<>`, with a number before it or not.
    Redirection,
    /// `<&`, `>&`.
    Duplicate,
    /// `;`, `&`, `|`, `&&`, `||`.
    Joint {
        needs_more: bool,
    },
    NewLine,
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn take(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn take_if(&mut self, wanted: u8) -> bool {
        let is_there = self.peek() == Some(wanted);
        if is_there {
            self.take();
        }
        is_there
    }

    /// The next token; `Some(None)` at the end, and `None` when a shell is needed.
    fn next(&mut self) -> Option<Option<Token>> {
        loop {
            match self.peek() {
                None => return Some(None),
                Some(b' ' | b'\t') => {
                    self.take();
                }
                // An escaped line feed joins two lines.
                Some(b'\\') if self.rest.starts_with(b"\\\n") => {
                    self.take();
                    self.take();
                }
                Some(_) => break,
            }
        }
        let token = match self.peek()? {
            b'\n' => {
                self.take();
                Token::NewLine
            }
            b';' => {
                self.take();
                // `;;` belongs to a construct.
                if self.peek() == Some(b';') {
                    return None;
                }
                Token::Joint { needs_more: false }
            }
            b'&' => {
                self.take();
                Token::Joint {
                    needs_more: self.take_if(b'&'),
                }
            }
            b'|' => {
                self.take();
                // `|&` is not POSIX; what follows it would be read differently elsewhere.
                if !self.take_if(b'|') && self.peek() == Some(b'&') {
                    return None;
                }
                Token::Joint { needs_more: true }
            }
            b'<' | b'>' => self.redirection()?,
            b'#' => return None,
            digit if digit.is_ascii_digit() && self.is_descriptor() => {
                while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                    self.take();
                }
                self.redirection()?
            }
            _ => self.word()?,
        };
        Some(Some(token))
    }

    /// Whether digits come next, and right behind them a redirection.
    fn is_descriptor(&self) -> bool {
        let behind = self.rest.iter().find(|byte| !byte.is_ascii_digit());
        matches!(behind, Some(b'<' | b'>'))
    }

    fn redirection(&mut self) -> Option<Token> {
        match (self.take()?, self.peek()) {
            // A document follows, or a process is substituted.
            (b'<', Some(b'<' | b'(')) | (b'>', Some(b'(')) => None,
            (_, Some(b'&')) => {
                self.take();
                Some(Token::Duplicate)
            }
            (b'<', Some(b'>')) | (b'>', Some(b'>' | b'|')) => {
                self.take();
                Some(Token::Redirection)
            }
            _ => Some(Token::Redirection),
        }
    }

    fn word(&mut self) -> Option<Token> {
        let mut text = Vec::new();
        let mut is_bare = true;
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' => break,
                b'\'' => {
                    self.take();
                    is_bare = false;
                    self.single_quoted(&mut text)?;
                }
                b'"' => {
                    self.take();
                    is_bare = false;
                    self.double_quoted(&mut text)?;
                }
                b'\\' => {
                    self.take();
                    is_bare = false;
                    match self.take()? {
                        b'\n' => {}
                        escaped => text.push(escaped),
                    }
                }
                // Variables, substitutions, patterns, groups, braces.
                b'$' | b'`' | b'*' | b'?' | b'[' | b'(' | b')' | b'{' | b'}' => return None,
                b'~' if text.is_empty() || matches!(text.last(), Some(b'=' | b':')) => return None,
                // History, in shells that have it.
                b'!' if is_bare && text.is_empty() && self.rest.len() > 1 => return None,
                plain => {
                    self.take();
                    text.push(plain);
                }
            }
        }
        Some(Token::Word { text, is_bare })
    }

    fn single_quoted(&mut self, text: &mut Vec<u8>) -> Option<()> {
        loop {
            match self.take()? {
                b'\'' => return Some(()),
                byte => text.push(byte),
            }
        }
    }

    fn double_quoted(&mut self, text: &mut Vec<u8>) -> Option<()> {
        loop {
            match self.take()? {
                b'"' => return Some(()),
                b'$' | b'`' => return None,
                b'\\' => match self.take()? {
                    b'\n' => {}
                    escaped @ (b'$' | b'`' | b'"' | b'\\') => text.push(escaped),
                    other => text.extend([b'\\', other]),
                },
                byte => text.push(byte),
            }
        }
    }
}

/// Words that begin a construct where a command may stand.
fn is_reserved(word: &[u8]) -> bool {
    const RESERVED: [&[u8]; 22] = [
        b"!",
        b"case",
        b"coproc",
        b"do",
        b"done",
        b"elif",
        b"else",
        b"esac",
        b"fi",
        b"for",
        b"foreach",
        b"function",
        b"if",
        b"in",
        b"repeat",
        b"select",
        b"then",
        b"time",
        b"until",
        b"while",
        b"[[",
        b"end",
    ];
    RESERVED.contains(&word)
}

/// `NAME=value`, where the shell takes it as such.
fn is_assignment(word: &[u8]) -> bool {
    let name = word.split(|byte| *byte == b'=').next().unwrap_or_default();
    name.len() < word.len()
        && name
            .first()
            .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

#[cfg(test)]
mod tests;
