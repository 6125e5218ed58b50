//! Opens connections, by the interface or from the address that a task asks for.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::net::{TcpSocket, TcpStream};

/// Connects to an address.
pub(super) async fn connect(address: SocketAddr, by: Option<Arc<str>>) -> io::Result<TcpStream> {
    let stream = match by {
        None => TcpStream::connect(address).await?,
        Some(by) => bound(address, &by)?.connect(address).await?,
    };
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn bound(address: SocketAddr, by: &str) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{by}: {error}"));
    match by.parse::<IpAddr>() {
        Ok(own) if own.is_ipv4() != address.is_ipv4() => {
            let why = format!("nothing goes from {own} to {address}");
            return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, why));
        }
        Ok(own) => socket.bind(SocketAddr::new(own, 0)).map_err(named)?,
        Err(_) => bind_device(&socket, by).map_err(named)?,
    }
    Ok(socket)
}

#[cfg(target_os = "linux")]
fn bind_device(socket: &TcpSocket, name: &str) -> io::Result<()> {
    socket.bind_device(Some(name.as_bytes()))
}

#[cfg(not(target_os = "linux"))]
fn bind_device(_: &TcpSocket, _: &str) -> io::Result<()> {
    let why = "interfaces are not known by name here: say an address of it";
    Err(io::Error::new(io::ErrorKind::Unsupported, why))
}
