//! A few pages over HTTP, for probes and for the live view: one request a connection, everything limited.

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

/// What a page may load: only what the same server has, nothing inline, nothing in a frame.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                          img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What there is to tell of a replica manager.
#[derive(Clone, Debug)]
pub struct Pages {
    /// Its figures.
    pub metrics: Metrics,
    /// How it is, and what it looks like.
    pub health: Arc<Health>,
    /// Its clock.
    pub clock: SystemClock,
}

/// What was asked.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The head: the request line and the fields.
    pub head: &'a str,
    /// Who asks, and at which address of this machine.
    pub between: (SocketAddr, SocketAddr),
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Response {
    /// The code and its words.
    pub status: &'static str,
    /// The media type of the body.
    pub kind: &'static str,
    /// The body.
    pub body: String,
}

impl Pages {
    /// Serves them at this address, on a thread that ends with the process. Returns where it is.
    pub fn serve(self, address: SocketAddr) -> io::Result<SocketAddr> {
        let clock = self.clock;
        serve(address, 1, clock, move |request| self.respond(request))
    }

    fn respond(&self, request: &Request<'_>) -> Response {
        match request.path() {
            Err(refusal) => refusal,
            Ok("/metrics") => Response::ok(OPENMETRICS, self.metrics.text()),
            Ok("/healthz") if self.health.is_alive(self.clock.now()) => {
                response("200 OK", "alive\n")
            }
            Ok("/healthz") => response("503 Service Unavailable", "it hangs, or has not started\n"),
            Ok("/readyz") => match self.health.condition() {
                Condition::Ready => response("200 OK", "ready\n"),
                other => response("503 Service Unavailable", &format!("{other}\n")),
            },
            Ok("/state") => match request.stranger() {
                Some(refusal) => refusal,
                None => Response::ok(JSON, self.health.live.ask(self.clock.now()).to_string()),
            },
            Ok(_) => {
                response("404 Not Found", "there are /metrics, /healthz, /readyz and /state\n")
            }
        }
    }
}

/// Serves at this address, on so many threads that end with the process: each has one connection at a time.
/// Returns where it is.
pub fn serve(
    address: SocketAddr,
    threads: usize,
    clock: SystemClock,
    respond: impl Fn(&Request<'_>) -> Response + Send + Sync + 'static,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    let at = listener.local_addr()?;
    let both = Arc::new((listener, respond));
    for _ in 0..threads {
        let both = Arc::clone(&both);
        let accept = move || {
            for stream in both.0.incoming() {
                match stream {
                    // Whoever asked will ask again.
                    Ok(stream) => drop(converse(stream, &clock, &both.1)),
                    // Out of descriptors, perhaps: not at full speed.
                    Err(_) => thread::sleep(Duration::from_millis(100)),
                }
            }
        };
        thread::Builder::new().name("http".to_string()).spawn(accept)?;
    }
    Ok(at)
}

fn converse(
    mut stream: TcpStream,
    clock: &SystemClock,
    respond: impl Fn(&Request<'_>) -> Response,
) -> io::Result<()> {
    let between = (stream.peer_addr()?, stream.local_addr()?);
    let response = match read_head(&mut stream, clock)? {
        Some(head) => respond(&Request { head: &head, between }),
        None => response("400 Bad Request", "not a request that is understood here\n"),
    };
    let Response { status, kind, body } = response;
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Content-Security-Policy: {POLICY}\r\nX-Content-Type-Options: nosniff\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    );
    stream.set_write_timeout(Some(REQUEST_WITHIN))?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

impl<'a> Request<'a> {
    /// Which page is asked for, without what follows a `?`; or why the request is refused.
    pub fn path(&self) -> Result<&'a str, Response> {
        let mut words = self.head.lines().next().unwrap_or_default().split(' ');
        let (Some(method), Some(path), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(response("400 Bad Request", "not a request line\n"));
        };
        if !version.starts_with("HTTP/1.") {
            return Err(response("505 HTTP Version Not Supported", "HTTP/1.1 only\n"));
        }
        if method != "GET" {
            return Err(response("405 Method Not Allowed", "GET only\n"));
        }
        Ok(path.split('?').next().unwrap_or_default())
    }

    /// Why it is refused unless it comes from this machine and says that it is for it: a page of another
    /// site whose name was bound to 127.0.0.1 does not.
    pub fn stranger(&self) -> Option<Response> {
        let (from, to) = self.between;
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let mut hosts = fields.filter(|(name, _)| name.eq_ignore_ascii_case("host"));
        let ours = [to.to_string(), format!("localhost:{}", to.port())];
        let is_ours = match (hosts.next(), hosts.next()) {
            (Some((_, host)), None) => ours.iter().any(|ours| ours == host.trim()),
            _ => false,
        };
        let is_near = from.ip().is_loopback() && to.ip().is_loopback();
        let why = "only for this machine, as its loopback address or localhost, with the port\n";
        (!is_ours || !is_near).then(|| response("403 Forbidden", why))
    }
}

impl Response {
    /// A page of this media type.
    pub fn ok(kind: &'static str, body: impl Into<String>) -> Self {
        Self { status: "200 OK", kind, body: body.into() }
    }

    /// There is no such page.
    pub fn not_found() -> Self {
        response("404 Not Found", "there is no such page\n")
    }
}

/// The media type of JSON.
pub const JSON: &str = "application/json";

fn response(status: &'static str, body: &str) -> Response {
    Response { status, kind: PLAIN, body: body.into() }
}

/// Asks for a page of this address, as this program serves them: the code of the answer, and its body.
/// All within this time and so many bytes, or it is an error.
pub fn get(
    at: SocketAddr,
    path: &str,
    within: Duration,
    bytes_max: usize,
    clock: &SystemClock,
) -> io::Result<(u16, String)> {
    let end = clock.now() + within;
    let mut stream = TcpStream::connect_timeout(&at, within)?;
    stream.set_write_timeout(Some(within))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {at}\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let left = end.saturating_sub(clock.now());
        if left.is_zero() || answer.len() > bytes_max {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer)? {
            0 => break,
            length => answer.extend_from_slice(&buffer[..length]),
        }
    }
    let answer = String::from_utf8(answer).map_err(|_| io::ErrorKind::InvalidData)?;
    let code = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let parts = code.zip(answer.split_once("\r\n\r\n"));
    let (code, (_, body)) = parts.ok_or(io::ErrorKind::InvalidData)?;
    Ok((code, body.to_string()))
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
