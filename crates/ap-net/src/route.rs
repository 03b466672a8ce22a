//! The default gateway, from /proc/net/route.

use std::net::Ipv4Addr;

/// Route flags (route.h): usable, and by way of a gateway.
const UP: u32 = 0x1;
const GATEWAY: u32 = 0x2;

/// The gateway of the default route with the lowest metric.
pub fn default_gateway() -> Option<Ipv4Addr> {
    parse(&std::fs::read_to_string("/proc/net/route").ok()?)
}

fn parse(table: &str) -> Option<Ipv4Addr> {
    let routes = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        let hex = |n: usize| u32::from_str_radix(fields.get(n)?, 16).ok();
        let (destination, gateway, flags, mask) = (hex(1)?, hex(2)?, hex(3)?, hex(7)?);
        let metric: u32 = fields.get(6)?.parse().ok()?;
        let default = destination == 0 && mask == 0 && flags & UP != 0 && flags & GATEWAY != 0;
        // The kernel prints the address as one number in the machine's own byte order.
        default.then(|| (metric, Ipv4Addr::from(gateway.to_ne_bytes())))
    });
    routes.min_by_key(|(metric, _)| *metric).map(|(_, gateway)| gateway)
}

#[cfg(test)]
#[cfg(target_endian = "little")]
mod tests {
    use super::*;

    #[test]
    fn the_default_route_with_the_lowest_metric_counts() {
        let head = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n";
        let table: &[(&str, Option<Ipv4Addr>)] = &[
            ("", None),
            ("eth0\t0002A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n", None),
            ("eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n", Some(Ipv4Addr::new(192, 0, 2, 1))),
            (
                "eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
                 eth1\t00000000\t010200C6\t0003\t0\t0\t50\t00000000\t0\t0\t0\n",
                Some(Ipv4Addr::new(198, 0, 2, 1)),
            ),
            ("eth0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n", None),
            ("garbage\n", None),
        ];
        for (lines, expected) in table {
            assert_eq!(parse(&format!("{head}{lines}")), *expected, "{lines}");
        }
    }
}
