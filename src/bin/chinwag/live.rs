//! `chinwag cluster --watch`: a page of loopback that shows the replica managers of this machine as they are.

use chinwag::runtime::{
    http::{self, JSON, Request, Response},
    live::{CARDS, STYLE},
    udp::SystemClock,
};
use serde_json::{Value, json};
use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

/// How long a replica manager may take to answer before it is shown as silent.
const ANSWER_WITHIN: Duration = Duration::from_millis(400);

/// Bytes of an answer that are read. Its lists are bounded, so more is not an answer.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// Connections that are served at once. A browser opens some and says nothing.
const THREADS: usize = 4;

/// Serves the page on a free port of loopback, for the replica managers that tell of themselves at these
/// addresses. Returns where it is.
pub fn serve(replicas: Vec<Option<SocketAddr>>) -> io::Result<SocketAddr> {
    let respond = move |request: &Request<'_>| respond(request, &replicas);
    http::serve((Ipv4Addr::LOCALHOST, 0).into(), THREADS, SystemClock::default(), respond)
}

fn respond(request: &Request<'_>, replicas: &[Option<SocketAddr>]) -> Response {
    if let Some(refusal) = request.stranger() {
        return refusal;
    }
    match request.path() {
        Err(refusal) => refusal,
        Ok("/") => Response::ok("text/html; charset=utf-8", include_str!("live/page.html")),
        Ok("/page.css") => Response::ok("text/css", STYLE),
        Ok("/cards.js") => Response::ok("text/javascript", CARDS),
        Ok("/live.js") => Response::ok("text/javascript", include_str!("live/live.js")),
        Ok("/state") => Response::ok(JSON, states(replicas).to_string()),
        Ok(_) => Response::not_found(),
    }
}

/// What each says of itself: `null` if it is silent, or was asked for the first time.
fn states(replicas: &[Option<SocketAddr>]) -> Value {
    let ask = |(i, at): (usize, &Option<SocketAddr>)| {
        let live = at.and_then(|at| state(at).ok()).unwrap_or_default();
        json!({ "name": format!("rm{i}"), "live": live })
    };
    replicas.iter().enumerate().map(ask).collect()
}

fn state(at: SocketAddr) -> io::Result<Value> {
    let mut stream = TcpStream::connect_timeout(&at, ANSWER_WITHIN)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    write!(stream, "GET /state HTTP/1.1\r\nHost: {at}\r\n\r\n")?;
    let mut text = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    match head.starts_with("HTTP/1.1 200 ") {
        true => Ok(serde_json::from_str(body)?),
        false => Err(io::ErrorKind::InvalidData.into()),
    }
}
