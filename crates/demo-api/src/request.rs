//! A request of HTTP/1.1 out of the bytes that have arrived. No I/O.

use crate::response::Response;

/// Longest request line and headers together, in bytes.
const HEAD_MAX: usize = 16 * 1024;
/// Longest body, in bytes.
const BODY_MAX: usize = 64 * 1024;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// As sent, for instance `GET`.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// What follows the question mark; empty without one.
    pub query: String,
    /// At most 64 KiB.
    pub body: Vec<u8>,
    /// Whether the client wants to send another request on this connection.
    pub keep_alive: bool,
}

/// What a buffer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// The beginning of a request.
    Partial {
        /// The client waits for a go-ahead before it sends the body.
        wants_continue: bool,
    },
    /// A whole request, and its length in bytes.
    Whole(Request, usize),
    /// Something that cannot be understood; the connection must be closed after
    /// this answer, because nobody knows where the next request begins.
    Refused(Response),
}

/// Reads the request at the beginning of `buffer`.
pub fn parse(buffer: &[u8]) -> Parsed {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut headers);
    let length = match head.parse(buffer) {
        Ok(httparse::Status::Complete(length)) if length <= HEAD_MAX => length,
        Ok(httparse::Status::Partial) if buffer.len() <= HEAD_MAX => {
            return Parsed::Partial { wants_continue: false };
        }
        Ok(_) | Err(httparse::Error::TooManyHeaders) => {
            return refused(431, "the request's headers are too long");
        }
        Err(e) => return refused(400, &format!("this is not HTTP: {e}")),
    };
    let mut body_length = None;
    let mut keep_alive = head.version == Some(1);
    let mut wants_continue = false;
    for header in head.headers.iter() {
        let value = header.value.trim_ascii();
        match header.name.to_ascii_lowercase().as_str() {
            // A body whose end we and a proxy could see differently is where
            // request smuggling begins: one length, in digits, or nothing.
            "transfer-encoding" => {
                return refused(501, "send a Content-Length instead of a Transfer-Encoding");
            }
            "content-length" if body_length.is_some() => {
                return refused(400, "more than one Content-Length");
            }
            "content-length" => match digits(value) {
                Some(length) if length <= BODY_MAX => body_length = Some(length),
                Some(_) => return refused(413, "the body is longer than 64 KiB"),
                None => return refused(400, "the Content-Length is not a number"),
            },
            "connection" => match value.to_ascii_lowercase().as_slice() {
                b"close" => keep_alive = false,
                b"keep-alive" => keep_alive = true,
                _ => {}
            },
            "expect" => wants_continue = value.eq_ignore_ascii_case(b"100-continue"),
            _ => {}
        }
    }
    let end = length + body_length.unwrap_or(0);
    let Some(body) = buffer.get(length..end) else {
        return Parsed::Partial { wants_continue };
    };
    let (path, query) = match head.path.unwrap_or_default() {
        target if target.contains('?') => target.split_once('?').unwrap_or_default(),
        target => (target, ""),
    };
    let request = Request {
        method: head.method.unwrap_or_default().into(),
        path: path.into(),
        query: query.into(),
        body: body.into(),
        keep_alive,
    };
    Parsed::Whole(request, end)
}

fn digits(value: &[u8]) -> Option<usize> {
    let all = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    // More digits than fit is certainly more than we take.
    all.then(|| str::from_utf8(value).ok()?.parse().ok().or(Some(usize::MAX))).flatten()
}

fn refused(status: u16, message: &str) -> Parsed {
    Parsed::Refused(Response::error(status, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        let whole = |text: &str| match parse(text.as_bytes()) {
            Parsed::Whole(r, length) => (r.method, r.path, r.query, r.body, r.keep_alive, length),
            other => panic!("{text:?}: {other:?}"),
        };
        let table = [
            ("GET / HTTP/1.1\r\n\r\n", ("GET", "/", "", "", true)),
            ("GET / HTTP/1.0\r\n\r\n", ("GET", "/", "", "", false)),
            (
                "GET /users?after=3&limit=2 HTTP/1.1\r\nconnection: Close\r\n\r\n",
                ("GET", "/users", "after=3&limit=2", "", false),
            ),
            ("POST /users HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}", ("POST", "/users", "", "{}", true)),
        ];
        for (text, (method, path, query, body, keep_alive)) in table {
            let expected = (method.into(), path.into(), query.into(), body.into(), keep_alive, text.len());
            assert_eq!(whole(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_follows_is_left_alone() {
        let first = "POST /users HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}";
        let Parsed::Whole(request, length) = parse(format!("{first}GET / HTTP/1.1\r\n").as_bytes()) else {
            panic!("not a whole request");
        };
        assert_eq!((request.body.as_slice(), length), (b"{}".as_slice(), first.len()));
    }

    #[test]
    fn parts_and_refusals() {
        let status = |text: &str| match parse(text.as_bytes()) {
            Parsed::Partial { wants_continue } => Err(wants_continue),
            Parsed::Refused(response) => Ok(response.status),
            other => panic!("{text:?}: {other:?}"),
        };
        let long = format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(HEAD_MAX));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65));
        let table = [
            ("", Err(false)),
            ("GET / HT", Err(false)),
            ("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{", Err(false)),
            ("POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n", Err(true)),
            ("POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", Ok(400)),
            ("POST / HTTP/1.1\r\nContent-Length: +2\r\n\r\n{}", Ok(400)),
            ("POST / HTTP/1.1\r\nContent-Length: 2, 2\r\n\r\n{}", Ok(400)),
            ("POST / HTTP/1.1\r\nContent-Length:\r\n\r\n{}", Ok(400)),
            ("POST / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", Ok(413)),
            ("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", Ok(413)),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", Ok(501)),
            ("GET / HTTP/3.0\r\n\r\n", Ok(400)),
            ("\x16\x03\x01", Ok(400)),
            (&long, Ok(431)),
            (&many, Ok(431)),
        ];
        for (text, expected) in table {
            assert_eq!(status(text), expected, "{text:?}");
        }
    }
}
