"""All doors of ckosql serve under load for a while: idle callers, busy ones, mistakes, cancels and callers that leave.

    python3 tests/clients/soak.py CKOSQL [SECONDS [BUSY]]

CKOSQL is the program to try, for 60 seconds and with 10 busy callers unless told otherwise. It needs
`pip install 'psycopg[binary]' pyarrow`, and asks Flight SQL through ADBC where adbc-driver-flightsql is installed. Answers are
checked; no error may come that is not asked for, and memory may not grow once everybody has been there.
"""

import collections
import http.client
import io
import json
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path

import psycopg
import pyarrow
import pyarrow.flight
import pyarrow.ipc
import pyarrow.parquet
from door import CKOSQL, FOLDER, told

try:
    import adbc_driver_flightsql.dbapi as adbc
except ImportError:
    adbc = None

SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 60
BUSY = int(sys.argv[3]) if len(sys.argv) > 3 else 10
WARM = max(SECONDS / 4, 5)
IDLE = 200
# What README tells of the demo merchant: dirhams, pounds and all.
TOTALS = {"AED": (502, Decimal("335833.460")), "GBP": (2283, Decimal("307115.270")), "KWD": (392, Decimal("17345.200"))}
SMALL = "select count(*) as n, sum(amount) as total from lake.payments where currency = '{}'"
IDS = "select id, amount, currency from lake.payments"
ENDLESS = "select value, value::decimal(38, 8) as amount from generate_series(1, 1000000000000) as t(value)"


def ckosql(*arguments):
    command = [CKOSQL, "--demo", "--lake", str(FOLDER / "lake"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={"HOME": str(FOLDER)})
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


class Server:
    """All doors over a lake; `rss` is in MiB."""

    def __init__(self):
        command = [CKOSQL, "--demo", "--lake", str(FOLDER / "lake"), "serve", "--trust", "--max-connections", "300", "--drain", "20"]
        for door in ("--pg", "--flight", "--http"):
            command += [door, "127.0.0.1:0"]
        self.log = open(FOLDER / "log", "w+")
        self.process = subprocess.Popen(command, stderr=self.log, env={"HOME": str(FOLDER)})
        while not (ready := (FOLDER / "log").read_text()).endswith("\n"):
            if self.process.poll() is not None:
                sys.exit(f"no ready line: {ready}")
            time.sleep(0.01)
        self.pg, self.flight, self.http = (int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", ready))

    def rss(self):
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())
        return int(found.group(1)) / 1024

    def url(self):
        return f"postgresql://anna@127.0.0.1:{self.pg}/checkout"


class Counted:
    """What came of everything, by door."""

    def __init__(self):
        self.lock = threading.Lock()
        self.done = collections.Counter()
        self.errors = []
        self.small = []

    def count(self, door, seconds=None):
        with self.lock:
            self.done[door] += 1
            if seconds is not None:
                self.small.append(seconds)

    def wrong(self, what):
        with self.lock:
            self.errors.append(what)


def same(found, expected, what):
    if found != expected:
        raise AssertionError(f"{what}: {found!r} instead of {expected!r}")


def expected(action, error, word):
    """Runs what has to fail in this way."""
    try:
        action()
    except error as caught:
        if word not in str(caught):
            raise
    else:
        raise AssertionError(f"no error: {word}")


class Pg:
    """A caller of the PostgreSQL door."""

    def __init__(self, server, dice):
        self.server, self.dice, self.connection = server, dice, None

    def connect(self):
        if self.connection is None or self.connection.closed:
            self.connection = psycopg.connect(self.server.url(), autocommit=True)
        return self.connection

    def small(self):
        currency = self.dice.choice(list(TOTALS))
        same(self.connect().execute(SMALL.format(currency)).fetchone(), TOTALS[currency], "pg")

    def extended(self):
        currency = self.dice.choice(list(TOTALS))
        sql = "select count(*), sum(amount) from lake.payments where currency = %s and amount > %s"
        found = self.connect().execute(sql, (currency, Decimal("-1")), binary=self.dice.random() < 0.5).fetchone()
        same(found, TOTALS[currency], "pg extended")

    def cursor(self):
        with self.connect().transaction(), self.connection.cursor(name="c") as cursor:
            cursor.itersize = 500
            same(sum(1 for _ in cursor.execute(IDS + " where currency = 'AED'")), TOTALS["AED"][0], "pg cursor")

    def copy(self):
        with self.connect().cursor() as cursor, cursor.copy(f"copy ({IDS}) to stdout (format csv)") as copy:
            lines = b"".join(bytes(part) for part in copy)
        same(lines.count(b",GBP\n"), TOTALS["GBP"][0], "pg copy")

    def mistake(self):
        expected(lambda: self.connect().execute("select amont from lake.payments"), psycopg.Error, "No field named amont")

    def write(self):
        expected(lambda: self.connect().execute("delete from payments"), psycopg.errors.ReadOnlySqlTransaction, "refused")

    def cancel(self):
        self.connect()
        is_over = threading.Event()

        def again_and_again():
            # One that comes before its statement is for nothing, as in PostgreSQL.
            while not is_over.wait(0.02):
                self.connection.cancel()

        canceller = threading.Thread(target=again_and_again)
        canceller.start()
        try:
            expected(lambda: self.connection.execute(f"select count(*) from ({ENDLESS}) where amount < 0"), psycopg.Error, "cancel")
        finally:
            is_over.set()
            canceller.join()
        # The last one may have been for what comes next.
        self.connection.close()

    kinds = {small: 8, extended: 5, cursor: 1, copy: 1, mistake: 2, write: 1, cancel: 1}


class Http:
    """A caller of the HTTP door."""

    def __init__(self, server, dice):
        self.server, self.dice, self.connection = server, dice, None

    def ask(self, sql, accept="application/json", **more):
        self.connection = self.connection or http.client.HTTPConnection("127.0.0.1", self.server.http, timeout=120)
        body = json.dumps({"sql": sql, **more})
        self.connection.request("POST", "/v1/sql", body, {"content-type": "application/json", "accept": accept})
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def small(self):
        currency = self.dice.choice(list(TOTALS))
        status, found = self.ask(SMALL.format(currency))
        row = json.loads(found, parse_float=Decimal)[0]
        same((status, row["n"], row["total"]), (200, *TOTALS[currency]), "http")

    def csv(self):
        same(self.ask(IDS + " where currency = $1", "text/csv", parameters=["KWD"])[1].count(b",KWD\n"), TOTALS["KWD"][0], "http csv")

    def parquet(self):
        status, found = self.ask(IDS + " where currency = 'AED'", "application/vnd.apache.parquet")
        same(pyarrow.parquet.read_metadata(io.BytesIO(found)).num_rows, TOTALS["AED"][0], "http parquet")

    def mistake(self):
        same(self.ask("select amont from lake.payments")[0], 400, "http mistake")

    def write(self):
        same(self.ask("drop table payments")[0], 403, "http write")

    def late(self):
        same(self.ask("select count(*) from (" + ENDLESS + ") where amount < 0", timeout="30 ms")[0], 504, "http late")

    def leave(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.http, timeout=120)
        connection.request("POST", "/v1/sql", ENDLESS, {"content-type": "text/plain", "accept": "text/csv"})
        connection.getresponse().read(1000)
        connection.close()

    def metrics(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.http, timeout=120)
        connection.request("GET", "/metrics")
        same(connection.getresponse().status, 200, "metrics")
        connection.close()

    kinds = {small: 8, csv: 2, parquet: 2, mistake: 2, write: 1, late: 1, leave: 1, metrics: 1}


class Flight:
    """A caller of the Flight SQL door, through ADBC where it is installed."""

    def __init__(self, server, dice):
        self.server, self.dice, self.connection = server, dice, None

    def ask(self, sql):
        if adbc:
            self.connection = self.connection or adbc.connect(f"grpc://127.0.0.1:{self.server.flight}", autocommit=True)
            with self.connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetch_arrow_table()
        self.connection = self.connection or pyarrow.flight.connect(f"grpc://127.0.0.1:{self.server.flight}")
        info = self.connection.get_flight_info(pyarrow.flight.FlightDescriptor.for_command(statement(sql)))
        return self.connection.do_get(info.endpoints[0].ticket).read_all()

    def small(self):
        currency = self.dice.choice(list(TOTALS))
        row = self.ask(SMALL.format(currency)).to_pylist()[0]
        same((row["n"], row["total"]), TOTALS[currency], "flight")

    def many(self):
        same(self.ask(IDS + " where currency = 'GBP'").num_rows, TOTALS["GBP"][0], "flight rows")

    def mistake(self):
        expected(lambda: self.ask("select amont from lake.payments"), Exception, "No field named amont")

    def write(self):
        expected(lambda: self.ask("update payments set amount = 0"), Exception, "refused")

    def leave(self):
        """Asks and does not fetch, or fetches and leaves."""
        client = pyarrow.flight.connect(f"grpc://127.0.0.1:{self.server.flight}")
        info = client.get_flight_info(pyarrow.flight.FlightDescriptor.for_command(statement(ENDLESS)))
        if self.dice.random() < 0.5:
            reader = client.do_get(info.endpoints[0].ticket)
            reader.read_chunk()
            reader.cancel()
        client.close()

    kinds = {small: 8, many: 2, mistake: 2, write: 1, leave: 1}


def statement(sql):
    """A statement as Flight SQL packs it."""
    def field(number, value):
        length, size = b"", len(value)
        while size >= 0x80:
            length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
        return bytes([number << 3 | 2]) + length + bytes([size]) + value

    url = b"type.googleapis.com/arrow.flight.protocol.sql.CommandStatementQuery"
    return field(1, url) + field(2, field(1, sql.encode()))


def busy(server, counted, ends, number):
    """One who asks without a pause; every tenth time by another connection."""
    dice = random.Random(number)
    door = (Pg, Http, Flight)[number % 3]
    kinds, weights = list(door.kinds), list(door.kinds.values())
    caller = door(server, dice)
    while time.monotonic() < ends:
        kind = dice.choices(kinds, weights)[0]
        started = time.monotonic()
        try:
            kind(caller)
            counted.count(door.__name__, time.monotonic() - started if kind is door.small else None)
        except Exception as error:
            counted.wrong(f"{door.__name__} {kind.__name__}: {type(error).__name__}: {error}")
            caller.connection = None
        if dice.random() < 0.1 and caller.connection is not None:
            caller.connection.close()
            caller.connection = None
    if caller.connection is not None:
        caller.connection.close()


def leaver(server, counted, ends):
    """One who leaves the PostgreSQL door in the middle of rows, again and again."""
    hello = b"\0\3\0\0user\0eve\0\0"
    ask = ENDLESS.encode() + b"\0"
    while time.monotonic() < ends:
        with socket.create_connection(("127.0.0.1", server.pg), timeout=60) as caller:
            caller.sendall((len(hello) + 4).to_bytes(4, "big") + hello + b"Q" + (len(ask) + 4).to_bytes(4, "big") + ask)
            read = 0
            while read < 200_000:
                part = caller.recv(65536)
                if not part:
                    counted.wrong("a caller who leaves was sent off before")
                    break
                read += len(part)
        counted.count("leavers")


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ckosql("--quiet", "sync", "payments", "payment_actions")
    server = Server()
    start = server.rss()
    idle = [psycopg.connect(server.url()) for _ in range(IDLE)]
    told(True, f"{IDLE} callers are in and ask nothing: {start:.0f} MiB before, {server.rss():.0f} MiB with them")
    counted = Counted()
    begun = time.monotonic()
    ends = begun + SECONDS
    threads = [threading.Thread(target=busy, args=(server, counted, ends, number)) for number in range(BUSY - 1)]
    threads.append(threading.Thread(target=leaver, args=(server, counted, ends)))
    for thread in threads:
        thread.start()
    seen, warm = [], None
    while any(thread.is_alive() for thread in threads):
        time.sleep(1)  # the samples' pace
        if server.process.poll() is not None:
            told(False, f"the server lives: exit {server.process.returncode}\n{(FOLDER / 'log').read_text()[-2000:]}")
        at, size = time.monotonic() - begun, server.rss()
        seen.append(size)
        # The greatest of the warm-up: what the busiest moment takes is no growth.
        warm = max(seen) if at <= WARM else warm
    took = time.monotonic() - begun
    tail = sorted(seen[len(seen) * 3 // 4:])
    settled, most = tail[len(tail) // 2], max(seen)
    for door, done in sorted(counted.done.items()):
        print(f"      {door}: {done} asked, {done / took:.1f} a second")
    small = sorted(counted.small)
    p50, p95, p99 = (1000 * small[min(int(len(small) * part), len(small) - 1)] for part in (0.5, 0.95, 0.99))
    print(f"      a small query of the lake: p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms, of {len(small)}")
    print(f"      memory: {start:.0f} MiB at the start, at most {warm:.0f} while warming up, {settled:.0f} in the last quarter, {most:.0f} at most")
    print("      each tenth of the time: " + " ".join(f"{seen[len(seen) * part // 10]:.0f}" for part in range(10)))
    told(not counted.errors, f"{len(counted.errors)} errors" + "".join(f"\n      {error}" for error in counted.errors[:10]))
    told(settled <= 1.2 * warm + 32, "memory does not grow")
    told(all(connection.execute("select 1").fetchone() == (1,) for connection in idle), "who was idle is still answered")
    for connection in idle:
        connection.close()
    server.process.send_signal(signal.SIGTERM)
    told(server.process.wait(60) == 0, "it stops when it is told to")
    log = (FOLDER / "log").read_text()
    told("panicked" not in log, "nothing went wrong that should not")


main()
