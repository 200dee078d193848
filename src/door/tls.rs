//! Encryption: a certificate and its key from PEM files, or no door at all.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::error::{Error, ErrorKind, Result};

/// The encryption of a door whose clients speak one of these protocols, or name none.
///
/// The key may be written as PKCS#8, PKCS#1 or SEC1.
///
/// # Errors
/// [`ErrorKind::Config`] when a file is missing, cannot be read, holds nothing of the kind, or the two do not belong
/// together. Nothing goes on without encryption then.
pub fn load(certificate: &Path, key: &Path, protocols: &[&str]) -> Result<TlsAcceptor> {
    let wrong = |what: &'static str, path: &Path| Error::new(ErrorKind::Config, what).with("path", path.display());
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| wrong("the TLS certificate cannot be read", certificate).caused_by(error))?;
    if chain.is_empty() {
        return Err(wrong("the TLS certificate's file has none in it", certificate));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong("the TLS key cannot be read", key).caused_by(error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|error| wrong("the TLS certificate and its key cannot be used", certificate).caused_by(error))?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Ok(TlsAcceptor::from(Arc::new(config)))
}
