//! The verdict on an HTTP answer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ap_core::config::Api;
use ap_core::verdict::Verdict;
use ap_host::track::within;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Error};

/// Longest body, in bytes. A health check that says more is none.
const LONGEST: u64 = 1 << 20;

/// How much earlier the client gives up: its timers were seen 20 ms late.
const CLIENT_MARGIN: Duration = Duration::from_millis(50);

/// Where distributions keep the system's certificate authorities: Debian, Red Hat, SUSE.
const SYSTEM_CAS: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

/// Asks once. The deadline is for all of it, from name to last byte.
pub fn run(api: Api, deadline: Duration) -> Verdict {
    let url = api.health_url.clone();
    // Twice the same deadline: the client's own knows what it was waiting for,
    // the outer one holds even where the client cannot look at the clock.
    let inner = deadline.saturating_sub(CLIENT_MARGIN).max(deadline / 2);
    within(deadline, move || match ask(&api, inner) {
        Ok((status, body)) => judge(&api, status, &body),
        Err(error) => Verdict::bad(format!("{url}: {error:#}")),
    })
    .unwrap_or_else(|verdict| verdict)
}

fn judge(api: &Api, status: u16, body: &[u8]) -> Verdict {
    let url = &api.health_url;
    if status != api.expect_status {
        return Verdict::bad(format!("{url}: status {status} instead of {}", api.expect_status));
    }
    match &api.expect_body {
        Some(text) if !contains(body, text.as_bytes()) => {
            Verdict::bad(format!("{url}: the body does not contain '{text}'"))
        }
        _ => Verdict::good(format!("{url}: status {status}")),
    }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}

fn ask(api: &Api, deadline: Duration) -> Result<(u16, Vec<u8>)> {
    let mut config = Agent::config_builder()
        .timeout_global(Some(deadline))
        // HTTP_PROXY in keepalived's environment must not decide about this node.
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(api.redirects.into())
        .max_redirects_will_error(false)
        .user_agent(concat!("ap-track-api/", env!("CARGO_PKG_VERSION")));
    if needs_tls(api) {
        config = config.tls_config(tls(api)?);
    }
    let agent = Agent::new_with_config(config.build());
    let answer = agent.get(&api.health_url).call().map_err(plain)?;
    let status = answer.status().as_u16();
    let body = answer.into_body().into_with_config().limit(LONGEST).read_to_vec().map_err(plain)?;
    Ok((status, body))
}

/// The client's errors in an operator's words.
fn plain(error: Error) -> anyhow::Error {
    match error {
        Error::Timeout(_) => anyhow::anyhow!("no complete answer in time"),
        Error::BodyExceedsLimit(limit) => anyhow::anyhow!("the body is longer than {limit} bytes"),
        Error::HostNotFound => anyhow::anyhow!("no such host"),
        // The client's own "io: " says nothing.
        Error::Io(error) => error.into(),
        other => other.into(),
    }
}

/// A redirect may lead from http to https.
fn needs_tls(api: &Api) -> bool {
    api.redirects > 0 || api.health_url.starts_with("https:")
}

fn tls(api: &Api) -> Result<TlsConfig> {
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .disable_verification(api.insecure);
    if api.insecure {
        return Ok(tls.build());
    }
    let file = match &api.ca_file {
        Some(file) => file.clone(),
        None => match SYSTEM_CAS.iter().map(PathBuf::from).find(|file| file.exists()) {
            Some(file) => file,
            None if api.health_url.starts_with("http:") => return Ok(tls.build()),
            None => bail!("the system has no certificate authorities, set api.ca-file"),
        },
    };
    let roots = authorities(&file)?;
    Ok(tls.root_certs(RootCerts::new_with_certs(&roots)).build())
}

fn authorities(file: &Path) -> Result<Vec<Certificate<'static>>> {
    let pem = std::fs::read(file).with_context(|| format!("failed to read {}", file.display()))?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        bail!("{} holds no certificate", file.display());
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ap_core::config::Span;

    #[test]
    fn status_and_text_decide() {
        let api = |expect_status, expect_body: Option<&str>| Api {
            unit: String::new(),
            health_url: "http://h/".into(),
            expect_status,
            expect_body: expect_body.map(Into::into),
            ca_file: None,
            insecure: false,
            redirects: 0,
            start_timeout: Span::secs(1),
        };
        let table = [
            (api(200, None), 200, "", Verdict::good("http://h/: status 200")),
            (api(204, None), 204, "", Verdict::good("http://h/: status 204")),
            (api(200, None), 500, "", Verdict::bad("http://h/: status 500 instead of 200")),
            (api(200, Some("ok")), 200, "all ok now", Verdict::good("http://h/: status 200")),
            (api(200, Some("ok")), 200, "o k", Verdict::bad("http://h/: the body does not contain 'ok'")),
            (api(200, Some("ok")), 200, "", Verdict::bad("http://h/: the body does not contain 'ok'")),
        ];
        for (api, status, body, expected) in table {
            assert_eq!(judge(&api, status, body.as_bytes()), expected);
        }
    }
}
