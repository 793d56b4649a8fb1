//! An address for a server of another program, which a test must know before the server starts.

use std::net::{SocketAddr, TcpListener};

/// Returns a free local address whose port the system gives to no other program: one below those that it chooses.
pub fn free_address() -> SocketAddr {
    let listener = std::iter::repeat_with(|| TcpListener::bind(("127.0.0.1", fastrand::u16(15_000..30_000))));
    let listener = listener.take(1000).find_map(Result::ok).expect("a free port");
    listener.local_addr().expect("its address")
}
