//! What the API is about: users and quotes, and the checks on what clients send.

use serde::Serialize;
use serde_json::Value;

/// Longest name, in characters, as the table has it.
const NAME_MAX: usize = 255;

/// A row of `users`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// 1 and up.
    pub id: i64,
    /// 1 to 255 characters.
    pub name: String,
}

/// A user to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// 1 and up; `None`: the database picks one.
    pub id: Option<i64>,
    /// 1 to 255 characters.
    pub name: String,
}

/// A row of `quotes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quote {
    /// What was said.
    pub quote: String,
    /// By whom.
    pub author: String,
}

/// What is wrong with what a client sent, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The field or parameter, if one is to blame.
    pub field: Option<String>,
    /// For people.
    pub message: String,
}

impl Invalid {
    /// A complaint about one field or parameter.
    pub fn field(field: &str, what: &str) -> Self {
        Self { field: Some(field.into()), message: format!("\"{field}\" {what}") }
    }
}

impl NewUser {
    /// Reads `{"id": 7, "name": "Ada"}`, where `id` may be missing or null.
    /// Taken apart by hand, because serde's messages do not name the field.
    pub fn from_json(body: &[u8]) -> Result<Self, Invalid> {
        let whole = |message: String| Invalid { field: None, message };
        let value: Value = serde_json::from_slice(body).map_err(|e| whole(format!("the body is not JSON: {e}")))?;
        let Value::Object(fields) = value else {
            return Err(whole("the body must be a JSON object such as {\"name\": \"Ada\"}".into()));
        };
        let mut id = None;
        let mut name = None;
        for (key, value) in fields {
            match (key.as_str(), value) {
                ("id", Value::Null) => {}
                ("id", value) => {
                    let number = value.as_i64().filter(|n| *n >= 1);
                    id = Some(number.ok_or_else(|| Invalid::field("id", "must be a whole number from 1"))?);
                }
                ("name", Value::String(text)) => name = Some(text),
                ("name", _) => return Err(Invalid::field("name", "must be a string")),
                _ => {
                    return Err(Invalid::field(&key, "is not known; a user has \"id\" and \"name\""));
                }
            }
        }
        let name = name.ok_or_else(|| Invalid::field("name", "is missing"))?;
        if name.trim().is_empty() || name.chars().count() > NAME_MAX {
            return Err(Invalid::field("name", "must have 1 to 255 characters"));
        }
        Ok(Self { id, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_users() {
        let long = format!("{{\"name\": \"{}\"}}", "ä".repeat(256));
        let fits = format!("{{\"name\": \"{}\"}}", "ä".repeat(255));
        type Outcome<'a> = Result<Option<i64>, Option<&'a str>>;
        let table: &[(&str, Outcome)] = &[
            (r#"{"name": "Ada"}"#, Ok(None)),
            (r#"{"id": null, "name": "Ada"}"#, Ok(None)),
            (r#"{"id": 7, "name": "Ada"}"#, Ok(Some(7))),
            (r#"{"name": "Ada", "id": 9223372036854775807}"#, Ok(Some(i64::MAX))),
            (&fits, Ok(None)),
            (&long, Err(Some("name"))),
            (r#"{"id": 9223372036854775808, "name": "Ada"}"#, Err(Some("id"))),
            (r#"{"id": 0, "name": "Ada"}"#, Err(Some("id"))),
            (r#"{"id": -1, "name": "Ada"}"#, Err(Some("id"))),
            (r#"{"id": 1.5, "name": "Ada"}"#, Err(Some("id"))),
            (r#"{"id": "7", "name": "Ada"}"#, Err(Some("id"))),
            (r#"{"id": 7}"#, Err(Some("name"))),
            (r#"{"name": 7}"#, Err(Some("name"))),
            (r#"{"name": null}"#, Err(Some("name"))),
            (r#"{"name": ""}"#, Err(Some("name"))),
            (r#"{"name": "  "}"#, Err(Some("name"))),
            (r#"{"name": "Ada", "nmae": 1}"#, Err(Some("nmae"))),
            (r#"{"name": "Ada""#, Err(None)),
            ("", Err(None)),
            ("[]", Err(None)),
        ];
        for (body, expected) in table {
            let got = NewUser::from_json(body.as_bytes());
            let got = got.as_ref().map(|u| u.id).map_err(|e| e.field.as_deref());
            assert_eq!(got, *expected, "{body}");
        }
    }
}
