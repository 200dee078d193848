//! From a socket to a user: encryption, who it is, and what is told to one who is let in.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use pgwire::messages::PgWireBackendMessage as Backend;
use pgwire::messages::response::{ReadyForQuery, TransactionStatus};
use pgwire::messages::startup::{Authentication, BackendKeyData, NegotiateProtocolVersion, ParameterStatus, SecretKey};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::Server;
use super::cancel::Place;
use super::connection::Connection;
use super::failure::{Failure, Trouble};
use super::frontend::{Message, Opening};
use super::scram::{Exchange, MECHANISM};
use super::settings::Settings;
use super::user::User;
use super::wire::{Inbox, LONGEST_OPENING, Outbox, Stream, split};
use crate::door::{Admission, Users};
use crate::engine::{CATALOG, Caller};
use crate::error::{Error, ErrorKind};

/// What [`Caller`] calls this door.
const DOOR: &str = "pg";
/// The first byte of a client that begins with TLS itself.
const TLS_HANDSHAKE: u8 = 0x16;
/// Version 3.0, as one number.
const PROTOCOL: i32 = 3 << 16;

/// Serves a caller from its first byte to its last.
pub(super) async fn serve(server: Arc<Server>, stream: TcpStream, stop: CancellationToken) {
    let peer = stream.peer_addr().ok();
    let opened = tokio::select! {
        opened = tokio::time::timeout(server.options.login_timeout, open(&server, stream)) => opened,
        () = stop.cancelled() => return,
    };
    match opened {
        Ok(Ok(Some((inbox, connection)))) => connection.run(inbox, stop).await,
        Ok(Ok(None)) => {}
        Ok(Err(trouble)) => debug!(?peer, ?trouble, "a caller is not let in"),
        Err(_elapsed) => debug!(?peer, "a caller took too long to say who it is"),
    }
}

/// A caller, the first thing it says, and whether others can read that.
struct Arrived {
    stream: Box<dyn Stream>,
    opening: Opening,
    is_encrypted: bool,
}

/// Lets a caller in; none when it wanted something else, and has it.
async fn open(server: &Arc<Server>, stream: TcpStream) -> Result<Option<(Inbox, Connection)>, Trouble> {
    // Answers are small and waited for.
    stream.set_nodelay(true)?;
    let address = stream.peer_addr().ok();
    let Arrived { stream, opening, is_encrypted } = negotiate(stream, server.options.tls.as_ref()).await?;
    let (mut inbox, mut out) = split(stream);
    let let_in = match opening {
        Opening::Cancel { process, secret } => {
            server.processes.cancel(process, &secret);
            return Ok(None);
        }
        Opening::Startup { .. } if server.options.tls.is_some() && !is_encrypted => {
            Err(Failure::fatal("28000", "a connection without TLS is not allowed").into())
        }
        Opening::Startup { major: 3, minor, parameters } => {
            enter(server, minor, parameters, address, (&mut inbox, &mut out)).await
        }
        _ => Err(Failure::fatal("0A000", "only version 3 of the protocol is spoken here").into()),
    };
    match let_in {
        Ok((user, place)) => {
            inbox.trust();
            Ok(Some((inbox, Connection::new(out, user, place))))
        }
        Err(trouble) => {
            if let Trouble::Said(failure) = &trouble {
                out.say(&failure.message())?;
                out.close().await;
            }
            Err(trouble)
        }
    }
}

/// The stream with TLS where it is asked for and there is any, and the first packet that is about something else.
async fn negotiate(mut stream: TcpStream, tls: Option<&TlsAcceptor>) -> Result<Arrived, Trouble> {
    let mut first = [0];
    if let (Some(tls), 1, [TLS_HANDSHAKE]) = (tls, stream.peek(&mut first).await?, first) {
        return over_tls(stream, tls).await;
    }
    loop {
        match (read_opening(&mut stream).await?, tls) {
            (Opening::Tls, Some(tls)) => {
                // Read to the byte: nothing that came before is taken for encrypted.
                stream.write_all(b"S").await?;
                return over_tls(stream, tls).await;
            }
            (Opening::Tls | Opening::Gss, _) => stream.write_all(b"N").await?,
            (opening, _) => return Ok(Arrived { stream: Box::new(stream), opening, is_encrypted: false }),
        }
    }
}

async fn over_tls(stream: TcpStream, tls: &TlsAcceptor) -> Result<Arrived, Trouble> {
    let mut stream: Box<dyn Stream> = Box::new(tls.accept(stream).await?);
    let opening = read_opening(&mut stream).await?;
    Ok(Arrived { stream, opening, is_encrypted: true })
}

async fn read_opening(stream: &mut (impl AsyncRead + Unpin + ?Sized)) -> Result<Opening, Trouble> {
    let length = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
    if !(8..=LONGEST_OPENING).contains(&length) {
        return Err(Failure::protocol("the first packet is none of this protocol").into());
    }
    let mut body = vec![0; length - 4];
    stream.read_exact(&mut body).await?;
    Ok(Opening::read(body.into())?)
}

/// Lets in whoever shows that it may come in, and tells it what it needs to know.
async fn enter(
    server: &Arc<Server>,
    minor: u16,
    parameters: Vec<(String, String)>,
    address: Option<SocketAddr>,
    (inbox, out): (&mut Inbox, &mut Outbox),
) -> Result<(User, Place), Trouble> {
    let parameter = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    let unknown: Vec<String> =
        parameters.iter().filter(|(name, _)| name.starts_with("_pq_.")).map(|(name, _)| name.clone()).collect();
    if minor > 0 || !unknown.is_empty() {
        out.say(&Backend::NegotiateProtocolVersion(NegotiateProtocolVersion::new(PROTOCOL, unknown)))?;
    }
    let name = parameter("user").filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Failure::fatal("28000", "no user name was given"))?;
    let caller = Caller { door: DOOR, user: Some(name.clone()), address };
    if let Admission::Passwords(roll) = &server.options.admission
        && !is_password_known(&roll.now(), &name, inbox, out).await?
    {
        server.engine.turn_away(&caller);
        return Err(Failure::fatal("28P01", format!("password authentication failed for user \"{name}\"")).into());
    }
    out.say(&Backend::Authentication(Authentication::Ok))?;
    // Clients that name no database take the user's name for one.
    let database = parameter("database").filter(|database| !database.is_empty() && *database != name);
    if let Some(database) = database.filter(|database| database != CATALOG) {
        let message = format!("database \"{database}\" does not exist; the one there is is {CATALOG}");
        return Err(Failure::fatal("3D000", message).into());
    }
    let settings = settings(&name, &parameters);
    for (name, value) in settings.reported() {
        out.say(&Backend::ParameterStatus(ParameterStatus::new(name.to_owned(), value.to_owned())))?;
    }
    let user = User::new(&server.engine, &server.catalog, settings, caller)?;
    let place = server.processes.enter()?;
    out.say(&Backend::BackendKeyData(BackendKeyData::new(place.number(), SecretKey::I32(place.secret()))))?;
    out.say(&Backend::ReadyForQuery(ReadyForQuery::new(TransactionStatus::Idle)))?;
    out.flush().await?;
    info!(user.name = %name, process = place.number(), "{name} is connected");
    Ok((user, place))
}

/// The settings that a client begins with: each a parameter, or one of `-c name=value` in `options`.
fn settings(user: &str, parameters: &[(String, String)]) -> Settings {
    let mut all = Vec::new();
    for (name, value) in parameters {
        if name == "options" {
            let words = value.split_whitespace().filter(|word| *word != "-c");
            let pairs = words.filter_map(|word| word.trim_start_matches("-c").trim_start_matches("--").split_once('='));
            all.extend(pairs.map(|(name, value)| (name.replace('-', "_"), value.to_owned())));
        } else {
            all.push((name.clone(), value.clone()));
        }
    }
    Settings::of(user, &all)
}

/// Asks for a password, and for the proof that it is known; who is no user is asked like any other.
///
/// # Errors
/// A protocol violation.
async fn is_password_known(users: &Users, name: &str, inbox: &mut Inbox, out: &mut Outbox) -> Result<bool, Trouble> {
    out.say(&Backend::Authentication(Authentication::SASL(vec![MECHANISM.to_owned()])))?;
    out.flush().await?;
    let verifier = users.verifier(name).ok_or_else(|| Error::new(ErrorKind::Config, "there are no users"))?;
    let exchange = Exchange::begin(password(inbox.next().await?)?, verifier)?;
    out.say(&Backend::Authentication(Authentication::SASLContinue(exchange.answer())))?;
    out.flush().await?;
    let last = exchange.finish(&password(inbox.next().await?)?)?;
    // Somebody who is not in the file has a verifier too, which nothing is a proof of.
    let last = last.filter(|_| users.has(name));
    let is_known = last.is_some();
    last.map_or(Ok(()), |last| out.say(&Backend::Authentication(Authentication::SASLFinal(last))))?;
    Ok(is_known)
}

fn password(message: Message) -> Result<Bytes, Failure> {
    match message {
        Message::Password(bytes) => Ok(bytes),
        _ => Err(Failure::protocol("a password was asked for")),
    }
}

/// What one who is one too many is told, at once and without waiting for it to listen.
pub(super) fn refuse(stream: &TcpStream) {
    let failure = Failure::fatal("53300", "sorry, too many clients already");
    let mut bytes = BytesMut::new();
    if failure.message().encode(&mut bytes).is_ok() {
        // Who does not hear it finds the door shut.
        let _told = stream.try_write(&bytes);
    }
}
