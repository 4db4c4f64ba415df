//! Which addresses may be connected to. Everything that is not plainly public is refused unless the operator
//! names a network it lies in.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The networks that may be reached though they are not public.
#[derive(Debug, Default)]
pub(super) struct Allowed(Vec<Network>);

/// The addresses whose first `length` bits are those of `base`.
#[derive(Debug)]
struct Network {
    base: IpAddr,
    length: u8,
}

impl Network {
    /// Reads `10.0.0.0/8`, `fd00::/8`, or a single address.
    fn parse(text: &str) -> Option<Network> {
        let (base, length) = match text.split_once('/') {
            Some((base, length)) => (base, Some(length)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().ok()?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let length = match length {
            // `+8` and the like are numbers to Rust, not to anybody else.
            Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok()?,
            Some(_) => return None,
            None => most,
        };
        (length <= most).then_some(Network { base, length })
    }

    fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => in_v4(address, base, u32::from(self.length)),
            (IpAddr::V6(base), IpAddr::V6(address)) => in_v6(address, base, u32::from(self.length)),
            _ => false,
        }
    }
}

fn in_v4(address: Ipv4Addr, base: Ipv4Addr, length: u32) -> bool {
    // A shift by the whole width is none: a network of length 0 holds everything.
    let differ = address.to_bits() ^ base.to_bits();
    differ.checked_shr(32_u32.saturating_sub(length)).unwrap_or(0) == 0
}

fn in_v6(address: Ipv6Addr, base: Ipv6Addr, length: u32) -> bool {
    let differ = address.to_bits() ^ base.to_bits();
    differ.checked_shr(128_u32.saturating_sub(length)).unwrap_or(0) == 0
}

/// IPv4 networks that are not public: the special-purpose registry of IANA, and the address at which one
/// cloud answers its machines.
const CLOSED_V4: [([u8; 4], u32); 16] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([168, 63, 129, 16], 32),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// IPv6 networks inside the global unicast range that are not public all the same: protocol assignments with
/// Teredo among them, and documentation.
const CLOSED_V6: [([u16; 2], u32); 3] =
    [([0x2001, 0], 23), ([0x2001, 0x0db8], 32), ([0x3fff, 0], 20)];

impl Allowed {
    /// Reads networks in CIDR notation.
    ///
    /// # Errors
    ///
    /// Which one is none.
    pub(super) fn parse(networks: &[String]) -> Result<Allowed, String> {
        let read = |text: &String| {
            Network::parse(text.trim()).ok_or_else(|| {
                format!("`{text}` is no network: write it as 10.0.0.0/8, fd00::/8 or one address")
            })
        };
        Ok(Allowed(networks.iter().map(read).collect::<Result<_, _>>()?))
    }

    /// True if the address may be connected to.
    pub(super) fn permits(&self, address: IpAddr) -> bool {
        // The system connects to a mapped address by IPv4, so it is one.
        let address = address.to_canonical();
        if self.0.iter().any(|network| network.contains(address)) {
            return true;
        }
        match address {
            IpAddr::V4(address) => {
                let within = |(base, length): &([u8; 4], u32)| {
                    in_v4(address, Ipv4Addr::from(*base), *length)
                };
                !CLOSED_V4.iter().any(within)
            }
            IpAddr::V6(address) => self.permits_v6(address),
        }
    }

    fn permits_v6(&self, address: Ipv6Addr) -> bool {
        let [first, second, third, ..] = address.segments();
        let low = address.to_bits() as u32;
        let within = |(base, length): &([u16; 2], u32)| {
            let [a, b] = *base;
            in_v6(address, Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), *length)
        };
        // NAT64 and 6to4 lead to the IPv4 address that they hold.
        if in_v6(address, Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96) {
            return self.permits(Ipv4Addr::from_bits(low).into());
        }
        if first == 0x2002 {
            let held = (u32::from(second) << 16) | u32::from(third);
            return self.permits(Ipv4Addr::from_bits(held).into());
        }
        // All that is public lies in 2000::/3. What is outside needs no list: loopback, unspecified,
        // compatible, local, multicast, and whatever is assigned later.
        first & 0xe000 == 0x2000 && !CLOSED_V6.iter().any(within)
    }
}
