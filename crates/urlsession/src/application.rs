//! Which application this process is: the first half of a session's name.

use std::path::Path;
use urlsession_protocol::{ApplicationId, Error, ErrorCode};

/// Most folders searched upwards for a file that names the application.
const FOLDER_LIMIT: usize = 64;
/// Largest such file that is read, in bytes.
const FILE_LIMIT: u64 = 1024 * 1024;

/// Finds the application's id: the given one, the environment's, the nearest `tiapp.xml`'s, the
/// nearest `package.json`'s, the executable's name.
pub(crate) fn application_id(given: Option<&str>) -> Result<ApplicationId, Error> {
    let named = given
        .map(str::to_owned)
        .or_else(|| std::env::var("URLSESSION_APP_ID").ok().filter(|id| !id.is_empty()))
        .or_else(|| std::env::current_dir().ok().and_then(|folder| in_folders(&folder)))
        .or_else(executable);
    let Some(named) = named else {
        return Err(Error::new(ErrorCode::UNKNOWN).because(
            "the application has no name: the configuration or URLSESSION_APP_ID can give it one",
        ));
    };
    ApplicationId::new(named)
        .map_err(|why| Error::new(ErrorCode::UNKNOWN).because(format!("application id: {why}")))
}

/// Titanium's file wins over a `package.json` that is nearer.
fn in_folders(start: &Path) -> Option<String> {
    let nearest = |file: &str, read: fn(&str) -> Option<String>| {
        start.ancestors().take(FOLDER_LIMIT).find_map(|folder| {
            let path = folder.join(file);
            let length = path.metadata().ok().filter(std::fs::Metadata::is_file)?.len();
            if length > FILE_LIMIT {
                return None;
            }
            read(&std::fs::read_to_string(path).ok()?)
        })
    };
    nearest("tiapp.xml", tiapp_id).or_else(|| nearest("package.json", package_name))
}

/// Reads `<id>` where it stands outside comments, as Titanium's own tools write it.
fn tiapp_id(xml: &str) -> Option<String> {
    let mut rest = xml;
    loop {
        let id = rest.find("<id>")?;
        match rest.find("<!--").filter(|comment| *comment < id) {
            Some(comment) => rest = &rest[comment + rest[comment..].find("-->")? + 3..],
            None => {
                let text = &rest[id + 4..];
                let text = text[..text.find("</id>")?].trim();
                return (!text.is_empty()).then(|| text.to_owned());
            }
        }
    }
}

fn package_name(json: &str) -> Option<String> {
    let package: serde_json::Value = serde_json::from_str(json).ok()?;
    package.get("name")?.as_str().filter(|name| !name.is_empty()).map(str::to_owned)
}

fn executable() -> Option<String> {
    let path = std::env::current_exe().ok()?;
    path.file_stem().map(|name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_files_name_the_application() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        let write = |path: &str, text: &str| std::fs::write(root.path().join(path), text).unwrap();

        write("a/package.json", r#"{"private":true}"#);
        write("package.json", r#"{"name":"outer"}"#);
        assert_eq!(in_folders(&inner).as_deref(), Some("outer"), "a nameless package is skipped");
        write("a/b/package.json", r#"{"name":"inner"}"#);
        assert_eq!(in_folders(&inner).as_deref(), Some("inner"));
        write("tiapp.xml", "<ti:app><!-- <id>no</id> --><id> com.example.app </id></ti:app>");
        assert_eq!(in_folders(&inner).as_deref(), Some("com.example.app"));
    }

    #[test]
    fn a_given_id_is_checked() {
        assert_eq!(application_id(Some("com.example")).unwrap().as_str(), "com.example");
        assert!(application_id(Some("")).is_err());
        assert!(application_id(Some("a\nb")).is_err());
    }
}
