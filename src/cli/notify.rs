//! Telling the one who started the server how it is, where that is systemd or speaks as it does (`sd_notify`).

use tracing::warn;

/// The server takes callers.
pub(super) const READY: &str = "READY=1";
/// It takes no more, and lets those finish who are in.
pub(super) const STOPPING: &str = "STOPPING=1";

/// Where systemd listens is said here.
const SOCKET: &str = "NOTIFY_SOCKET";

/// Tells it, where anybody listens.
pub(super) fn notify(state: &str) {
    let Some(socket) = std::env::var_os(SOCKET).filter(|socket| !socket.is_empty()) else { return };
    if let Err(error) = send(&socket, state) {
        warn!(%error, ?socket, "{state} cannot be told to the one who listens at {SOCKET}");
    }
}

#[cfg(unix)]
fn send(socket: &std::ffi::OsStr, state: &str) -> std::io::Result<()> {
    let (own, state) = (std::os::unix::net::UnixDatagram::unbound()?, state.as_bytes());
    #[cfg(target_os = "linux")]
    if let Some(name) = socket.as_encoded_bytes().strip_prefix(b"@") {
        // It is in no folder.
        let address = <std::os::unix::net::SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)?;
        return own.send_to_addr(state, &address).map(drop);
    }
    own.send_to(state, socket).map(drop)
}

#[cfg(not(unix))]
fn send(_socket: &std::ffi::OsStr, _state: &str) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
