//! Calls to services of the operator's own, by HTTP or HTTPS.

use bytes::Bytes;
use http::{HeaderName, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::config::Secret;

/// Bytes of the longest answer.
const MAX_ANSWER: usize = 4096;

/// Why a service cannot be called at all.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// Not an address of a service. It is not repeated: it may hold a secret.
    #[error("{key} must be http://HOST:PORT/PATH or https://HOST/PATH")]
    Url {
        /// The key of the configuration.
        key: &'static str,
    },
    /// The system's certificates cannot be read.
    #[error(
        "{key}: no certificates to know the service by: {source}: install ca-certificates, or set SSL_CERT_FILE"
    )]
    Roots {
        /// The key of the configuration.
        key: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Why a call was not answered.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The service cannot be reached, or says nothing that HTTP knows.
    #[error("it cannot be reached ({0})")]
    Unreachable(#[from] hyper_util::client::legacy::Error),
    /// The answer broke off, or is too long.
    #[error("its answer broke off, or is too long")]
    Broken,
    /// The call cannot be written.
    #[error("the call cannot be written ({0})")]
    Call(#[from] http::Error),
}

/// Calls one service. Connections are kept and shared by its clones.
#[derive(Debug, Clone)]
pub struct Service {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    address: Uri,
}

/// Reads the address of a service; `key` is where it stands in the configuration.
pub fn address(key: &'static str, url: &Secret) -> Result<Uri, OutboundError> {
    let uri = url.expose().parse::<Uri>().ok();
    uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
        .ok_or(OutboundError::Url { key })
}

impl Service {
    /// The service at that address; one of `https` is known by the system's certificates.
    pub fn at(key: &'static str, url: &Secret) -> Result<Self, OutboundError> {
        let address = address(key, url)?;
        let builder = HttpsConnectorBuilder::new();
        let builder = if address.scheme() == Some(&http::uri::Scheme::HTTPS) {
            let rooted = builder.with_native_roots();
            rooted.map_err(|source| OutboundError::Roots { key, source })?
        } else {
            let nobody = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
            builder.with_tls_config(nobody.with_no_client_auth())
        };
        let connector = builder.https_or_http().enable_http1().build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            address,
        })
    }

    /// Posts JSON; the caller has the patience.
    pub async fn post(
        &self,
        fields: &[(HeaderName, String)],
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let mut request = Request::post(&self.address).header(http::header::CONTENT_TYPE, "application/json");
        for (name, value) in fields {
            request = request.header(name, value);
        }
        let answer = self.client.request(request.body(Full::new(body))?).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|_| CallError::Broken)?;
        Ok((status, body.to_bytes()))
    }
}
