//! `-F`: the fields of a form and the files in them, as one body of `multipart/form-data`
//! (RFC 7578).

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

/// One field.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    name: String,
    file_name: Option<String>,
    content_type: Option<String>,
    bytes: Vec<u8>,
}

impl Form {
    /// Reads what was typed: `NAME=VALUE`, `NAME=@FILE` or `NAME=<FILE`, each with `;type=TYPE` and
    /// `;filename=NAME` if need be.
    pub(crate) fn read(texts: &[String]) -> Result<Self, Failure> {
        let parts = texts.iter().map(|text| part(text)).collect::<Result<Vec<_>, _>>()?;
        if parts.iter().map(|part| part.bytes.len()).sum::<usize>() > FORM_LIMIT {
            let most = crate::measure::size(FORM_LIMIT as u64);
            return Err(Failure::new(exit::FILE, format!("a form has at most {most}"))
                .next("send a large file by itself: urlsession put FILE URL"));
        }
        let boundary = boundary(&parts);
        let mut body = Vec::new();
        for part in &parts {
            body.extend_from_slice(part.head(&boundary).as_bytes());
            body.extend_from_slice(&part.bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        Ok(Self { boundary, body })
    }
}

impl Part {
    fn head(&self, boundary: &str) -> String {
        let mut head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"",
            escaped(&self.name)
        );
        if let Some(name) = &self.file_name {
            head.push_str(&format!("; filename=\"{}\"", escaped(name)));
        }
        if let Some(kind) = &self.content_type {
            head.push_str(&format!("\r\nContent-Type: {kind}"));
        }
        head.push_str("\r\n\r\n");
        head
    }
}

/// The first one that is not in what it stands between.
fn boundary(parts: &[Part]) -> String {
    let is_in = |boundary: &str| {
        let holds =
            |bytes: &[u8]| bytes.windows(boundary.len()).any(|at| at == boundary.as_bytes());
        parts.iter().any(|part| holds(&part.bytes) || holds(part.head("").as_bytes()))
    };
    let mut boundaries = (0u64..).map(|number| format!("------------------------{number:016x}"));
    boundaries.find(|boundary| !is_in(boundary)).unwrap_or_default()
}

/// Escapes as browsers do (the HTML standard's form data set).
fn escaped(text: &str) -> String {
    text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

fn part(text: &str) -> Result<Part, Failure> {
    let wrong = || Failure::usage("a field of a form is NAME=VALUE, NAME=@FILE or NAME=<FILE");
    let (name, rest) = text.split_once('=').ok_or_else(wrong)?;
    let (content, mut after) = value(rest.strip_prefix(['@', '<']).unwrap_or(rest));
    let (mut file_name, mut content_type) = (None, None);
    while let Some(rest) = after.strip_prefix(';') {
        let rest = rest.trim_start();
        let (name, rest) = rest.split_once('=').ok_or_else(|| strange(rest))?;
        let (set, next) = match name {
            "type" => type_of(rest),
            "filename" => value(rest),
            _ => return Err(strange(name)),
        };
        after = next;
        if name == "type" { content_type = Some(set) } else { file_name = Some(set) }
    }
    if content_type.as_ref().is_some_and(|kind| kind.chars().any(char::is_control)) {
        return Err(strange("type"));
    }
    let read = |path: &str| match path {
        "-" => bounded(std::io::stdin().lock(), "standard input"),
        path => {
            let path = Path::new(path);
            let file = File::open(path).map_err(|error| Failure::file(path, &error))?;
            bounded(file, &path.display().to_string())
        }
    };
    let bytes = match rest.chars().next() {
        Some('@') => {
            let last =
                Path::new(&content).file_name().map(|name| name.to_string_lossy().into_owned());
            file_name = file_name.or(last);
            content_type.get_or_insert_with(|| "application/octet-stream".to_owned());
            read(&content)?
        }
        Some('<') => read(&content)?,
        _ => content.into_bytes(),
    };
    Ok(Part { name: name.to_owned(), file_name, content_type, bytes })
}

fn strange(what: &str) -> Failure {
    Failure::usage(format!("-F does not know “{what}”: a field may have ;type= and ;filename="))
}

/// Reads to the next semicolon, or what is between double quotes; `\` takes the next sign as it is.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, next)| next)),
            other => value.push(other),
        }
    }
    (value, "")
}

/// A type may have parameters of its own: what follows belongs to it unless it is a name of ours.
fn type_of(text: &str) -> (String, &str) {
    let mut ours = text.match_indices(';').map(|(at, _)| at);
    let is_ours = |at: &usize| text[at + 1..].trim_start().starts_with("filename=");
    let end = ours.find(is_ours).unwrap_or(text.len());
    (text[..end].to_owned(), &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// what is typed => the part, without the bytes of its file
    #[test]
    fn parts_are_read_as_curl_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a;b.txt");
        std::fs::write(&file, "text").unwrap();
        let path = file.to_str().unwrap();
        for (typed, name, file_name, kind, bytes) in [
            ("a=b".to_owned(), "a", None, None, "b"),
            ("a=".to_owned(), "a", None, None, ""),
            (
                "a=b=c;type=text/html; charset=x".to_owned(),
                "a",
                None,
                Some("text/html; charset=x"),
                "b=c",
            ),
            ("a=\"b;c\";filename=\"d\\\"e\"".to_owned(), "a", Some("d\"e"), None, "b;c"),
            (
                format!("a=@\"{path}\""),
                "a",
                Some("a;b.txt"),
                Some("application/octet-stream"),
                "text",
            ),
            (format!("a=@\"{path}\";type=x/y;filename=n"), "a", Some("n"), Some("x/y"), "text"),
            (format!("a=<\"{path}\""), "a", None, None, "text"),
        ] {
            let (file_name, content_type) = (file_name.map(str::to_owned), kind.map(str::to_owned));
            let expected = Part { name: name.into(), file_name, content_type, bytes: bytes.into() };
            assert_eq!(part(&typed).unwrap(), expected, "{typed}");
        }
        for (typed, code) in [
            ("a", exit::USAGE),
            ("a=b;headers=X: y", exit::USAGE),
            ("a=b;type=x/y\r\nX: y", exit::USAGE),
            ("a=@/nonexistent", exit::FILE),
        ] {
            assert_eq!(part(typed).unwrap_err().code, code, "{typed}");
        }
    }

    #[test]
    fn a_body_never_holds_its_boundary() {
        let first = format!("------------------------{:016x}", 0);
        let form = Form::read(&["a\"\r\nb=x".to_owned(), format!("c={first}")]).unwrap();
        let boundary = form.boundary;
        assert_ne!(boundary, first);
        let body = String::from_utf8(form.body).unwrap();
        let expected = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"a%22%0D%0Ab\"\r\n\r\nx\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"c\"\r\n\r\n{first}\r\n\
             --{boundary}--\r\n"
        );
        assert_eq!(body, expected);
    }
}
