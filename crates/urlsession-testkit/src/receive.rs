//! A receiver that does nothing but receive: what this machine can do at all, to compare with.

use anyhow::{Context as _, Result, ensure};
use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, pipe, splice};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

/// Bytes taken at once.
const PIECE: usize = 256 * 1024;
/// Longest response head.
const HEAD_LIMIT: usize = 16 * 1024;

/// How the bytes get into the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Through memory of this process.
    Copy,
    /// Through a pipe in the kernel.
    Splice,
}

/// Gets a `http://ADDRESS:PORT/PATH` into a file and returns its length in bytes. Nothing is
/// synced, renamed, retried or believed.
///
/// # Errors
/// The server does not answer with 200 and a length, or ends early; the file cannot be written.
pub fn receive(how: How, url: &str, path: &Path) -> Result<u64> {
    let rest = url.strip_prefix("http://").context("a plain URL")?;
    let (authority, name) = rest.split_once('/').context("a path")?;
    let mut stream = TcpStream::connect(authority)?;
    write!(stream, "GET /{name} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n")?;
    let mut file = File::create(path)?;
    let (length, early) = head(&mut stream)?;
    file.write_all(&early)?;
    let left = length - early.len() as u64;
    match how {
        How::Copy => copy(&mut stream, &mut file, left)?,
        How::Splice => through_a_pipe(&stream, &file, left)?,
    }
    Ok(length)
}

/// Reads the head; returns the length of the body and what came of it already.
fn head(stream: &mut TcpStream) -> Result<(u64, Vec<u8>)> {
    let mut bytes = vec![0; HEAD_LIMIT];
    let mut filled = 0;
    let end = loop {
        let count = stream.read(&mut bytes[filled..])?;
        ensure!(count > 0, "no head of a response came");
        filled += count;
        if let Some(end) = bytes[..filled].windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    ensure!(head.starts_with("http/1.1 200 "), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length = length.context("a length")?.trim().parse()?;
    Ok((length, bytes[end..filled].to_vec()))
}

fn copy(stream: &mut TcpStream, file: &mut File, mut left: u64) -> Result<()> {
    let mut piece = vec![0; PIECE];
    while left > 0 {
        let count = stream.read(&mut piece)?;
        ensure!(count > 0, "{left} bytes did not come");
        file.write_all(&piece[..count])?;
        left = left.saturating_sub(count as u64);
    }
    Ok(())
}

fn through_a_pipe(stream: &TcpStream, file: &File, mut left: u64) -> Result<()> {
    let (from, to) = pipe()?;
    fcntl_setpipe_size(&to, PIECE)?;
    while left > 0 {
        let moved = splice(stream, None, &to, None, PIECE, SpliceFlags::MOVE)?;
        ensure!(moved > 0, "{left} bytes did not come");
        let mut inside = moved;
        while inside > 0 {
            inside -= splice(&from, None, file, None, inside, SpliceFlags::MOVE)?;
        }
        left = left.saturating_sub(moved as u64);
    }
    Ok(())
}
