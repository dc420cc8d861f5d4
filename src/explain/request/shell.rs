//! The words of a command as a POSIX shell, or bash with `$'…'`, cuts them. Nothing is expanded or run.

/// The words, or why they cannot be told.
pub(super) fn words(command: &str) -> Result<Vec<String>, String> {
    let mut chars = command.chars().peekable();
    let (mut words, mut word, mut begun) = (Vec::new(), String::new(), false);
    while let Some(char) = chars.next() {
        match char {
            ' ' | '\t' | '\n' | '\r' => {
                if std::mem::take(&mut begun) {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            '\\' => match chars.next() {
                Some('\n') => continue,
                Some('\r') => {
                    let _line_end = chars.next_if_eq(&'\n');
                    continue;
                }
                other => word.extend(other),
            },
            '\'' => single(&mut chars, &mut word)?,
            '"' => double(&mut chars, &mut word)?,
            '$' if chars.next_if_eq(&'\'').is_some() => ansi(&mut chars, &mut word)?,
            '$' | '`' => return Err("the command holds something that the shell would expand; write it out".to_owned()),
            '|' | ';' | '&' | '>' | '<' => break,
            other => word.push(other),
        }
        begun = true;
    }
    if begun {
        words.push(word);
    }
    Ok(words)
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn single(chars: &mut Chars<'_>, word: &mut String) -> Result<(), String> {
    for char in chars {
        match char {
            '\'' => return Ok(()),
            other => word.push(other),
        }
    }
    Err(open())
}

fn double(chars: &mut Chars<'_>, word: &mut String) -> Result<(), String> {
    while let Some(char) = chars.next() {
        match char {
            '"' => return Ok(()),
            '\\' => match chars.next() {
                Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                Some('\n') => {}
                other => {
                    word.push('\\');
                    word.extend(other);
                }
            },
            '$' | '`' => return Err("the command holds something that the shell would expand; write it out".to_owned()),
            other => word.push(other),
        }
    }
    Err(open())
}

/// `$'…'`, in which browsers write what single quotes cannot hold.
fn ansi(chars: &mut Chars<'_>, word: &mut String) -> Result<(), String> {
    while let Some(char) = chars.next() {
        match char {
            '\'' => return Ok(()),
            '\\' => match chars.next() {
                Some('n') => word.push('\n'),
                Some('r') => word.push('\r'),
                Some('t') => word.push('\t'),
                Some('u') => word.push(unicode(chars, 4)?),
                Some('x') => word.push(unicode(chars, 2)?),
                Some(other) => word.push(other),
                None => return Err(open()),
            },
            other => word.push(other),
        }
    }
    Err(open())
}

fn unicode(chars: &mut Chars<'_>, most: usize) -> Result<char, String> {
    let mut value = 0_u32;
    for _ in 0..most {
        let Some(digit) = chars.peek().and_then(|char| char.to_digit(16)) else { break };
        value = value.saturating_mul(16).saturating_add(digit);
        chars.next();
    }
    char::from_u32(value).ok_or_else(|| "an escape is no character".to_owned())
}

fn open() -> String {
    "a quote is not closed".to_owned()
}
