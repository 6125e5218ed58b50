//! Which URLs were forgotten, and after which requests had begun: what those bring is outdated.

use std::collections::BTreeMap;

/// Most URLs whose last forgetting is remembered. Whatever began before that of another one is outdated
/// once that is no longer remembered.
const FORGOTTEN_LIMIT: usize = 1024;

/// How many times something had been forgotten when a request began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Begun(pub(super) u64);

/// The last forgetting of some URLs, which are counted from 1.
#[derive(Debug, Default)]
pub(super) struct Forgotten {
    urls: BTreeMap<String, Begun>,
    order: BTreeMap<Begun, String>,
    /// The last one of a URL that is not among them, or of all.
    of_others: Begun,
}

impl Forgotten {
    /// Notes that a URL is forgotten, which must be counted higher than all before it.
    pub(super) fn note(&mut self, url: &str, number: Begun) {
        if let Some(before) = self.urls.insert(url.to_owned(), number) {
            self.order.remove(&before);
        }
        self.order.insert(number, url.to_owned());
        while self.urls.len() > FORGOTTEN_LIMIT {
            let Some((number, url)) = self.order.pop_first() else { return };
            self.urls.remove(&url);
            self.of_others = number;
        }
    }

    /// Notes that all are forgotten.
    pub(super) fn note_all(&mut self, number: Begun) {
        *self = Self { of_others: number, ..Self::default() };
    }

    /// Says whether a URL was forgotten since a request began, or may have been.
    pub(super) fn is_since(&self, begun: Begun, url: &str) -> bool {
        self.of_others > begun || self.urls.get(url).is_some_and(|number| *number > begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_longer_remembered_may_have_been_forgotten() {
        let mut forgotten = Forgotten::default();
        let most = FORGOTTEN_LIMIT as u64;
        for number in 1..=most {
            forgotten.note(&number.to_string(), Begun(number));
        }
        // The same one again takes no room.
        forgotten.note("1", Begun(most + 1));
        let check = |forgotten: &Forgotten, begun, url, expected| {
            assert_eq!(forgotten.is_since(Begun(begun), url), expected, "{url} since {begun}");
        };
        check(&forgotten, 0, "other", false);
        check(&forgotten, 0, "2", true);
        check(&forgotten, 2, "2", false);
        check(&forgotten, most, "1", true);
        forgotten.note("one more", Begun(most + 2));
        assert_eq!(forgotten.urls.len(), forgotten.order.len());
        // The second was the oldest.
        check(&forgotten, 1, "other", true);
        check(&forgotten, 1, "2", true);
        check(&forgotten, 2, "other", false);
        forgotten.note_all(Begun(most + 3));
        check(&forgotten, most + 2, "other", true);
        check(&forgotten, most + 3, "one more", false);
    }
}
