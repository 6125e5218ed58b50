//! Man pages of the executable, one a command, from the definitions that `--help` prints.

use anyhow::{Context as _, Result};
use clap::Command;
use clap_mangen::Man;
use std::path::{Path, PathBuf};

/// Where the pages go.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder, which is made if it is not there
    folder: PathBuf,
}

pub(crate) fn man(arguments: &Arguments) -> Result<()> {
    write(&arguments.folder)
}

fn write(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    let mut shell = urlsession_cli::command().disable_help_subcommand(true);
    // Commands know their whole names afterwards.
    shell.build();
    let program = shell.render_version().trim_end().to_owned();
    pages(&shell).into_iter().try_for_each(|command| {
        // The date is left out: it would be that of the build.
        let page = Man::new(command.clone()).source(&program).manual("urlsession");
        let mut text = Vec::new();
        page.render(&mut text)?;
        let file = folder.join(page.get_filename());
        std::fs::write(&file, as_typed(&String::from_utf8(text)?))
            .with_context(|| format!("cannot write {}", file.display()))
    })
}

/// Keeps the lines of the examples as they are: their columns mean something.
fn as_typed(page: &str) -> String {
    let Some((before, rest)) = page.split_once(".SH EXTRA\n") else { return page.to_owned() };
    let (examples, after) = rest.split_at(rest.find("\n.SH ").map_or(rest.len(), |at| at + 1));
    format!("{before}.SH NOTES\n.nf\n{}\n.fi\n{after}", examples.trim_end())
}

/// Returns a command and all that are below it.
fn pages(command: &Command) -> Vec<&Command> {
    let below = command.get_subcommands().filter(|below| !below.is_hide_set());
    std::iter::once(command).chain(below.flat_map(pages)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_command_has_a_page_with_every_option() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let mut shell = urlsession_cli::command();
        shell.build();
        let mut expected = BTreeSet::new();
        check(&shell, "urlsession", folder.path(), &mut expected);
        let names = std::fs::read_dir(folder.path()).unwrap();
        let found: BTreeSet<String> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(found, expected);
        let page = std::fs::read_to_string(folder.path().join("urlsession.1")).unwrap();
        assert!(page.contains(".SH NOTES\n.nf\nExamples:\n"), "{page}");
        assert!(page.contains("(the transfers go on)\n.fi\n.SH VERSION\n"), "{page}");
        for page in ["urlsession.1", "urlsession-daemon-enable.1", "urlsession-session-cancel.1"] {
            assert!(found.contains(page), "{page}");
        }
    }

    /// Looks at the page of a command, then at those below it.
    fn check(command: &Command, name: &str, folder: &Path, expected: &mut BTreeSet<String>) {
        let file = format!("{name}.1");
        let page = std::fs::read_to_string(folder.join(&file)).unwrap();
        // Fonts are switched and hyphens to be typed are spelled with a backslash.
        let page = page.replace("\\fB", "").replace("\\fR", "").replace('\\', "");
        assert!(page.contains(&format!(".SH NAME\n{name}")), "{file}: {page}");
        let options = command.get_arguments().filter(|argument| !argument.is_hide_set());
        for option in options.filter_map(clap::Arg::get_long) {
            let named = format!("--{option}");
            let goes_on = |rest: &str| rest.starts_with(|c: char| c.is_alphanumeric() || c == '-');
            let is_told =
                page.match_indices(&named).any(|(at, _)| !goes_on(&page[at + named.len()..]));
            assert!(is_told, "{file} says nothing of {named}");
        }
        expected.insert(file);
        let shown = |below: &&Command| !below.is_hide_set() && below.get_name() != "help";
        for below in command.get_subcommands().filter(shown) {
            check(below, &format!("{name}-{}", below.get_name()), folder, expected);
        }
    }
}
