//! TLS by rustls, as the driver makes use of it.

use crate::trust;
use crate::url::Tls;
use mysql_async::SslOpts;
use rustls::crypto::{CryptoProvider, ring};

/// What the driver is to do; nothing, if there is to be no TLS. Reads files.
pub(super) fn choice(tls: &Tls) -> Result<Option<SslOpts>, String> {
    let choice = match tls {
        Tls::Disable => return Ok(None),
        // The driver wants an authority even though it does not ask it: its own will do.
        Tls::Require => SslOpts::default().with_danger_accept_invalid_certs(true),
        Tls::VerifyFull { authorities } => {
            let trusted = trust::authorities(authorities.as_deref())?;
            let trusted = trusted.iter().map(|certificate| certificate.to_vec().into()).collect();
            SslOpts::default().with_disable_built_in_roots(true).with_root_certs(trusted)
        }
    };
    choose_cryptography();
    Ok(Some(choice))
}

/// The one global of this crate: the driver builds its TLS from what the process has chosen, and takes no
/// other. Where it has not, rustls would choose by itself, or, where the features of the build leave more than
/// one choice, panic.
fn choose_cryptography() {
    if CryptoProvider::get_default().is_none() {
        // Somebody else may have been quicker, which is as good.
        let _ = ring::default_provider().install_default();
    }
}
