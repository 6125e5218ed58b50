//! Which URLs are asked for, and under which names: what is typed, and what a list says.

use super::{sent, special};
use crate::args::{GetArgs, Output, habits};
use crate::bare_url;
use crate::data;
use crate::exit::Failure;
use crate::glob;
use crate::list::{self, Entry};
use crate::user_info;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::PathBuf;

/// Returns one entry for each of them.
pub(super) fn of(args: &GetArgs) -> Result<Vec<Entry>, Failure> {
    check_urls(args)?;
    check_jar(args)?;
    let mut entries = typed(args)?;
    check_names(args, &entries)?;
    let typed = entries.len();
    match &args.input_file {
        None => {}
        Some(path) if path.as_os_str() == "-" => {
            entries.extend(list::read(io::stdin().lock(), &list::name(path))?);
        }
        Some(path) => {
            let file = File::open(path).map_err(|error| {
                let failure = Failure::file(path, &error);
                let is_url = path.to_str().is_some_and(|text| text.contains("://"));
                if is_url { failure.next(habits::INCLUDE) } else { failure }
            })?;
            entries.extend(list::read(BufReader::new(file), &list::name(path))?);
        }
    }
    let of_list = entries.iter_mut().skip(typed).enumerate();
    of_list.for_each(|(at, entry)| entry.number = args.urls.len() + at);
    entries.iter_mut().for_each(|entry| entry.number += args.first_number);
    if entries.is_empty() {
        return Err(Failure::usage("the list has no URL"));
    }
    if args.input_file.is_some() || is_for_all(&args.output.0) {
        name_entries(&mut entries, &args.output.0)?;
    }
    for entry in &mut entries {
        bare_url::complete(&mut entry.url, &args.request.network);
    }
    add_to_query(args, &mut entries)?;
    Ok(entries)
}

/// Refuses what users of wget mean as the name of a file. Beside a whole URL a word with a dot is one.
fn check_names(args: &GetArgs, entries: &[Entry]) -> Result<(), Failure> {
    let beside_one = entries.iter().any(|entry| is_whole(&entry.url));
    let is_host = |url: &str| bare_url::begins_with_host(url) && (!beside_one || url.contains('/'));
    let mut names = entries.iter().map(|entry| &entry.url).filter(|url| !is_whole(url));
    match names.find(|url| !is_host(url)).filter(|_| args.output.0.contains(&Output::Named)) {
        None => Ok(()),
        Some(name) => Err(no_url(name, habits::NAMED)),
    }
}

fn is_whole(url: &str) -> bool {
    url.contains("://")
}

/// Makes the failure of a word that is no URL, which names nothing of a password.
fn no_url(word: &str, next: &str) -> Failure {
    let word = user_info::without_in_url(word);
    Failure::usage(format!("“{word}” is no URL, which begins with http:// or https://")).next(next)
}

/// Refuses what users of curl mean as the file of cookies. A word with a dot could be a host, which
/// would be asked for as long as a transfer may wait for the network.
fn check_jar(args: &GetArgs) -> Result<(), Failure> {
    if !args.condition.resumes {
        return Ok(());
    }
    let is_place = |url: &str| bare_url::begins_with_host(url) && url.contains(['/', ':']);
    let is_jar = |url: &str| !is_whole(url) && !is_place(url);
    let Some(jar) = args.urls.iter().position(|url| is_jar(url)) else { return Ok(()) };
    let is_host = |url: &str| is_whole(url) || bare_url::begins_with_host(url);
    let mut others = args.urls.iter().enumerate().filter(|(at, _)| *at != jar);
    match others.any(|(_, url)| is_host(url)) {
        true => Err(no_url(&args.urls[jar], habits::JAR)),
        false => Ok(()),
    }
}

/// Refuses what users of curl mean as data.
fn check_urls(args: &GetArgs) -> Result<(), Failure> {
    let is_data = |url: &String| url.starts_with(['@', '[', '{']) && !url.contains("}://");
    if !args.talk.json || !args.urls.iter().any(is_data) {
        return Ok(());
    }
    Err(Failure::usage("--json prints events; this looks like what curl sends with --json")
        .next("send it with: --data DATA -H 'Content-Type: application/json'"))
}

fn is_for_all(outputs: &[Output]) -> bool {
    matches!(outputs, [Output::File(path)] if special::is_output(path) || special::is_device(path))
}

/// Says whether every file is called as in its URL, however often that is typed.
fn is_plain(outputs: &[Output]) -> bool {
    outputs.iter().all(|output| *output == Output::Named)
}

fn check_outputs(outputs: &[Output], urls: usize) -> Result<(), Failure> {
    let files = outputs.len();
    if is_plain(outputs) || files == urls || is_for_all(outputs) {
        return Ok(());
    }
    let names: Vec<&str> = [
        ("-o", outputs.iter().any(|output| matches!(output, Output::File(_)))),
        ("-O", outputs.contains(&Output::Named)),
        ("--out-null", outputs.contains(&Output::Nowhere)),
    ]
    .into_iter()
    .filter_map(|(name, is_typed)| is_typed.then_some(name))
    .collect();
    Err(too_many_or_few(&names.join(" and "), files, urls)
        .next("write -o once for every URL, or give names in a list: -i FILE with out=NAME"))
}

fn too_many_or_few(options: &str, times: usize, urls: usize) -> Failure {
    let times = if times == 1 { "once".to_owned() } else { format!("{times} times") };
    let urls = if urls == 1 { "1 URL".to_owned() } else { format!("{urls} URLs") };
    Failure::usage(format!("{options} {times} for {urls}"))
}

/// Gives the files of `-o` to the URLs, one each, or one that is no file to all.
fn name_entries(entries: &mut [Entry], outputs: &[Output]) -> Result<(), Failure> {
    check_outputs(outputs, entries.len())?;
    for (entry, output) in entries.iter_mut().zip(outputs.iter().cycle()) {
        match output {
            Output::File(file) => drop(entry.out.get_or_insert_with(|| file.clone())),
            Output::Named => {}
            Output::Nowhere => entry.drops = true,
        }
    }
    Ok(())
}

/// Adds what `--url-query` and `-G` say to every URL.
fn add_to_query(args: &GetArgs, entries: &mut [Entry]) -> Result<(), Failure> {
    let query = args.url_query.iter().map(|text| match text.strip_prefix('+') {
        Some(text) => Ok(text.to_owned()),
        None => data::encoded(text),
    });
    let mut query = query.collect::<Result<Vec<_>, Failure>>()?;
    if args.get && !args.data.0.is_empty() {
        let data = String::from_utf8(data::read(&args.data.0)?)
            .map_err(|_| Failure::usage("-G: what is part of a URL is text"))?;
        query.push(data);
    }
    for entry in entries {
        entry.url = data::with_query(&entry.url, &query.join("&"));
    }
    Ok(())
}

/// Returns what is typed, one entry for everything that a URL stands for.
fn typed(args: &GetArgs) -> Result<Vec<Entry>, Failure> {
    let outputs = &args.output.0;
    // With a list they are given to what both have together.
    let named = !is_plain(outputs) && !is_for_all(outputs) && args.input_file.is_none();
    if named {
        check_outputs(outputs, args.urls.len())?;
    }
    if args.upload_file.len() > args.urls.len() {
        let (files, urls) = (args.upload_file.len(), args.urls.len());
        return Err(too_many_or_few("-T", files, urls));
    }
    let mut entries = Vec::new();
    for (number, url) in args.urls.iter().enumerate() {
        let output = outputs.get(number).filter(|_| named);
        for upload in uploads(args, number)? {
            let with = |entry: Entry| match &upload {
                None => entry,
                Some((file, one)) => {
                    let url = sent::with_name(&entry.url, file);
                    let fill = |out: PathBuf| match out.to_str() {
                        Some(text) if one.is_one_of() => one.fill(text).into(),
                        _ => out,
                    };
                    let out = entry.out.map(fill);
                    Entry { url, out, upload: Some(file.clone()), ..entry }
                }
            };
            let found = of_url(args, url, output)?.into_iter().map(with);
            entries.extend(found.map(|entry| Entry { number, ..entry }));
        }
    }
    Ok(entries)
}

/// Returns what is sent to the URL of that place and what it stands for, or nothing once.
fn uploads(args: &GetArgs, number: usize) -> Result<Vec<Option<(PathBuf, glob::Match)>>, Failure> {
    let Some(file) = args.upload_file.get(number) else { return Ok(vec![None]) };
    match file.to_str().filter(|_| !args.globoff && !file.exists()) {
        None => Ok(vec![Some((file.clone(), glob::Match::default()))]),
        Some(text) => {
            let files = glob::expand(text).map_err(|why| Failure::usage(format!("-T: {why}")))?;
            Ok(files.into_iter().map(|one| Some((one.url.clone().into(), one))).collect())
        }
    }
}

/// Makes the failure of a URL with a pattern that is none, which names nothing of a password.
fn no_pattern(url: &str, why: String) -> Failure {
    let shown = user_info::without_in_url(url);
    let why = if shown == url {
        why
    } else {
        let in_front = || "a ‘[’, ‘{’ or ‘}’ in front of its ‘@’ is part of no pattern".to_owned();
        glob::expand(&shown).err().unwrap_or_else(in_front)
    };
    Failure::usage(format!("{shown}: {why}")).next("take the URL as it stands with -g")
}

/// Returns what one URL stands for.
fn of_url(args: &GetArgs, url: &str, output: Option<&Output>) -> Result<Vec<Entry>, Failure> {
    let matches = if args.globoff { Ok(vec![]) } else { glob::expand(url) };
    let mut matches = matches.map_err(|why| no_pattern(url, why))?;
    let drops = output == Some(&Output::Nowhere);
    let file = match output {
        Some(Output::File(file)) => Some(file),
        _ => None,
    };
    if !matches.first().is_some_and(glob::Match::is_one_of) {
        let url = matches.pop().map_or_else(|| url.to_owned(), |one| one.url);
        return Ok(vec![Entry { url, out: file.cloned(), drops, ..Entry::default() }]);
    }
    let name = |one: &glob::Match| {
        file.map(|file| file.to_str().map_or_else(|| file.clone(), |text| one.fill(text).into()))
    };
    let (mut entries, mut taken) = (Vec::new(), BTreeSet::new());
    for one in matches {
        let out = name(&one);
        let is_new = out.as_ref().is_none_or(|out: &PathBuf| taken.insert(out.clone()));
        if !is_new && out.as_ref().is_some_and(|out| !special::is_output(out)) {
            return Err(Failure::usage("one -o for what several URLs bring")
                .next("write ‘#1’ in it for what is in place of the first pattern"));
        }
        entries.push(Entry { url: one.url, out, drops, ..Entry::default() });
    }
    Ok(entries)
}
