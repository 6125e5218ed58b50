//! A set that has one member or none most of the time, and takes no memory of its own then.

use std::collections::BTreeSet;

/// Members in their order.
#[derive(Debug)]
pub(crate) struct Few<T> {
    /// The lowest.
    first: Option<T>,
    others: BTreeSet<T>,
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { first: None, others: BTreeSet::new() }
    }
}

impl<T: Ord> Few<T> {
    pub(crate) fn insert(&mut self, member: T) {
        match &mut self.first {
            None => self.first = Some(member),
            Some(first) if member < *first => {
                self.others.insert(std::mem::replace(first, member));
            }
            Some(first) if member > *first => {
                self.others.insert(member);
            }
            Some(_) => {}
        }
    }

    pub(crate) fn remove(&mut self, member: &T) {
        if self.first.as_ref() == Some(member) {
            self.first = self.others.pop_first();
        } else {
            self.others.remove(member);
        }
    }

    pub(crate) fn pop_first(&mut self) -> Option<T> {
        let first = self.first.take();
        self.first = self.others.pop_first();
        first
    }
}

impl<T: Ord> Extend<T> for Few<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, members: I) {
        members.into_iter().for_each(|member| self.insert(member));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retry::Random;

    #[test]
    fn it_does_what_a_set_does() {
        let mut random = Random(3);
        let mut below = |limit: u64| random.next() % limit;
        for _ in 0..2000 {
            let (mut few, mut set) = (Few::default(), BTreeSet::new());
            for _ in 0..below(9) {
                let member = below(5);
                match below(4) {
                    0 => {
                        few.remove(&member);
                        set.remove(&member);
                    }
                    1 => assert_eq!(few.pop_first(), set.pop_first()),
                    2 => {
                        few.extend([member, 2]);
                        set.extend([member, 2]);
                    }
                    _ => {
                        few.insert(member);
                        set.insert(member);
                    }
                }
                assert!(few.first.iter().chain(&few.others).eq(&set));
            }
            assert!(std::iter::from_fn(|| few.pop_first()).eq(set));
        }
    }
}
