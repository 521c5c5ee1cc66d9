//! A few pages over HTTP, for probes: one thread, one request a connection, everything limited.

use super::{Clock, Condition, Health, Metrics, OPENMETRICS, udp::SystemClock};
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

/// The longest head of a request that is read.
pub const HEAD_BYTES_MAX: usize = 4_096;

/// How long a request may take in all. Others wait meanwhile.
pub const REQUEST_WITHIN: Duration = Duration::from_secs(1);

const PLAIN: &str = "text/plain; charset=utf-8";

/// What there is to tell of a replica manager.
#[derive(Clone, Debug)]
pub struct Pages {
    /// Its figures.
    pub metrics: Metrics,
    /// How it is.
    pub health: Arc<Health>,
    /// Its clock.
    pub clock: SystemClock,
}

struct Response {
    status: &'static str,
    kind: &'static str,
    body: String,
}

impl Pages {
    /// Serves them at this address, on a thread that ends with the process. Returns where it is.
    pub fn serve(self, address: SocketAddr) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(address)?;
        let at = listener.local_addr()?;
        let name = "http".to_string();
        thread::Builder::new().name(name).spawn(move || self.accept(&listener))?;
        Ok(at)
    }

    fn accept(&self, listener: &TcpListener) {
        for stream in listener.incoming() {
            match stream {
                // Whoever asked will ask again.
                Ok(stream) => drop(self.converse(stream)),
                // Out of descriptors, perhaps: not at full speed.
                Err(_) => thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    fn converse(&self, mut stream: TcpStream) -> io::Result<()> {
        let response = match read_head(&mut stream, &self.clock)? {
            Some(head) => self.respond(&head),
            None => response("400 Bad Request", "not a request that is understood here\n"),
        };
        let Response { status, kind, body } = response;
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n"
        );
        stream.set_write_timeout(Some(REQUEST_WITHIN))?;
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())
    }

    fn respond(&self, head: &str) -> Response {
        let mut words = head.lines().next().unwrap_or_default().split(' ');
        let (Some(method), Some(path), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return response("400 Bad Request", "not a request line\n");
        };
        if !version.starts_with("HTTP/1.") {
            return response("505 HTTP Version Not Supported", "HTTP/1.1 only\n");
        }
        if method != "GET" {
            return response("405 Method Not Allowed", "GET only\n");
        }
        match path.split('?').next().unwrap_or_default() {
            "/metrics" => {
                Response { status: "200 OK", kind: OPENMETRICS, body: self.metrics.text() }
            }
            "/healthz" if self.health.is_alive(self.clock.now()) => response("200 OK", "alive\n"),
            "/healthz" => response("503 Service Unavailable", "it hangs, or has not started\n"),
            "/readyz" => match self.health.condition() {
                Condition::Ready => response("200 OK", "ready\n"),
                other => response("503 Service Unavailable", &format!("{other}\n")),
            },
            _ => response("404 Not Found", "there are /metrics, /healthz and /readyz\n"),
        }
    }
}

fn response(status: &'static str, body: &str) -> Response {
    Response { status, kind: PLAIN, body: body.into() }
}

/// The head of a request, if it is text and not too long, and comes in time.
fn read_head(stream: &mut TcpStream, clock: &SystemClock) -> io::Result<Option<String>> {
    let end = clock.now() + REQUEST_WITHIN;
    let mut head = Vec::new();
    let mut buffer = [0; 512];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let left = end.saturating_sub(clock.now());
        if left.is_zero() || head.len() > HEAD_BYTES_MAX {
            return Ok(None);
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer)? {
            0 => return Ok(None),
            length => head.extend_from_slice(&buffer[..length]),
        }
    }
    Ok(String::from_utf8(head).ok())
}
