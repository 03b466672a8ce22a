//! Tables for positions, states and forks.

use super::*;

fn pos(text: &str) -> GtidPos {
    text.parse().unwrap()
}

fn state(text: &str) -> GtidState {
    text.parse().unwrap()
}

#[test]
fn positions_read_back_as_written() {
    for (input, expected) in [
        ("", ""),
        ("  \n", ""),
        ("0-1-5", "0-1-5"),
        ("0-1-5,1-2-3", "0-1-5,1-2-3"),
        ("1-2-3, 0-1-5", "0-1-5,1-2-3"),
        ("4294967295-4294967295-18446744073709551615", "4294967295-4294967295-18446744073709551615"),
    ] {
        assert_eq!(pos(input).to_string(), expected, "{input:?}");
    }
}

#[test]
fn states_keep_each_server_of_a_domain() {
    assert_eq!(state("0-2-7,0-1-5,1-1-9").to_string(), "0-1-5,0-2-7,1-1-9");
    assert!(state("").is_empty());
}

#[test]
fn malformed_text_is_an_error() {
    for text in [
        "0",
        "0-1",
        "0-1-",
        "0-1-2-3",
        "-1-2",
        "a-1-2",
        "+0-1-2",
        "0-1-0x5",
        "0-1-5,",
        ",0-1-5",
        "0-1-5;1-1-1",
        "4294967296-1-1",
        "0-1-18446744073709551616",
        "NULL",
    ] {
        assert!(text.parse::<GtidPos>().is_err(), "{text:?}");
        assert!(text.parse::<GtidState>().is_err(), "{text:?}");
    }
    let twice = "0-1-5,0-2-6".parse::<GtidPos>().unwrap_err();
    assert_eq!(twice.to_string(), "'0-2-6' names its domain a second time");
    assert!("0-1-5,0-1-6".parse::<GtidState>().is_err());
}

#[test]
fn covering_is_per_domain() {
    for (own, other, expected) in [
        ("", "", true),
        ("0-1-5", "", true),
        ("", "0-1-5", false),
        ("0-1-5", "0-1-5", true),
        ("0-1-6", "0-1-5", true),
        ("0-1-4", "0-1-5", false),
        ("0-2-6", "0-1-5", true),
        ("0-1-9", "0-1-5,1-1-1", false),
        ("0-1-9,1-1-1", "1-1-1", true),
    ] {
        assert_eq!(pos(own).covers(&pos(other)), expected, "{own} covers {other}");
    }
}

#[test]
fn joining_takes_the_later_of_each_domain() {
    for (one, two, expected) in [
        ("", "0-1-5", "0-1-5"),
        ("0-1-5", "0-2-6", "0-2-6"),
        ("0-2-6", "0-1-5", "0-2-6"),
        ("0-1-5,1-1-1", "1-2-4,2-1-1", "0-1-5,1-2-4,2-1-1"),
    ] {
        assert_eq!(pos(one).join(&pos(two)), pos(expected), "{one} with {two}");
    }
}

#[test]
fn extra_transactions_are_found_per_server() {
    for (own, other, expected) in [
        ("", "0-1-5", ""),
        ("0-1-5", "0-1-5", ""),
        ("0-1-5", "0-1-9,0-2-10", ""),
        ("0-1-7", "0-1-5", "0-1-(5..7]"),
        // The fork that numbers alone would hide: 6 was written on both sides.
        ("0-1-6", "0-1-5,0-2-6", "0-1-(5..6]"),
        ("0-1-5,0-2-6", "0-1-6", "0-2-(..6]"),
        ("0-1-5,3-1-2", "", "0-1-(..5] 3-1-(..2]"),
    ] {
        let extra: Vec<_> = state(own).beyond(&state(other)).iter().map(ToString::to_string).collect();
        assert_eq!(extra.join(" "), expected, "{own} beyond {other}");
    }
}

#[test]
fn a_log_covers_what_the_same_server_wrote() {
    for (own, other, expected) in [
        ("", "", true),
        ("0-1-5,0-2-9", "0-1-5", true),
        ("0-1-5,0-2-9", "0-2-8", true),
        ("0-2-9", "0-1-5", false),
        ("0-1-4,0-2-9", "0-1-5", false),
    ] {
        assert_eq!(state(own).covers_pos(&pos(other)), expected, "{own} covers {other}");
    }
}

#[test]
fn serde_writes_strings() {
    let text = serde_json::to_string(&(pos("0-1-5"), state("0-1-5,0-2-6"))).unwrap();
    assert_eq!(text, r#"["0-1-5","0-1-5,0-2-6"]"#);
    let read: (GtidPos, GtidState) = serde_json::from_str(&text).unwrap();
    assert_eq!(read, (pos("0-1-5"), state("0-1-5,0-2-6")));
    assert!(serde_json::from_str::<GtidPos>("\"x\"").is_err());
}
