//! What the shell itself does with what came: print it, add it to a file, or drop what is no news.

use crate::condition;
use crate::exit::{self, Failure};
use crate::file_name;
use crate::tracked::Tracked;
use crate::{clock, json, terminal};
use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use urlsession::{Error, ErrorCode, FileName, NameClash, Response, Timestamp};

/// Status of a file that has no bytes beyond those that were asked from.
const RANGE_NOT_SATISFIABLE: u16 = 416;
/// Status of what has not changed.
pub(crate) const NOT_MODIFIED: u16 = 304;

/// Where what came goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HandOver {
    /// Nowhere.
    Nowhere,
    /// To standard output.
    Output,
    /// To standard output, as a line of JSON.
    Line,
    /// Here, replacing what is there; into it where it is a device or a pipe.
    File(PathBuf),
    /// Here, or where something is there under the next free name of so many.
    Free(PathBuf, u32),
    /// Beside this, under the name that the server gives it; or here, if it gives none. A file of that
    /// name is replaced, or the next free name is taken.
    Suggested(PathBuf, NameClash),
    /// Behind what is there.
    Rest(Rest),
    /// Here, or to standard output, unless it is no news.
    News(Option<PathBuf>, Option<Since>),
}

/// The rest of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rest {
    /// `None` is standard output.
    pub(crate) path: Option<PathBuf>,
    /// Where it begins.
    pub(crate) offset: u64,
    /// Whether the whole is taken where the server does not send the rest.
    pub(crate) or_whole: bool,
}

/// The moment after which something is news; with the second, until which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Since(pub(crate) Timestamp, pub(crate) bool);

impl HandOver {
    /// Says whether the task brought no news, whatever the server’s status.
    pub(crate) fn drops(&self, task: &Tracked) -> bool {
        match (self, &task.response) {
            (Self::News(_, since), Some(response)) => is_old(response, *since),
            _ => false,
        }
    }

    /// Takes what a task brought there, behind the head if there is one, and returns the file that
    /// was written. What failed is told elsewhere.
    pub(crate) fn take(&self, task: &Tracked, head: &str) -> Result<Option<PathBuf>, Failure> {
        if task.error.is_some() {
            return Ok(None);
        }
        match self {
            Self::Nowhere => Ok(None),
            Self::Output => write(task, head, None),
            Self::Line => line(task, head),
            Self::File(path) => write(task, head, Some(path)),
            Self::Free(path, most) => write(task, head, Some(&free(path, *most)?)),
            Self::Suggested(path, clash) => {
                write(task, head, Some(&suggested(task, path, *clash)?))
            }
            Self::Rest(rest) => rest.take(task),
            Self::News(..) if self.drops(task) => Ok(None),
            Self::News(to, _) => write(task, head, to.as_deref()),
        }
    }
}

impl Rest {
    fn take(&self, task: &Tracked) -> Result<Option<PathBuf>, Failure> {
        let Some(response) = &task.response else { return Ok(None) };
        let (begin, whole) = content_range(response);
        let is_whole = self.offset > 0 && whole == Some(self.offset);
        match response.status_code {
            RANGE_NOT_SATISFIABLE if is_whole || whole.is_none() => Ok(None),
            RANGE_NOT_SATISFIABLE => {
                let (here, there) = (self.offset, whole.unwrap_or(0));
                let why =
                    format!("the server’s file ends at {there}, and is no longer than {here}");
                Err(Failure::new(exit::INTEGRITY, format!("{}: {why}", task.title)))
            }
            400.. => Err(of_status(task, response)),
            _ if begin == Some(self.offset) => self.append(task),
            _ if begin.is_none() && self.or_whole => write(task, "", self.path.as_deref()),
            // A server without ranges, whose file is no longer than ours.
            _ if begin.is_none() && task.done == self.offset => Ok(None),
            _ => Err(Failure::new(
                exit::NETWORK,
                format!("{}: the server does not send the rest; nothing was changed", task.title),
            )
            .next("begin anew with -c, which takes the whole file then")),
        }
    }

    fn append(&self, task: &Tracked) -> Result<Option<PathBuf>, Failure> {
        let (path, from) = match (&self.path, &task.file) {
            (Some(path), Some(from)) => (path, from),
            (Some(_), None) => return Ok(None),
            (None, _) => return write(task, "", None),
        };
        let added = || {
            let mut rest = File::open(from)?;
            let mut file = File::options().write(true).create(true).truncate(false).open(path)?;
            // A file that was not there has only the rest.
            if file.metadata()?.len() >= self.offset {
                file.set_len(self.offset)?;
                file.seek(SeekFrom::Start(self.offset))?;
            } else if file.metadata()?.len() > 0 {
                return Err(io::Error::other("it became shorter meanwhile"));
            }
            io::copy(&mut rest, &mut file)?;
            file.sync_all()
        };
        added().map_err(|error| Failure::file(path, &error))?;
        Ok(Some(path.clone()))
    }
}

/// The failure of what came with an error status.
pub(crate) fn of_status(task: &Tracked, response: &Response) -> Failure {
    let status = response.status_code;
    let mut error = Error::new(ErrorCode::BAD_SERVER_RESPONSE);
    error.status_code = Some(status);
    let why = format!("{}: the server answered {status}", task.title);
    Failure::new(exit::code_of(&error), why)
}

fn is_old(response: &Response, since: Option<Since>) -> bool {
    if response.status_code == NOT_MODIFIED {
        return true;
    }
    // Servers that do not understand the question tell the date all the same.
    let (Some(Since(moment, until)), 200) = (since, response.status_code) else { return false };
    let told = response.header("last-modified").and_then(|text| condition::date(text).ok());
    told.is_some_and(|told| (told > moment) == until)
}

/// Returns where a part begins, and how long the whole is, as far as it is said.
fn content_range(response: &Response) -> (Option<u64>, Option<u64>) {
    let Some(text) = response.header("content-range") else { return (None, None) };
    let range = text.trim().trim_start_matches("bytes").trim_start();
    let (range, whole) = range.split_once('/').unwrap_or((range, ""));
    let begin = range.split_once('-').map_or("", |(begin, _)| begin);
    (begin.trim().parse().ok(), whole.trim().parse().ok())
}

fn suggested(task: &Tracked, path: &Path, clash: NameClash) -> Result<PathBuf, Failure> {
    let Some(name) = task.response.as_ref().and_then(|response| named(response, &task.url)) else {
        return Ok(path.to_owned());
    };
    let path = path.with_file_name(name.as_str());
    match clash {
        NameClash::TakeFree => free(&path, file_name::CLASH_LIMIT),
        NameClash::Replace => Ok(path),
    }
}

/// Finds a name that nothing has, this one or one of so many behind it.
fn free(path: &Path, most: u32) -> Result<PathBuf, Failure> {
    let (name, folder) = (file_name::title(path), path.parent().unwrap_or(path));
    file_name::free(folder, &name, most, &mut HashSet::new())
        .ok_or_else(|| Failure::new(exit::FILE, format!("{name}: too many files of this name")))
}

/// Returns what a server calls the file, itself or by a redirect to another name.
fn named(response: &Response, url: &str) -> Option<FileName> {
    let says = |field: &str| field.to_ascii_lowercase().contains("filename");
    if response.header("content-disposition").is_some_and(says) {
        return response.suggested_filename.clone();
    }
    let name = FileName::of_url(&response.url);
    (name != FileName::of_url(url)).then_some(name)
}

/// Prints what came where there are lines of JSON only.
fn line(task: &Tracked, head: &str) -> Result<Option<PathBuf>, Failure> {
    let Some(from) = &task.file else { return Ok(None) };
    let body = std::fs::read(from).map_err(|error| Failure::file(from, &error))?;
    let answer = json::answer(&task.name, &[head.as_bytes(), &body].concat(), clock::now());
    terminal::print(&format!("{answer}\n"))?;
    Ok(None)
}

/// Writes all that came, and returns the file; nothing came with an empty body, which leaves the file
/// that was there as little as any other.
fn write(task: &Tracked, head: &str, to: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    let open = |from: &PathBuf| File::open(from).map_err(|error| Failure::file(from, &error));
    let mut from = task.file.as_ref().map(open).transpose()?;
    let Some(path) = to else {
        let mut out = io::stdout().lock();
        out.write_all(head.as_bytes())?;
        from.map(|mut from| io::copy(&mut from, &mut out)).transpose()?;
        out.flush()?;
        return Ok(None);
    };
    let replaced = replace(path, |file| {
        file.write_all(head.as_bytes())?;
        from.as_mut().map(|from| io::copy(from, file)).transpose().map(drop)
    });
    replaced.map_err(|error| Failure::file(path, &error))?;
    Ok(Some(path.to_owned()))
}

/// Puts a file in the place of another once it is whole: half of one would be newer than what the
/// server has. What is no file, or is a link to one, is written into.
fn replace(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let there = path.symlink_metadata();
    let aside = match &there {
        Ok(there) if !there.is_file() => None,
        // Where nothing can be made, what is there may still be written into.
        there => path.parent().and_then(|folder| aside(folder, there.as_ref().ok()).ok()),
    };
    let Some(mut aside) = aside else {
        let mut file = File::create(path)?;
        fill(&mut file)?;
        // Devices and pipes keep nothing.
        return if file.metadata()?.is_file() { file.sync_all() } else { Ok(()) };
    };
    fill(aside.as_file_mut())?;
    if let Ok(there) = there {
        aside.as_file().set_permissions(there.permissions())?;
    }
    aside.as_file().sync_all()?;
    aside.persist(path).map(drop).map_err(|error| error.error)
}

/// Makes a file that those may read who may read the one that is there, or whom the user lets read
/// new files.
fn aside(folder: &Path, there: Option<&Metadata>) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(there.map_or_else(
        || std::os::unix::fs::PermissionsExt::from_mode(0o666),
        Metadata::permissions,
    ));
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracked::tests::download;

    fn response(status: u16, fields: &[(&str, &str)]) -> Response {
        let headers = fields.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Response { status_code: status, headers: headers.collect(), ..Response::default() }
    }

    /// what is there, status, fields, what came => what is there then, or why not
    #[test]
    fn rests_belong_where_they_begin() {
        let range = |value| vec![("content-range", value)];
        let folder = tempfile::tempdir().unwrap();
        let (file, came) = (folder.path().join("f"), folder.path().join("came"));
        for (there, status, fields, body, strict, or_whole) in [
            ("abc", 206, range("bytes 3-5/6"), "def", "abcdef", "abcdef"),
            ("abc", 200, range("bytes 3-"), "def", "abcdef", "abcdef"),
            ("abc", 206, range("bytes 2-4/6"), "cde", "not send", "not send"),
            ("abc", 200, vec![], "abcdef", "not send", "abcdef"),
            ("abc", 200, vec![], "xyz", "abc", "xyz"),
            ("abc", 416, range("bytes */3"), "no", "abc", "abc"),
            ("abc", 416, vec![], "no", "abc", "abc"),
            ("abc", 416, range("bytes */2"), "no", "ends at 2", "ends at 2"),
            ("abc", 404, vec![], "no", "404", "404"),
        ] {
            for (or_whole, expected) in [(false, strict), (true, or_whole)] {
                std::fs::write(&file, there).unwrap();
                std::fs::write(&came, body).unwrap();
                let task = Tracked {
                    file: Some(came.clone()),
                    done: body.len() as u64,
                    response: Some(response(status, &fields)),
                    ..download(1)
                };
                let offset = there.len() as u64;
                let rest = Rest { path: Some(file.clone()), offset, or_whole };
                let what = format!("{status} {fields:?} {or_whole}");
                let now = || std::fs::read_to_string(&file).unwrap();
                match HandOver::Rest(rest).take(&task, "") {
                    Ok(_) => assert_eq!(now(), expected, "{what}"),
                    Err(failure) => {
                        assert!(failure.message.contains(expected), "{what}: {failure:?}");
                        assert_eq!(now(), there, "{what}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_whole_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (file, came) = (folder.path().join("f"), folder.path().join("came"));
        let news = HandOver::News(Some(file.clone()), None);
        let task =
            Tracked { file: Some(came.clone()), response: Some(response(200, &[])), ..download(1) };
        std::fs::write(&file, "old").unwrap();
        // It can be opened, but not read.
        std::fs::create_dir(&came).unwrap();
        assert_eq!(news.take(&task, "").unwrap_err().code, exit::FILE);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "old");
        let left: Vec<_> = folder.path().read_dir().unwrap().collect();
        assert_eq!(left.len(), 2, "{left:?}");
        std::fs::remove_dir(&came).unwrap();
        std::fs::write(&came, "new").unwrap();
        news.take(&task, "").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
    }

    #[cfg(unix)]
    #[test]
    fn a_private_file_is_private_while_it_is_replaced() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let mode = |file: &File| file.metadata().unwrap().permissions().mode() & 0o777;
        for private in [0o600, 0o640] {
            std::fs::write(&path, "old").unwrap();
            let there = File::open(&path).unwrap();
            there.set_permissions(PermissionsExt::from_mode(private)).unwrap();
            let mut meanwhile = 0o777;
            replace(&path, |file| {
                meanwhile = mode(file);
                file.write_all(b"new")
            })
            .unwrap();
            assert_eq!(meanwhile & !private, 0, "{meanwhile:o}");
            assert_eq!(mode(&File::open(&path).unwrap()), private);
        }
    }

    #[test]
    fn news_are_told_from_what_is_old() {
        let moment = condition::date("Sun, 12 Dec 1999 12:00:00 GMT").unwrap();
        let on = |date| vec![("last-modified", date)];
        let (before, after) = ("Tue, 13 Jun 1990 12:10:00 GMT", "Sun, 13 Jun 2010 12:10:00 GMT");
        for (status, fields, newer, not_newer) in [
            (304, vec![], true, true),
            (200, on(before), true, false),
            (200, on(after), false, true),
            (200, vec![], false, false),
            (200, on("yesterday"), false, false),
            (404, on(before), false, false),
        ] {
            let response = response(status, &fields);
            assert_eq!(is_old(&response, Some(Since(moment, false))), newer, "{response:?}");
            assert_eq!(is_old(&response, Some(Since(moment, true))), not_newer, "{response:?}");
            assert_eq!(is_old(&response, None), status == 304, "{response:?}");
        }
    }
}
