//! Numbers of users and groups. Looking them up through the C library would need `unsafe`, so accounts
//! that live in a directory service must be given as numbers.

use std::{fs, io};

use rustix::fs::{Gid, Uid};

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// Why there is no number.
#[derive(Debug)]
pub(crate) enum AccountError {
    /// One of the two files cannot be read.
    File { path: &'static str, source: io::Error },
    /// It has no such name.
    Unknown { name: String },
}

/// The user of that number or name.
pub(crate) fn user(name: &str) -> Result<Uid, AccountError> {
    let id = match number(name) {
        Some(id) => Some(id),
        None => look_up(&read(PASSWD)?, name),
    };
    id.map(Uid::from_raw).ok_or_else(|| AccountError::Unknown { name: name.to_owned() })
}

/// The group of that number or name.
pub(crate) fn group(name: &str) -> Result<Gid, AccountError> {
    let id = match number(name) {
        Some(id) => Some(id),
        None => look_up(&read(GROUP)?, name),
    };
    id.map(Gid::from_raw).ok_or_else(|| AccountError::Unknown { name: name.to_owned() })
}

fn read(path: &'static str) -> Result<String, AccountError> {
    let bytes = fs::read(path).map_err(|source| AccountError::File { path, source })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Both files have the name first and the number third.
fn look_up(text: &str, name: &str) -> Option<u32> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1).and_then(number)).flatten()
    })
}

/// The largest number means "do not change" to the kernel, it is nobody's.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&id| digits && id != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nopensips:x:107:113::/run:/bin/false\nodd:x\n";
        assert_eq!(look_up(passwd, "opensips"), Some(107));
        assert_eq!(look_up(passwd, "opensip"), None);
        assert_eq!(look_up(passwd, "odd"), None);
        assert_eq!(number("0042"), Some(42));
        assert_eq!(number("+1"), None);
        assert_eq!(number("4294967295"), None);
    }

    #[test]
    fn accounts_of_this_host() {
        assert_eq!(user("root").unwrap().as_raw(), 0);
        assert_eq!(group("root").unwrap().as_raw(), 0);
        let error = user("nobody-has-this-name").unwrap_err();
        assert!(matches!(error, AccountError::Unknown { .. }), "{error:?}");
    }
}
