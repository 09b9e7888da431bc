//! Percent signs in a URL, as RFC 3986 has them.

use crate::DbUrlError;

pub(super) fn decoded(text: &str) -> Result<String, DbUrlError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let high = hex_digit(bytes.next())?;
                let low = hex_digit(bytes.next())?;
                high << 4 | low
            }
            _ => byte,
        });
    }
    String::from_utf8(decoded).map_err(|_| DbUrlError::Percent)
}

/// The text with everything encoded but what never means anything in a URL, and these characters.
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(super) fn encoded(text: &str, except: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || "-._~".contains(c) || except.contains(c) {
            encoded.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                encoded += &format!("%{byte:02X}");
            }
        }
    }
    encoded
}

fn hex_digit(byte: Option<u8>) -> Result<u8, DbUrlError> {
    match byte {
        Some(digit @ b'0'..=b'9') => Ok(digit - b'0'),
        Some(digit @ b'a'..=b'f') => Ok(digit - b'a' + 10),
        Some(digit @ b'A'..=b'F') => Ok(digit - b'A' + 10),
        _ => Err(DbUrlError::Percent),
    }
}
