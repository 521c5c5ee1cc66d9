//! What the system itself drops: datagrams that find the socket's buffer full never come to the program.
//! Linux counts them, and tells each socket's count in a table of all of them.

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::counter::ConstCounter,
};
use std::{
    fmt,
    fs::File,
    io::{BufRead, BufReader, Read},
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
};

/// So much of the system's table is read: a line is 128 bytes, so this is tens of thousands of sockets.
const TABLE_BYTES_MAX: u64 = 8 << 20;

/// How many datagrams the system has dropped at the socket bound to this address since it was bound. None
/// where the system does not say.
pub fn dropped_by_system(at: SocketAddr) -> Option<u64> {
    let table = if at.is_ipv4() { "/proc/self/net/udp" } else { "/proc/self/net/udp6" };
    let lines = BufReader::new(File::open(table).ok()?.take(TABLE_BYTES_MAX)).lines();
    let name = name(at);
    lines.map_while(Result::ok).find_map(|line| drops(&line, &name))
}

/// As the table writes it: each four bytes as one number of this machine.
fn name(at: SocketAddr) -> String {
    let bytes = match at.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words = bytes.chunks_exact(4).map(|word| [word[0], word[1], word[2], word[3]]);
    let words = words.map(|word| format!("{:08X}", u32::from_ne_bytes(word)));
    format!("{}:{:04X}", words.collect::<String>(), at.port())
}

/// The last column, if the line is this socket's. The second one is where it is bound.
fn drops(line: &str, name: &str) -> Option<u64> {
    let mut columns = line.split_whitespace();
    (columns.nth(1)? == name).then_some(())?;
    columns.next_back()?.parse().ok()
}

/// The figure, read when it is asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct SystemDrops(pub Arc<OnceLock<SocketAddr>>);

impl Collector for SystemDrops {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(count) = self.0.get().and_then(|at| dropped_by_system(*at)) else {
            return Ok(());
        };
        let figure = ConstCounter::new(count);
        let help = "Datagrams that the system dropped, since the socket's buffer was full";
        figure.encode(encoder.encode_descriptor(
            "dropped_by_system",
            help,
            None,
            figure.metric_type(),
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, UdpSocket};

    #[cfg(target_endian = "little")]
    #[test]
    fn a_line_is_told_by_where_its_socket_is_bound() {
        let line = "  2067: 0100007F:1CE9 00000000:0000 07 00000000:00000000 00:00000000 00000000 \
                    0 0 28530 2 000000003d09a45f 17";
        assert_eq!(drops(line, &name("127.0.0.1:7401".parse().unwrap())), Some(17));
        assert_eq!(drops(line, &name("127.0.0.1:7402".parse().unwrap())), None);
        assert_eq!(drops(line, &name("127.0.0.2:7401".parse().unwrap())), None);
        let longer = name("[::1]:7401".parse().unwrap());
        assert_eq!(longer, "00000000000000000000000001000000:1CE9");
        assert_eq!(drops("  sl  local_address rem_address", &longer), None);
        assert_eq!(drops("", &longer), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_finds_the_buffer_full_is_counted() {
        for loopback in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(socket) = UdpSocket::bind(loopback) else {
                // A machine without IPv6.
                assert!(!loopback.contains("127"), "no socket on {loopback}");
                continue;
            };
            let at = socket.local_addr().unwrap();
            assert_eq!(dropped_by_system(at), Some(0), "{at}");
            let sender = UdpSocket::bind(loopback).unwrap();
            for _ in 0..5_000 {
                sender.send_to(&[0; 1_000], at).unwrap();
            }
            let mut taken = 0;
            socket.set_nonblocking(true).unwrap();
            while socket.recv(&mut [0; 1_000]).is_ok() {
                taken += 1;
            }
            let dropped = dropped_by_system(at).unwrap();
            assert!(dropped > 0, "the buffer of {at} holds 5 MB");
            assert_eq!(taken + dropped, 5_000, "{at}");
        }
    }

    #[test]
    fn a_socket_that_is_not_there_has_no_figure() {
        let gone = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        assert_eq!(dropped_by_system(gone), None);
    }
}
