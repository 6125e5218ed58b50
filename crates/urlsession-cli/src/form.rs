//! `-F`: the fields of a form and the files in them, as one body of `multipart/form-data`
//! (RFC 7578).

use crate::args::Field;
use crate::exit::{self, Failure};
use crate::plan::bounded;
use std::fs::File;
use std::path::Path;

/// Most bytes of a whole form.
const FORM_LIMIT: usize = 256 * 1024 * 1024;

/// A body and how it is announced.
#[derive(Debug)]
pub(crate) struct Form {
    /// What stands between its parts.
    pub(crate) boundary: String,
    pub(crate) body: Vec<u8>,
}

/// One field, or one of its files.
#[derive(Debug, Default, PartialEq, Eq)]
struct Part {
    name: String,
    file_name: Option<String>,
    content_type: Option<String>,
    /// Further fields of its head, as they stand.
    headers: Vec<String>,
    bytes: Vec<u8>,
}

impl Form {
    /// Reads what was typed: `NAME=VALUE`, `NAME=@FILE` or `NAME=<FILE`, each with `;type=TYPE`,
    /// `;filename=NAME` and `;headers=FIELD` if need be. Several files between commas are so many parts
    /// of that name (RFC 7578 section 4.3).
    pub(crate) fn read(fields: &[Field], escapes: bool) -> Result<Self, Failure> {
        let mut parts = Vec::new();
        for field in fields {
            match field {
                Field::Typed(text) => parts.extend(parts_of(text)?),
                Field::Plain(text) => {
                    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
                    let (name, bytes) = (name.to_owned(), value.as_bytes().to_vec());
                    parts.push(Part { name, bytes, ..Part::default() });
                }
            }
        }
        if parts.iter().map(|part| part.bytes.len()).sum::<usize>() > FORM_LIMIT {
            let most = crate::measure::size(FORM_LIMIT as u64);
            return Err(Failure::new(exit::FILE, format!("a form has at most {most}"))
                .next("send a large file by itself: urlsession put FILE URL"));
        }
        let escape = if escapes { with_backslashes } else { with_percents };
        let boundary = boundary(&parts, escape);
        let mut body = Vec::new();
        for part in &parts {
            body.extend_from_slice(part.head(&boundary, escape).as_bytes());
            body.extend_from_slice(&part.bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        Ok(Self { boundary, body })
    }
}

/// Makes a name fit between quotes.
type Escape = fn(&str) -> String;

impl Part {
    fn head(&self, boundary: &str, escape: Escape) -> String {
        let mut head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"",
            escape(&self.name)
        );
        if let Some(name) = &self.file_name {
            head.push_str(&format!("; filename=\"{}\"", escape(name)));
        }
        if let Some(kind) = &self.content_type {
            head.push_str(&format!("\r\nContent-Type: {kind}"));
        }
        for field in &self.headers {
            head.push_str(&format!("\r\n{field}"));
        }
        head.push_str("\r\n\r\n");
        head
    }
}

/// The first one that is not in what it stands between.
fn boundary(parts: &[Part], escape: Escape) -> String {
    let is_in = |boundary: &str| {
        let holds =
            |bytes: &[u8]| bytes.windows(boundary.len()).any(|at| at == boundary.as_bytes());
        parts.iter().any(|part| holds(&part.bytes) || holds(part.head("", escape).as_bytes()))
    };
    let mut boundaries = (0u64..).map(|number| format!("------------------------{number:016x}"));
    boundaries.find(|boundary| !is_in(boundary)).unwrap_or_default()
}

/// Escapes as browsers do (the HTML standard's form data set).
fn with_percents(text: &str) -> String {
    text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes as MIME does, which some servers want.
fn with_backslashes(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    text.replace('\r', "%0D").replace('\n', "%0A")
}

fn wrong() -> Failure {
    Failure::usage("a field of a form is NAME=VALUE, NAME=@FILE or NAME=<FILE")
}

fn parts_of(text: &str) -> Result<Vec<Part>, Failure> {
    let (name, rest) = text.split_once('=').ok_or_else(wrong)?;
    let sign = rest.chars().next().filter(|sign| matches!(sign, '@' | '<'));
    let mut rest = if sign.is_some() { &rest[1..] } else { rest };
    let ends: &[char] = if sign.is_some() { &[';', ','] } else { &[';'] };
    let mut parts = Vec::new();
    loop {
        let (mut part, content, after) = described(name, rest, ends)?;
        part.bytes = match sign {
            Some('@') => {
                let last = Path::new(&content).file_name();
                let last = last.map(|name| name.to_string_lossy().into_owned());
                part.file_name = part.file_name.or(last);
                part.content_type.get_or_insert_with(|| "application/octet-stream".to_owned());
                read(&content)?
            }
            Some(_) => read(&content)?,
            None => content.into_bytes(),
        };
        parts.push(part);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Ok(parts),
        }
    }
}

/// Reads a value or the name of a file, and what is said of it; returns what follows.
fn described<'a>(
    name: &str,
    text: &'a str,
    ends: &[char],
) -> Result<(Part, String, &'a str), Failure> {
    let mut part = Part { name: name.to_owned(), ..Part::default() };
    let (content, mut after) = value(text, ends);
    while let Some(rest) = after.strip_prefix(';') {
        let rest = rest.trim_start();
        let (what, rest) = rest.split_once('=').ok_or_else(|| strange(rest))?;
        let (set, next) = if what == "type" { type_of(rest, ends) } else { value(rest, ends) };
        match what {
            "type" => part.content_type = Some(set),
            "filename" => part.file_name = Some(set),
            "headers" => part.headers.extend(fields(&set)?),
            // What these say is how the bytes are sent anyway.
            "encoder" if matches!(&*set, "8bit" | "binary") => {
                part.headers.push(format!("Content-Transfer-Encoding: {set}"));
            }
            _ => return Err(strange(what)),
        }
        after = next;
    }
    let lines = part.content_type.iter().chain(&part.headers);
    if lines.into_iter().any(|line| line.chars().any(char::is_control)) {
        return Err(Failure::usage("-F: a type or a field of a head has a control character"));
    }
    Ok((part, content, after))
}

/// Reads fields of a part's head: one, or those of a file, one a line.
fn fields(text: &str) -> Result<Vec<String>, Failure> {
    let lines = match text.strip_prefix(['@', '<']) {
        None => text.to_owned(),
        Some(path) => String::from_utf8_lossy(&read(path)?).into_owned(),
    };
    let lines = lines.lines().map(str::trim_end);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let fields: Vec<String> = lines.map(str::to_owned).collect();
    match fields.iter().find(|field| !field.contains(':')) {
        Some(_) => Err(Failure::usage("-F: a field of ;headers= is ‘Name: value’")),
        None => Ok(fields),
    }
}

fn read(path: &str) -> Result<Vec<u8>, Failure> {
    if path == "-" {
        return bounded(std::io::stdin().lock(), "standard input");
    }
    let path = Path::new(path);
    let file = File::open(path).map_err(|error| Failure::file(path, &error))?;
    bounded(file, &path.display().to_string())
}

fn strange(what: &str) -> Failure {
    Failure::usage(format!(
        "-F does not know “{what}”: a field may have ;type=, ;filename= and ;headers="
    ))
}

/// Reads to the next end, or what is between double quotes; `\` takes a quote or itself as it is, and
/// another sign with it.
fn value<'a>(text: &'a str, ends: &[char]) -> (String, &'a str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(ends).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => {
                let after = &quoted[at + 1..];
                // What stands between the quote and the next end says nothing.
                return (value, &after[after.find(ends).unwrap_or(after.len())..]);
            }
            '\\' => match characters.next() {
                Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                Some((_, other)) => value.extend(['\\', other]),
                None => value.push('\\'),
            },
            other => value.push(other),
        }
    }
    (value, "")
}

/// A type may have parameters of its own: what follows belongs to it unless it is a name of ours.
fn type_of<'a>(text: &'a str, ends: &[char]) -> (String, &'a str) {
    let ours = ["filename=", "headers=", "encoder="];
    let is_end = |(at, sign): &(usize, char)| match sign {
        ';' => ours.iter().any(|name| text[at + 1..].trim_start().starts_with(name)),
        sign => ends.contains(sign),
    };
    let end = text.char_indices().find(is_end).map_or(text.len(), |(at, _)| at);
    (text[..end].trim_end().to_owned(), &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Field {
        Field::Typed(text.to_owned())
    }

    /// what is typed => the part
    #[test]
    fn parts_are_read_as_curl_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a;b.txt");
        std::fs::write(&file, "text").unwrap();
        let path = file.to_str().unwrap();
        for (text, file_name, kind, bytes) in [
            ("a=b".to_owned(), None, None, "b"),
            ("a=".to_owned(), None, None, ""),
            ("a=b,c".to_owned(), None, None, "b,c"),
            (
                "a=b=c;type=text/html; charset=x".to_owned(),
                None,
                Some("text/html; charset=x"),
                "b=c",
            ),
            ("a=\"b;c\";filename=\"d\\\"e\"".to_owned(), Some("d\"e"), None, "b;c"),
            ("a=\"b\\c\\\\d\" ; filename=n".to_owned(), Some("n"), None, "b\\c\\d"),
            (format!("a=@\"{path}\""), Some("a;b.txt"), Some("application/octet-stream"), "text"),
            (format!("a=@\"{path}\";type=x/y;filename=n"), Some("n"), Some("x/y"), "text"),
            (format!("a=<\"{path}\""), None, None, "text"),
        ] {
            let (file_name, content_type) = (file_name.map(str::to_owned), kind.map(str::to_owned));
            let name = "a".to_owned();
            let expected =
                Part { name, file_name, content_type, bytes: bytes.into(), headers: vec![] };
            assert_eq!(parts_of(&text).unwrap(), [expected], "{text}");
        }
        for (text, code) in [
            ("a", exit::USAGE),
            ("a=b;headers=X", exit::USAGE),
            ("a=b;other=X", exit::USAGE),
            ("a=b;encoder=base64", exit::USAGE),
            ("a=b;type=x/y\r\nX: y", exit::USAGE),
            ("a=b;headers=\"X: y\u{0}\"", exit::USAGE),
            ("a=@/nonexistent", exit::FILE),
        ] {
            assert_eq!(parts_of(text).unwrap_err().code, code, "{text}");
        }
    }

    #[test]
    fn a_field_can_have_several_files_and_fields_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (one, two) = (write("one", "1"), write("two", "2"));
        let heads = write("heads", "# why\nX-B: 2\n\nX-C: 3\n");
        let text =
            format!("f=@{one},{two};type=x/y; p=q;headers=\"X-A: 1\";headers=@{heads},{one}");
        let parts = parts_of(&text).unwrap();
        let shown: Vec<_> = parts
            .iter()
            .map(|part| {
                let name = part.file_name.as_deref().unwrap();
                let kind = part.content_type.as_deref().unwrap();
                format!("{} {name} {kind} {}", part.name, part.headers.join("|"))
            })
            .collect();
        let plain = "f one application/octet-stream ";
        assert_eq!(shown, [plain, "f two x/y; p=q X-A: 1|X-B: 2|X-C: 3", plain]);
    }

    #[test]
    fn names_are_escaped_in_either_way() {
        let fields = [Field::Plain("a\"b\\c=@x;y".to_owned())];
        let body = |escapes| String::from_utf8(Form::read(&fields, escapes).unwrap().body).unwrap();
        assert!(body(false).contains("name=\"a%22b\\c\"\r\n\r\n@x;y\r\n"), "{}", body(false));
        assert!(body(true).contains("name=\"a\\\"b\\\\c\"\r\n"), "{}", body(true));
    }

    #[test]
    fn a_body_never_holds_its_boundary() {
        let first = format!("------------------------{:016x}", 0);
        let fields = [typed("a\"\r\nb=x"), typed(&format!("c={first}"))];
        let Form { boundary, body } = Form::read(&fields, false).unwrap();
        assert_ne!(boundary, first);
        let body = String::from_utf8(body).unwrap();
        let expected = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"a%22%0D%0Ab\"\r\n\r\nx\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"c\"\r\n\r\n{first}\r\n\
             --{boundary}--\r\n"
        );
        assert_eq!(body, expected);
    }
}
