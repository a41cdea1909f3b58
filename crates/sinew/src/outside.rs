//! HTTP to servers that are not Sinew's, with TLS and the machine's own certificates.

use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

const CONNECT_WITHIN: Duration = Duration::from_secs(20);

/// An agent that waits so long for the first byte of an answer. A status that says no is an answer, not an error.
pub(crate) fn agent(answer_within: Duration) -> Agent {
    let found = rustls_native_certs::load_native_certs();
    let roots: Vec<Certificate<'static>> =
        found.certs.into_iter().map(|cert| Certificate::from_der(&cert).to_owned()).collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .tls_config(tls.build())
        .timeout_connect(Some(CONNECT_WITHIN))
        .timeout_recv_response(Some(answer_within))
        .user_agent(concat!("sinew/", env!("CARGO_PKG_VERSION")));
    Agent::new_with_config(config.build())
}
