"""ckosql serve, and the programs around it, through somebody who means harm.

    python3 tests/clients/attack.py CKOSQL [PART ...]

CKOSQL is the program to try; all parts of it unless some are named. It needs `pip install pyarrow` for what Flight says in
order, and asks what is listed through ADBC too where adbc-driver-flightsql is installed; everything else goes over plain
sockets. What is random has a fixed seed.
"""

import asyncio
import base64
import hashlib
import hmac
import http.client
import json
import os
import random
import re
import resource
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow
import pyarrow.flight as flight
from door import CKOSQL, FOLDER, told

try:
    import adbc_driver_flightsql.dbapi as adbc
except ImportError:
    adbc = None

TLS = Path(__file__).resolve().parent.parent / "fixtures" / "tls"
SQL = Path(__file__).resolve().parents[2] / "sql"
CERTIFICATE = ("--tls-cert", str(TLS / "ec.crt"), "--tls-key", str(TLS / "ec.sec1.pem"))
SEED = 20
MUTATIONS = 2_000
# The time README gives who is slow to show who it is, or to ask.
PATIENCE = 30
ENDLESS = "select value from generate_series(1, 1000000000000) as t(value)"


def until(condition, what, seconds=30):
    """Waits for something to be so."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            told(False, what)
        time.sleep(0.02)


def is_read(caller):
    """Whether the server has taken a caller in, and read all that it has said."""
    here, there = (":%04X" % name[1] for name in (caller.getsockname(), caller.getpeername()))
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = fields = line.split()
        if local.endswith(there) and remote.endswith(here):
            return queues.endswith(":00000000") and fields[9] != "0"
    return False


# Programs.

STARTED = []


def start(*arguments, env=None, **options):
    environment = {"HOME": str(FOLDER), **(env or {})}
    process = subprocess.Popen([CKOSQL, *arguments], env=environment, cwd=options.pop("cwd", FOLDER), **options)
    STARTED.append(process)
    return process


def run(*arguments, env=None, cwd=None, timeout=120):
    """Exit code, output and errors."""
    environment = {"HOME": str(FOLDER), **(env or {})}
    done = subprocess.run([CKOSQL, *arguments], capture_output=True, text=True, env=environment, cwd=cwd or FOLDER, timeout=timeout)
    return done.returncode, done.stdout, done.stderr


class Sandbox:
    """A merchant, with what the environment has to say of it."""

    def __init__(self, *arguments):
        self.process = start("sandbox", *arguments, stdout=subprocess.PIPE, text=True)
        self.env = {}
        for line in self.process.stdout:
            if line.startswith("export "):
                name, value = line[len("export "):].strip().split("=", 1)
                self.env[name] = value
            if "CHECKOUT_ENTITY_IDS" in self.env:
                break


class Server:
    """All doors, up as long as the block."""

    def __init__(self, *arguments, before=(), env=None, cwd=None, doors=("--pg", "--flight", "--http"), ports=None):
        command = [*before, "serve", *arguments]
        for door in doors:
            command += [door, f"127.0.0.1:{(ports or {}).get(door, 0)}"]
        number, self.log = tempfile.mkstemp(dir=FOLDER, suffix=".log")
        self.process = start(*command, env=env, cwd=cwd or FOLDER, stderr=number)
        os.close(number)
        self.is_over = False
        until(lambda: self.said().count("\n") or self.process.poll() is not None, "a server is ready")
        self.ports = {}
        for door, name in (("--pg", "PostgreSQL"), ("--flight", "Arrow Flight SQL"), ("--http", "HTTP")):
            found = re.search(name + r" on 127\.0\.0\.1:(\d+)", self.said())
            if found:
                self.ports[door] = int(found.group(1))
        if not self.ports:
            sys.exit(f"no ready line: {self.said()}")
        self.pg, self.flight, self.http = (self.ports.get(door) for door in ("--pg", "--flight", "--http"))

    def said(self):
        return Path(self.log).read_text(errors="replace")

    def rss(self):
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())
        return int(found.group(1)) // 1024

    def files(self):
        """How many files it has open, callers among them."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None or self.is_over:
            return
        told(self.process.poll() is None, "the server is alive to the end")
        self.process.send_signal(signal.SIGTERM)
        told(self.process.wait(60) == 0, "it stops when it is told to")
        told("panicked" not in self.said(), "nothing in it went wrong that should not")


# The PostgreSQL door, byte by byte.


def message(kind, body):
    return kind + struct.pack("!I", len(body) + 4) + body


def startup(user, **more):
    parameters = {"user": user, "database": "checkout", **more}
    body = struct.pack("!I", 3 << 16) + b"".join(f"{name}\0{value}\0".encode() for name, value in parameters.items()) + b"\0"
    return struct.pack("!I", len(body) + 4) + body


class Refused(Exception):
    """What a server says against something, with all that it says of it."""

    def __init__(self, text, state=None):
        super().__init__(text)
        self.state = state


class Scram:
    """A client's side of the exchange."""

    def __init__(self, user, password):
        self.password = password
        self.nonce = base64.b64encode(os.urandom(18)).decode()
        self.bare = f"n={user},r={self.nonce}"

    def first(self, header="n,,"):
        text = (header + self.bare).encode()
        return message(b"p", b"SCRAM-SHA-256\0" + struct.pack("!I", len(text)) + text)

    def last(self, answered, binding="biws", nonce=None):
        parts = dict(part.split("=", 1) for part in answered.decode().split(","))
        self.salt, self.rounds = parts["s"], parts["i"]
        without = f"c={binding},r={nonce or parts['r']}"
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), base64.b64decode(parts["s"]), int(parts["i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        said = f"{self.bare},{answered.decode()},{without}".encode()
        signature = hmac.digest(hashlib.sha256(key).digest(), said, "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))).decode()
        return message(b"p", f"{without},p={proof}".encode())


class Pg:
    """A connection that says what it is told to."""

    def __init__(self, port, user="anna", password=None, tls=False, enter=True, scram=None, last=None, timeout=60):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        if tls:
            self.socket.sendall(struct.pack("!II", 8, 80877103))
            told(self.socket.recv(1) == b"S", "TLS is offered")
            self.socket = trusting("postgresql").wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")
        self.exchange = None
        if enter:
            self.socket.sendall(startup(user))
            self.enter(user, password, scram, last)

    def enter(self, user, password, scram, last):
        for kind, body in self.messages():
            code = struct.unpack("!I", body[:4])[0] if kind == b"R" else None
            if code == 10:
                self.exchange = scram or Scram(user, password)
                self.socket.sendall(self.exchange.first())
            elif code == 11:
                self.answered = body[4:]
                self.said = last(self, body[4:]) if last else self.exchange.last(body[4:])
                self.socket.sendall(self.said)
            elif kind == b"E":
                raise self.refusal(body)
            elif kind == b"K":
                self.key = body
            elif kind == b"Z":
                return
        raise Refused("gone")

    def messages(self):
        while len(head := self.file.read(5)) == 5:
            yield head[:1], self.file.read(struct.unpack("!I", head[1:])[0] - 4)

    @staticmethod
    def refusal(body):
        fields = {part[:1]: part[1:].decode() for part in body.split(b"\0") if part}
        return Refused(" ".join(fields.get(field, "") for field in (b"M", b"D", b"H")).strip(), fields.get(b"C"))

    def ask(self, sql):
        """All that is said in answer, as one text; the last error is raised."""
        self.socket.sendall(message(b"Q", sql.encode() + b"\0"))
        return self.answer()

    def extended(self, sql, *values):
        parse = message(b"P", b"\0" + sql.encode() + b"\0\0\0")
        given = b"".join(struct.pack("!i", len(value)) + value for value in values)
        bind = message(b"B", b"\0\0\0\0" + struct.pack("!H", len(values)) + given + b"\0\0")
        self.socket.sendall(parse + bind + message(b"D", b"P\0") + message(b"E", b"\0\0\0\0\0") + message(b"S", b""))
        return self.answer()

    def answer(self):
        said, refusal = [], None
        for kind, body in self.messages():
            if kind == b"E":
                refusal = self.refusal(body)
                if refusal.state and refusal.state[:2] in ("57", "08"):
                    break
            elif kind in b"DTNd":
                said.append(values(body) if kind == b"D" else body.decode(errors="replace"))
            elif kind == b"Z":
                break
        else:
            refusal = refusal or Refused("gone")
        if refusal:
            raise refusal
        return "\n".join(said)

    def close(self):
        self.file.close()
        self.socket.close()


def values(body):
    """The values of a row, as texts."""
    found, at = [], 2
    for _ in range(struct.unpack("!H", body[:2])[0]):
        length = struct.unpack("!i", body[at:at + 4])[0]
        at += 4
        found.append("" if length < 0 else body[at:at + length].decode(errors="replace"))
        at += max(length, 0)
    return "|".join(found)


def trusting(protocol):
    context = ssl.create_default_context(cafile=str(TLS / "ec.crt"))
    context.set_alpn_protocols([protocol])
    return context


# The others.


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def post(port, sql, login=None, accept="application/json", timeout=60, **more):
    """Status and body of an answer by HTTP."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    headers = {"content-type": "application/json", "accept": accept, **({"authorization": login} if login else {})}
    try:
        connection.request("POST", "/v1/sql", json.dumps({"sql": sql, **more}), headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (http.client.HTTPException, ConnectionError) as error:
        return 0, str(error)
    finally:
        connection.close()


def raw(port, *parts, timeout=60):
    """What a server says to bytes, until it ends the connection or says no more for so long."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as caller:
        try:
            for part in parts:
                caller.sendall(part)
        except OSError:
            pass
        return heard(caller)


def heard(caller):
    said = b""
    try:
        while part := caller.recv(65536):
            said += part
    except TimeoutError:
        return said + b" ...and nothing more"
    except OSError:
        pass
    return said


def field(number, value):
    """A field of a protobuf message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value):
    said = b""
    while value >= 0x80:
        said, value = said + bytes([value & 0x7F | 0x80]), value >> 7
    return said + bytes([value])


def packed(name, body):
    return field(1, b"type.googleapis.com/arrow.flight.protocol.sql." + name.encode()) + field(2, body)


def asked(sql):
    return packed("CommandStatementQuery", field(1, sql.encode()))


class Flight:
    """A caller of the Flight door, with the header that says who it is."""

    def __init__(self, port, user=None, password=None, token=None):
        self.client = flight.connect(f"grpc://127.0.0.1:{port}")
        shown = (token or basic(user, password)).encode() if user or token else None
        self.options = flight.FlightCallOptions(headers=[(b"authorization", shown)] if shown else [], timeout=60)

    def info(self, command):
        return self.client.get_flight_info(flight.FlightDescriptor.for_command(command), self.options)

    def get(self, ticket):
        return self.client.do_get(flight.Ticket(ticket), self.options).read_all()

    def ask(self, sql):
        table = self.get(self.info(asked(sql)).endpoints[0].ticket.ticket)
        return "\n".join(table.schema.names) + "\n" + "\n".join("|".join(map(str, row.values())) for row in table.to_pylist())

    def action(self, name, body=b""):
        return [result.body.to_pybytes() for result in self.client.do_action(flight.Action(name, body), self.options)]

    def put(self, command, table=None):
        table = table or pyarrow.table({"a": [1]})
        writer, reader = self.client.do_put(flight.FlightDescriptor.for_command(command), table.schema, self.options)
        with writer:
            writer.write_table(table)
            writer.done_writing()
            return reader.read()

    def close(self):
        self.client.close()


def refusal(action, *arguments):
    """The text of an error; None where there is none."""
    try:
        action(*arguments)
    except (Refused, flight.FlightError, pyarrow.ArrowException, OSError) as error:
        return str(error)
    return None


# HTTP/2, as far as frames go.

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, body, length=None):
    size = len(body) if length is None else length
    return struct.pack("!I", size)[1:] + bytes([kind, flags]) + struct.pack("!I", stream) + body


def headers(path, **more):
    """Headers as texts that nobody is to remember."""
    pairs = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost", "te": "trailers",
             "content-type": "application/grpc", **more}

    def text(value):
        assert len(value) < 127
        return bytes([len(value)]) + value.encode()

    return b"".join(b"\0" + text(name) + text(value) for name, value in pairs.items())


SERVICE = "/arrow.flight.protocol.FlightService/"


def grpc(body, length=None):
    return b"\0" + struct.pack("!I", len(body) if length is None else length) + body


def call(stream, method, body, **more):
    return [frame(1, 4, stream, headers(SERVICE + method, **more)), frame(0, 1, stream, grpc(body))]


# What is tried.


def openings():
    """A door that cannot be shut properly is not opened."""
    users = FOLDER / "users"
    (FOLDER / "empty.pem").write_text("")
    (FOLDER / "wrong.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    certificate, key = CERTIFICATE[1], CERTIFICATE[3]
    for door in ("--pg", "--flight", "--http"):
        for one, other in ((FOLDER / "none", key), (certificate, FOLDER / "none"), (FOLDER, key), (certificate, FOLDER),
                           (FOLDER / "empty.pem", key), (certificate, FOLDER / "empty.pem"), (FOLDER / "wrong.pem", key),
                           (key, key), (certificate, certificate), (certificate, TLS / "rsa.pkcs8.pem")):
            code, _, said = run("--demo", "serve", door, "127.0.0.1:0", "--users", users, "--tls-cert", one, "--tls-key", other)
            if code != 2 or "is ready" in said or "TLS" not in said:
                told(False, f"{door} with {one} and {other} is no door: exit {code}, {said}")
        for arguments in (("0.0.0.0:0", "--users", users), ("0.0.0.0:0", "--trust"), ("127.0.0.1:0", "--users", FOLDER / "none"),
                          ("127.0.0.1:0", "--users", FOLDER / "empty.pem"), ("127.0.0.1:99999", "--trust"), ("somewhere", "--trust")):
            code, _, said = run("--demo", "serve", door, *arguments)
            if code != 2 or "is ready" in said:
                told(False, f"{door} {arguments} is no door: exit {code}, {said}")
    told(True, "files of TLS or users that are missing or wrong, and addresses that are not safe, are no door at all")
    code, _, said = run("serve", "--pg", "127.0.0.1:0", "--trust", env=MERCHANT.env)
    told(code == 2 and "roles" in said, "roles are not opened to whoever does not say who it is")


def passwords(server):
    """Who does not know a password learns nothing."""
    told(Pg(server.pg, "anna", PASSWORDS["anna"]).ask("select current_user").endswith("anna"), "a password lets in")
    said = {}
    for user in ("anna", "nobody"):
        text = refusal(Pg, server.pg, user, "wrong")
        said["pg", user] = text.replace(user, "USER") if text else text
        status, text = post(server.http, "select 1", basic(user, "wrong"))
        said["http", user] = (status, text.replace(user, "USER"))
        text = refusal(Flight(server.flight, user, "wrong").ask, "select 1")
        said["flight", user] = re.sub(r"\d+\.\d+\.\d+\.\d+:\d+|\d{6,}", "", text.replace(user, "USER")) if text else text
    for door in ("pg", "http", "flight"):
        told(said[door, "anna"] and said[door, "anna"] == said[door, "nobody"], f"a wrong password and an unknown user are told the same by {door}")
    told(said["http", "anna"][0] == 401, "which is 401")

    def salt(user):
        seen = []
        refusal(Pg, server.pg, user, "x", False, True, None, lambda pg, answered: seen.append(answered) or pg.exchange.last(answered))
        return re.search(rb"s=([^,]+),i=(\d+)", seen[0]).groups()

    told(salt("nobody") == salt("nobody") != salt("somebody"), "who is unknown has a salt, and always the same")
    told(len(salt("nobody")[0]) == len(salt("anna")[0]) and salt("nobody")[1] == salt("anna")[1], "that looks like that of one who is known")

    first = Scram("anna", PASSWORDS["anna"])
    overheard = Pg(server.pg, "anna", scram=first)
    again = Scram("anna", "")
    again.nonce, again.bare = first.nonce, first.bare
    for what, last in (
        ("said again", lambda pg, _: overheard.said),
        ("with the nonce of then", lambda pg, answered: pg.exchange.last(answered, nonce=overheard.said.split(b"r=")[1].split(b",")[0].decode())),
    ):
        text = refusal(lambda: Pg(server.pg, "anna", scram=again, last=last))
        told(text is not None and "gone" not in text, f"what was overheard and is {what} opens nothing: {text}")
    for what, last in (
        ("another binding", lambda pg, answered: pg.exchange.last(answered, binding="eSws")),
        ("a nonce cut short", lambda pg, answered: pg.exchange.last(answered, nonce=pg.exchange.nonce)),
        ("a nonce made longer", lambda pg, answered: pg.exchange.last(answered, nonce=answered.decode().split(",")[0][2:] + "x")),
        ("no proof", lambda pg, answered: message(b"p", b"c=biws,r=" + answered.split(b",")[0][2:])),
        ("an empty proof", lambda pg, answered: message(b"p", b"c=biws,r=" + answered.split(b",")[0][2:] + b",p=")),
        ("a question instead", lambda pg, answered: message(b"Q", b"select 1\0")),
        ("nonsense", lambda pg, answered: message(b"p", b"\xff\0" * 100)),
    ):
        text = refusal(lambda: Pg(server.pg, "anna", PASSWORDS["anna"], last=last))
        told(text is not None, f"an exchange with {what} ends outside: {text}")
    for what, shown in (("a token that is guessed", "Bearer " + "A" * 43), ("another scheme", "Digest x"), ("no base64", "Basic %%%"),
                        ("no password", "Basic " + base64.b64encode(b"anna").decode()), ("nothing", "Bearer "), ("an empty password", basic("anna", ""))):
        told(post(server.http, "select 1", shown)[0] == 401, f"HTTP does not let in with {what}")
        told(refusal(Flight(server.flight, token=shown).ask, "select 1"), f"nor Flight with {what}")
    two = raw(server.http, b"POST /v1/sql HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer x\r\nauthorization: "
              + basic("anna", PASSWORDS["anna"]).encode() + b"\r\ncontent-type: text/plain\r\ncontent-length: 8\r\n\r\nselect 1")
    told(b" 401 " in two.split(b"\r\n")[0], "of two authorizations, a right one does not help a wrong one")


def unencrypted(server):
    """Where there is TLS, nothing is said without."""
    text = refusal(Pg, server.pg, "anna", PASSWORDS["anna"])
    told(text and "without TLS" in text, f"PostgreSQL asks for TLS: {text}")
    told(Pg(server.pg, "anna", PASSWORDS["anna"], tls=True).ask("select 1").endswith("1"), "and with it lets in")
    # What is sent along with the wish for TLS was said by somebody in between.
    with socket.create_connection(("127.0.0.1", server.pg), timeout=60) as caller:
        caller.sendall(struct.pack("!II", 8, 80877103) + startup("anna"))
        said = heard(caller)
    told(b"R\0" not in said, "what came before TLS is not taken for what comes after it")
    plain = raw(server.http, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
    told(b"200" not in plain and b"ok" not in plain, f"HTTP without TLS is not answered: {plain[:40]}")
    said = raw(server.flight, PREFACE, frame(4, 0, 0, b""), *call(1, "GetFlightInfo", b""))
    told(b"grpc" not in said, "nor is Flight")
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore"):
            context.minimum_version = context.maximum_version = version
        try:
            with socket.create_connection(("127.0.0.1", server.http), timeout=60) as caller, context.wrap_socket(caller):
                told(False, f"{version} is refused")
        except (ssl.SSLError, OSError):
            pass
    told(True, "versions of TLS that are broken are refused")


WRITES = [
    "insert into payments values ('x')", "update payments set amount = 0", "delete from payments", "truncate payments", "drop table payments",
    "drop view payments_by_day", "create table t (a int)", "create table t as select 1", "create temp table t as select 1", "create view v as select 1",
    "create or replace view payments_by_day as select 1", "create external table e stored as csv location '/etc/passwd'",
    "create schema s", "create database d", "create role r", "create function f(a int) returns int return a", "create index i on payments (id)",
    "alter table payments add column a int", "alter role anna superuser", "grant all on payments to anna", "select 1 as a into t",
    "with x as (insert into payments values ('x') returning id) select * from x", "with x as (delete from payments returning id) select * from x",
    "with x as (update payments set amount = 0 returning id) select * from x", "merge into payments p using payments q on p.id = q.id when matched then delete",
    "explain insert into payments values ('x')", "explain analyze delete from payments", "explain analyze create table t as select 1",
    "explain verbose drop table payments", "copy payments from stdin", "copy payments from '/etc/passwd'", "copy payments from program 'id'",
    "copy payments to 'OUT'", "copy (select 1) to 'OUT'", "copy (select 1) to program 'id > OUT'", "copy (select 1) to 'OUT' stored as csv",
    "copy (delete from payments returning id) to stdout", "do $$ begin delete from payments; end $$", "call p()", "vacuum", "analyze payments", "cluster",
    "reindex table payments", "refresh materialized view v", "lock table payments", "prepare p as delete from payments", "prepare p as insert into payments values ('x')",
    "select 1; delete from payments", "delete from payments; select 1", "begin; delete from payments; commit", "load 'x'", "comment on table payments is 'x'",
    "security label on table payments is 'x'", "import foreign schema s from server t into u", "notify x", "checkpoint", "install httpfs",
    "attach 'OUT' as x", "insert overwrite into payments values ('x')", "replace into payments values ('x')", "select * into outfile 'OUT' from payments",
    "declare c cursor for delete from payments",
]
SETTINGS = [
    "set datafusion.execution.batch_size = 1", "set DataFusion.Execution.Batch_Size = 1", "set datafusion.runtime.memory_limit = '1K'",
    "set datafusion.runtime.temp_directory = 'OUT'", "set datafusion.sql_parser.dialect = 'mysql'", "set datafusion.catalog.default_schema = 'x'",
    "set datafusion.catalog.information_schema = false", "set datafusion.sql_parser.recursion_limit = 1000000",
    "set local datafusion.execution.batch_size = 1", "reset datafusion.runtime.memory_limit", "set \"datafusion.execution.batch_size\" = 1",
]
FILES = [
    "select * from '/etc/passwd'", "select * from \"/etc/passwd\"", "select * from read_csv('/etc/passwd')", "select * from read_parquet('/etc/passwd')",
    "select * from read_json('/etc/passwd')", "select * from read_text('/etc/passwd')", "select * from glob('/etc/*')", "select * from parquet_metadata('/etc/passwd')",
    "select pg_read_file('/etc/passwd')", "select pg_ls_dir('/etc')", "select lo_import('/etc/passwd')", "select * from 'file:///etc/passwd'",
    "select * from \"file:///etc/passwd\"", "select * from csv_scan('/etc/passwd')", "select load_file('/etc/passwd')", "select getenv('CHECKOUT_SECRET_KEY')",
    "select current_setting('CHECKOUT_SECRET_KEY')", "show all", "select * from metadata_cache()", "select * from statistics_cache()", "select * from list_files_cache()",
    "execute immediate 'delete from payments'", "select dblink('host=127.0.0.1', 'select 1')", "select * from 'http://127.0.0.1:1/x.csv'", "select * from s3('x')",
]


def writes(server):
    """Nothing is written, and no file is read, by any way."""
    login = basic("bob", PASSWORDS["bob"])
    out = FOLDER / "written"
    guest = Flight(server.flight, "bob", PASSWORDS["bob"])
    for sql in WRITES + SETTINGS + FILES:
        is_write, sql = sql not in FILES, sql.replace("OUT", str(out))
        attempts = {
            "pg": lambda: Pg(server.pg, "bob", PASSWORDS["bob"]).ask(sql),
            "pg extended": lambda: Pg(server.pg, "bob", PASSWORDS["bob"]).extended(sql),
            "pg in a transaction": lambda: Pg(server.pg, "bob", PASSWORDS["bob"]).ask(f"begin read write; {sql}"),
            "http": lambda: post(server.http, sql, login),
            "flight": lambda: guest.ask(sql),
            "flight prepared": lambda: guest.action("CreatePreparedStatement", packed("ActionCreatePreparedStatementRequest", field(1, sql.encode()))),
            "flight update": lambda: guest.put(packed("CommandStatementUpdate", field(1, sql.encode()))),
        }
        for way, attempt in attempts.items():
            try:
                answer = attempt()
                if way == "http":
                    if answer[0] != 200:
                        raise Refused(answer[1], str(answer[0]))
                    answer = answer[1]
            except (Refused, flight.FlightError, pyarrow.ArrowException) as error:
                answer = str(error)
                state = getattr(error, "state", None)
                if state in ("500", "XX000") or "own check failed" in answer or "bug" in answer.split() or answer == "gone":
                    told(False, f"{sql} by {way} is refused for what it is: {state} {answer}")
            else:
                # Prepared, a statement is not run.
                if is_write and "explain" not in sql and "notify" not in sql:
                    told(False, f"{sql} by {way} is refused: {answer}")
            if "root:x:" in str(answer) or MERCHANT.env["CHECKOUT_SECRET_KEY"] in str(answer):
                told(False, f"{sql} by {way} reads nothing that it must not")
    told(not out.exists(), f"nothing is written, and no file is read: {len(WRITES + SETTINGS + FILES)} statements in seven ways")
    told(Pg(server.pg, "bob", PASSWORDS["bob"]).ask("select count(*) > 0 from payments").endswith("t"), "the payments are still there")
    for what, attempt in (
        ("ingesting", lambda: guest.put(packed("CommandStatementIngest", field(2, b"payments")))),
        ("a plan of Substrait", lambda: guest.info(packed("CommandStatementSubstraitPlan", field(1, field(1, b"x"))))),
        ("an update by a plan", lambda: guest.put(packed("CommandStatementSubstraitPlan", field(1, field(1, b"x"))))),
        ("a prepared plan", lambda: guest.action("CreatePreparedSubstraitPlan", packed("ActionCreatePreparedSubstraitPlanRequest", b""))),
        ("a transaction", lambda: guest.action("BeginTransaction", packed("ActionBeginTransactionRequest", b""))),
        ("an action that is none", lambda: guest.action("DropEverything")),
        ("an option of the server", lambda: told(b"datafusion" in guest.action("SetSessionOptions", field(1, field(1, b"datafusion.execution.batch_size") + field(2, field(1, b"1"))))[0], "an option is told to be wrong")),
    ):
        text = refusal(attempt)
        told(text is not None or what.startswith("an option"), f"{what} is refused: {str(text)[:80]}")
    for method in ("GET", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "OPTIONS", "HEAD", "FOO"):
        said = raw(server.http, f"{method} /v1/sql HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: {login}\r\ncontent-type: text/plain\r\n"
                   "content-length: 8\r\n\r\nselect 1".encode())
        told(re.match(rb"HTTP/1.1 4\d\d ", said), f"{method} is not for SQL")


def paths(server):
    """Paths, descriptors, tickets and handles lead nowhere else."""
    login = basic("anna", PASSWORDS["anna"])
    for path in ("/../etc/passwd", "/v1/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/v1/sql/../../etc/passwd", "/..%2f..%2fetc/passwd",
                 "/v1/sql%00", "/.env", "/ckosql.toml", "/users", "http://evil.example/users", "*", "/v1/sql?x=/etc/passwd", "/metrics/../users"):
        said = raw(server.http, f"GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: {login}\r\nconnection: close\r\n\r\n".encode())
        if b"root:" in said or not re.match(rb"HTTP/1.1 40\d ", said):
            told(False, f"there is nothing at {path}: {said[:60]}")
    told(True, "paths that lead out lead nowhere")
    anna, bob = (Flight(server.flight, name, PASSWORDS[name]) for name in ("anna", "bob"))
    for descriptor in (flight.FlightDescriptor.for_path("../../etc/passwd"), flight.FlightDescriptor.for_path("/etc", "passwd"),
                       flight.FlightDescriptor.for_command(b"/etc/passwd"), flight.FlightDescriptor.for_command(packed("NoSuchCommand", b"x"))):
        told(refusal(anna.client.get_flight_info, descriptor, anna.options), f"{descriptor} is nothing")
    ticket = bob.info(asked("select id, customer_email from payments")).endpoints[0].ticket.ticket
    made = bob.action("CreatePreparedStatement", packed("ActionCreatePreparedStatementRequest", field(1, b"select count(*) from payments")))[0]
    handle = made[made.index(b"\x0a\x20") + 2:][:32]
    told(refusal(anna.get, ticket), "the ticket of another is nobody's")
    told(refusal(anna.info, packed("CommandPreparedStatementQuery", field(1, handle))), "nor is what another prepared")
    told(refusal(anna.get, packed("CommandPreparedStatementQuery", field(1, handle))), "nor its rows")
    anna.action("ClosePreparedStatement", packed("ActionClosePreparedStatementRequest", field(1, handle)))
    info = bob.info(asked(ENDLESS))
    told(refusal(anna.action, "CancelFlightInfo", field(1, info.serialize())), "nor can another cancel it")
    for at in (0, len(ticket) // 2, len(ticket) - 1):
        other = bytearray(ticket)
        other[at] ^= 1
        told(refusal(bob.get, bytes(other)), "a ticket that is altered is none")
    for forged in (b"", b"\0" * 32, os.urandom(32), packed("TicketStatementQuery", field(1, os.urandom(32))), packed("TicketStatementQuery", b"")):
        told(refusal(bob.get, forged), "a ticket that is forged is none")
    told(bob.get(ticket).num_rows > 0 and refusal(bob.get, ticket), "a ticket is its owner's, once")
    told(bob.get(packed("CommandPreparedStatementQuery", field(1, handle))).num_rows == 1, "and what was prepared is still there")
    # Cancelling takes the secret of the connection.
    victim = Pg(server.pg, "bob", PASSWORDS["bob"])
    number = victim.key[:4]
    victim.socket.sendall(message(b"Q", ENDLESS.encode() + b"\0"))
    kinds = victim.messages()
    for secret in (b"\0\0\0\0", os.urandom(4), b"", os.urandom(200)):
        raw(server.pg, struct.pack("!II", 12 + len(secret), 80877102) + number + secret)
    told(sum(1 for _, (kind, _) in zip(range(20_000), kinds) if kind == b"D") > 10_000, "who does not know its secret does not cancel a statement")
    victim.close()


def ask(sql):
    """The rows that the program tells who runs it, who sees everything."""
    code, said, wrong = run("query", "--format", "ndjson", sql, env=MERCHANT.env)
    if code != 0:
        sys.exit(f"{sql}: {wrong}")
    return [json.loads(line) for line in said.splitlines()]


def hidden():
    """What a role must not see: as one who sees everything is told."""
    rows = ask("select id, amount_minor, currency, customer_email, customer_name, reference, _raw->'destination'->>'name' as payee from payments")
    # Whom a card payout goes to has no column that could be masked, and stands in the source's own JSON.
    payees = {row["payee"] for row in rows}
    others = [row for row in rows if row["currency"] != "EUR"]
    own = [row for row in rows if row["currency"] == "EUR"]
    secrets = {row["id"] for row in others} | {row["customer_email"] for row in rows if row["customer_email"]}
    names = {row["customer_name"] for row in rows if row["customer_name"]} - payees
    disputes = {row["id"] for row in ask("select id from disputes where currency <> 'EUR'")}
    return own, others, secrets | names | disputes


def roles(server):
    """A role sees what it may, and learns of nothing else."""
    own, others, secrets = hidden()
    amounts = {row["amount_minor"] for row in others} - {row["amount_minor"] for row in own}
    one, amount = others[0], min(amounts)
    email = next(row["customer_email"] for row in others if row["customer_email"])
    probes = [
        "select * from payments", "select * from public.payments", "select * from live.payments", "select * from checkout.public.payments", "select * from payment_actions",
        "select _raw from payments", "select customer_email from payments", "select p.customer_email from payments p", "select id from payments where customer_email is not null",
        "select id from payments order by customer_email", "select count(customer_email) from payments", "select (payments).customer_email from payments",
        "select payments from payments", "select to_json(payments) from payments", "select row_to_json(p) from payments p", "select * exclude (id) from payments",
        "select customer_name, customer_name || '' from payments", f"select * from payments where id = '{one['id']}'",
        f"select * from payments where id in ('{one['id']}', 'pay_x')", f"select * from payment_actions where payment_id = '{one['id']}'",
        f"select * from payment_actions a join (values ('{one['id']}')) v(id) on a.payment_id = v.id", f"select * from payments p join (values ('{one['id']}')) v(id) on p.id = v.id",
        f"select * from (values ('{one['id']}')) v(id) left join payments p on p.id = v.id", "select * from payments a left join payments b on a.currency <> b.currency",
        "select * from payments union all select * from live.payments", "select distinct currency from payments", "select * from payments_by_day", "select * from customers",
        f"select * from customers where id = '{email}'", "select * from disputes", "select * from live.disputes", "select d.* from disputes d join payments p on true",
        "select * from dispute_evidence", "select * from settlements", "select * from live.settlements", "select * from financial_actions", "select * from balances",
        "select * from entities", "select * from reports", "select * from report_files", "select * from report_rows", "select * from system.requests", "select * from system.accounts",
        "select * from system.coverage", "select * from system.scopes", "select * from system.sync_state", "select * from system.tables", "select * from lake.payments",
        "select * from lake_at('payments', 0)", "select * from lake_at('public.payments', now())", "select * from lake_changes('payments', 0, 1)", "select * from checks.summary",
        "select * from recon.matches", "select * from sides.settlement", "select * from books.orders", "select * from ref.currencies",
        "select * from information_schema.tables", "select * from information_schema.columns", "select * from information_schema.views", "select * from information_schema.schemata",
        "select * from information_schema.df_settings", "select * from information_schema.routines", "select * from pg_catalog.pg_class", "select * from pg_catalog.pg_attribute",
        "select * from pg_catalog.pg_stats", "select * from pg_stats", "select * from pg_statistic", "select * from pg_stat_activity", "select * from pg_stat_user_tables",
        "select * from pg_settings", "select * from pg_roles", "select * from pg_authid", "select * from pg_shadow", "select * from pg_user", "select * from pg_views",
        "select * from pg_matviews", "select * from pg_prepared_statements", "select * from pg_cursors", "select * from pg_tables", "select * from pg_namespace",
        "select pg_get_viewdef('payments_by_day'::regclass)", "select pg_relation_size('payments')", "select relname, reltuples from pg_class",
        "show tables", "show columns from payments", "describe payments", "show all", "explain select * from payments", "explain analyze select * from payments",
        "explain verbose select * from payments", "explain analyze verbose select count(*) from payments where currency = 'GBP'", "explain format json select * from payments",
        "explain select * from payments where customer_email = 'x'", "explain select * from disputes", "select 1 / (amount_minor - amount_minor) from payments",
        f"select 1 / (amount_minor - {amount}) from payments", f"select count(*) from payments where 1 / (amount_minor - {amount}) = 7",
        "select id::int from payments", "select cast(id as int) from payments where currency = 'GBP'", "select * from payments where cast(id as int) = 1",
        "select * from payments where cast(reference as int) > 0 or currency <> 'EUR'", "select max(id::bytea::text::int) from payments", "select arrow_cast(id, 'Int8') from payments",
        "select approx_distinct(id) from payments", "select count(*) over (), * from payments", "select min(id), max(id) from payments", "select array_agg(id) from payments",
        "select string_agg(id, ',') from payments", "select * from payments tablesample (100)", "select * from payments where currency = 'EUR' or true", "select * from payments where not false",
        "table payments", "values ((select min(id) from payments))", "select customer_emial from payments", "select * from payment", "select * from dispute", "select * from live.nothing",
        "set search_path = live; select * from payments", "set search_path = lake, live, system; select * from requests", "set role bob; select * from disputes",
        "set session authorization bob; select * from disputes", "copy (select * from payments) to stdout", "copy payments to stdout", "copy disputes to stdout",
        "copy (select customer_email from payments) to stdout", "begin; declare c cursor for select * from payments; fetch all from c; commit",
        "begin; declare c cursor for select * from disputes; fetch all from c; commit", "prepare p as select * from payments where id = $1; execute p('" + one["id"] + "')",
        "set checkout.offline = true; select * from payments", "set checkout.max_requests = 1; select * from payments", "set checkout.on_malformed = 'null'; select * from disputes",
    ]

    def leaks(text, sql):
        # What somebody says itself is no secret to it.
        return next((secret for secret in secrets if secret in text and secret not in sql), None)

    login = basic("anna", PASSWORDS["anna"])
    guest = Flight(server.flight, "anna", PASSWORDS["anna"])
    answered = 0
    for sql in probes:
        for way, attempt in (("pg", lambda: Pg(server.pg, "anna", PASSWORDS["anna"]).ask(sql)),
                             ("pg extended", lambda: Pg(server.pg, "anna", PASSWORDS["anna"]).extended(sql)),
                             ("http", lambda: post(server.http, sql, login)[1]), ("csv", lambda: post(server.http, sql, login, "text/csv")[1]),
                             ("flight", lambda: guest.ask(sql))):
            try:
                text = attempt()
                answered += 1
            except (Refused, flight.FlightError, pyarrow.ArrowException) as error:
                text = str(error)
            found = leaks(text, sql)
            if found or "gone" == text:
                told(False, f"{sql} by {way} tells nothing of {found}: {text[:300]}")
    told(answered > len(probes), f"{len(probes)} statements in five ways tell nothing that a role must not see; {answered} are answered")
    pg = Pg(server.pg, "anna", PASSWORDS["anna"])
    for sql, wanted in (("select count(*) from payments", len(own)), (f"select count(*) from payments where id = '{one['id']}'", 0),
                        (f"select count(*) from payments where amount_minor = {amount}", 0), (f"select count(*) from payments where 1 / (amount_minor - {amount}) = 7", 0),
                        ("select sum(payments) from payments_by_day", len(own)), (f"select count(*) from payments where customer_name = '{others[0]['customer_name']}'", 0)):
        told(pg.ask(sql).split("\n")[-1] == str(wanted), f"{sql} is {wanted}")
    for sql in ("select customer_email from payments", "select * from live.disputes", "select * from system.requests"):
        unknown = refusal(pg.ask, sql)
        told(unknown and not re.search(r"role|permission|hidden|denied", unknown), f"what is hidden is not there: {unknown}")
    text = refusal(Pg, server.pg, "carl", PASSWORDS["carl"])
    told(text and "no role" in text, "who has no role is not let in")
    told(post(server.http, "select 1", basic("carl", PASSWORDS["carl"]))[0] == 403, "nor by HTTP")
    told(refusal(Flight(server.flight, "carl", PASSWORDS["carl"]).ask, "select 1"), "nor by Flight")
    told(post(server.http, "select 1", basic("anna", PASSWORDS["bob"]))[0] == 401, "the password of another is none")
    connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=60)
    connection.request("GET", "/metrics", headers={"authorization": login})
    told(connection.getresponse().status == 403, "what everybody does is not for a role")
    # How many requests it took must not depend on rows that are left out. Dora's rows are told by nothing that Checkout.com searches for.
    def outcome(condition, most):
        text = refusal(lambda: Pg(server.pg, "dora", PASSWORDS["dora"]).ask(f"set checkout.max_requests = {most}; select count(*) from payments where {condition}"))
        return re.sub(r"\d+", "N", text) if text else "answered"

    hers = "metadata->>'order_channel' = 'nowhere'"
    told(Pg(server.pg, "dora", PASSWORDS["dora"]).ask("select count(*) from payments").endswith("0"), f"dora sees no payments, only those where {hers}")
    for most in (1, 2, 3):
        told(outcome(f"amount_minor = {amount}", most) == outcome("amount_minor = -7", most), f"a limit of {most} requests tells nothing of hidden rows")


def everything():
    """The columns of all tables, in order, and the kinds of these: as the program tells who runs it."""
    own = "where table_schema <> 'information_schema'"
    kinds = {(row["s"], row["t"]): row["k"] for row in ask(f"select table_schema as s, table_name as t, table_type as k from information_schema.tables {own}")}
    columns = {name: [] for name in kinds}
    for row in ask(f"select table_schema as s, table_name as t, column_name as c from information_schema.columns {own} order by ordinal_position"):
        columns[row["s"], row["t"]].append(row["c"])
    return kinds, columns


def seen_by(user, kinds, columns):
    """What CONFIGURATION and the files of the views say that a user sees of it."""
    role = next((role for role in tomllib.loads(CONFIGURATION)["roles"].values() if user in role["users"]), None)
    if role is None:
        return {}

    def fits(pattern, name):
        return pattern == "*" or all(part in ("*", own) for part, own in zip(pattern.split("."), name, strict=True))

    def of_table(pattern, schema="*"):
        return pattern if "." in pattern or pattern == "*" else f"{schema}.{pattern}"

    hidden = {pattern.split(".")[-1] for pattern in role.get("hide", ()) if pattern.startswith("*.")}
    told(len(hidden) == len(role.get("hide", ())), f"{user}: what is hidden is so in all tables")
    needs = {}
    for schema, folder in (("public", "views"), ("checks", "checks")):
        for file in (SQL / folder).glob("*.sql"):
            text = file.read_text()
            needs[schema, file.stem] = ({("public", need) for need in re.search(r"^-- needs: (.+)$", text, re.M)[1].split(", ")}, text)
    # These two are made of all checks there are.
    needs |= {("checks", name): ({name for name in needs if name[0] == "checks"}, "") for name in ("summary", "broken")}
    there = {}
    for name in kinds:
        conditions = [condition for pattern, condition in role.get("rows", {}).items() if fits(of_table(pattern, "public"), name)]
        # The first word of a condition is the column it needs. Views have none of their own, and what is known of currencies is of nobody.
        if name in needs or name[0] in ("sides", "ref") or all(re.match(r"\w+", condition)[0] in columns[name] for condition in conditions):
            there[name] = [column for column in columns[name] if column not in hidden]
    is_less = True
    while is_less:
        gone = {name for name, (needed, text) in needs.items() if name in there and (not needed <= set(there) or any(column in text for column in hidden))}
        is_less = bool(gone)
        for name in gone:
            del there[name]
    return {name: found for name, found in there.items() if any(fits(of_table(pattern, "public"), name) for pattern in role["tables"])}


def listings(server):
    """What roles are told that there is, at each door and in each way of asking."""
    kinds, columns = everything()
    told(len(columns) > 100 and ["customer_email"] == [c for c in columns["live", "payments"] if c == "customer_email"], f"the program itself tells of {len(columns)} tables")

    def gathered(rows):
        found = {}
        for schema, table, column in rows:
            found.setdefault((schema, table), []).append(column)
        return {name: found for name, found in found.items() if name[0] not in ("information_schema", "pg_catalog")}

    for user in ("bob", "anna", "dora"):
        wanted = seen_by(user, kinds, columns)
        login, pg = basic(user, PASSWORDS[user]), Pg(server.pg, user, PASSWORDS[user])
        guest = Flight(server.flight, user, PASSWORDS[user])

        def by_pg(sql):
            pg.socket.sendall(message(b"Q", sql.encode() + b"\0"))
            rows = []
            for kind, body in pg.messages():
                if kind == b"E":
                    told(False, f"{sql}: {Pg.refusal(body)}")
                if kind == b"D":
                    rows.append(tuple(values(body).split("|")))
                if kind == b"Z":
                    return rows

        def by_http(sql):
            status, said = post(server.http, sql, login)
            told(status == 200, f"{sql} is answered") if status != 200 else None
            return [tuple(row.values()) for row in json.loads(said)]

        def by_flight(sql):
            return [tuple(row.values()) for row in guest.get(guest.info(asked(sql)).endpoints[0].ticket.ticket).to_pylist()]

        def listed(name, body=b""):
            return guest.get(guest.info(packed(name, body)).endpoints[0].ticket.ticket).to_pylist()

        def with_schemas():
            for row in listed("CommandGetTables", field(5, 1)):
                for name in pyarrow.ipc.read_schema(pyarrow.py_buffer(row["table_schema"])).names:
                    yield row["db_schema_name"], row["table_name"], name

        def by_adbc(depth):
            login = {"username": user, "password": PASSWORDS[user]}
            with adbc.connect(f"grpc://127.0.0.1:{server.flight}", db_kwargs=login, autocommit=True) as connection:
                for catalog in connection.adbc_get_objects(depth=depth).read_all().to_pylist():
                    for schema in catalog["catalog_db_schemas"]:
                        for table in schema["db_schema_tables"]:
                            if depth == "tables":
                                yield schema["db_schema_name"], table["table_name"], table["table_type"].replace("BASE ", "")
                            for column in table["table_columns"] or ():
                                yield schema["db_schema_name"], table["table_name"], column["column_name"]

        asked_columns = "select table_schema, table_name, column_name from information_schema.columns order by table_schema, table_name, ordinal_position"
        ways = {
            "PostgreSQL, information_schema": by_pg(asked_columns),
            "PostgreSQL, pg_attribute": by_pg("select n.nspname, c.relname, a.attname from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid "
                                              "join pg_catalog.pg_namespace n on n.oid = c.relnamespace where a.attnum > 0 order by c.oid, a.attnum"),
            "HTTP, information_schema": by_http(asked_columns),
            "Flight, information_schema": by_flight(asked_columns),
            "Flight, the tables with their columns": with_schemas(),
            **({"ADBC": by_adbc("all")} if adbc else {}),
        }
        for way, rows in ways.items():
            found = gathered(rows)
            if found != wanted:
                others = {name: set(found.get(name, ())) ^ set(wanted.get(name, ())) for name in found.keys() | wanted if found.get(name) != wanted.get(name)}
                told(False, f"{way}: {user} is told of the columns that it sees, not {others}")
        told(True, f"{user} is told of {sum(map(len, wanted.values()))} columns of {len(wanted)} tables, and of no more: {'; '.join(ways)}")
        wanted = {(*name, kinds[name]) for name in wanted}
        asked_tables = "select table_schema, table_name, table_type from information_schema.tables"
        pg_kinds = {"r": "BASE TABLE", "v": "VIEW"}
        ways = {
            "PostgreSQL, information_schema": by_pg(asked_tables),
            "PostgreSQL, pg_class": [(schema, table, pg_kinds[kind]) for schema, table, kind in by_pg(
                "select n.nspname, c.relname, c.relkind from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname not in ('pg_catalog', 'information_schema')")],
            "PostgreSQL, pg_tables and pg_views": by_pg("select schemaname, tablename, 'BASE TABLE' from pg_tables union all select schemaname, viewname, 'VIEW' from pg_views"),
            "HTTP, information_schema": by_http(asked_tables),
            "Flight, information_schema": by_flight(asked_tables),
            "Flight, the tables": [(row["db_schema_name"], row["table_name"], row["table_type"].replace("TABLE", "BASE TABLE")) for row in listed("CommandGetTables")],
            **({"ADBC": [(schema, table, kind.replace("TABLE", "BASE TABLE")) for schema, table, kind in by_adbc("tables")]} if adbc else {}),
        }
        for way, rows in ways.items():
            rows = [row for row in rows if row[0] not in ("information_schema", "pg_catalog")]
            if sorted(rows) != sorted(wanted):
                told(False, f"{way}: {user} is told once of each table that it sees, not {set(rows) ^ wanted}")
        told(True, f"and of these tables by name: {'; '.join(ways)}")
        wanted = {schema for schema, _, _ in wanted}
        ways = {
            "PostgreSQL, pg_namespace": by_pg("select nspname from pg_namespace"), "PostgreSQL, schemata": by_pg("select schema_name from information_schema.schemata"),
            "HTTP, schemata": by_http("select schema_name from information_schema.schemata"),
            "Flight, the schemas": [(row["db_schema_name"],) for row in listed("CommandGetDbSchemas")],
        }
        for way, rows in ways.items():
            found = {schema for schema, in rows} - {"information_schema", "pg_catalog"}
            told(found == wanted, f"{way}: {user} is told of the schemas {sorted(wanted)}, not {sorted(found)}") if found != wanted else None
        told(True, f"and of the schemas {', '.join(sorted(wanted))}: {'; '.join(ways)}")
    nobody = Flight(server.flight, "carl", PASSWORDS["carl"])
    for name in ("CommandGetTables", "CommandGetDbSchemas", "CommandGetCatalogs", "CommandGetTableTypes"):
        text = refusal(lambda: nobody.get(nobody.info(packed(name, b"")).endpoints[0].ticket.ticket))
        told(text and "no role" in text, f"Flight, {name}: who has no role is told of nothing")


def too_large(server):
    """What is longer than anything may be is not waited for."""
    before = server.rss()
    for length in (0, 1, 3, 7, 10_001, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF):
        said = raw(server.pg, struct.pack("!I", length) + b"\0\3\0\0" + b"x" * 100)
        told(said[:1] in (b"E", b""), f"PostgreSQL: a first packet of {length} bytes ends the connection")
        for opened in (Pg(server.pg, "bob", PASSWORDS["bob"]),):
            opened.socket.sendall(b"Q" + struct.pack("!I", length) + b"x" * 100) if length not in (7, 10_001) else opened.socket.sendall(b"Q" + struct.pack("!I", (64 << 20) + 1))
            told(b"08P01" in heard(opened.socket), f"PostgreSQL: a message of {length} bytes ends the connection") if length != 0 else heard(opened.socket)
            opened.close()
    password = Pg(server.pg, "bob", enter=False)
    password.socket.sendall(startup("bob") + b"p" + struct.pack("!I", 1 << 24) + b"x" * 20_000)
    told(b"08P01" in heard(password.socket), "PostgreSQL: nor is a password longer than one may be")
    login = basic("bob", PASSWORDS["bob"]).encode()
    head = b"POST /v1/sql HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: " + login + b"\r\ncontent-type: text/plain\r\n"
    said = raw(server.http, head + b"content-length: 9000000000000\r\n\r\n")
    told(b" 413 " in said[:20], "HTTP: a body that says it is too long is not read")
    said = raw(server.http, head + b"content-length: 99999999999999999999999999\r\n\r\n")
    told(said[:12] == b"HTTP/1.1 400", "HTTP: nor one whose length is no number")
    with socket.create_connection(("127.0.0.1", server.http), timeout=60) as caller:
        sent = 0
        try:
            caller.sendall(head + b"transfer-encoding: chunked\r\n\r\n")
            while sent < 200 << 20:
                caller.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
                sent += 65536
        except OSError:
            pass
        told(sent < 32 << 20, f"HTTP: a body without an end is refused after {sent >> 20} MiB")
    for what, wrong in (("a header of 1 MiB", b"x: " + b"y" * (1 << 20) + b"\r\n\r\n"), ("100,000 headers", b"x: y\r\n" * 100_000 + b"\r\n"),
                        ("both lengths", b"content-length: 8\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n"),
                        ("two lengths", b"content-length: 8\r\ncontent-length: 9\r\n\r\nselect 1")):
        said = raw(server.http, head + wrong)
        told(not said or re.match(rb"HTTP/1.1 4\d\d ", said), f"HTTP: {what} is refused: {said[:30]}")
    said = raw(server.http, b"GET /" + b"x" * (1 << 20) + b" HTTP/1.1\r\nhost: localhost\r\n\r\n")
    told(not said or re.match(rb"HTTP/1.1 4\d\d ", said), "HTTP: a path of 1 MiB is refused")
    authorization = {"authorization": login.decode()}
    opened = frame(1, 4, 1, headers(SERVICE + "GetFlightInfo", **authorization))
    endless = b"".join(frame(9, 0, 1, b"\0\1x\x7f\x80\x7f" + b"y" * 16_000) for _ in range(200))
    for what, said in (("a frame of 16 MiB", [frame(0, 0, 1, b"x" * 100, length=0xFF_FFFF)]), ("a message of 4 GiB", [opened, frame(0, 0, 1, grpc(b"x" * 100, length=0xFFFF_FFFF))]),
                       ("headers without an end", [frame(1, 0, 1, headers(SERVICE + "GetFlightInfo"))] + [endless]), ("no preface", [b"x" * 100_000])):
        with socket.create_connection(("127.0.0.1", server.flight), timeout=20) as caller:
            try:
                caller.sendall(b"".join(([] if what == "no preface" else [PREFACE, frame(4, 0, 0, b"")]) + said))
                # The call is refused, or the connection ends.
                answer = b""
                while part := caller.recv(65536):
                    answer += part
                    if what == "a message of 4 GiB" and len(answer) > 150:
                        break
            except TimeoutError:
                told(False, f"Flight: {what} is refused in time: {answer[:80]}")
            except OSError:
                pass
        told(True, f"Flight: {what} is refused")
    text = refusal(Flight(server.flight, "bob", PASSWORDS["bob"]).info, asked("select '" + "x" * (5 << 20) + "'"))
    told(text is not None, f"Flight: a statement of 5 MiB is refused: {text[:80]}")
    # Calls that are begun and taken back, over and over.
    with socket.create_connection(("127.0.0.1", server.flight), timeout=60) as caller:
        try:
            caller.sendall(PREFACE + frame(4, 0, 0, b""))
            for stream in range(1, 40_001, 2):
                caller.sendall(frame(1, 4, stream, headers(SERVICE + "GetFlightInfo", **authorization)) + frame(3, 0, stream, struct.pack("!I", 8)))
        except OSError:
            pass
    told(Flight(server.flight, "bob", PASSWORDS["bob"]).ask("select 1") == "Int64(1)\n1", "Flight: calls that are taken back at once do no harm")
    after = server.rss()
    told(after < before + 200, f"memory: {before} MiB before what is too large, {after} after it")


class Slow:
    """Callers who say a byte now and then, until they are sent off."""

    def __init__(self, plain, tls):
        login = basic("bob", PASSWORDS["bob"])
        body = f"POST /v1/sql HTTP/1.1\r\nhost: localhost\r\nauthorization: {login}\r\ncontent-type: text/plain\r\ncontent-length: 5000\r\n\r\n".encode()
        hello = b"\x16\3\1\2\0\1\0\1\xfc\3\3" + b"x" * 508
        password = startup("bob") + message(b"p", b"SCRAM-SHA-256\0" + b"\0\0\0\x20" + b"n,,n=bob,r=rOprNGfwEbeRWgbNEkqOx")
        self.taken, self.threads = {}, []
        for what, port, at_once, drip in (
            ("PostgreSQL, the first packet", plain.pg, b"", startup("bob", options="x" * 500)),
            ("PostgreSQL, nothing at all", plain.pg, b"", b""),
            ("PostgreSQL, the password", plain.pg, startup("bob"), password[len(startup("bob")):] * 10),
            ("HTTP, the headers", plain.http, b"GET / HTTP/1.1\r\n", b"x: y\r\n" * 100),
            ("HTTP, the body", plain.http, body, b" " * 5000),
            ("HTTP, nothing at all", plain.http, b"", b""),
            ("Flight, the preface", plain.flight, b"", PREFACE * 10),
            ("Flight, a header", plain.flight, PREFACE + frame(4, 0, 0, b""), frame(1, 0, 1, headers(SERVICE + "GetFlightInfo")) * 10),
            ("Flight, pings", plain.flight, PREFACE + frame(4, 0, 0, b""), None),
            ("PostgreSQL, TLS", tls.pg, b"", hello), ("HTTP, TLS", tls.http, b"", hello), ("Flight, TLS", tls.flight, b"", hello),
        ):
            thread = threading.Thread(target=self.drip, args=(what, port, at_once, drip), daemon=True)
            thread.start()
            self.threads.append((what, thread))

    def drip(self, what, port, at_once, drip):
        started = time.monotonic()
        ends = started + 3 * PATIENCE
        ping = frame(6, 0, 0, b"01234567")
        with socket.create_connection(("127.0.0.1", port), timeout=1) as caller:
            try:
                caller.sendall(at_once)
                at = 0
                while time.monotonic() < ends:
                    caller.sendall(ping if drip is None else drip[at:at + 1])
                    at += 1
                    try:
                        # The pace of who is slow, and the ear for being sent off.
                        if not caller.recv(65536):
                            break
                    except TimeoutError:
                        pass
            except OSError:
                pass
        self.taken[what] = time.monotonic() - started

    def sent_off(self):
        for what, thread in self.threads:
            thread.join(3 * PATIENCE + 10)
            took = self.taken.get(what, 999)
            told(took < PATIENCE + 15, f"who is slow is sent off after {took:.0f} s: {what}")


def crowd():
    """Ten thousand callers at once."""
    with Server("--trust", "--drain", "1", before=("--demo",)) as server:
        before, files = server.rss(), server.files()
        told(Pg(server.pg).ask("select 1").endswith("1"), f"memory before ten thousand callers: {before} MiB")

        async def one(port, kinds):
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError as error:
                return kinds.append(f"not let in: {error}")
            try:
                said = await asyncio.wait_for(reader.read(300), 3600)
            except (OSError, asyncio.CancelledError) as error:
                said = b"in" if isinstance(error, asyncio.CancelledError) else b"cut"
            kinds.append("told" if b"53300" in said or b" 503 " in said else "shut" if said in (b"", b"cut") else "in")
            if kinds[-1] == "in":
                writer.transport.abort()
            else:
                writer.close()

        async def all_of_them():
            kinds = {door: [] for door in server.ports}
            tasks = {asyncio.ensure_future(one(port, kinds[door])) for door, port in server.ports.items() for _ in range(3334)}
            # Who is let in hears nothing; all others have their answer. But a system that is slow lets callers wait
            # whom the server has not heard of: its queue is shorter than this crowd.
            # And not for so long that those who are let in and say nothing are sent off.
            ends, most, held = time.monotonic() + 20, 0, 0
            while any(len(answers) < 3334 - 100 for answers in kinds.values()) and time.monotonic() < ends:
                await asyncio.sleep(0.02)
                most, held = max(most, server.rss()), max(held, server.files() - files)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            return kinds, most, held

        kinds, most, held = asyncio.run(all_of_them())
        for door, answers in kinds.items():
            counts = {kind: answers.count(kind) for kind in set(answers)}
            wanted = "shut" if door == "--flight" else "told"
            others = counts.get("told" if door == "--flight" else "shut", 0)
            told(counts.get(wanted, 0) >= 1000 and others <= 100, f"{door}: of 3334 callers at once {counts}")
        told(300 <= held < 330, f"callers that are let in: {held}")
        told(most < before + 200, f"memory with ten thousand callers: {most} MiB")
        until(lambda: refusal(lambda: Pg(server.pg).ask("select 1")) is None, "PostgreSQL answers after the crowd")
        until(lambda: post(server.http, "select 1", accept="text/csv")[0] == 200, "HTTP answers after the crowd")
        until(lambda: refusal(lambda: Flight(server.flight).ask("select 1")) is None, "Flight answers after the crowd")
        told(True, f"good callers are answered after it; memory after the crowd: {server.rss()} MiB")


def held():
    """Ten thousand callers who are all let in, and stay."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    # Both ends have as many files as callers, and some of their own.
    each = min(10_000, hard - 400) // 3
    ping = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"

    async def frames_of(reader, stream):
        """Waits for the end of a call's answer."""
        while True:
            head = await reader.readexactly(9)
            await reader.readexactly(int.from_bytes(head[:3], "big"))
            if head[4] & 1 and head[3] in (0, 1) and int.from_bytes(head[5:], "big") == stream:
                return True

    async def ask_pg(caller):
        reader, writer, _ = caller
        writer.write(message(b"Q", b"select 7 as seven\0"))
        return b"\0\x017" in await reader.readuntil(b"Z\0\0\0\5I")

    async def ask_http(caller):
        reader, writer, _ = caller
        writer.write(ping)
        return (await reader.readuntil(b"ok\n")).startswith(b"HTTP/1.1 200")

    async def ask_flight(caller):
        reader, writer, stream = caller
        caller[2] += 2
        writer.write(b"".join(call(stream, "ListActions", b"")))
        return await frames_of(reader, stream)

    doors = {"--pg": (startup("anna"), ask_pg), "--flight": (PREFACE + frame(4, 0, 0, b""), ask_flight), "--http": (b"", ask_http)}

    def good(server):
        """Whether new callers are answered at each door."""
        try:
            return Pg(server.pg).ask("select 7").endswith("7") and Flight(server.flight).ask("select 7").endswith("7") and post(server.http, "select 7")[0] == 200
        except (Refused, flight.FlightError, OSError):
            return False

    with Server("--trust", "--drain", "1", "--max-connections", str(each + 50), before=("--demo",)) as server:
        files = server.files()
        good(server)
        before = server.rss()

        async def come(door, line):
            opening, ask = doors[door]
            try:
                async with line:
                    reader, writer = await asyncio.open_connection("127.0.0.1", server.ports[door])
                    caller = [reader, writer, 1]
                    writer.write(opening)
                    if door == "--pg":
                        await reader.readuntil(b"Z\0\0\0\5I")
                    return caller if await ask(caller) else None
            except (OSError, EOFError):
                return None

        async def stay():
            begun = time.monotonic()
            callers = {}
            # Those of HTTP come last and are asked again first: they may be silent for the shortest time.
            for door in doors:
                # No more at a time than wait in line.
                line = asyncio.Semaphore(200)
                callers[door] = await asyncio.gather(*(come(door, line) for _ in range(each)))
            took, count = time.monotonic() - begun, 3 * each
            told(all(all(found) for found in callers.values()), f"{count} callers are let in and answered, in {took:.0f} s"
                 + (f": ten thousand would be more files than the {hard} that a process may open" if count < 9_999 else ""))
            told(server.files() - files >= count, f"and the server has {server.files() - files} files open for them")
            most = server.rss()
            told(await asyncio.to_thread(good, server), "new callers are answered at each door meanwhile")
            for door, (_, ask) in reversed(doors.items()):
                again = await asyncio.gather(*(ask(caller) for caller in callers[door]), return_exceptions=True)
                told(len(again) == each and all(answer is True for answer in again), f"{door}: each of its {each} callers is still there, and answered again")
            most = max(most, server.rss())
            # A caller of PostgreSQL has a session and a catalogue of its own.
            told(most < before + 0.15 * count, f"memory with them: {most} MiB, {before} before")
            for caller in (caller for found in callers.values() for caller in found):
                caller[1].transport.abort()
            return most

        most = asyncio.run(stay())
        until(lambda: server.files() <= files + 10, "files are closed when the callers have left")
        told(good(server), f"when they have left, {server.files()} files are open, {files} before")
        # Memory is given back while something is asked, some seconds after it was last of use.
        with ThreadPoolExecutor(8) as pool:
            until(lambda: all(pool.map(lambda _: good(server), range(8))) and server.rss() < before + (most - before) / 4,
                  f"memory falls when the callers have left: {most} MiB with them, {before} before", 60)
        told(True, f"and memory has fallen from {most} to {server.rss()} MiB")


def mutated(dice, parts):
    """Messages as they are not meant to be."""
    parts = [bytearray(part) for part in parts]
    for _ in range(dice.choice((1, 1, 1, 2, 3, 8))):
        kind, at = dice.randrange(9), dice.randrange(len(parts))
        part = parts[at]
        if kind == 0 and part:
            part[dice.randrange(len(part))] ^= 1 << dice.randrange(8)
        elif kind == 1 and part:
            part[dice.randrange(len(part))] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
        elif kind == 2 and part:
            del part[dice.randrange(len(part)):]
        elif kind == 3 and len(part) > 5:
            where = dice.randrange(len(part) - 4)
            part[where:where + 4] = struct.pack("!I", dice.choice((0, 1, 4, 5, 255, 65535, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, len(part) + 1)))
        elif kind == 4:
            other = dice.randrange(len(parts))
            parts[at], parts[other] = parts[other], parts[at]
        elif kind == 5:
            parts.insert(dice.randrange(len(parts) + 1), bytearray(part))
        elif kind == 6 and len(parts) > 1:
            del parts[at]
        elif kind == 7:
            where = dice.randrange(len(part) + 1)
            part[where:where] = dice.randbytes(dice.choice((1, 2, 4, 64)))
        elif kind == 8 and len(part) > 2:
            where = dice.randrange(len(part) - 1)
            part[where:where + 2] = struct.pack("!H", dice.choice((0, 1, 0x7FFF, 0x8000, 0xFFFF)))
    return b"".join(parts)


def conversations(login=None):
    """What is said at each door that is not broken; where it is asked for, with this login."""
    select = b"select value as n, 'a' as t, 1.5::numeric(10,2) as d from generate_series(1, 3) as g(value) where value > $1"
    pg = [
        message(b"Q", b"select 1; select 'a', null\0"), message(b"P", b"s\0" + select + b"\0\0\1\0\0\0\x14"),
        message(b"D", b"Ss\0"), message(b"B", b"p\0s\0\0\1\0\1\0\1\0\0\0\x08" + b"\0" * 8 + b"\0\1\0\1"), message(b"D", b"Pp\0"), message(b"E", b"p\0\0\0\0\2"),
        message(b"E", b"p\0\0\0\0\0"), message(b"C", b"Pp\0"), message(b"H", b""), message(b"S", b""), message(b"Q", b"begin; declare c cursor for select 1; fetch all from c; commit\0"),
        message(b"Q", b"copy (select 1, 'a\tb') to stdout (format csv)\0"), message(b"d", b"x"), message(b"c", b""), message(b"f", b"no\0"), message(b"X", b""),
    ]
    body = json.dumps({"sql": "select $1 as a, $2 as b", "parameters": [1.50, "x"], "settings": {"checkout.max_requests": 5}, "timeout": "5 s"}).encode()
    shown = {"authorization": login} if login else {}
    line = f"authorization: {login}\r\n".encode() if login else b""
    web = [
        b"POST /v1/sql HTTP/1.1\r\n", *([line] if login else []), b"host: localhost\r\n", b"content-type: application/json\r\n", b"accept: text/csv;q=0.5, application/json\r\n",
        f"content-length: {len(body)}\r\n".encode(), b"\r\n", body, b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n" + line + b"\r\n",
        b"POST /v1/sql HTTP/1.1\r\nhost: localhost\r\n" + line + b"content-type: text/plain\r\naccept: application/vnd.apache.parquet\r\ntransfer-encoding: chunked\r\n\r\n",
        b"8\r\nselect 1\r\n", b"0\r\n\r\n",
    ]
    descriptor = field(1, 2) + field(2, asked("select 1 as a"))
    table = field(1, 2) + field(2, packed("CommandGetTables", field(2, b"pub%") + field(3, b"pay%") + field(5, 1)))
    prepare = field(1, b"CreatePreparedStatement") + field(2, packed("ActionCreatePreparedStatementRequest", field(1, b"select $1::int as a")))
    sent = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sent, pyarrow.schema([("a", pyarrow.int32())])) as writer:
        writer.write_batch(pyarrow.record_batch({"a": pyarrow.array([1, 2], pyarrow.int32())}))
    stream = sent.getvalue().to_pybytes()
    put = field(1, descriptor) + field(2, stream[8:400]) + field(1000, stream[-200:])
    calls = [("GetFlightInfo", descriptor), ("GetSchema", descriptor), ("DoGet", field(1, table[2:])), ("DoAction", prepare), ("ListActions", b""),
             ("DoPut", put), ("Handshake", b""), ("GetFlightInfo", table)]
    h2 = [PREFACE, frame(4, 0, 0, struct.pack("!HI", 4, 1 << 20)), frame(8, 0, 0, struct.pack("!I", 1 << 20)),
          *(part for number, (method, body) in enumerate(calls) for part in call(2 * number + 1, method, body, **shown)),
          frame(6, 0, 0, b"01234567"), frame(3, 0, 9, struct.pack("!I", 8))]
    return pg, web, h2


def fuzz():
    """Thousands of messages that are broken in some way, at each door."""
    pg, web, h2 = conversations()
    pg.insert(0, startup("anna", application_name="x"))
    with Server("--trust", before=("--demo",)) as server:
        before = server.rss()
        for door, port, parts, good in (("PostgreSQL", server.pg, pg, b"SELECT 1"), ("HTTP", server.http, web, b"200 OK"), ("Flight", server.flight, h2, b"")):
            whole = raw(port, *parts, timeout=2)
            told(len(whole) > 200 and good in whole, f"{door}: what is not broken is answered")
            dice = random.Random(SEED)
            broken = [mutated(dice, parts) for _ in range(MUTATIONS)]
            begun, answered = time.monotonic(), 0
            with ThreadPoolExecutor(16) as pool:
                # Who says such things does not wait for long.
                for number, said in enumerate(pool.map(lambda one: raw(port, one, timeout=0.05), broken)):
                    answered += len(said) > len(b" ...and nothing more")
                    if server.process.poll() is not None:
                        told(False, f"{door}: the server lives after broken conversation {number} of seed {SEED}: {server.said()[-1500:]}")
            told("panicked" not in server.said(), f"{door}: {MUTATIONS} broken conversations in {time.monotonic() - begun:.0f} s, {answered} of them answered, and no panic"
                 + (f"\n{server.said()[-1500:]}" if "panicked" in server.said() else ""))
        told(Pg(server.pg).ask("select 1").endswith("1") and post(server.http, "select 1")[0] == 200 and Flight(server.flight).ask("select 1").endswith("1"),
             f"good callers are answered after it; memory {before} MiB before, {server.rss()} after")


LET_IN = b"R\0\0\0\x08\0\0\0\0"


def broken_logins(port):
    """Exchanges about a password that are broken, though the password is right: what each is, and what the server says to it."""
    password, other = PASSWORDS["anna"], PASSWORDS["bob"]
    kept, own, stored, signed = re.search(r'"anna" "(SCRAM-SHA-256\$(\d+):[^$]+\$([^:]+):([^"]+))"', (FOLDER / "users").read_text()).groups()
    stolen = {"the key that is kept": base64.b64decode(stored), "the server's key": base64.b64decode(signed), "no key": b"\0" * 32}

    def attempt(user="anna", first=None, last=None, password=password, is_all=False):
        """All that is said to an exchange; `first` and `last` make of its messages what they want, and maybe the first is all of it."""
        pg = Pg(port, enter=False)
        exchange = Scram("anna", password)
        said = b""
        try:
            pg.socket.sendall(startup(user))
            if next(pg.messages(), (b"", b""))[0] == b"R":
                whole = exchange.first()
                pg.socket.sendall(first(whole, exchange) if first else whole)
                kind, body = (b"", b"") if is_all else next(pg.messages(), (b"", b""))
                said += kind + body
                if kind == b"R" and body[:4] == b"\0\0\0\x0b":
                    pg.socket.sendall(last(exchange, body[4:]) if last else exchange.last(body[4:]))
            # Nothing more comes, so that nothing is waited for.
            pg.socket.shutdown(socket.SHUT_WR)
            return said + pg.file.read()
        except OSError:
            return said
        finally:
            pg.close()

    def lengths(number):
        text = lambda exchange: ("n,," + exchange.bare).encode()
        return lambda whole, exchange: message(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", number(len(text(exchange)))) + text(exchange))

    def instead(text, mechanism=b"SCRAM-SHA-256"):
        return lambda whole, exchange: message(b"p", mechanism + b"\0" + struct.pack("!I", len(text)) + text)

    def proof(change):
        """A last message with another proof, made of that which would be right."""
        def last(exchange, answered):
            without, right = exchange.last(answered)[5:].split(b",p=")
            return message(b"p", without + b",p=" + change(base64.b64decode(right)))
        return last

    def encoded(change):
        return proof(lambda right: base64.b64encode(change(right)))

    def made_with(key):
        """The proof of one who has the file of users, and no password."""
        def last(exchange, answered):
            without = b"c=biws," + answered.split(b",")[0]
            signature = hmac.digest(base64.b64decode(stored), exchange.bare.encode() + b"," + answered + b"," + without, "sha256")
            return message(b"p", without + b",p=" + base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))))
        return last

    def rounds(number, says_so):
        def last(exchange, answered):
            wrong = re.sub(rb"i=\d+", b"i=%d" % number, answered)
            parts = dict(part.split("=", 1) for part in answered.decode().split(","))
            without = f"c=biws,r={parts['r']}"
            salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(parts["s"]), number)
            key = hmac.digest(salted, b"Client Key", "sha256")
            said = f"{exchange.bare},{(wrong if says_so else answered).decode()},{without}".encode()
            signature = hmac.digest(hashlib.sha256(key).digest(), said, "sha256")
            shown = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))).decode()
            return message(b"p", f"{without}{f',i={number}' if says_so else ''},p={shown}".encode())
        return last

    def whole_last(change):
        return lambda exchange, answered: change(exchange.last(answered), exchange, answered)

    # An exchange that stays open lends its nonce, and its last message.
    lender = Pg(port, enter=False)
    lender.socket.sendall(startup("anna"))
    lent = Scram("anna", password)
    next(lender.messages())
    lender.socket.sendall(lent.first())
    lent_answer = next(lender.messages())[1][4:]
    lent_last = lent.last(lent_answer)
    again = lambda whole, exchange: lent.first()
    nonce = lent_answer.split(b",")[0][2:].decode()

    attempts = {
        **{f"a first message whose length is {what}": {"first": lengths(number)} for what, number in (
            ("-1", lambda _: -1), ("-2", lambda _: -2), ("the least there is", lambda _: -1 << 31), ("the most there is", lambda _: (1 << 31) - 1),
            ("0", lambda _: 0), ("1", lambda _: 1), ("one too few", lambda own: own - 1), ("one too many", lambda own: own + 1))},
        **{f"a first message that is {text[:24]}": {"first": instead(text)} for text in (
            b"", b",", b",,", b"n", b"n,,", b"n,,n=anna", b"n,,n=anna,r=", b"n=anna,r=abcdefgh", b"x,,n=anna,r=abcdefgh", b"p=tls-unique,,n=anna,r=abcdefgh",
            b"p=tls-server-end-point,,n=anna,r=abcdefgh", b"n,,n=\xff\xfe,r=abcdefgh", b"\xff" * 40, b"\0" * 40, b"n,,n=anna,r=\x00\x01", b"n,," * 10_000)},
        **{f"the mechanism {name.decode()[:24]}": {"first": instead(b"n,,n=anna,r=abcdefgh", name)} for name in (
            b"", b"PLAIN", b"SCRAM-SHA-1", b"SCRAM-SHA-256-PLUS", b"scram-sha-256", b"SCRAM-SHA-256 ", b"x" * 20_000)},
        "a password as it is": {"first": lambda *_: message(b"p", password.encode() + b"\0")},
        "a password by MD5": {"first": lambda *_: message(b"p", b"md5" + hashlib.md5(password.encode()).hexdigest().encode() + b"\0")},
        **{f"{what} instead of a first message": {"first": lambda *_, text=text: text, "is_all": True} for what, text in (
            ("a last message", lent_last), ("a question", message(b"Q", b"select 1\0")), ("a statement", message(b"P", b"\0select 1\0\0\0") + message(b"S", b"")),
            ("a first packet", startup("anna")), ("a wish for TLS", struct.pack("!II", 8, 80877103)), ("data", message(b"d", b"x")), ("an end", message(b"X", b"")),
            ("a call of a function", message(b"F", b"\0" * 20)), ("nothing", b""), ("what there is none of", message(b"\xff", b"x")))},
        "two first messages": {"last": lambda exchange, _: exchange.first()},
        "two first messages, and a last": {"first": lambda whole, _: whole + whole},
        "the last message of another exchange": {"last": lambda *_: lent_last},
        "the nonce of another exchange": {"last": lambda exchange, answered: exchange.last(answered, nonce=nonce)},
        "both messages of another exchange": {"first": again, "last": lambda *_: lent_last},
        "the answer of another exchange": {"first": again, "last": lambda *_: lent.last(lent_answer)},
        **{f"{number} rounds{', and saying so' if says_so else ''}": {"last": rounds(number, says_so)} for number in (1, 2, int(own) - 1, int(own) + 1, 2 * int(own)) for says_so in (False, True)},
        **{f"a proof made of {what}": {"last": made_with(key)} for what, key in stolen.items()},
        "what is kept of a password as a password": {"password": kept},
        **{f"bit {bit} of the proof turned round": {"last": encoded(lambda right, bit=bit: bytes(byte ^ (1 << bit % 8 if at == bit // 8 else 0) for at, byte in enumerate(right)))}
           for bit in range(256)},
        **{f"a proof of {length} bytes": {"last": encoded(lambda right, length=length: (right * 3000)[:length])} for length in (0, 1, 16, 31, 33, 64, 20_000)},
        **{f"a proof that is {what}": {"last": proof(lambda right, text=text: text)} for what, text in (
            ("no base64", b"%%%%"), ("not UTF-8", b"\xff\xfe\xfd\xfc"), ("zeros of C", b"\0" * 44), ("only padding", b"===="))},
        **{f"a last message {what}": {"last": whole_last(change)} for what, change in (
            ("cut short", lambda whole, *_: message(b"p", whole[5:-2])), ("with more behind it", lambda whole, *_: message(b"p", whole[5:] + b",x=y")),
            ("that is not UTF-8", lambda whole, *_: message(b"p", b"\xff" + whole[5:])), ("ended as C ends texts", lambda whole, *_: message(b"p", whole[5:] + b"\0")),
            ("without its binding", lambda whole, *_: message(b"p", whole[5:].split(b",", 1)[1])), ("without its nonce", lambda whole, *_: message(b"p", b"c=biws,p=" + whole.split(b",p=")[1])),
            ("with two proofs", lambda whole, *_: whole[:1] + struct.pack("!I", len(whole) + 46) + whole[5:] + b",p=" + b"A" * 43 + b"="),
            ("that is empty", lambda *_: message(b"p", b"")), ("after an end", lambda whole, *_: message(b"X", b"") + whole), ("after a question", lambda whole, *_: message(b"Q", b"select 1\0") + whole),
            ("with a length of 0", lambda whole, *_: b"p\0\0\0\0" + whole[5:]), ("with a length of 4 GiB", lambda whole, *_: b"p\xff\xff\xff\xff" + whole[5:]))},
        **{f"the user {user[:10]!r} with the name and password of another": {"user": user} for user in ("bob", "carl", "nobody", "ANNA", "anna ", " anna", "*", "", "ann\u0430", "x" * 9_000)},
        "the password of another": {"password": other},
    }
    with ThreadPoolExecutor(8) as pool:
        answers = dict(zip(attempts, pool.map(lambda given: attempt(**given), attempts.values())))
    lender.close()
    return answers, attempt()


def fuzz_users():
    """Messages that are broken, where it is asked who one is: before one has shown it, and after."""
    audit = FOLDER / "audit.jsonl"
    count = MUTATIONS // 5
    own, others, secrets = hidden()
    wrong = basic("anna", PASSWORDS["bob"])

    def written():
        return [json.loads(line) for line in audit.read_text().splitlines()] if audit.exists() else []

    with Server("--users", str(FOLDER / "users"), "--audit", str(audit), env=MERCHANT.env) as server, ThreadPoolExecutor(16) as pool:
        def is_well(what):
            told(server.process.poll() is None and "panicked" not in server.said(), f"{what}, and the server goes on" + (f"\n{server.said()[-1500:]}" if "panicked" in server.said() else ""))

        answers, whole = broken_logins(server.pg)
        let_in = [what for what, said in answers.items() if LET_IN in said]
        told(LET_IN in whole, "an exchange that is not broken lets in")
        told(not let_in, f"{len(answers)} that are broken do not" + "".join(f": {what}" for what in let_in))
        is_well(f"{sum(b'C08P01' in said for said in answers.values())} of them are told that they break the protocol, {sum(b'C28P01' in said for said in answers.values())} that the password is wrong")

        def at_login(dice):
            """A wrong password in messages that are broken, the last of them after the server's own."""
            exchange = Scram("anna", PASSWORDS["bob"])
            question = message(b"Q", b"select 'in' || 'side'\0")
            with socket.create_connection(("127.0.0.1", server.pg), timeout=5) as caller:
                try:
                    if dice.random() < 0.5:
                        last = b"c=biws,r=" + exchange.nonce.encode() + b",p=" + base64.b64encode(b"x" * 32)
                        caller.sendall(mutated(dice, [startup("anna"), exchange.first(), message(b"p", last), question]))
                    else:
                        caller.sendall(startup("anna") + exchange.first())
                        said = b""
                        while b",i=" not in said and (part := caller.recv(1000)):
                            said += part
                        answered = said[said.index(b"r=" + exchange.nonce.encode()):]
                        caller.sendall(mutated(dice, [exchange.last(answered), question]))
                    caller.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                return heard(caller)

        known = len(written())
        dice = random.Random(SEED)
        said = list(pool.map(at_login, [random.Random(dice.random()) for _ in range(count)]))
        told(not any(LET_IN in one or b"inside" in one for one in said), f"PostgreSQL: {count} broken conversations without a password let nobody in")
        _, web, h2 = conversations(wrong)
        for door, port, parts in (("HTTP", server.http, web), ("Flight", server.flight, h2)):
            broken = [mutated(dice, parts) for _ in range(count // 2)]
            # A password takes its time to be looked at, and nobody looks at that of one who has left. Who is let in by Flight has its command back.
            said = [raw(port, *parts, timeout=1), *pool.map(lambda one: raw(port, one, timeout=0.2), broken)]
            told(len(said[0]) > 50 and not any(b"HTTP/1.1 200" in one or b"pub%" in one for one in said), f"{door}: {count // 2} broken conversations without a password are told nothing")
        outcomes = {(line["door"], line["outcome"]) for line in written()[known:]}
        told(outcomes == {(door, "unauthenticated") for door in ("pg", "http", "flight")}, f"and what is written down of them is that nobody was let in: {sorted(outcomes)}")
        is_well("nobody came in")

        known = len(written())
        login = basic("anna", PASSWORDS["anna"])
        token = "Bearer " + run("users", "token", "anna", "--users", FOLDER / "users", env=MERCHANT.env)[1].split()[0]
        pg, web, _ = conversations(token)
        shown = Flight(server.flight).client.authenticate_basic_token("anna", PASSWORDS["anna"])[1].decode()
        _, _, h2 = conversations(shown)
        sql = f"select id, customer_name, currency from payments where id in ('{own[0]['id']}', '{others[0]['id']}')".encode()
        secrets.discard(others[0]["id"])
        pg.insert(1, message(b"Q", sql + b"\0"))
        web.insert(0, b"POST /v1/sql HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\nauthorization: " + token.encode() + b"\r\ncontent-length: %d\r\n\r\n" % len(sql) + sql)
        h2.insert(-2, b"".join(call(17, "GetFlightInfo", field(1, 2) + field(2, asked(sql.decode())), authorization=shown)))

        def inside(one, timeout=2):
            caller = Pg(server.pg, "anna", PASSWORDS["anna"])
            caller.socket.settimeout(timeout)
            try:
                caller.socket.sendall(one)
            except OSError:
                pass
            said = heard(caller.socket)
            caller.close()
            return said

        for door, speak, parts in (("PostgreSQL", inside, pg), ("HTTP", lambda one, timeout=0.5: raw(server.http, one, timeout=timeout), web),
                                   ("Flight", lambda one, timeout=0.5: raw(server.flight, one, timeout=timeout), h2)):
            answer = b"customer_name" if door == "Flight" else own[0]["id"].encode()
            told(answer in speak(b"".join(parts), 2), f"{door}: what is not broken is answered to who has shown who it is")
            # To let somebody in at PostgreSQL takes longest.
            most = count // 4 if door == "PostgreSQL" else count
            said = list(pool.map(speak, [mutated(dice, parts) for _ in range(most)]))
            answered = sum(answer in one for one in said)
            found = [secret for secret in secrets if any(secret.encode() in one for one in said)]
            told(not found and answered > 0, f"{door}: {most} broken conversations of a role are told nothing that it must not see, and {answered} what it may {''.join(found)}")
        users = {line["user"] for line in written()[known:] if line["outcome"] != "unauthenticated"}
        told(users == {"anna"}, f"nobody else asked anything: {users}")
        is_well("what is broken inside does no harm")
        told(Pg(server.pg, "bob", PASSWORDS["bob"]).ask("select 1").endswith("1") and post(server.http, "select 1", login)[0] == 200
             and Flight(server.flight, "anna", PASSWORDS["anna"]).ask("select 1").endswith("1"), "good callers are answered after it")


def by_hand():
    """What happens to people: wrong keys, storms, cuts, nobody there, and being killed."""
    def everywhere(env, sql, words, arguments=(), code=None):
        """The same complaint by every door and by the program itself; and the doors live on."""
        with Server("--trust", "--drain", "1", *arguments, env=env, cwd=FOLDER / "bare") as server, ThreadPoolExecutor(4) as pool:
            own = pool.submit(run, "query", sql, env=env, cwd=FOLDER / "bare")
            asked = [pool.submit(refusal, Pg(server.pg).ask, sql), pool.submit(lambda: post(server.http, sql)[1]),
                     pool.submit(refusal, Flight(server.flight).ask, sql)]
            for text in (one.result() for one in asked):
                told(text and all(word in text for word in words), f"{sql}: {str(text)[:150]}")
            told(Pg(server.pg).ask("select 1").endswith("1"), "and the next is answered")
            ended, _, said = own.result()
            told(ended == code, f"the program's own exit code is {code}: {ended} {said.strip()[-150:]}")

    (FOLDER / "bare").mkdir()
    wrong = {**MERCHANT.env, "CHECKOUT_SECRET_KEY": "sk_sbox_aaaaaaaaaaaaaaaaaaaaaaaaaaa"}
    everywhere(wrong, "select count(*) from payments", ("key",), code=3)
    storm = Sandbox("--payments", "50", "--faults", "429=100%")
    started = time.monotonic()
    everywhere(storm.env, "select count(*) from payments", ("429",), code=4)
    told(time.monotonic() - started < 60, f"a storm of 429 is an error after {time.monotonic() - started:.0f} s")
    cut = Sandbox("--payments", "50", "--faults", "cut=100%")
    everywhere(cut.env, "select count(*) from payments", (), code=4)
    empty = Sandbox("--payments", "0")
    with Server("--trust", env=empty.env, cwd=FOLDER / "bare") as server:
        told(Pg(server.pg).ask("select count(*) from payments").endswith("0"), "an account without payments has none")
        told(post(server.http, "select * from payments") == (200, "[]\n"), "and no rows are no rows")
        told(Flight(server.flight).ask("select count(*) from disputes").endswith("0"), "by any door")
        waiting = Pg(server.pg)
        waiting.socket.sendall(message(b"Q", ENDLESS.encode() + b"\0"))
        told(waiting.socket.recv(1) == b"T", "rows come")
        ports = server.ports
        server.process.kill()
        server.process.wait(60)
        server.is_over = True
        with Server("--trust", env=empty.env, cwd=FOLDER / "bare", ports=ports) as again:
            told(Pg(again.pg).ask("select 1").endswith("1") and again.ports == ports, "killed, it is back at the same ports at once")
    for signals, code in (((signal.SIGINT,), 0), ((signal.SIGINT, signal.SIGINT), 130)):
        with Server("--trust", "--drain", "1" if code == 0 else "60", before=("--demo",)) as server:
            caller = Pg(server.pg)
            caller.socket.sendall(message(b"Q", ENDLESS.encode() + b"\0"))
            told(caller.socket.recv(1) == b"T", "rows come")
            server.process.send_signal(signals[0])
            until(lambda: "stops once" in server.said(), "it says that it stops")
            told(refusal(Pg, server.pg) is not None, "nobody comes in any more")
            for more in signals[1:]:
                server.process.send_signal(more)
            reader = threading.Thread(target=heard, args=(caller.socket,))
            reader.start()
            told(server.process.wait(60) == code, f"Ctrl-C {len(signals)} times ends with {code}")
            reader.join(60)
            server.is_over = True
    query = start("--demo", "query", "select count(*) from (" + ENDLESS + ") where value < 0", stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    until(lambda: threads(query.pid) > 2, "the program runs")
    time.sleep(0.5)  # it has no word to wait for
    query.send_signal(signal.SIGINT)
    told(query.wait(60) == 130, "Ctrl-C during a query ends with 130")


class Gate:
    """Stands before a merchant, and keeps what is asked for after first pages until it is opened."""

    def __init__(self, url):
        self.merchant = ("127.0.0.1", int(re.search(r":(\d+)/", url)[1]))
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.opened, self.waiting, self.lock = threading.Event(), 0, threading.Lock()
        threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        while True:
            caller, _ = self.listener.accept()
            onward = socket.create_connection(self.merchant)
            for carry, one, other in ((self.there, caller, onward), (self.back, onward, caller)):
                threading.Thread(target=carry, args=(one, other), daemon=True).start()

    def there(self, caller, onward):
        try:
            while part := caller.recv(65536):
                if part.startswith(b"GET /payments/search/"):
                    with self.lock:
                        self.waiting += 1
                    self.opened.wait()
                onward.sendall(part)
            onward.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    @staticmethod
    def back(onward, caller):
        try:
            while part := onward.recv(65536):
                caller.sendall(part)
            caller.close()
        except OSError:
            pass


def drain():
    """Who has a statement under way when the server is told to stop has it finished, or an error."""
    count = 4_000
    merchant = Sandbox("--payments", str(count))
    (FOLDER / "drained").mkdir()
    sql = "select id, _raw from payments"

    def by_pg(port, came):
        pg = Pg(port)
        pg.socket.sendall(message(b"Q", sql.encode() + b"\0"))
        ids = []
        for kind, body in pg.messages():
            if kind == b"E":
                raise Pg.refusal(body)
            if kind == b"D":
                ids.append(values(body).split("|")[0])
                came.set()
            if kind == b"C":
                return ids, body.decode()
        raise Refused("gone")

    def by_http(port, came):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/v1/sql", sql, {"content-type": "text/plain", "accept": "application/x-ndjson"})
        answer = connection.getresponse()
        said = answer.read(1)
        came.set()
        try:
            said += answer.read()
        except http.client.HTTPException as error:
            raise Refused(repr(error)) from error
        return [json.loads(line)["id"] for line in said.splitlines()], answer.status

    def by_flight(port, came):
        guest = Flight(port)
        ids = []
        for chunk in guest.client.do_get(guest.info(asked(sql)).endpoints[0].ticket, guest.options):
            ids += chunk.data["id"].to_pylist()
            came.set()
        return ids, None

    doors = {"--pg": by_pg, "--http": by_http, "--flight": by_flight}

    for seconds in (60, 1):
        gate = Gate(merchant.env["CKOSQL_API_URL"])
        with ThreadPoolExecutor(4) as pool, Server("--trust", "--drain", str(seconds), env={**merchant.env, "CKOSQL_API_URL": gate.url}, cwd=FOLDER / "drained") as server:
            asked_for = {}
            for door, ask in doors.items():
                before, came = gate.waiting, threading.Event()
                asked_for[door] = pool.submit(ask, server.ports[door], came)
                until(lambda: gate.waiting > before and came.is_set(), f"{door}: rows have come, and others wait for the merchant")
            told(gate.waiting >= 3 and not any(one.done() for one in asked_for.values()), f"statements are under way at each door, and {gate.waiting} requests")
            idle = {"--pg": Pg(server.pg).socket, "--http": socket.create_connection(("127.0.0.1", server.http), timeout=60)}
            idle["--http"].sendall(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n")
            told(idle["--http"].recv(1000).endswith(b"ok\n"), "it is ready")
            # One who has begun to ask and is not done with it.
            asking = socket.create_connection(("127.0.0.1", server.http), timeout=60)
            asking.sendall(b"GET /readyz HTTP/1.1\r\n")
            until(lambda: is_read(asking), "the server has read what there is")
            begun = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            server.is_over = True
            until(lambda: "stops once" in server.said(), "it says that it stops")
            until(lambda: all(refusal(socket.create_connection, ("127.0.0.1", port)) for port in server.ports.values()), "every door is shut")
            told(True, "told to stop, it lets nobody come in at any door: /readyz too is not answered there")
            told(b"57P01" in heard(idle["--pg"]) and heard(idle["--http"]) == b"", "who is in and asks nothing is sent off: by PostgreSQL with 57P01, by HTTP without a word")
            asking.sendall(b"host: localhost\r\n\r\n")
            said = heard(asking)
            told(said.startswith(b"HTTP/1.1 503 ") and b"stopping" in said, "who had begun to ask for /readyz is told 503")
            if seconds == 60:
                told(server.process.poll() is None and not any(one.done() for one in asked_for.values()), "meanwhile what is under way goes on")
                gate.opened.set()
                for door, one in asked_for.items():
                    text = refusal(one.result, 60)
                    told(text is None, f"{door}: its statement has no error: {text}") if text else None
                    ids, end = one.result()
                    told(len(ids) == len(set(ids)) == count and end in (f"SELECT {count}\0", 200, None), f"{door}: its statement is finished, with all of its {count} rows")
                told(server.process.wait(60) == 0 and time.monotonic() - begun < seconds, f"and it ends, with 0, after {time.monotonic() - begun:.1f} s")
            else:
                told(server.process.wait(60) == 0 and time.monotonic() - begun >= seconds, f"where a second is not enough, it ends after that, with 0: {time.monotonic() - begun:.1f} s")
                told("broken off" in server.said(), "and says that something was broken off")
                for door, one in asked_for.items():
                    text = refusal(one.result, 60)
                    told(text is not None, f"{door}: its statement ends with an error, not with some of its rows: {str(text)[:100]}")
                    if door == "--pg":
                        told(one.exception().state == "57P01", "by PostgreSQL with what it calls that")
                gate.opened.set()
            told("panicked" not in server.said(), "nothing in it went wrong that should not")


def threads(pid):
    return int(re.search(r"Threads:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1))


def neighbours():
    """Who asks for what takes long to compute, or to read, has nobody else wait for it."""
    deep = {
        "calls in calls": "select " + "abs(" * 34 + "1" + ")" * 34,
        "rows in rows": "select " + "row(" * 26 + "1" + ")" * 26,
        "casts in casts": "select " + "cast(" * 60 + "1" + " as int)" * 60,
        "selects in selects": "select " + "(select " * 30 + "1" + ")" * 30,
        "table functions in table functions": "select * from " + "generate_series(" * 34 + "1" + ")" * 34,
    }
    heavy = {
        "one value that takes long": "select levenshtein(repeat('x', 100000), repeat('y', 100000))",
        "rows of which each takes long": "select max(levenshtein(repeat('x', 20000 + value), repeat('y', 20000))) from generate_series(1, 1000) as t(value)",
        "a product of all with all": "select count(*) from generate_series(1, 1000000) as a(x), generate_series(1, 1000000) as b(y) where x + y = 7",
        "an order of everything": "select max(a) from (select value, row_number() over (order by value desc) as a from generate_series(1, 30000000) as t(value))",
        "a loop without an end": "with recursive t(n) as (select 1 union all select n + 1 from t) select count(*) from t",
    }
    for what, sql in {**heavy, **deep}.items():
        with Server("--trust", "--drain", "1", "--slow", "1", before=("--demo",)) as server:
            callers = [Pg(server.pg) for _ in range(2)]
            for caller in callers:
                caller.ask("set statement_timeout = '2s'")
            for caller in callers:
                caller.socket.sendall(message(b"Q", sql.encode() + b"\0"))
            said, slowest, begun = "", 0, time.monotonic()
            while time.monotonic() < begun + 3:
                started = time.monotonic()
                said = raw(server.http, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", timeout=10)
                slowest = max(slowest, time.monotonic() - started)
                if b"ok" not in said:
                    break
            told(b"ok" in said and slowest < 2, f"while others ask for {what}, /healthz answers: {slowest:.1f} s at most, {server.rss()} MiB")
            for caller in callers:
                caller.socket.settimeout(10)
                text = refusal(caller.answer)
                told(text is None or "timed out" not in text, f"and they have their answer in the time they may take: {str(text)[:80]}")
                caller.close()


PASSWORDS, MERCHANT = {}, None
CONFIGURATION = """
[roles.sellers]
users = ["anna"]
tables = ["public.*", "live.payments", "checks.*", "system.requests"]
rows = { "*" = "currency = 'EUR'" }
hide = ["*.customer_email"]
mask = ["payments.customer_name", "payments.source_name"]

[roles.others]
users = ["dora"]
tables = ["public.payments"]
rows = { "payments" = "metadata->>'order_channel' = 'nowhere'" }

[roles.everything]
users = ["bob"]
tables = ["*"]
"""


def main():
    global MERCHANT
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    wanted = sys.argv[2:]
    MERCHANT = Sandbox("--payments", "300")
    (FOLDER / "ckosql.toml").write_text(CONFIGURATION)
    for user in ("anna", "bob", "carl", "dora"):
        code, said, wrong = run("users", "add", user, "--users", FOLDER / "users", "--generate", env=MERCHANT.env)
        if code != 0:
            sys.exit(wrong)
        PASSWORDS[user] = said.strip()

    def is_wanted(part):
        return not wanted or part.__name__ in wanted

    with Server("--users", str(FOLDER / "users"), env=MERCHANT.env) as server, \
            Server("--users", str(FOLDER / "users"), *CERTIFICATE, env=MERCHANT.env) as encrypted:
        slow = Slow(server, encrypted)
        if is_wanted(openings):
            openings()
        if is_wanted(unencrypted):
            unencrypted(encrypted)
        for part in (passwords, writes, paths, roles, listings, too_large):
            if is_wanted(part):
                print(f"      {part.__name__}", flush=True)
                part(server)
        for part in (crowd, held, fuzz, fuzz_users, by_hand, drain):
            if is_wanted(part):
                print(f"      {part.__name__}", flush=True)
                part()
        if not wanted or "slow" in wanted:
            slow.sent_off()
        if is_wanted(neighbours):
            print("      neighbours", flush=True)
            neighbours()
        told(Pg(server.pg, "bob", PASSWORDS["bob"]).ask("select 1").endswith("1"), "and whoever may come in is answered as ever")


try:
    main()
finally:
    for process in STARTED:
        if process.poll() is None:
            process.kill()
            process.wait()
