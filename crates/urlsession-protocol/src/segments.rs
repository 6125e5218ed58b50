//! Over how many connections one download comes.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::num::NonZeroU8;

/// Most segments of one download; a task that asks for more is refused.
pub const SEGMENTS_LIMIT: u8 = 16;

/// Over how many connections one download comes. More than one needs a server that sends ranges,
/// a length and a validator; where one of these is missing, one connection does it all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segments {
    /// One, and up to 4 where more of them measure faster.
    Automatic,
    /// As many, if the file is long enough, and never more than the session has connections for
    /// one host. 1 is one stream from start to end.
    Count(NonZeroU8),
}

impl Segments {
    /// One stream from start to end.
    pub const ONE: Self = Self::Count(NonZeroU8::MIN);

    /// Makes what a number stands for; `None` for 0 and for more than [`SEGMENTS_LIMIT`].
    #[must_use]
    pub fn count(number: u8) -> Option<Self> {
        NonZeroU8::new(number).filter(|n| n.get() <= SEGMENTS_LIMIT).map(Self::Count)
    }
}

impl fmt::Display for Segments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Automatic => f.write_str("automatic"),
            Self::Count(number) => number.fmt(f),
        }
    }
}

/// A number, or the word `automatic`.
impl Serialize for Segments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Automatic => serializer.serialize_str("automatic"),
            Self::Count(number) => number.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Segments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Segments;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a number from 1 to {SEGMENTS_LIMIT} or “automatic”")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Segments, E> {
                let segments = u8::try_from(number).ok().and_then(Segments::count);
                segments.ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(number), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Segments, E> {
                match text {
                    "automatic" => Ok(Segments::Automatic),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_or_a_word() {
        for (text, segments) in [
            ("1", Some(Segments::ONE)),
            ("16", Segments::count(16)),
            ("\"automatic\"", Some(Segments::Automatic)),
            ("0", None),
            ("17", None),
            ("-1", None),
            ("4294967297", None),
            ("\"4\"", None),
            ("null", None),
        ] {
            let read = serde_json::from_str(text).ok();
            assert_eq!(read, segments, "{text}");
            if let Some(segments) = segments {
                assert_eq!(serde_json::to_string(&segments).unwrap(), text);
            }
        }
    }
}
