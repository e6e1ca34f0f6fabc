//! Just enough of Rust's grammar to read code without its comments and literals.

/// One word or mark of the code, with the number of its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) line: usize,
    pub(crate) text: &'a str,
}

/// The text with comments, strings and characters blanked; lines and byte offsets stay the same.
pub(crate) fn without_literals(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let inside_a_word = code.ends_with(is_word);
        let opaque = comment_length(rest).or_else(|| if inside_a_word { None } else { literal_length(rest) });
        let (skipped, after) = rest.split_at(opaque.unwrap_or(next.len_utf8()));
        if opaque.is_some() {
            code.extend(skipped.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        } else {
            code.push(next);
        }
        rest = after;
    }
    code
}

/// Words, `::` and single marks, in order. The code comes from [`without_literals`].
pub(crate) fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(next) = rest.chars().next() {
            let length = if is_word(next) {
                rest.find(|c| !is_word(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                next.len_utf8()
            };
            let (text, after) = rest.split_at(length);
            found.push(Token { line: number + 1, text });
            rest = after.trim_start();
        }
    }
    found
}

/// The first string literal in a text: what stands between its quotes, escapes as written.
pub(crate) fn first_string(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if let Some(length) = string_length(rest) {
            let (_, quoted) = rest[..length].split_once('"')?;
            return quoted.rsplit_once('"').map(|(content, _)| content);
        }
        rest = &rest[comment_length(rest).unwrap_or(next.len_utf8())..];
    }
    None
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn comment_length(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(next) = rest[at..].chars().next() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            at += next.len_utf8();
        }
        if depth == 0 {
            break;
        }
    }
    Some(at)
}

fn literal_length(rest: &str) -> Option<usize> {
    string_length(rest).or_else(|| character_length(rest))
}

fn string_length(rest: &str) -> Option<usize> {
    let unprefixed = rest.strip_prefix(['b', 'c']).unwrap_or(rest);
    let prefix = rest.len() - unprefixed.len();
    if let Some(raw) = unprefixed.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if !raw[hashes..].starts_with('"') {
            return None;
        }
        let opened = prefix + 1 + hashes + 1;
        let close = format!("\"{}", "#".repeat(hashes));
        let content = rest[opened..].find(&close);
        return Some(content.map_or(rest.len(), |length| opened + length + close.len()));
    }
    if unprefixed.starts_with('"') {
        return Some(prefix + escaped_length(unprefixed, '"'));
    }
    None
}

fn character_length(rest: &str) -> Option<usize> {
    let unprefixed = rest.strip_prefix('b').unwrap_or(rest);
    let prefix = rest.len() - unprefixed.len();
    let mut inside = unprefixed.strip_prefix('\'')?.chars();
    let is_lifetime = inside.next()? != '\\' && inside.next() != Some('\'');
    if is_lifetime {
        None
    } else {
        Some(prefix + escaped_length(unprefixed, '\''))
    }
}

/// The length of a literal that starts with its delimiter, both delimiters included.
fn escaped_length(rest: &str, delimiter: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if c == delimiter && !escaped {
            return at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    rest.len()
}

#[test]
fn comments_and_literals_are_blank_and_everything_else_stays() {
    let text = concat!(
        "let a = \"in \\\" a\"; // in a\n",
        "let b = r#\"in \" b\"#; /* in /* in */ b */ after\n",
        "let c: &'static str = 'x'; let d = '\\''; let e = b\"in\"; end",
    );
    let code = without_literals(text);
    assert_eq!(code.len(), text.len());
    let words: Vec<(usize, &str)> = tokens(&code)
        .iter()
        .filter(|token| token.text.starts_with(is_word) && token.text != "let")
        .map(|token| (token.line, token.text))
        .collect();
    let third_line = ["c", "static", "str", "d", "e", "end"].map(|word| (3, word));
    assert_eq!(
        words,
        [[(1, "a"), (2, "b"), (2, "after")].as_slice(), &third_line].concat()
    );
}

#[test]
fn the_first_string_is_found_behind_a_comment() {
    assert_eq!(
        first_string("= // \"no\"\n    r#\"yes \"it\" is\"#;"),
        Some("yes \"it\" is")
    );
    assert_eq!(first_string("= NUMBER;"), None);
}
