//! `chinwag update` and `chinwag query`.

use crate::{Failure, config_with, with};
use chinwag::{
    ReplicaId,
    runtime::{
        ClientError, Config, Route, SessionFile, SessionToken,
        command::{CliService, WithService},
        udp::{self, UdpClient},
    },
};
use clap::Args;
use serde_json::json;
use std::{path::PathBuf, time::Duration};

/// What to ask of whom.
#[derive(Args)]
pub struct CallArgs {
    /// The configuration of the cluster or of any of its replicas.
    #[arg(long, env = "CHINWAG_CONFIG", default_value = "chinwag-cluster/cluster.toml")]
    config: PathBuf,
    /// The key ring, instead of the configuration's.
    #[arg(long, env = "CHINWAG_KEYS")]
    keys: Option<PathBuf>,
    /// Go on with the session in this file, or start one in it.
    #[arg(long)]
    session: Option<PathBuf>,
    /// Have seen what another session had: the `token` that --json prints.
    #[arg(long, value_name = "TOKEN")]
    seen: Option<String>,
    /// Ask this replica manager and no other.
    #[arg(long)]
    at: Option<u16>,
    /// How long to wait before giving up, in milliseconds.
    #[arg(long, default_value_t = 10_000)]
    timeout_ms: u64,
    /// Print an object of JSON, with what the session has seen by then as `token`.
    #[arg(long)]
    json: bool,
    /// What to do, in the words of the service. Put `--` before words that begin with `-` and are not
    /// numbers.
    #[arg(allow_negative_numbers = true)]
    words: Vec<String>,
}

/// Asks it.
pub fn call(args: &CallArgs, update: bool) -> Result<(), Failure> {
    let config = config_with(&args.config, args.keys.as_ref())?;
    let service = config.service.clone();
    with(&args.config, &service, Call { args, config, update })
}

struct Call<'a> {
    args: &'a CallArgs,
    config: Config,
    update: bool,
}

impl WithService for Call<'_> {
    type Output = Result<(), Failure>;

    fn run<S: CliService>(self) -> Result<(), Failure> {
        let Self { args, config, update } = self;
        let words: Vec<_> = args.words.iter().map(String::as_str).collect();
        let (op, query) = match update {
            true => (Some(S::parse_update(&words).map_err(Failure::operator)?), None),
            false => (None, Some(S::parse_query(&words).map_err(Failure::operator)?)),
        };
        let (mut client, session) = session::<S>(args, &config)?;
        let mut result = Ok(());
        if let Some(op) = op {
            result = result.and_then(|()| self::update(&mut client, op, args.json));
        }
        if let Some(query) = query {
            result = result.and_then(|()| self::query(&mut client, query, args.json));
        }
        if let Some(session) = session {
            let saved = session.save(&client.token());
            saved.map_err(|error| Failure::new(1, format!("done, but not kept: {error}")))?;
        }
        result
    }
}

fn update<S: CliService>(
    client: &mut UdpClient<S>,
    op: S::Op,
    as_json: bool,
) -> Result<(), Failure> {
    let ts = client.update(op.clone()).map_err(|error| failed(&error))?;
    // Whatever comes of asking further, the update is recorded.
    let answer = S::afterthought(&op).and_then(|query| client.query(query).ok());
    let remark = answer.and_then(|answer| S::remark(&op, &answer));
    match as_json {
        true => {
            let token = client.token();
            println!("{}", json!({ "ts": ts, "remark": remark, "token": token }));
        }
        false => println!("recorded at {ts:?}"),
    }
    if let Some(remark) = remark.filter(|_| !as_json) {
        eprintln!("chinwag: {remark}");
    }
    Ok(())
}

fn query<S: CliService>(
    client: &mut UdpClient<S>,
    query: S::Query,
    as_json: bool,
) -> Result<(), Failure> {
    let answer = client.query(query).map_err(|error| failed(&error))?;
    match as_json {
        true => println!("{}", json!({ "answer": answer, "token": client.token() })),
        // Not a line of output, which would be a value.
        false if S::is_nothing(&answer) => eprintln!("chinwag: nothing is there"),
        false => println!("{}", S::render(&answer)),
    }
    Ok(())
}

fn failed(error: &ClientError) -> Failure {
    let code = match error {
        ClientError::Indefinite { .. } => 3,
        ClientError::TooLarge(_) => 2,
        ClientError::DependencyUnavailable(_) => 6,
        _ => 1,
    };
    Failure::new(code, error)
}

fn session<S: CliService>(
    args: &CallArgs,
    config: &Config,
) -> Result<(UdpClient<S>, Option<SessionFile>), Failure> {
    let fresh = udp::random_front_end().map_err(|error| Failure::new(1, error))?;
    let (name, seen, file) = match &args.session {
        None => ((fresh, 0), config.group().zero(), None),
        Some(path) => {
            let opened = SessionFile::open(path, fresh, config.codec(), &config.earlier_codecs());
            let (file, seen) = opened
                .map_err(|error| Failure::operator(format!("{}: {error}", path.display())))?;
            ((file.front_end(), file.incarnation()), seen, Some(file))
        }
    };
    let give_up = Duration::from_millis(args.timeout_ms);
    let mut client = udp::connect(config, name, seen, give_up).map_err(Failure::operator)?;
    if let Some(token) = &args.seen {
        let joined = token.parse().and_then(|token: SessionToken| client.join(&token));
        joined.map_err(|error| Failure::operator(format!("--seen: {error}")))?;
    }
    if let Some(at) = args.at {
        if at >= config.group().replicas {
            let most = config.group().replicas - 1;
            return Err(Failure::operator(format!("--at: use 0 to {most}, not {at}")));
        }
        client.route(Route::Only(ReplicaId(at)));
    }
    Ok((client, file))
}
