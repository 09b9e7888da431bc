//! An authority and a server's certificate by it, made for one test: no key lies about that anybody could use.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// For `localhost` and 127.0.0.1, and for nobody else.
const HOSTS: [&str; 2] = ["localhost", "127.0.0.1"];

const AUTHORITY: &str = "authority.pem";

pub(crate) struct Certificates {
    directory: TempDir,
    config: Arc<ServerConfig>,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(AUTHORITY), authority.as_ref().pem()).unwrap();

        let params = CertificateParams::new(HOSTS.map(str::to_owned)).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        let config = config(certificate.der().clone(), key.serialize_der());
        Self { directory, config }
    }

    /// The file of the authority that has signed the server's.
    pub(crate) fn authority(&self) -> PathBuf {
        self.directory.path().join(AUTHORITY)
    }

    /// A server's end of TLS.
    pub(crate) fn accept(&self, stream: TcpStream) -> StreamOwned<ServerConnection, TcpStream> {
        let connection = ServerConnection::new(self.config.clone()).unwrap();
        StreamOwned::new(connection, stream)
    }
}

fn config(certificate: CertificateDer<'static>, key: Vec<u8>) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::try_from(key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key);
    Arc::new(config.unwrap())
}
