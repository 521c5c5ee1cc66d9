//! What this machine can do at most: servers without a protocol, loaded in the same way.

use super::load::{Load, Measured, Target, drive};
use chinwag::runtime::udp::{STOP_POLL, UdpTransport};
use std::{
    fs::{self, File},
    io::{self, Seek, SeekFrom, Write},
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

/// Requests that share one write and one sync at most, as a replica manager's.
const BATCH_MAX: usize = 64;

/// The file, filled with zeros before it is measured. When it is full, it is written from its start again.
const FILE_BYTES: usize = 64 << 20;

/// Bytes of a request, and of what is written for it.
const REQUEST_BYTES: usize = 128;

/// A server that sends back what it gets.
pub fn udp(load: Load) -> io::Result<Measured> {
    measure(load, |socket, stop| {
        let mut buffer = [0; REQUEST_BYTES];
        while !stop.load(Ordering::Relaxed) {
            if let Some((length, from)) = next(socket, &mut buffer)? {
                socket.send_to(&buffer[..length], from)?;
            }
        }
        Ok(())
    })
}

/// A server that sends back what it has written to a file in this directory and synced.
pub fn durable(load: Load, directory: &Path) -> io::Result<Measured> {
    let path = directory.join(format!("chinwag-limit-{}", std::process::id()));
    let mut file = zeros(&path)?;
    let measured = measure(load, |socket, stop| append_and_echo(socket, stop, &mut file.0));
    drop(file);
    measured
}

/// The file, which is removed when it is no longer needed.
struct Scratch(File, PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.1);
    }
}

fn zeros(path: &Path) -> io::Result<Scratch> {
    let mut scratch = Scratch(File::create_new(path)?, path.into());
    let zeros = vec![0; 1 << 20];
    for _ in 0..FILE_BYTES / zeros.len() {
        scratch.0.write_all(&zeros)?;
    }
    scratch.0.sync_all()?;
    Ok(scratch)
}

fn append_and_echo(socket: &UdpSocket, stop: &AtomicBool, file: &mut File) -> io::Result<()> {
    let (mut buffer, mut written) = ([0; REQUEST_BYTES], FILE_BYTES);
    let (mut batch, mut replies) = (Vec::new(), Vec::new());
    while !stop.load(Ordering::Relaxed) {
        socket.set_nonblocking(false)?;
        let mut received = next(socket, &mut buffer)?;
        socket.set_nonblocking(true)?;
        while let Some((length, from)) = received {
            let crc = crc32fast::hash(&buffer[..length]);
            batch.extend_from_slice(&crc.to_le_bytes());
            batch.extend_from_slice(&buffer[..length]);
            replies.push((from, buffer));
            received = if replies.len() < BATCH_MAX { next(socket, &mut buffer)? } else { None };
        }
        if batch.is_empty() {
            continue;
        }
        if written + batch.len() > FILE_BYTES {
            written = 0;
            file.seek(SeekFrom::Start(0))?;
        }
        file.write_all(&batch)?;
        file.sync_data()?;
        written += batch.len();
        batch.clear();
        for (from, bytes) in replies.drain(..) {
            socket.send_to(&bytes, from)?;
        }
    }
    Ok(())
}

fn next(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
    match socket.recv_from(buffer) {
        Ok(received) => Ok(Some(received)),
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Ok(None),
            _ => Err(error),
        },
    }
}

fn measure(
    load: Load,
    serve: impl FnOnce(&UdpSocket, &AtomicBool) -> io::Result<()> + Send,
) -> io::Result<Measured> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(STOP_POLL))?;
    let mut echo = Echo { to: socket.local_addr()?, numbers: vec![0; load.clients] };
    let mut transport = UdpTransport::bind("127.0.0.1:0")?;
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let serving = scope.spawn(|| serve(&socket, &stop));
        let measured = drive(&mut transport, &mut echo, load);
        stop.store(true, Ordering::Relaxed);
        serving.join().map_err(|_| io::Error::other("the server panicked"))??;
        measured
    })
}

/// Requests that say whose they are, and which.
struct Echo {
    to: SocketAddr,
    numbers: Vec<u64>,
}

impl Target for Echo {
    fn request(&mut self, client: usize) -> (SocketAddr, Vec<u8>) {
        self.numbers[client] += 1;
        let mut bytes = vec![0; REQUEST_BYTES];
        bytes[..8].copy_from_slice(&(client as u64).to_le_bytes());
        bytes[8..16].copy_from_slice(&self.numbers[client].to_le_bytes());
        (self.to, bytes)
    }

    fn reply(&mut self, bytes: &[u8]) -> Option<usize> {
        let (client, rest) = bytes.split_first_chunk()?;
        let client = usize::try_from(u64::from_le_bytes(*client)).ok()?;
        let number = u64::from_le_bytes(*rest.first_chunk()?);
        (self.numbers.get(client) == Some(&number)).then_some(client)
    }
}
