//! What must hold for every text of a scenario.

use super::scenario::{Place, Scenario, What};
use super::world::{Asked, Plan, World};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use url::Url;

/// Servers of a scenario that are asked, and the bytes of a body that are looked at.
const SERVERS: usize = 8;
const BYTES: u64 = 4096;

/// Whatever a scenario says, its servers answer in legal HTTP, at every moment of it.
pub fn simulation(bytes: &[u8]) {
    let Ok(scenario) = Scenario::parse(&String::from_utf8_lossy(bytes)) else { return };
    let places = scenario.statements.iter().filter_map(|statement| match &statement.what {
        What::Serve { place, .. } | What::Trouble { place, .. } => Some(place),
        _ => None,
    });
    let urls: Vec<_> = places.take(SERVERS).map(url).collect();
    let mut world = World::of(scenario.statements.clone());
    loop {
        for url in &urls {
            for (method, range) in
                [(Method::GET, None), (Method::GET, Some(5)), (Method::PUT, None)]
            {
                let mut headers = HeaderMap::new();
                if let Some(range) = range.and_then(|from| format!("bytes={from}-").parse().ok()) {
                    headers.insert(header::RANGE, range);
                }
                let asked = Asked { method: &method, url, headers: &headers };
                check(world.plan(&asked).0);
            }
        }
        let Some(next) = world.next() else { return };
        world.happen(next);
    }
}

fn url(place: &Place) -> Url {
    place.url.parse().expect("a place is a URL")
}

fn check(plan: Plan) {
    let Plan::Answer(mut reply) = plan else { return };
    for (name, value) in &reply.fields {
        assert!(HeaderName::from_bytes(name.as_bytes()).is_ok(), "{name:?}");
        assert!(HeaderValue::from_str(value).is_ok(), "{value:?}");
    }
    assert!(reply.rate > 0);
    let left = reply.bytes.until - reply.bytes.from;
    assert_eq!(reply.bytes.take(BYTES).len() as u64, left.min(BYTES));
}
