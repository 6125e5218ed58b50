//! What a case's servers are asked, and shown of secrets: those of TLS are about little else.

use std::collections::BTreeSet;

/// Fields that show who somebody is, to a server.
const SECRETS: &[&str] = &["authorization", "cookie"];
/// The same to a proxy, which has to ask for itself first here.
const OF_PROXIES: &str = "proxy-authorization";

/// Says what is wrong with the heads that came, whatever their order and their other fields.
pub(super) fn wrong(wanted: &str, came: &str) -> Option<String> {
    let [(wanted, shown), (came, to_proxies)] = [wanted, came].map(read);
    if wanted != came {
        return Some(format!("asks {came:?}, not {wanted:?}"));
    }
    let more: Vec<_> = to_proxies.difference(&shown).collect();
    (!more.is_empty()).then(|| format!("shows proxies {more:?}"))
}

/// Returns each request, its line and what it shows a server; and what proxies are shown.
fn read(heads: &str) -> (Vec<String>, BTreeSet<String>) {
    let mut requests: Vec<Vec<String>> = Vec::new();
    let mut to_proxies = BTreeSet::new();
    for line in heads.lines().map(str::trim_end) {
        let words: Vec<&str> = line.split(' ').collect();
        if matches!(words[..], [_, _, version] if version.starts_with("HTTP/1.")) {
            requests.push(vec![line.to_owned()]);
        } else if let Some((name, value)) = line.split_once(':')
            && let Some(request) = requests.last_mut()
        {
            let name = name.to_ascii_lowercase();
            if name == OF_PROXIES {
                to_proxies.insert(value.trim().to_owned());
            } else if SECRETS.contains(&name.as_str()) {
                // Cookies have no order that all keep to.
                let mut parts: Vec<&str> = value.split(';').map(str::trim).collect();
                parts.sort_unstable();
                request.push(format!("{name}: {}", parts.join("; ")));
            }
        }
    }
    let mut requests: Vec<String> = requests.into_iter().map(|lines| lines.join(", ")).collect();
    requests.sort_unstable();
    (requests, to_proxies)
}
