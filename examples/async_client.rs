//! Many sessions at once on one thread, each a future: they count together.
//!
//! `chinwag cluster --service counter &`, then `cargo run --release --example async_client`.

use chinwag::{
    runtime::{
        AsyncClient, Config,
        udp::{GIVE_UP_AFTER, random_front_end},
    },
    services::Counter,
};
use std::{error::Error, path::Path};

const SESSIONS: usize = 100;
const UPDATES: i128 = 10;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

async fn session(config: Config) -> Result<i128> {
    let (name, seen) = ((random_front_end()?, 0), config.group().zero());
    let mut client = AsyncClient::<Counter>::connect(&config, name, seen, GIVE_UP_AFTER).await?;
    for _ in 0..UPDATES {
        client.update(1).await?;
    }
    Ok(client.query(()).await?)
}

fn main() -> Result<()> {
    let path = std::env::args().nth(1).unwrap_or("chinwag-cluster/cluster.toml".into());
    let config = Config::read(Path::new(&path))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let sessions: Vec<_> =
            (0..SESSIONS).map(|_| tokio::spawn(session(config.clone()))).collect();
        for session in sessions {
            let seen = session.await??;
            assert!(seen >= UPDATES, "a session reads its own writes");
        }
        println!("{SESSIONS} sessions, {UPDATES} updates each");
        Ok(())
    })
}
