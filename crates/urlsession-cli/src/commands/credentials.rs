//! `credentials ls|set|rm` and `answer`: who is let in where, and what tasks ask for.

use super::show::find;
use crate::args::{AnswerArgs, CredentialsCommand};
use crate::escape::shown;
use crate::exit::{self, Failure};
use crate::json::SCHEMA;
use crate::{plan, task_name, terminal};
use serde_json::json;
use std::fmt::Write as _;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use urlsession::{
    ApplicationId, AuthChallengeDisposition, AuthenticationChallenge, AuthenticationMethod,
    Credential, CredentialPersistence, Daemon, Paths, ProtectionSpace, Seal, StoredCredential,
};

/// Longest password that is read, in bytes: more than a credential may have.
const PASSWORD_LIMIT: u64 = 16 * 1024;

pub(crate) fn credentials(command: &CredentialsCommand) -> Result<u8, Failure> {
    let of = |named: &Option<ApplicationId>| {
        named.clone().unwrap_or_else(|| task_name::shell().application)
    };
    match command {
        CredentialsCommand::Ls { whose, json } => {
            let list = Daemon::connect(true)?.credentials(of(&whose.application)).list()?;
            terminal::print(&if *json { objects(&list) } else { table(&list) })?;
        }
        CredentialsCommand::Set { url, user, realm, session, whose } => {
            let space = space(url, realm.clone())?;
            let persistence = match session {
                true => CredentialPersistence::ForSession,
                false => CredentialPersistence::Permanent,
            };
            let credential = Credential::new(user.as_str(), password(user)?).kept(persistence);
            let daemon = Daemon::connect(true)?;
            let credentials = daemon.credentials(of(&whose.application));
            credentials.set(space.clone(), credential)?;
            if !session {
                tell_place(&credentials.list()?, &space)?;
            }
        }
        CredentialsCommand::Rm { url, realm, all: _, whose } => {
            let space = url.as_deref().map(|url| space(url, realm.clone())).transpose()?;
            let daemon = Daemon::connect(true)?;
            let gone = daemon.credentials(of(&whose.application)).remove(space.as_ref())?;
            terminal::say(&format!("{gone} forgotten"))?;
        }
    }
    Ok(exit::DONE)
}

/// Says where a password is kept, and how.
fn tell_place(list: &[StoredCredential], space: &ProtectionSpace) -> Result<(), Failure> {
    let state = Paths::from_env()?.state;
    let place = state.to_string_lossy();
    let place = shown(&place);
    let is_sealed =
        list.iter().any(|kept| kept.protection_space == *space && kept.seal == Seal::Open);
    let how = if is_sealed { "sealed by your keychain" } else { "in plain text" };
    Ok(terminal::say(&format!("kept {how} in {place}, which only you can read"))?)
}

pub(crate) fn answer(args: &AnswerArgs) -> Result<u8, Failure> {
    let name = &args.task;
    let daemon = Daemon::connect(true)?;
    let status = find(&daemon, name)?;
    let Some(challenge) = status.challenge else {
        return Err(Failure::usage(format!("{name} asks for nothing")));
    };
    let method = challenge.protection_space.authentication_method;
    let how = &args.how;
    let fits = match method {
        AuthenticationMethod::ServerTrust => how.user.is_none() && how.cert.is_none(),
        AuthenticationMethod::ClientCertificate => how.user.is_none() && !how.trust,
        _ => how.cert.is_none() && !how.trust,
    };
    if !fits {
        let asks = explain_question(&name.to_string(), &challenge);
        return Err(Failure::usage("that answers another question").next(&asks));
    }
    let disposition = match (&how.user, &how.cert) {
        (Some(user), _) => {
            AuthChallengeDisposition::UseCredential { credential: plan::user(user)? }
        }
        (None, Some(cert)) => {
            let certificate = plan::network::certificate(cert, args.key.as_deref(), None)?;
            AuthChallengeDisposition::UseClientCertificate { certificate }
        }
        (None, None) if how.trust => AuthChallengeDisposition::UseServerTrust,
        (None, None) if how.reject => AuthChallengeDisposition::RejectProtectionSpace,
        (None, None) if how.cancel => AuthChallengeDisposition::CancelAuthenticationChallenge,
        (None, None) => AuthChallengeDisposition::PerformDefaultHandling,
    };
    daemon.answer(&name.session, name.task, &challenge, disposition)?;
    if !args.quiet {
        terminal::say(&format!("{name}: answered"))?;
    }
    Ok(exit::DONE)
}

/// Says what a task is asked, and what to type.
pub(crate) fn explain_question(name: &str, challenge: &AuthenticationChallenge) -> String {
    let space = &challenge.protection_space;
    let answer = format!("urlsession answer {name}");
    match space.authentication_method {
        AuthenticationMethod::ServerTrust => {
            let reason = challenge.reason.as_deref().map(shown).unwrap_or_default();
            format!("{space} is not trusted, {reason}; trust it: {answer} --trust")
        }
        AuthenticationMethod::ClientCertificate => {
            format!("{space} wants a certificate: {answer} --cert FILE")
        }
        AuthenticationMethod::Default
        | AuthenticationMethod::HttpBasic
        | AuthenticationMethod::HttpDigest => {
            let wants = match challenge.previous_failure_count {
                0 => "a credential".to_owned(),
                1 => "a credential, and refused the last one".to_owned(),
                count => format!("a credential, and refused {count}"),
            };
            format!("{space} wants {wants}: {answer} -u USER")
        }
    }
}

fn space(url: &str, realm: Option<String>) -> Result<ProtectionSpace, Failure> {
    let space = ProtectionSpace::of_url(url).map_err(|error| Failure::refused(&error))?;
    Ok(ProtectionSpace { realm, ..space })
}

/// Reads a line without its end, unseen where there is a terminal.
fn password(user: &str) -> Result<String, Failure> {
    if io::stdin().is_terminal() {
        return plan::ask_password(user);
    }
    let mut line = Vec::new();
    let read = io::stdin().lock().take(PASSWORD_LIMIT).read_until(b'\n', &mut line);
    let wrong = |why: &str| Failure::usage(format!("the password on standard input {why}"));
    read.map_err(|error| wrong(&format!("cannot be read: {error}")))?;
    if line.is_empty() {
        // Whatever should have written it failed, and the one that is kept may be right.
        return Err(wrong("is missing").next("an empty line is an empty password"));
    }
    let line = String::from_utf8(line).map_err(|_| wrong("is not UTF-8"))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn table(list: &[StoredCredential]) -> String {
    let mut out = String::new();
    for StoredCredential { protection_space, user, persistence, seal } in list {
        let until = match (persistence, seal) {
            (CredentialPersistence::Permanent, Seal::None) => "permanent, in plain text",
            (CredentialPersistence::Permanent, Seal::Open) => "permanent, sealed",
            (CredentialPersistence::Permanent, Seal::Locked) => {
                "permanent, locked: the keychain does not give its key"
            }
            (CredentialPersistence::ForSession | CredentialPersistence::None, _) => "in memory",
        };
        let user = shown(user.expose());
        let _ = writeln!(out, "{user} for {protection_space} ({until})");
    }
    out
}

fn objects(list: &[StoredCredential]) -> String {
    let object = |stored: &StoredCredential| {
        json!({
            "schema": SCHEMA,
            "protection_space": stored.protection_space,
            "user": stored.user.expose(),
            "persistence": stored.persistence,
            "seal": stored.seal,
        })
    };
    format!("{}\n", serde_json::Value::Array(list.iter().map(object).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use urlsession::Timestamp;

    #[test]
    fn a_question_tells_that_an_answer_was_refused() {
        for (refused, says) in [
            (0, "h:80 wants a credential: urlsession answer 1"),
            (1, "wants a credential, and refused the last one: urlsession answer 1"),
            (3, "wants a credential, and refused 3: urlsession answer 1"),
        ] {
            let challenge = AuthenticationChallenge {
                question: 1,
                protection_space: space("http://h:80/", None).unwrap(),
                previous_failure_count: refused,
                proposed_user: None,
                server_trust: Vec::new(),
                reason: None,
                until: Timestamp(0),
            };
            let told = explain_question("1", &challenge);
            assert!(told.contains(says), "{told}");
        }
    }
}
