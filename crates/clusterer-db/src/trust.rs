//! The authorities whose word for a server's certificate counts.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::fmt::Display;
use std::path::Path;

/// Their certificates: those in this file or, without one, those that the system trusts. There is one at
/// least, and each can be used. Reads files.
pub(crate) fn authorities(file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, String> {
    match file {
        Some(file) => of_file(file),
        None => of_system(),
    }
}

fn of_file(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |why: &dyn Display| format!("sslrootcert {}: {why}", file.display());
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))? {
        let certificate = certificate.map_err(|error| wrong(&error))?;
        usable(&certificate).map_err(|error| wrong(&error))?;
        certificates.push(certificate);
    }
    if certificates.is_empty() {
        return Err(wrong(&"there is no certificate in it"));
    }
    Ok(certificates)
}

/// What of it cannot be read is missing, and whoever needs it is told so by the handshake.
fn of_system() -> Result<Vec<CertificateDer<'static>>, String> {
    let mut certificates = rustls_native_certs::load_native_certs().certs;
    certificates.retain(|certificate| usable(certificate).is_ok());
    if certificates.is_empty() {
        return Err("this system has no certificates of authorities to verify the server's with: \
                    name a file with sslrootcert=FILE"
            .to_owned());
    }
    Ok(certificates)
}

fn usable(certificate: &CertificateDer<'static>) -> Result<(), rustls::Error> {
    RootCertStore::empty().add(certificate.clone())
}
