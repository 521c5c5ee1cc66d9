//! Serves the page and answers its requests, over HTTP on the loopback.
//!
//! Whoever can reach the port may ask, so a request must say that it is for this host (a page of another site
//! whose name was bound to 127.0.0.1 does not), and only scripts of this page can send it JSON.

use super::{
    explorer::Explorer,
    place::{Place, Walk},
    recorded::{self, Opened, Spot},
};
use crate::{
    Complaint,
    lab::{self, Panicked},
};
use chinwag::runtime::{http::POLICY, live};
use chinwag_models::model::Model;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::io::Read;
use tiny_http::{Header, Method, Request, Response, Server};

/// Bytes of a request's body.
const BODY_BYTES_MAX: u64 = 64 << 10;
/// Requests that are answered at once: a search must not keep the page waiting.
const WORKERS: usize = 4;

/// Where the page is.
pub struct Setting {
    /// Its port.
    pub port: u16,
    /// The port of stateright's explorer.
    pub beside: u16,
    /// What it shows if its address does not say: the last part of one.
    pub opening: String,
    /// The model of stateright's explorer.
    pub model: &'static Model,
    /// The run that the command line named.
    pub opened: Option<Opened>,
}

/// Serves until the socket breaks.
pub fn serve(server: &Server, setting: &Setting, explorer: &Explorer) {
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Ok(mut request) = server.recv() {
                    let reply = reply(&mut request, setting, explorer);
                    let _ = request.respond(reply.into_response()); // The browser may be gone.
                }
            });
        }
    });
}

/// What is sent back.
struct Reply {
    status: u16,
    kind: &'static str,
    body: String,
}

impl Reply {
    fn text(status: u16, text: &str) -> Self {
        Reply { status, kind: "text/plain; charset=utf-8", body: format!("{text}\n") }
    }

    fn asset(kind: &'static str, body: &str) -> Self {
        Reply { status: 200, kind, body: body.to_owned() }
    }

    fn json(value: Value) -> Self {
        Reply { status: 200, kind: "application/json", body: value.to_string() }
    }

    fn into_response(self) -> Response<std::io::Cursor<Vec<u8>>> {
        let headers = [
            ("Content-Type", self.kind),
            ("Content-Security-Policy", POLICY),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
        ];
        let mut response = Response::from_string(self.body).with_status_code(self.status);
        for (name, value) in headers {
            let header = Header::from_bytes(name, value).expect("names and values are plain ASCII");
            response.add_header(header);
        }
        response
    }
}

fn reply(request: &mut Request, setting: &Setting, explorer: &Explorer) -> Reply {
    if !is_for_us(request, setting.port) {
        let port = setting.port;
        return Reply::text(403, &format!("this is http://127.0.0.1:{port}/ and nothing else"));
    }
    let url = request.url().to_owned();
    match (request.method().clone(), url.as_str()) {
        (Method::Get, "/") => {
            Reply::asset("text/html; charset=utf-8", include_str!("assets/page.html"))
        }
        (Method::Get, "/page.css") => Reply::asset("text/css", live::STYLE),
        (Method::Get, "/page.js") => {
            Reply::asset("text/javascript", include_str!("assets/page.js"))
        }
        (Method::Get, "/cards.js") => Reply::asset("text/javascript", live::CARDS),
        (Method::Get, "/api/catalogue") => {
            let mut all = explorer.catalogue();
            all["stateright"] = json!(format!("http://127.0.0.1:{}/", setting.beside));
            all["stateright_model"] = json!(setting.model.name);
            all["opening"] = json!(setting.opening);
            Reply::json(all)
        }
        (Method::Post, path) => match body(request) {
            Ok(body) => asked(path, &body, setting, explorer),
            Err(reply) => reply,
        },
        _ => Reply::text(404, "there is no such page"),
    }
}

/// Does it name this host and this port? Its absence is not enough: every browser sends it.
fn is_for_us(request: &Request, port: u16) -> bool {
    let hosts = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
    let mut given = request.headers().iter().filter(|header| header.field.equiv("Host"));
    match (given.next(), given.next()) {
        (Some(host), None) => hosts.iter().any(|ours| ours == host.value.as_str()),
        _ => false,
    }
}

/// The body of a request, if it says that it is JSON: a form of another site cannot say so.
fn body(request: &mut Request) -> Result<String, Reply> {
    let is_json = request.headers().iter().any(|header| {
        header.field.equiv("Content-Type") && header.value.as_str() == "application/json"
    });
    if !is_json {
        return Err(Reply::text(415, "the body must be application/json"));
    }
    let mut text = String::new();
    let read = request.as_reader().take(BODY_BYTES_MAX + 1).read_to_string(&mut text);
    match read {
        Err(error) => Err(Reply::text(400, &format!("the body cannot be read: {error}"))),
        Ok(bytes) if bytes as u64 > BODY_BYTES_MAX => {
            Err(Reply::text(413, &format!("the body has more than {BODY_BYTES_MAX} bytes")))
        }
        Ok(_) => Ok(text),
    }
}

/// A place and the format of the file that is wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Export {
    place: Place,
    format: String,
}

fn asked(path: &str, body: &str, setting: &Setting, explorer: &Explorer) -> Reply {
    let answered = lab::caught(|| match path {
        "/api/state" => explorer.state(&read(body)?),
        "/api/find" => explorer.find(&read(body)?),
        "/api/nearest" => explorer.nearest(&read(body)?),
        "/api/run" => recorded::answer(setting.opened.as_ref(), &read::<Spot>(body)?),
        "/api/walk" => explorer.walk(&read::<Walk>(body)?),
        "/api/export" => {
            let export: Export = read(body)?;
            explorer.export(&export.place, &export.format)
        }
        _ => Err(Complaint("there is no such request".to_owned())),
    });
    match answered {
        Ok(Ok(value)) => Reply::json(value),
        Ok(Err(Complaint(text))) => Reply::text(400, &text),
        Err(Panicked(text)) => {
            explorer.forget();
            Reply::text(500, &format!("an assertion failed: {text}"))
        }
    }
}

fn read<T: DeserializeOwned>(body: &str) -> Result<T, Complaint> {
    serde_json::from_str(body).map_err(|error| Complaint(format!("the request: {error}")))
}
