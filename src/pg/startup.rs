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
use tracing::{debug, info};

use super::Server;
use super::cancel::Place;
use super::connection::Connection;
use super::failure::{Failure, Trouble};
use super::frontend::{Message, Opening};
use super::scram::{Exchange, MECHANISM};
use super::settings::{Extent, Settings};
use super::user::User;
use super::wire::{Inbox, LONGEST_OPENING, Outbox, Stream, split};
use crate::door::listener::Ending;
use crate::door::{Admission, Users};
use crate::engine::{CATALOG, Caller, access};
use crate::error::{Error, ErrorKind};

/// What [`Caller`] calls this door.
const DOOR: &str = "pg";
/// The first byte of a client that begins with TLS itself.
const TLS_HANDSHAKE: u8 = 0x16;
/// Version 3.0, as one number.
const PROTOCOL: i32 = 3 << 16;

/// Serves a caller from its first byte to its last.
pub(super) async fn serve(server: Arc<Server>, stream: TcpStream, ending: Ending) {
    let peer = stream.peer_addr().ok();
    let opened = tokio::select! {
        opened = tokio::time::timeout(server.options.login_timeout, open(&server, stream)) => opened,
        () = ending.stop.cancelled() => return,
    };
    match opened {
        Ok(Ok(Some((inbox, connection)))) => Box::pin(connection.run(inbox, ending)).await,
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
            // Without a goodbye over TLS, a client takes the request for one that was lost.
            out.close().await;
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
    let (liked, said) = settings(parameters)?;
    let mut user = User::new(&server.engine, &server.catalog, Settings::of(&name, &liked), caller)?;
    for (name, value) in said {
        user.set(&name, Some(&value), Extent::Session).await.map_err(Failure::ends)?;
    }
    user.settle();
    for (name, value) in user.settings().reported() {
        out.say(&Backend::ParameterStatus(ParameterStatus::new(name.to_owned(), value.to_owned())))?;
    }
    let place = server.processes.enter()?;
    out.say(&Backend::BackendKeyData(BackendKeyData::new(place.number(), SecretKey::I32(place.secret()))))?;
    out.say(&Backend::ReadyForQuery(ReadyForQuery::new(TransactionStatus::Idle)))?;
    out.flush().await?;
    info!(user.name = %name, process = place.number(), "{name} is connected");
    Ok((user, place))
}

/// Names of settings, with their values.
type Pairs = Vec<(String, String)>;

/// The settings that a client begins with: what it would like, as drivers say it of themselves, and what is as good as SET: the
/// engine's own, and each `-c name=value` of `options`, which somebody wrote.
///
/// # Errors
/// A failure when `options` are anything else.
fn settings(parameters: Pairs) -> Result<(Pairs, Pairs), Failure> {
    let (options, others): (Pairs, Pairs) = parameters.into_iter().partition(|(name, _)| name == "options");
    let (mut said, liked): (Pairs, Pairs) = others.into_iter().partition(|(name, _)| access::check_setting(name).is_ok());
    for word in options.iter().flat_map(|(_, value)| words(value)).filter(|word| word != "-c") {
        let pair = word.strip_prefix("-c").or_else(|| word.strip_prefix("--")).unwrap_or(&word).split_once('=');
        let wrong = || Failure::fatal("42601", format!("invalid command-line argument for server process: {word}"));
        let (name, value) = pair.ok_or_else(wrong)?;
        said.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok((liked, said))
}

/// The words of `options`: a backslash takes what comes after it as it is, a space for one.
fn words(options: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut letters = options.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => word.extend(letters.next()),
            space if space.is_whitespace() => words.push(std::mem::take(&mut word)),
            other => word.push(other),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
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
    let Some(last) = last.filter(|_| users.has(name)) else { return Ok(false) };
    out.say(&Backend::Authentication(Authentication::SASLFinal(last)))?;
    Ok(true)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &str) -> Result<Pairs, Failure> {
        settings(vec![("options".to_owned(), options.to_owned())]).map(|(_, said)| said)
    }

    #[test]
    fn options_are_read_as_postgresql_reads_them() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = [pair("checkout.max_requests", "5"), pair("statement_timeout", "5 min"), pair("search_path", "a,b")];
        let given = r"-c checkout.max_requests=5 --statement-timeout=5\ min  -csearch_path=a,b";
        assert_eq!(read(given).unwrap(), expected);
        assert_eq!(read("").unwrap(), []);
        assert_eq!(read("-B 5").unwrap_err().sqlstate(), "42601");
    }

    #[test]
    fn what_is_the_engine_s_own_is_as_good_as_said() {
        let pair = |name: &str| (name.to_owned(), "1".to_owned());
        let (liked, said) = settings(vec![pair("TimeZone"), pair("checkout.max_requests")]).unwrap();
        assert_eq!((liked, said), (vec![pair("TimeZone")], vec![pair("checkout.max_requests")]));
    }
}
