//! `chinwag cluster --watch`: a page of loopback that shows the replica managers of this machine as they are.
//!
//! It asks them over HTTP when it is asked itself, and keeps nothing but the last look.

use crate::cluster::replica_config;
use chinwag::{
    ReplicaId,
    runtime::{
        Clock, Config, ReplicaConfig,
        http::{self, JSON, Request, Response},
        live::{CARDS, SHOW_EVERY, STYLE},
        udp::SystemClock,
    },
};
use serde_json::{Value, json};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

/// How long a replica manager may take to answer before it is shown as silent.
const ANSWER_WITHIN: Duration = Duration::from_millis(400);

/// Bytes of an answer that are read. Its lists are bounded, so more is not an answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Connections that are served at once. A browser opens some and says nothing.
const THREADS: usize = 4;

/// What was seen last, and when. Several pages share it, so that many cost the replica managers no more.
struct Looks {
    main: PathBuf,
    clock: SystemClock,
    last: Mutex<Option<(Duration, String)>>,
}

/// Serves the page on a free port of loopback, for the cluster of this configuration, beside which are those
/// of its replica managers. Returns where it is.
pub fn serve(main: &Path) -> io::Result<SocketAddr> {
    let clock = SystemClock::default();
    let looks = Looks { main: main.into(), clock, last: Mutex::default() };
    let respond = move |request: &Request<'_>| respond(request, &looks);
    http::serve((Ipv4Addr::LOCALHOST, 0).into(), THREADS, clock, respond)
}

fn respond(request: &Request<'_>, looks: &Looks) -> Response {
    if let Some(refusal) = request.stranger() {
        return refusal;
    }
    match request.path() {
        Err(refusal) => refusal,
        Ok("/") => Response::ok("text/html; charset=utf-8", include_str!("live/page.html")),
        Ok("/page.css") => Response::ok("text/css", STYLE),
        Ok("/live.css") => Response::ok("text/css", include_str!("live/live.css")),
        Ok("/cards.js") => Response::ok("text/javascript", CARDS),
        Ok("/live.js") => Response::ok("text/javascript", include_str!("live/live.js")),
        Ok("/links.js") => Response::ok("text/javascript", include_str!("live/links.js")),
        Ok("/state") => Response::ok(JSON, looks.look()),
        Ok(_) => Response::not_found(),
    }
}

impl Looks {
    fn look(&self) -> String {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        match &*last {
            Some((at, text)) if now.saturating_sub(*at) < SHOW_EVERY => text.clone(),
            _ => {
                let text = cluster(&self.main, &self.clock).to_string();
                *last = Some((now, text.clone()));
                text
            }
        }
    }
}

/// The cluster as it is. Who is in it is read anew each time: `chinwag replace` changes it.
fn cluster(main: &Path, clock: &SystemClock) -> Value {
    let config = match Config::read(main) {
        Ok(config) => config,
        Err(error) => return json!({ "problem": error.to_string() }),
    };
    let members: Vec<_> = config.group().members().collect();
    let replicas: Vec<Value> = thread::scope(|scope| {
        let ask = |id: &ReplicaId| {
            let (id, path) = (*id, replica_config(main, *id));
            scope.spawn(move || replica(id, &path, clock))
        };
        let asked: Vec<_> = members.iter().map(ask).collect();
        asked.into_iter().map(|thread| thread.join().unwrap_or_default()).collect()
    });
    let replaced: Vec<_> = config.replaced.iter().map(|place| format!("rm{place}")).collect();
    json!({
        "cluster": config.cluster, "service": config.service, "replicas": replicas, "replaced": replaced,
    })
}

/// What one says of itself (`live`), or why there is nothing to show (`why`).
fn replica(id: ReplicaId, path: &Path, clock: &SystemClock) -> Value {
    match state(path, clock) {
        Ok(live) => json!({ "name": format!("{id:?}"), "live": live }),
        Err(why) => json!({ "name": format!("{id:?}"), "why": why }),
    }
}

fn state(path: &Path, clock: &SystemClock) -> Result<Value, String> {
    let config = Config::read(path).map_err(|error| error.to_string())?;
    let Some(mut at) = config.replica.as_ref().and_then(ReplicaConfig::http_address) else {
        return Err(format!(
            "{}: `http` in [replica] is missing: it tells nothing",
            path.display()
        ));
    };
    if at.ip().is_unspecified() {
        at.set_ip(Ipv4Addr::LOCALHOST.into()); // It listens at all addresses, that of this machine too.
    }
    let answer = http::get(at, "/state", ANSWER_WITHIN, ANSWER_BYTES_MAX, clock);
    let (code, body) = answer.map_err(|_| "does not answer".to_string())?;
    match code {
        200 => serde_json::from_str(&body).map_err(|_| format!("{at}: no answer of this program")),
        _ => Err(format!("{at}: {code}: {}", body.trim())),
    }
}
