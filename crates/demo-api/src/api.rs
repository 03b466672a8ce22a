//! Which request does what, and how each outcome is answered.

use serde_json::json;

use crate::model::{Invalid, NewUser};
use crate::quotes;
use crate::request::Request;
use crate::response::Response;
use crate::store::{Failure, Store};

/// Users in one page unless told.
const PAGE: u32 = 100;
/// Most users in one page.
const PAGE_MAX: u32 = 10_000;

/// Answers a request.
pub fn answer(store: &dyn Store, request: &Request) -> Response {
    let path: Vec<&str> = request.path.split('/').skip(1).collect();
    let result = match (request.method.as_str(), path.as_slice()) {
        ("GET", ["healthz"]) => Ok(health(store)),
        ("GET", ["quote"]) => Ok(quote(store)),
        ("GET", ["users"]) => users(store, &request.query),
        ("POST", ["users"]) => add(store, &request.body),
        ("GET", ["users", id]) => user(store, id),
        (_, ["users"]) => return wrong_method("GET, POST"),
        (_, ["healthz" | "quote"] | ["users", _]) => return wrong_method("GET"),
        _ => return Response::error(404, "there is only /users, /users/ID, /quote and /healthz"),
    };
    result.unwrap_or_else(|invalid| Response::json(400, &json!({ "error": invalid.message, "field": invalid.field })))
}

/// Whether this request is the one that is served even when the house is full.
pub fn is_health(request: &Request) -> bool {
    request.path == "/healthz"
}

fn wrong_method(allowed: &str) -> Response {
    Response::error(405, &format!("only {allowed} here")).with("Allow", allowed)
}

fn health(store: &dyn Store) -> Response {
    match store.health() {
        Ok(()) => Response::text(200, "ok"),
        Err(Failure::NotDone(reason) | Failure::Unknown(reason)) => Response::text(503, &reason),
        Err(Failure::Duplicate) => Response::text(503, "the database answers nonsense"),
    }
}

/// A quote is never refused: without the database it comes from a list.
fn quote(store: &dyn Store) -> Response {
    match store.quote() {
        Ok(Some(quote)) => Response::json(200, &quote),
        Ok(None) | Err(_) => Response::json(200, &quotes::any()),
    }
}

fn users(store: &dyn Store, query: &str) -> Result<Response, Invalid> {
    let (after, limit) = page(query)?;
    Ok(match store.users(after, limit) {
        Ok(users) => Response::json(200, &users),
        Err(failure) => failed(failure),
    })
}

fn page(query: &str) -> Result<(i64, u32), Invalid> {
    let (mut after, mut limit) = (0, PAGE);
    for part in query.split('&').filter(|part| !part.is_empty()) {
        match part.split_once('=').unwrap_or((part, "")) {
            ("after", text) => {
                let number = text.parse().ok().filter(|n| *n >= 0);
                after = number.ok_or_else(|| Invalid::field("after", "must be a whole number from 0"))?;
            }
            ("limit", text) => {
                let number = text.parse().ok().filter(|n| (1..=PAGE_MAX).contains(n));
                limit = number.ok_or_else(|| Invalid::field("limit", "must be a whole number from 1 to 10000"))?;
            }
            (other, _) => {
                return Err(Invalid::field(other, "is not known; there is \"after\" and \"limit\""));
            }
        }
    }
    Ok((after, limit))
}

fn user(store: &dyn Store, id: &str) -> Result<Response, Invalid> {
    let number = id.parse().ok().filter(|n| *n >= 1);
    let id = number.ok_or_else(|| Invalid::field("id", "must be a whole number from 1"))?;
    Ok(match store.user(id) {
        Ok(Some(user)) => Response::json(200, &user),
        Ok(None) => Response::error(404, &format!("there is no user {id}")),
        Err(failure) => failed(failure),
    })
}

fn add(store: &dyn Store, body: &[u8]) -> Result<Response, Invalid> {
    let user = NewUser::from_json(body)?;
    Ok(match store.add(user) {
        Ok(user) => Response::json(201, &user).with("Location", format!("/users/{}", user.id)),
        Err(failure) => failed(failure),
    })
}

/// `outcome` lets a client know whether it may simply send the request again.
fn failed(failure: Failure) -> Response {
    match failure {
        Failure::NotDone(reason) => Response::json(503, &json!({ "error": reason, "outcome": "not-done" })),
        Failure::Unknown(reason) => Response::json(503, &json!({ "error": reason, "outcome": "unknown" })),
        Failure::Duplicate => Response::json(409, &json!({ "error": "there is a user of that id", "field": "id" })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Quote, User};

    /// Answers each call with the failure it holds, or with user 7.
    struct Fake(Option<Failure>);

    impl Fake {
        fn or<T>(&self, value: T) -> Result<T, Failure> {
            self.0.clone().map_or(Ok(value), Err)
        }
    }

    fn ada() -> User {
        User { id: 7, name: "Ada".into() }
    }

    impl Store for Fake {
        fn users(&self, _: i64, _: u32) -> Result<Vec<User>, Failure> {
            self.or(vec![ada()])
        }
        fn user(&self, id: i64) -> Result<Option<User>, Failure> {
            self.or((id == 7).then(ada))
        }
        fn add(&self, _: NewUser) -> Result<User, Failure> {
            self.or(ada())
        }
        fn quote(&self) -> Result<Option<Quote>, Failure> {
            self.or(None)
        }
        fn health(&self) -> Result<(), Failure> {
            self.or(())
        }
    }

    fn ask(failure: Option<&Failure>, line: &str, body: &str) -> (u16, String) {
        let (method, target) = line.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let request = Request {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            body: body.into(),
            keep_alive: true,
        };
        let response = answer(&Fake(failure.cloned()), &request);
        (response.status, response.body.trim_end().into())
    }

    #[test]
    fn routes() {
        let ada = r#"{"id":7,"name":"Ada"}"#;
        let table = [
            ("GET /healthz", "", 200, "ok"),
            ("GET /quote", "", 200, "quote"),
            ("GET /users", "", 200, ada),
            ("GET /users?after=0&limit=10000", "", 200, ada),
            ("GET /users?limit=0", "", 400, r#""field":"limit""#),
            ("GET /users?limit=10001", "", 400, r#""field":"limit""#),
            ("GET /users?after=-1", "", 400, r#""field":"after""#),
            ("GET /users?after", "", 400, r#""field":"after""#),
            ("GET /users?from=1", "", 400, r#""field":"from""#),
            ("GET /users/7", "", 200, ada),
            ("GET /users/8", "", 404, "no user 8"),
            ("GET /users/x", "", 400, r#""field":"id""#),
            ("POST /users", r#"{"name":"Ada"}"#, 201, ada),
            ("POST /users", "{}", 400, r#""field":"name""#),
            ("POST /users", "{", 400, r#""field":null"#),
            ("DELETE /users", "", 405, "GET, POST"),
            ("POST /healthz", "", 405, "GET"),
            ("DELETE /users/7", "", 405, "GET"),
            ("GET /", "", 404, "/users"),
            ("GET /users/7/name", "", 404, "/users"),
        ];
        for (line, body, status, part) in table {
            let got = ask(None, line, body);
            assert!(got.0 == status && got.1.contains(part), "{line} {body}: {got:?}");
        }
    }

    #[test]
    fn failures() {
        let not_done = Failure::NotDone("away".into());
        let unknown = Failure::Unknown("silent".into());
        let table = [
            ("GET /healthz", &not_done, 503, "away"),
            ("GET /users", &not_done, 503, r#""outcome":"not-done""#),
            ("GET /users/7", &not_done, 503, "away"),
            ("GET /quote", &not_done, 200, "quote"),
            ("POST /users", &not_done, 503, r#""outcome":"not-done""#),
            ("POST /users", &unknown, 503, r#""outcome":"unknown""#),
            ("POST /users", &Failure::Duplicate, 409, r#""field":"id""#),
        ];
        for (line, failure, status, part) in table {
            let got = ask(Some(failure), line, r#"{"name":"Ada"}"#);
            assert!(got.0 == status && got.1.contains(part), "{line} {failure:?}: {got:?}");
        }
    }
}
