//! Ports that nobody else is given.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use socket2::{Domain, Socket, Type};

/// A TCP port of loopback that the system gives to nobody else while this lives: it is bound, and not listened on, so that a
/// connection to it is refused. Servers that set SO_REUSEADDR, as they do to be started again at once, listen beside it.
#[derive(Debug)]
pub struct Port {
    _bound: Socket,
    address: SocketAddr,
}

impl Port {
    /// One that is free.
    pub fn free() -> Self {
        let bind = || {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.set_reuse_address(true)?;
            socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
            let address = socket.local_addr()?.as_socket();
            let address = address.ok_or_else(|| std::io::Error::other("no address of IPv4"))?;
            Ok(Self {
                _bound: socket,
                address,
            })
        };
        bind().unwrap_or_else(|error: std::io::Error| panic!("no free port on loopback: {error}"))
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.address.port()
    }

    /// With its address: `127.0.0.1:40001`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }
}

/// The number of a UDP port that nobody has at this moment. Somebody may take it before it is used: who binds it must be
/// ready to hear so, and try another.
pub(super) fn free_udp_port() -> u16 {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|socket| socket.local_addr())
        .unwrap_or_else(|error| panic!("no free port on loopback: {error}"))
        .port()
}
