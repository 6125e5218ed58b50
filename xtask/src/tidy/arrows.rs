//! Which crate may depend on which: the arrows of DESIGN section 2.

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use std::path::Path;
use std::process::Command;

/// A crate, those of ours that it may depend on, and those among them only behind a feature.
struct Arrows {
    from: &'static str,
    to: &'static [&'static str],
    behind_a_feature: &'static [&'static str],
    /// Whether it may depend on nothing else but serde.
    pure: bool,
}

const fn arrows(from: &'static str, to: &'static [&'static str]) -> Arrows {
    Arrows { from, to, behind_a_feature: &[], pure: false }
}

const ALLOWED: [Arrows; 9] = [
    Arrows { behind_a_feature: &["tokio"], ..arrows("urlsession-protocol", &[]) },
    Arrows { pure: true, ..arrows("urlsession-core", &["urlsession-protocol"]) },
    arrows("urlsession-engine", &["urlsession-core", "urlsession-protocol"]),
    arrows("urlsession-daemon", &["urlsession-engine", "urlsession-protocol"]),
    Arrows {
        behind_a_feature: &["urlsession-engine"],
        ..arrows("urlsession", &["urlsession-engine", "urlsession-protocol"])
    },
    arrows("urlsession-cli", &["urlsession", "urlsession-daemon"]),
    arrows("urlsession-node", &["urlsession"]),
    arrows("urlsession-testkit", &["urlsession", "urlsession-core", "urlsession-protocol"]),
    arrows("xtask", &["urlsession", "urlsession-cli", "urlsession-core", "urlsession-testkit"]),
];

/// What a pure crate may use from elsewhere.
const PURE: [&str; 2] = ["serde", "serde_json"];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `None` is what is shipped; else `dev` or `build`.
    kind: Option<String>,
    optional: bool,
}

/// Returns the arrows that should not be.
pub(super) fn offences(root: &Path) -> Result<Vec<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("cargo metadata")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    Ok(judge(&metadata))
}

fn judge(metadata: &Metadata) -> Vec<String> {
    let mut offences = Vec::new();
    for package in &metadata.packages {
        let name = &package.name;
        let Some(allowed) = ALLOWED.iter().find(|arrows| arrows.from == name) else {
            offences.push(format!("{name}: a crate that DESIGN section 2 does not know"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|found| found.kind.is_none()) {
            let to = dependency.name.as_str();
            let ours = metadata.packages.iter().any(|package| package.name == to);
            if ours && !allowed.to.contains(&to) {
                offences.push(format!("{name}: must not depend on {to}"));
            }
            if !ours && allowed.pure && !PURE.contains(&to) {
                offences.push(format!("{name}: must not depend on {to}, only on {PURE:?}"));
            }
            if allowed.behind_a_feature.contains(&to) && !dependency.optional {
                offences.push(format!("{name}: may depend on {to} only behind a feature"));
            }
        }
    }
    offences
}

#[cfg(test)]
mod tests {
    use super::{Metadata, judge};

    #[track_caller]
    fn check(from: &str, to: &str, more: &str, offences: usize) {
        let packages = ["urlsession-core", "urlsession-engine", "urlsession-testkit"];
        let mut all: Vec<_> = packages
            .iter()
            .filter(|name| **name != from)
            .map(|name| format!(r#"{{"name":"{name}","dependencies":[]}}"#))
            .collect();
        all.push(format!(r#"{{"name":"{from}","dependencies":[{{"name":"{to}",{more}}}]}}"#));
        let metadata: Metadata =
            serde_json::from_str(&format!(r#"{{"packages":[{}]}}"#, all.join(","))).unwrap();
        let found = judge(&metadata);
        assert_eq!(found.len(), offences, "{found:?}");
    }

    #[test]
    fn wrong_arrows_are_found() {
        let normal = r#""kind":null,"optional":false"#;
        let optional = r#""kind":null,"optional":true"#;
        let dev = r#""kind":"dev","optional":false"#;
        check("urlsession-engine", "urlsession-core", normal, 0);
        check("urlsession-core", "urlsession-engine", normal, 1);
        check("urlsession-core", "tokio", normal, 1);
        check("urlsession-core", "serde", normal, 0);
        check("urlsession-core", "urlsession-testkit", dev, 0);
        check("urlsession-engine", "urlsession-testkit", normal, 1);
        check("urlsession", "urlsession-engine", normal, 1);
        check("urlsession", "urlsession-engine", optional, 0);
        check("urlsession-protocol", "tokio", normal, 1);
        check("urlsession-helpers", "serde", normal, 1);
    }
}
