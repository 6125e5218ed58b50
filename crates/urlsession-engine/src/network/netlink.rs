//! What Linux tells of interfaces, addresses and routes, as far as it is of use here (rtnetlink).
//!
//! ```text
//!   message:  length u32, type u16, flags u16, number u32, port u32, content, up to a multiple of 4
//!   link:     family u8, 0 u8, kind u16, index u32, flags u32, …
//!   address:  family u8, prefix u8, flags u8, scope u8, index u32, attributes
//!   route:    family u8, prefix u8, …
//!   attribute: length u16, type u16, content, up to a multiple of 4
//! ```

use super::Addresses;
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Interfaces, addresses and routes of both families (`RTMGRP_…`).
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
/// Longest datagram; the kernel makes none that is longer unless it is asked to.
const DATAGRAM_BYTES: usize = 32 * 1024;
/// Most datagrams of one answer: more interfaces than any machine has.
const DATAGRAMS_LIMIT: usize = 4096;
/// The kernel answers at once; one that does not is none.
const ANSWER_TIME: Duration = Duration::from_secs(1);

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const RTM_NEWROUTE: u16 = 24;
/// A request for all there is (`NLM_F_REQUEST | NLM_F_DUMP`).
const ASK_ALL: u16 = 0x1 | 0x300;

/// An interface that is up and has a carrier, and the one that leads nowhere.
const IFF_UP_RUNNING: u32 = 0x1 | 0x40;
const IFF_LOOPBACK: u32 = 0x8;
/// An IPv6 address that may turn out to be another's.
const IFA_F_TENTATIVE: u8 = 0x40;
/// From here on an address holds for neighbours or this machine only (`RT_SCOPE_LINK`).
const SCOPE_LINK: u8 = 253;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;

/// Hears that something changed.
#[derive(Debug)]
pub(super) struct Listener(AsyncFd<OwnedFd>);

impl Listener {
    pub(super) fn open() -> io::Result<Self> {
        Self::of(open(GROUPS, SocketFlags::NONBLOCK)?)
    }

    /// Hears what comes over a socket that does not block.
    #[expect(unsafe_code, reason = "the reactor is told of a descriptor")]
    pub(super) fn of(socket: OwnedFd) -> io::Result<Self> {
        // SAFETY: an `OwnedFd` names one open descriptor until it is dropped, which is after the
        // `AsyncFd` that owns it has let go of it.
        let socket = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }?;
        Ok(Self(socket))
    }

    /// Waits for the next change; says whether it is a route to everywhere that came.
    pub(super) async fn next(&self) -> io::Result<bool> {
        self.0.async_io(Interest::READABLE, hear).await
    }

    /// Takes what came meanwhile.
    pub(super) fn drain(&self) -> io::Result<bool> {
        let mut routed = false;
        // What comes faster than that is met by the next wait.
        for _ in 0..DATAGRAMS_LIMIT {
            match hear(self.0.get_ref()) {
                Ok(more) => routed |= more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(routed)
    }
}

fn hear(socket: &OwnedFd) -> io::Result<bool> {
    let mut buffer = vec![0; DATAGRAM_BYTES];
    match rustix::net::recv(socket, &mut buffer, RecvFlags::empty()) {
        Ok((length, _)) => Ok(messages(buffer.get(..length).unwrap_or_default())
            .any(|(kind, content)| kind == RTM_NEWROUTE && content.get(1) == Some(&0))),
        // More came than was kept: whatever it was, a look tells.
        Err(Errno::NOBUFS) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Asks for all addresses of this machine.
pub(super) fn addresses() -> io::Result<Addresses> {
    let mut working = BTreeSet::new();
    ask(RTM_GETLINK, |kind, content| {
        if let (RTM_NEWLINK, Some(index), Some(flags)) =
            (kind, u32_at(content, 4), u32_at(content, 8))
            && flags & IFF_UP_RUNNING == IFF_UP_RUNNING
            && flags & IFF_LOOPBACK == 0
        {
            working.insert(index);
        }
    })?;
    let mut addresses = Addresses::default();
    ask(RTM_GETADDR, |kind, content| {
        if let (RTM_NEWADDR, Some(address)) = (kind, Address::read(content)) {
            addresses.present.insert(address.address);
            if address.is_lasting && working.contains(&address.index) {
                addresses.usable.insert(address.address);
            }
        }
    })?;
    Ok(addresses)
}

/// One address of an interface.
struct Address {
    index: u32,
    address: IpAddr,
    /// Whether others can be reached from it.
    is_lasting: bool,
}

impl Address {
    fn read(content: &[u8]) -> Option<Self> {
        let (flags, scope) = (*content.get(2)?, *content.get(3)?);
        let found = |wanted| attributes(content.get(8..)?).find(|(kind, _)| *kind == wanted);
        // Of two that face each other, the first is this machine's.
        let (_, bytes) = found(IFA_LOCAL).or_else(|| found(IFA_ADDRESS))?;
        let address = match bytes.len() {
            4 => IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
            _ => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
        };
        let is_lasting = scope < SCOPE_LINK && flags & IFA_F_TENTATIVE == 0;
        Some(Self { index: u32_at(content, 4)?, address, is_lasting })
    }
}

/// Asks for everything of a kind and shows each message of the answer.
fn ask(kind: u16, mut show: impl FnMut(u16, &[u8])) -> io::Result<()> {
    let socket = open(0, SocketFlags::empty())?;
    set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER_TIME))?;
    let mut request = Vec::with_capacity(20);
    request.extend(20_u32.to_ne_bytes());
    request.extend(kind.to_ne_bytes());
    request.extend(ASK_ALL.to_ne_bytes());
    // Number and port, then the least content: a family of 0 is every one.
    request.extend([0; 12]);
    rustix::net::send(&socket, &request, SendFlags::empty())?;
    let mut buffer = vec![0; DATAGRAM_BYTES];
    for _ in 0..DATAGRAMS_LIMIT {
        let (length, _) = rustix::net::recv(&socket, &mut buffer, RecvFlags::empty())?;
        for (kind, content) in messages(buffer.get(..length).unwrap_or_default()) {
            match kind {
                NLMSG_DONE => return Ok(()),
                NLMSG_ERROR => return Err(io::Error::other("the kernel refuses to tell")),
                kind => show(kind, content),
            }
        }
    }
    Err(io::Error::other("the kernel does not stop telling"))
}

fn open(groups: u32, flags: SocketFlags) -> io::Result<OwnedFd> {
    let flags = flags | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, groups))?;
    Ok(socket)
}

/// Takes a datagram apart into the types and contents of its messages.
fn messages(datagram: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    pieces(datagram, 16, |piece| Some((u32_at(piece, 0)?, u16_at(piece, 4)?)))
}

fn attributes(content: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    pieces(content, 4, |piece| Some((u16_at(piece, 0)?.into(), u16_at(piece, 2)?)))
}

/// Takes bytes apart whose pieces begin with a head that tells their length and type.
fn pieces(
    bytes: &[u8],
    head: usize,
    read: impl Fn(&[u8]) -> Option<(u32, u16)>,
) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (length, kind) = read(rest)?;
        let length = usize::try_from(length).ok()?;
        let content = rest.get(head..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, content))
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(kind: u16, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(4 + content.len()).unwrap();
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn this_machine_has_its_loopback_address() {
        let found = addresses().unwrap();
        assert!(!found.usable.iter().any(IpAddr::is_loopback), "{found:?}");
        assert!(found.usable.is_subset(&found.present), "{found:?}");
    }

    #[test]
    fn addresses_are_read() {
        let head = |flags, scope| [2, 24, flags, scope, 7, 0, 0, 0].map(|byte: u8| byte).to_vec();
        let peer = piece(IFA_ADDRESS, &[10, 0, 0, 1]);
        let own = piece(IFA_LOCAL, &[10, 0, 0, 2]);
        let name = piece(3, b"eth0\0");
        let six = piece(IFA_ADDRESS, &[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
        for (content, expected) in [
            ([head(0, 0), name.clone(), peer.clone(), own].concat(), Some(("10.0.0.2", true))),
            ([head(0, 0), peer.clone()].concat(), Some(("10.0.0.1", true))),
            ([head(0, 253), six.clone()].concat(), Some(("fd00::9", false))),
            ([head(IFA_F_TENTATIVE, 0), six].concat(), Some(("fd00::9", false))),
            ([head(0, 0), name].concat(), None),
            ([head(0, 0), piece(IFA_ADDRESS, &[1])].concat(), None),
            (head(0, 0)[..6].to_vec(), None),
        ] {
            let read = Address::read(&content).map(|a| (a.address.to_string(), a.is_lasting));
            assert_eq!(read, expected.map(|(text, lasting)| (text.to_owned(), lasting)));
        }
    }

    #[test]
    fn no_datagram_is_read_past_its_end() {
        let message = |length: u32| {
            let mut bytes = length.to_ne_bytes().to_vec();
            bytes.extend([24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]);
            bytes
        };
        assert_eq!(messages(&message(20)).count(), 1);
        assert_eq!(messages(&[message(20), message(20)].concat()).count(), 2);
        for length in [0, 1, 15, 21, u32::MAX] {
            assert_eq!(messages(&message(length)).count(), 0, "{length}");
        }
        for cut in 0..20 {
            assert_eq!(messages(&message(20)[..cut]).count(), 0, "{cut}");
        }
    }
}
