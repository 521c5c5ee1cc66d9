//! The asynchronous client: many sessions on one thread, dropped futures, the errors of the blocking one.
#![cfg(feature = "tokio")]

use chinwag::{
    FrontEndId, ReplicaId, ReplicaManager,
    runtime::{
        AsyncClient, ClientConfig, ClientError, Config, Counters, Durability, Host, HostConfig,
        Input, MemoryStorage, MissingUpdates, Route, SessionToken,
    },
    services::Counter,
};
use std::{
    cell::Cell,
    net::UdpSocket,
    pin::pin,
    rc::Rc,
    task::{Context, Waker},
    time::{Duration, Instant},
};
use tokio::task::{LocalSet, spawn_local};

/// Everything that is waited for happens within this, or the test fails.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL_EVERY: Duration = Duration::from_millis(1);

/// Replica managers in this thread that do not know of each other, and answer while they are open.
#[derive(Clone)]
struct Site {
    config: Config,
    open: Rc<[Cell<bool>; 2]>,
}

fn run<F: Future<Output = ()>>(test: impl FnOnce(Site) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sockets = [0; 2].map(|_| UdpSocket::bind("127.0.0.1:0").unwrap());
    let config = Config {
        speaks: None,
        cluster: "test".into(),
        service: "counter".into(),
        replicas: sockets.iter().map(|s| s.local_addr().unwrap().to_string()).collect(),
        replaced: Vec::new(),
        updatable: None,
        keys: None,
        replica: None,
        client: ClientConfig { retry_after_ms: 20, ..ClientConfig::default() },
    };
    let site = Site { config, open: Rc::new([Cell::new(true), Cell::new(true)]) };
    LocalSet::new().block_on(&runtime, async {
        for (id, socket) in (0..).zip(sockets) {
            spawn_local(serve(site.clone(), id, socket));
        }
        test(site).await;
    });
}

async fn serve(site: Site, id: u16, socket: UdpSocket) {
    let node = ReplicaManager::new(ReplicaId(id), site.config.group());
    let config = HostConfig {
        paced: true,
        node,
        codec: site.config.codec(),
        gossip_every: PATIENCE,
        grace: Duration::ZERO,
        durability: Durability::Fsync,
        acknowledged_by: 1,
    };
    let (storage, counters) = (MemoryStorage::default(), Counters::default());
    let mut host = Host::<Counter, _, _>::open(config, storage, counters, Duration::ZERO).unwrap();
    socket.set_nonblocking(true).unwrap();
    let start = Instant::now();
    let mut buffer = [0; 2_000];
    loop {
        while site.open[usize::from(id)].get() {
            let Ok((length, from)) = socket.recv_from(&mut buffer) else { break };
            let input = Input::Datagram { from, bytes: &buffer[..length] };
            for (to, bytes) in host.handle(start.elapsed(), input).unwrap().datagrams {
                socket.send_to(&bytes, to).unwrap();
            }
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

impl Site {
    async fn client(&self, number: u64, give_up_after: Duration) -> AsyncClient<Counter> {
        let (name, seen) = ((FrontEndId(number), 0), self.config.group().zero());
        AsyncClient::connect(&self.config, name, seen, give_up_after).await.unwrap()
    }

    async fn client_of(&self, replica: u16, number: u64) -> AsyncClient<Counter> {
        let mut client = self.client(number, PATIENCE).await;
        client.route(Route::Only(ReplicaId(replica)));
        client
    }
}

/// Begins it, and lets go of it.
fn poll_once<F: Future>(future: F) {
    let polled = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending(), "nobody answers");
}

async fn count_to_five(site: Site, number: u64) {
    let mut client = site.client_of(0, number).await;
    for own in 1..=5 {
        client.update(1).await.unwrap();
        assert!(client.query(()).await.unwrap() >= own);
    }
}

#[test]
fn many_sessions_wait_on_one_thread_and_each_reads_its_own_writes() {
    run(async |site| {
        let start = |number| spawn_local(count_to_five(site.clone(), number));
        let sessions: Vec<_> = (0..50).map(start).collect();
        for session in sessions {
            session.await.unwrap();
        }
        assert_eq!(site.client_of(0, 99).await.query(()).await.unwrap(), 250);
    });
}

#[test]
fn a_dropped_future_leaves_the_session_with_exactly_what_then_holds() {
    run(async |site| {
        let mut client = site.client_of(0, 1).await;
        let mut total = 0;
        for _ in 0..20 {
            site.open[0].set(false);
            poll_once(client.query(()));
            poll_once(client.update(1)); // It was sent: the session goes on trying.
            poll_once(client.update(100)); // It was not: that one comes first. It never is.
            poll_once(client.query(()));
            site.open[0].set(true);

            client.update(10).await.unwrap();
            total += 11;
            assert_eq!(client.query(()).await.unwrap(), total);
        }
    });
}

#[test]
fn a_future_that_is_dropped_halfway_again_and_again_runs_its_update_once() {
    run(async |site| {
        let mut client = site.client_of(0, 1).await;
        for total in 1..=30 {
            // Dropped before, while or after the answer comes.
            let cut = Duration::from_micros(300 * total);
            let _ = tokio::time::timeout(cut, client.update(1)).await;
            assert_eq!(client.query(()).await.unwrap(), i128::from(total));
        }
    });
}

#[test]
fn the_errors_are_those_of_the_blocking_client() {
    run(async |site| {
        let mut writer = site.client_of(0, 1).await;
        writer.update(1).await.unwrap();
        let token: SessionToken = writer.token().to_string().parse().unwrap();
        site.open[0].set(false);

        let mut reader = site.client(3, Duration::from_secs(1)).await;
        assert_eq!(reader.query(()).await.unwrap(), 0, "another one answers");
        reader.join(&token).unwrap();
        let error = reader.query(()).await.unwrap_err();
        let ClientError::DependencyUnavailable(past) = error else { panic!("{error}") };
        assert_eq!(past.missing, [MissingUpdates { origin: ReplicaId(0), from: 1, to: 1 }]);
        assert_eq!(past.answered, [ReplicaId(1)]);
        let statuses = reader.statuses(Duration::from_millis(200)).await;
        assert!(statuses[0].is_none() && statuses[1].is_some());

        site.open[1].set(false);
        reader.patience(Duration::from_millis(100));
        assert!(matches!(reader.query(()).await, Err(ClientError::Unanswered)));
        assert!(matches!(reader.update(1).await, Err(ClientError::Indefinite { .. })));
        assert!(matches!(reader.query(()).await, Err(ClientError::Behind)));

        site.open[0].set(true);
        reader.patience(PATIENCE);
        assert_eq!(reader.query(()).await.unwrap(), 2);
    });
}

#[test]
fn a_session_and_its_futures_may_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    run(async |site| {
        let mut client = site.client(1, PATIENCE).await;
        is_send(&client);
        is_send(&client.update(1));
        is_send(&client.query(()));
    });
}
