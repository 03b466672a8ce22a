//! Quotes for when the database has none.

use std::hash::{BuildHasher, RandomState};

use crate::model::Quote;

/// Said long ago.
const QUOTES: &[(&str, &str)] = &[
    ("Everything flows.", "Heraclitus"),
    ("Know thyself.", "Delphic maxim"),
    ("The die is cast.", "Julius Caesar"),
    ("Fortune favours the prepared mind.", "Louis Pasteur"),
    ("Well begun is half done.", "Aristotle"),
];

/// One of them.
pub fn any() -> Quote {
    // The standard library's hash keys are random, which is random enough here.
    let index = RandomState::new().hash_one(0u8) as usize % QUOTES.len();
    let (quote, author) = QUOTES.get(index).copied().unwrap_or(("Everything flows.", "Heraclitus"));
    Quote { quote: quote.into(), author: author.into() }
}
