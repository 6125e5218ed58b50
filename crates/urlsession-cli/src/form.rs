//! `-F`: the fields of a form and the files in them, as one body of `multipart/form-data`
//! (RFC 7578).

use crate::args::Field;
use crate::exit::{self, Failure};
use crate::plan::bounded;
use std::fs::File;
use std::path::Path;

/// Most bytes of a whole form.
const FORM_LIMIT: usize = 256 * 1024 * 1024;

/// What standard input is called.
const INPUT: &str = "-";
/// What a file is of which nothing more is known.
const BYTES: &str = "application/octet-stream";
const TEXT: &str = "text/plain";
/// What files are by the ends of their names, as curl has it.
const TYPES: [(&str, &str); 10] = [
    (".gif", "image/gif"),
    (".jpg", "image/jpeg"),
    (".jpeg", "image/jpeg"),
    (".png", "image/png"),
    (".svg", "image/svg+xml"),
    (".txt", TEXT),
    (".htm", "text/html"),
    (".html", "text/html"),
    (".pdf", "application/pdf"),
    (".xml", "application/xml"),
];

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
        let mut head = format!("--{boundary}\r\nContent-Disposition: form-data");
        if !self.name.is_empty() {
            head.push_str(&format!("; name=\"{}\"", escape(&self.name)));
        }
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

    /// Returns the type that curl tells where none is typed, for bytes of that file: what the name says
    /// that the server is told, else what the file's own says.
    fn usual_type(&self, path: Option<&str>) -> Option<&'static str> {
        let is_type = |field: &String| {
            field.split(':').next().is_some_and(|name| name.eq_ignore_ascii_case("content-type"))
        };
        if self.headers.iter().any(is_type) {
            return None;
        }
        let told = self.file_name.as_deref().and_then(type_of_name);
        let kind = told.or_else(|| type_of_name(path?));
        match &self.file_name {
            Some(_) => kind.or(path.and(Some(BYTES))),
            // Text is what a field is taken for anyway.
            None => kind.filter(|kind| *kind != TEXT),
        }
    }
}

fn type_of_name(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    TYPES.iter().find(|(end, _)| name.ends_with(end)).map(|(_, kind)| *kind)
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
        if sign == Some('@') {
            let last = Path::new(&content).file_name();
            let last = last.map(|name| name.to_string_lossy().into_owned());
            part.file_name = part.file_name.or(last);
        }
        let path = sign.and(Some(&*content)).filter(|path| *path != INPUT);
        if part.content_type.is_none() {
            part.content_type = part.usual_type(path).map(str::to_owned);
        }
        part.bytes = if sign.is_some() { read(&content)? } else { content.into_bytes() };
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
    if path == INPUT {
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

/// Reads to the next end, without blanks around it, or what is between double quotes; `\` takes a quote
/// or itself as it is, and another sign with it.
fn value<'a>(text: &'a str, ends: &[char]) -> (String, &'a str) {
    let text = text.trim_ascii_start();
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(ends).unwrap_or(text.len());
        return (text[..end].trim_ascii_end().to_owned(), &text[end..]);
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
    (text[..end].trim_ascii().to_owned(), &text[end..])
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
        let write = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, "text").unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (path, image, other) = (write("a;b.bin"), write("c.PNG"), write("png"));
        let (bytes, png) = (Some("application/octet-stream"), Some("image/png"));
        for (text, file_name, kind, content) in [
            ("a=b".to_owned(), None, None, "b"),
            ("a=".to_owned(), None, None, ""),
            ("a=b,c".to_owned(), None, None, "b,c"),
            ("a= b ".to_owned(), None, None, "b"),
            ("a= b ; type= x/y ".to_owned(), None, Some("x/y"), "b"),
            ("a=\" b \" ;type=x/y".to_owned(), None, Some("x/y"), " b "),
            (
                "a=b=c;type=text/html; charset=x".to_owned(),
                None,
                Some("text/html; charset=x"),
                "b=c",
            ),
            ("a=\"b;c\";filename=\"d\\\"e\"".to_owned(), Some("d\"e"), None, "b;c"),
            ("a=\"b\\c\\\\d\" ; filename=n".to_owned(), Some("n"), None, "b\\c\\d"),
            ("a=b;filename=n.png".to_owned(), Some("n.png"), png, "b"),
            (format!("a=@\"{path}\""), Some("a;b.bin"), bytes, "text"),
            (format!("a=@\"{path}\";type=x/y;filename=n"), Some("n"), Some("x/y"), "text"),
            (format!("a=@\"{path}\";filename=n.png"), Some("n.png"), png, "text"),
            (format!("a=@{image}"), Some("c.PNG"), png, "text"),
            (format!("a=@{image};filename=n"), Some("n"), png, "text"),
            (format!("a=@{image};filename="), Some(""), png, "text"),
            (format!("a=@{image} ; type=x/y"), Some("c.PNG"), Some("x/y"), "text"),
            (format!("a=@{other}"), Some("png"), bytes, "text"),
            (format!("a=<\"{path}\""), None, None, "text"),
            (format!("a=<{image}"), None, png, "text"),
        ] {
            let (file_name, content_type) = (file_name.map(str::to_owned), kind.map(str::to_owned));
            let name = "a".to_owned();
            let expected =
                Part { name, file_name, content_type, bytes: content.into(), headers: vec![] };
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

    /// a file's name, whether it is standard input, own fields => its type where none is typed
    #[test]
    fn types_are_told_by_names() {
        let typed = "content-type: x/y";
        for (name, path, field, expected) in [
            (Some("a.gif"), None, None, Some("image/gif")),
            (Some("a.jpg"), None, None, Some("image/jpeg")),
            (Some("a.jpeg"), None, None, Some("image/jpeg")),
            (Some("a.svg"), None, None, Some("image/svg+xml")),
            (Some("a.txt"), None, None, Some("text/plain")),
            (Some("a.htm"), None, None, Some("text/html")),
            (Some("a.HTML"), None, None, Some("text/html")),
            (Some("a.pdf"), None, None, Some("application/pdf")),
            (Some("a.xml"), None, None, Some("application/xml")),
            (Some("a.json"), Some("b.json"), None, Some("application/octet-stream")),
            (Some("a.png"), Some("b.gif"), None, Some("image/png")),
            (Some("a.png"), None, Some(typed), None),
            (Some("-"), None, None, None),
            (Some("a.json"), None, None, None),
            // Text is what a field is anyway.
            (None, Some("a.txt"), None, None),
            (None, Some("a.json"), None, None),
        ] {
            let part = Part {
                file_name: name.map(str::to_owned),
                headers: field.map(str::to_owned).into_iter().collect(),
                ..Part::default()
            };
            assert_eq!(part.usual_type(path), expected, "{name:?} {path:?} {field:?}");
        }
    }

    #[test]
    fn a_part_without_a_name_says_none() {
        let form = Form::read(&[typed("=b")], false).unwrap();
        let body = String::from_utf8(form.body).unwrap();
        assert!(body.contains("Content-Disposition: form-data\r\n\r\nb\r\n"), "{body}");
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
