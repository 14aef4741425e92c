//! A client's address as text, without an allocation. Used by `host`.

use std::fmt::Write;
use std::net::IpAddr;

/// Bytes of the longest address as text.
const IP_TEXT_BYTES_MAX: usize = 45;

/// An address as text, without an allocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct IpText {
    bytes: [u8; IP_TEXT_BYTES_MAX],
    len: usize,
}

impl Default for IpText {
    fn default() -> IpText {
        IpText { bytes: [0; IP_TEXT_BYTES_MAX], len: 0 }
    }
}

impl IpText {
    pub fn of(ip: IpAddr) -> IpText {
        let mut text = IpText::default();
        // Every address fits.
        let _ = write!(text, "{ip}");
        text
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl Write for IpText {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.len + text.len();
        let place = self.bytes.get_mut(self.len..end).ok_or(std::fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}
