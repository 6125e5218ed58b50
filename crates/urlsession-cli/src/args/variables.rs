//! Variables of a command line, as curl has them: `--variable` sets one, `--expand-OPTION` puts it in.
//!
//! ```text
//! NAME=VALUE   NAME@FILE   %NAME   %NAME=DEFAULT   %NAME@FILE   NAME[0-9]=VALUE
//! {{NAME}}   {{NAME:trim:url}}   \{{ is {{
//! ```

use crate::data::ENCODED;
use crate::exit::{self, Failure};
use crate::{input, terminal};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_encode;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

/// Most variables.
const VARIABLES_LIMIT: usize = 1000;
/// Longest name, in bytes, as curl has it.
const VARIABLE_NAME_LIMIT: usize = 127;
/// Most bytes of a value, and of what it is put into.
const VARIABLE_LIMIT: u64 = 10 * 1000 * 1000;

/// All that were set, by name.
#[derive(Debug, Default)]
pub(crate) struct Variables(BTreeMap<String, Vec<u8>>);

impl Variables {
    /// Sets what `--variable` says; `environment` finds the variables of the system.
    pub(crate) fn set(
        &mut self,
        text: &str,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<(), Failure> {
        let (imports, rest) = match text.strip_prefix('%') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (name, rest) = rest.split_at(rest.find(['=', '@', '[']).unwrap_or(rest.len()));
        if !is_name(name) {
            let why =
                format!("--variable: a name is 1 to {VARIABLE_NAME_LIMIT} letters, digits and ‘_’");
            return Err(Failure::usage(why));
        }
        let (range, rest) = range(rest)?;
        let imported = if imports { environment(name) } else { None };
        let value = match (imported, rest.split_at_checked(1)) {
            (Some(found), _) => found.into_encoded_bytes(),
            (None, Some(("=", value))) => value.as_bytes().to_vec(),
            (None, Some(("@", path))) => {
                input::bytes(Path::new(path), VARIABLE_LIMIT, exit::USAGE)?
            }
            (None, None) if imports => {
                let why = format!("--variable: the environment has no {name}");
                let next = format!("say what it is then: --variable %{name}=VALUE");
                return Err(Failure::usage(why).next(next));
            }
            (None, _) => {
                let next = "write NAME=VALUE, NAME@FILE or %NAME";
                return Err(Failure::usage(format!("--variable: what is {name}?")).next(next));
            }
        };
        let (first, last) = range;
        let end = last.map_or(value.len(), |last| value.len().min(last.saturating_add(1)));
        let value = value.get(first.min(end)..end).unwrap_or_default().to_vec();
        if value.len() as u64 > VARIABLE_LIMIT {
            let why = format!("--variable: {name} has more than {VARIABLE_LIMIT} bytes");
            return Err(Failure::usage(why));
        }
        self.0.insert(name.to_owned(), value);
        if self.0.len() > VARIABLES_LIMIT {
            return Err(Failure::usage(format!("--variable: more than {VARIABLES_LIMIT}")));
        }
        Ok(())
    }

    /// Puts values in for their names. What is no name stays as it is, and is told; a name that
    /// nothing was set for is empty.
    pub(crate) fn expand(&self, text: &str) -> Result<String, Failure> {
        let mut whole = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            if let Some(before) = before.strip_suffix('\\') {
                whole.extend_from_slice(before.as_bytes());
                whole.extend_from_slice(b"{{");
                rest = after;
                continue;
            }
            let Some((inner, after)) = after.split_once("}}") else {
                terminal::say("urlsession: “{{” without “}}”, left as it is")?;
                break;
            };
            whole.extend_from_slice(before.as_bytes());
            let (name, functions) = inner.split_once(':').unwrap_or((inner, ""));
            if is_name(name) {
                let value = self.0.get(name).cloned().unwrap_or_default();
                whole.extend(applied(value, functions)?);
            } else {
                terminal::say("urlsession: “{{…}}” without a variable’s name, left as it is")?;
                whole.extend_from_slice(format!("{{{{{inner}}}}}").as_bytes());
            }
            if whole.len() as u64 > VARIABLE_LIMIT {
                let why = format!("--expand: more than {VARIABLE_LIMIT} bytes");
                return Err(Failure::usage(why));
            }
            rest = after;
        }
        whole.extend_from_slice(rest.as_bytes());
        if whole.contains(&0) {
            return Err(Failure::usage("--expand: a variable has a NUL in it")
                .next("put it in with {{NAME:b64}} or {{NAME:url}}"));
        }
        String::from_utf8(whole)
            .map_err(|_| Failure::usage("--expand: what comes of it is not UTF-8"))
    }
}

fn is_name(text: &str) -> bool {
    (1..=VARIABLE_NAME_LIMIT).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Reads `[FIRST-LAST]` or `[FIRST-]`, numbers of bytes from 0, and returns what follows.
fn range(text: &str) -> Result<((usize, Option<usize>), &str), Failure> {
    let Some(open) = text.strip_prefix('[') else { return Ok(((0, None), text)) };
    let read = || {
        let (range, rest) = open.split_once(']')?;
        let (first, last) = range.split_once('-')?;
        let first: usize = first.parse().ok()?;
        let last = match last {
            "" => None,
            last => Some(last.parse().ok().filter(|last| *last >= first)?),
        };
        Some(((first, last), rest))
    };
    read()
        .ok_or_else(|| Failure::usage("--variable: a part of a value is [FIRST-LAST] or [FIRST-]"))
}

/// Applies functions, which are parted by colons, one after the other.
fn applied(mut value: Vec<u8>, functions: &str) -> Result<Vec<u8>, Failure> {
    if functions.is_empty() {
        return Ok(value);
    }
    for function in functions.split(':') {
        value = match function {
            "trim" => value.trim_ascii().to_vec(),
            "json" => json(&value),
            "url" => percent_encode(&value, ENCODED).to_string().into_bytes(),
            "b64" => STANDARD.encode(&value).into_bytes(),
            // As curl has it: what is asked for is visible, and no error.
            "64dec" => STANDARD.decode(&value).unwrap_or_else(|_| b"[64dec-fail]".to_vec()),
            other => {
                let why = format!("--expand: there is no function “{other}” of variables");
                return Err(Failure::usage(why).next("there are trim, json, url, b64 and 64dec"));
            }
        };
    }
    Ok(value)
}

/// Writes it as what stands between the quotes of a string of JSON.
fn json(value: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(value.len());
    for byte in value {
        let escaped = match byte {
            b'\\' => "\\\\",
            b'"' => "\\\"",
            8 => "\\b",
            12 => "\\f",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..32 => {
                let mut code = String::new();
                // Writing into a text cannot fail.
                let _ = write!(code, "\\u{byte:04x}");
                text.extend(code.into_bytes());
                continue;
            }
            _ => {
                text.push(*byte);
                continue;
            }
        };
        text.extend_from_slice(escaped.as_bytes());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(texts: &[&str]) -> Result<Variables, String> {
        let environment = |name: &str| (name == "HERE").then(|| OsString::from("at hand"));
        let mut variables = Variables::default();
        for text in texts {
            variables.set(text, environment).map_err(|failure| failure.message)?;
        }
        Ok(variables)
    }

    /// what is set => what `{{a}}` is
    #[test]
    fn variables_are_set_as_curl_has_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        std::fs::write(&file, "0123456789\n").unwrap();
        let file = file.to_str().unwrap();
        for (texts, expected) in [
            (&["a=b=c"][..], "b=c"),
            (&["a=one", "a=two"], "two"),
            (&["a="], ""),
            (&["b=c"], ""),
            (&[&*format!("a@{file}")], "0123456789\n"),
            (&[&*format!("a[2-4]@{file}")], "234"),
            (&["a[1-]=xyz"], "yz"),
            (&["a[1-99]=xyz"], "yz"),
            (&["a[9-99]=xyz"], ""),
            (&["a[1-1]=xyz"], "y"),
        ] {
            assert_eq!(set(texts).unwrap().expand("{{a}}").unwrap(), expected, "{texts:?}");
        }
        let imported = set(&["%HERE", "%NOT_HERE=there", "%HERE2=x"]).unwrap();
        let text = imported.expand("{{HERE}} {{NOT_HERE}} {{HERE2}}").unwrap();
        assert_eq!(text, "at hand there x");
        for wrong in ["", "=b", "a", "a b=c", "%NOT_HERE", "a[4-2]=x", "a[x]=y", "a[1=y", "a[1-2]"]
        {
            assert!(set(&[wrong]).is_err(), "{wrong}");
        }
        assert!(set(&[&format!("{}=x", "a".repeat(VARIABLE_NAME_LIMIT + 1))]).is_err());
        let mut many = Variables::default();
        let mut set = |at: usize| many.set(&format!("a{at}=x"), |_| None);
        assert!((0..VARIABLES_LIMIT).all(|at| set(at).is_ok()) && set(VARIABLES_LIMIT).is_err());
    }

    /// what is typed => what comes of it, or why not
    #[test]
    fn values_are_put_in_as_curl_puts_them() {
        let variables = set(&["a=b", "s=  \"x\"\t", "n=1\n\u{1}", "v=aGk=", "w=/ü"]).unwrap();
        for (text, expected) in [
            ("{{a}}{{none}}-{{a}}", "b-b"),
            ("\\{{a}}", "{{a}}"),
            ("{{a", "{{a"),
            ("{{}} {{a b}} {{a}}", "{{}} {{a b}} b"),
            ("{{s:trim}}|{{s:trim:json}}|{{n:json}}", "\"x\"|\\\"x\\\"|1\\n\\u0001"),
            ("{{w:url}} {{a:b64}} {{v:64dec}} {{a:64dec}}", "%2F%C3%BC Yg== hi [64dec-fail]"),
            ("no variable", "no variable"),
        ] {
            assert_eq!(variables.expand(text).unwrap(), expected, "{text}");
        }
        for (text, why) in [
            ("{{a:super}}", "no function"),
            ("{{a:trim,url}}", "no function"),
            ("{{a:trim:}}", "no function"),
        ] {
            assert!(variables.expand(text).unwrap_err().message.contains(why), "{text}");
        }
        let binary = set(&["n=AA==", "u=/w=="]).unwrap();
        assert!(binary.expand("{{n:64dec}}").unwrap_err().message.contains("NUL"));
        assert!(binary.expand("{{u:64dec}}").unwrap_err().message.contains("UTF-8"));
        assert_eq!(binary.expand("{{n:64dec:url}}").unwrap(), "%00");
    }
}
