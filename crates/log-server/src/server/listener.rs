//! Listening sockets for TCP and Unix.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
#[cfg(unix)]
use std::path::PathBuf;

use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};

use super::Address;

/// A listening socket.
pub(super) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener, SocketFile),
}

/// An accepted connection.
pub(super) enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Stream {
    /// Returns the remote address, or `None` for a Unix socket.
    pub(super) fn peer(&self) -> Option<IpAddr> {
        match self {
            // The address of a peer that has already disconnected is unknown.
            Self::Tcp(stream) => {
                Some(stream.peer_addr().map_or(Ipv4Addr::UNSPECIFIED.into(), |address| address.ip()))
            }
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }
}

impl Listener {
    pub(super) async fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
            #[cfg(unix)]
            Address::Unix(path) => {
                let listener = match UnixListener::bind(path) {
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                        remove_stale_socket(path).await?;
                        UnixListener::bind(path)?
                    }
                    bound => bound?,
                };
                let file = SocketFile::new(path)?;
                Ok(Self::Unix(listener, file))
            }
            #[cfg(not(unix))]
            Address::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    pub(super) fn address(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Address::Tcp),
            #[cfg(unix)]
            Self::Unix(_, file) => Ok(Address::Unix(file.path.clone())),
        }
    }

    pub(super) async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Responses are small, and the client waits for them before its next request.
                let _ = stream.set_nodelay(true);
                Ok(Stream::Tcp(stream))
            }
            #[cfg(unix)]
            Self::Unix(listener, _) => listener.accept().await.map(|(stream, _)| Stream::Unix(stream)),
        }
    }
}

/// Removes the socket left behind by a killed server. Fails if a server listens on it or if the file isn't a socket.
#[cfg(unix)]
async fn remove_stale_socket(path: &std::path::Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt as _;
    let is_socket = std::fs::symlink_metadata(path)?.file_type().is_socket();
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    if is_socket && UnixStream::connect(path).await.is_err_and(refused) {
        return std::fs::remove_file(path);
    }
    if is_socket {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "the file exists and isn't a socket"))
}

/// The file of a Unix socket. Dropping it removes the file.
#[cfg(unix)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode: a file that has replaced the socket isn't removed.
    identity: (u64, u64),
}

#[cfg(unix)]
impl SocketFile {
    /// Owner and group may connect.
    const MODE: u32 = 0o660;

    fn new(path: &std::path::Path) -> io::Result<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(Self::MODE))?;
        Ok(Self { path: path.to_owned(), identity: Self::identity(path)? })
    }

    fn identity(path: &std::path::Path) -> io::Result<(u64, u64)> {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
    }
}

#[cfg(unix)]
impl Drop for SocketFile {
    fn drop(&mut self) {
        if Self::identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
