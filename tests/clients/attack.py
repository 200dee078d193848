"""ckosql serve, and the programs around it, through somebody who means harm.

    python3 tests/clients/attack.py CKOSQL [PART ...]

CKOSQL is the program to try; all parts of it unless some are named. It needs `pip install pyarrow` for what Flight says in
order; everything else goes over plain sockets. What is random has a fixed seed.
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
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow
import pyarrow.flight as flight

CKOSQL = os.path.abspath(sys.argv[1])
TLS = Path(__file__).resolve().parent.parent / "fixtures" / "tls"
CERTIFICATE = ("--tls-cert", str(TLS / "ec.crt"), "--tls-key", str(TLS / "ec.sec1.pem"))
FOLDER = Path(tempfile.mkdtemp())
SEED = 20
MUTATIONS = 2_000
# The time README gives who is slow to show who it is, or to ask.
PATIENCE = 30
ENDLESS = "select value from generate_series(1, 1000000000000) as t(value)"


def told(ok, what):
    print(("ok    " if ok else "WRONG ") + what, flush=True)
    if not ok:
        sys.exit(1)


def until(condition, what, seconds=30):
    """Waits for something to be so."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            told(False, what)
        time.sleep(0.02)


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


def call(stream, method, body):
    return [frame(1, 4, stream, headers(SERVICE + method)), frame(0, 1, stream, grpc(body))]


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


def hidden():
    """What a role must not see: as one who sees everything is told."""
    def ask(sql):
        code, said, wrong = run("query", "--format", "ndjson", sql, env=MERCHANT.env)
        if code != 0:
            sys.exit(f"{sql}: {wrong}")
        return [json.loads(line) for line in said.splitlines()]

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
            ends, most, held = time.monotonic() + 45, 0, 0
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


def fuzz():
    """Thousands of messages that are broken in some way, at each door."""
    select = b"select value as n, 'a' as t, 1.5::numeric(10,2) as d from generate_series(1, 3) as g(value) where value > $1"
    pg = [
        startup("anna", application_name="x"), message(b"Q", b"select 1; select 'a', null\0"), message(b"P", b"s\0" + select + b"\0\0\1\0\0\0\x14"),
        message(b"D", b"Ss\0"), message(b"B", b"p\0s\0\0\1\0\1\0\1\0\0\0\x08" + b"\0" * 8 + b"\0\1\0\1"), message(b"D", b"Pp\0"), message(b"E", b"p\0\0\0\0\2"),
        message(b"E", b"p\0\0\0\0\0"), message(b"C", b"Pp\0"), message(b"H", b""), message(b"S", b""), message(b"Q", b"begin; declare c cursor for select 1; fetch all from c; commit\0"),
        message(b"Q", b"copy (select 1, 'a\tb') to stdout (format csv)\0"), message(b"d", b"x"), message(b"c", b""), message(b"f", b"no\0"), message(b"X", b""),
    ]
    body = json.dumps({"sql": "select $1 as a, $2 as b", "parameters": [1.50, "x"], "settings": {"checkout.max_requests": 5}, "timeout": "5 s"}).encode()
    web = [
        b"POST /v1/sql HTTP/1.1\r\n", b"host: localhost\r\n", b"content-type: application/json\r\n", b"accept: text/csv;q=0.5, application/json\r\n",
        f"content-length: {len(body)}\r\n".encode(), b"\r\n", body, b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"POST /v1/sql HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\naccept: application/vnd.apache.parquet\r\ntransfer-encoding: chunked\r\n\r\n",
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
    h2 = [PREFACE, frame(4, 0, 0, struct.pack("!HI", 4, 1 << 20)), frame(8, 0, 0, struct.pack("!I", 1 << 20)), *call(1, "GetFlightInfo", descriptor),
          *call(3, "GetSchema", descriptor), *call(5, "DoGet", field(1, table[2:])), *call(7, "DoAction", prepare), *call(9, "ListActions", b""),
          *call(11, "DoPut", put), *call(13, "Handshake", b""), *call(15, "GetFlightInfo", table), frame(6, 0, 0, b"01234567"), frame(3, 0, 9, struct.pack("!I", 8))]
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
        for part in (passwords, writes, paths, roles, too_large):
            if is_wanted(part):
                print(f"      {part.__name__}", flush=True)
                part(server)
        for part in (crowd, fuzz, by_hand):
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
    shutil.rmtree(FOLDER, ignore_errors=True)
