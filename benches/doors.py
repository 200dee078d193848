"""What comes through the doors in a second: over the PostgreSQL wire next to a PostgreSQL with the same rows, and by Arrow Flight.

    cargo build --release
    pip install duckdb 'psycopg[binary]' pyarrow
    python3 benches/doors.py target/release/ckosql [--rows 1000000] [--runs 5]

It needs PostgreSQL's programs (Debian package postgresql). Ten columns of payments: ckosql reads them from a Parquet file for
each question, PostgreSQL has them in its memory. libpq holds the whole answer, in text and in binary; COPY is psql's. Both
servers take turns, and medians are told. They must tell the same rows.

By Flight, columns are asked for that stand in a Parquet file, and others that cost nothing to make, so that it is told what
the door itself takes; bytes are those of Arrow's columns. The client shares the cores with the server.
"""

import argparse
import contextlib
import hashlib
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import psycopg
from pyarrow import flight

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "clients"))
from servers import BIN, Postgres

COLUMNS = {
    "id": ("text", "format('pay_{:026d}', hash(n) % 1000000000000)"),
    "reference": ("text", "format('ORD-{:09d}', n)"),
    "status": ("text", "['Authorized', 'Captured', 'Declined', 'Refunded'][(1 + hash(n, 1) % 4)::int]"),
    "currency": ("text", "case when n % 97 > 0 then ['EUR', 'GBP', 'USD', 'JPY'][(1 + hash(n, 2) % 4)::int] end"),
    "amount": ("numeric(38,8)", "((hash(n, 3) % 5000000)::bigint * 0.01)::decimal(38, 8)"),
    "fee": ("numeric(18,2)", "((hash(n, 4) % 20000)::bigint * 0.01)::decimal(18, 2)"),
    "amount_minor": ("bigint", "(hash(n, 3) % 5000000)::bigint"),
    "requested_on": ("timestamptz", "timestamptz '2024-10-04 00:00+00' + to_microseconds((hash(n, 5) % 7776000000000)::bigint)"),
    "day": ("date", "date '2024-10-04' + (hash(n, 6) % 90)::int"),
    "approved": ("boolean", "hash(n, 7) % 10 > 0"),
}
ASKED = f"select {', '.join(COLUMNS)} from "
# Of those that are made, each column is the same memory: nothing but the door has work.
MADE = "select " + ", ".join(f"value as v{number}" for number in range(10)) + " from generate_series(1, {}) as t(value)"


class Rows(Postgres):
    """A server of the rows, which it holds in its memory."""

    def __enter__(self):
        super().__enter__()
        self.there = f"host={self.folder} user=anna dbname=postgres"
        with psycopg.connect(self.there, autocommit=True) as connection:
            types = ", ".join(f"{name} {kind}" for name, (kind, _) in COLUMNS.items())
            connection.execute(f"create table payments ({types})")
            with connection.cursor().copy("copy payments from stdin (format csv)") as copy, open(self.folder / "rows.csv", "rb") as rows:
                while part := rows.read(1 << 20):
                    copy.write(part)
            connection.execute("vacuum analyze payments")
        return self


@contextlib.contextmanager
def ckosql(program, folder):
    (folder / "ckosql.toml").write_text('[books.payments]\npath = "payments.parquet"\n')
    command = [program, "--config", folder / "ckosql.toml", "serve", "--trust", "--pg", "127.0.0.1:0", "--flight", "127.0.0.1:0"]
    # Nothing is asked of Checkout.com.
    env = {"HOME": str(folder), "CHECKOUT_SECRET_KEY": "sk_sbox_" + 27 * "a"}
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env)
    try:
        ready = server.stderr.readline()
        pg, flight = re.findall(r"127\.0\.0\.1:(\d+)", ready)
        yield f"host=127.0.0.1 port={pg} user=anna dbname=checkout", flight
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)


def held(there, sql, is_binary):
    """Seconds until libpq has the whole answer, and its rows."""
    connection = psycopg.pq.PGconn.connect(there.encode())
    began = time.perf_counter()
    result = connection.exec_params(sql.encode(), [], result_format=int(is_binary))
    seconds = time.perf_counter() - began
    if result.status != psycopg.pq.ExecStatus.TUPLES_OK:
        sys.exit(f"{sql}: {result.error_message.decode()}")
    count = result.ntuples
    connection.finish()
    return seconds, count


def copied(there, sql, path):
    """Seconds that psql takes to copy the answer to a file."""
    began = time.perf_counter()
    with open(path, "wb") as out:
        subprocess.run([BIN / "psql", "-X", "-d", there, "-c", f"copy ({sql}) to stdout"], stdout=out, check=True)
    return time.perf_counter() - began


def fetched(port, sql):
    """Seconds to fetch an answer by Flight, and its bytes."""
    with flight.connect(f"grpc://127.0.0.1:{port}") as client:
        command = flight_sql(sql)
        began = time.perf_counter()
        info = client.get_flight_info(flight.FlightDescriptor.for_command(command))
        size = sum(batch.data.nbytes for batch in client.do_get(info.endpoints[0].ticket))
        return time.perf_counter() - began, size


def flight_sql(sql):
    """Flight SQL's CommandStatementQuery, in an Any: protobuf's bytes, as there are few."""
    def field(number, value):
        size, length = len(value), b""
        while size > 127:
            length, size = length + bytes([size & 127 | 128]), size >> 7
        return bytes([number << 3 | 2]) + length + bytes([size]) + value
    return field(1, b"type.googleapis.com/arrow.flight.protocol.sql.CommandStatementQuery") + field(2, field(1, sql.encode()))


def lines_of(path):
    """What stands in a file of rows, whatever their order."""
    return hashlib.sha256(b"".join(sorted(path.read_bytes().splitlines(True)))).hexdigest()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program", type=os.path.abspath)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        columns = ", ".join(f"{made} as {name}" for name, (_, made) in COLUMNS.items())
        duckdb.execute("set timezone = 'UTC'")
        duckdb.execute(f"create table payments as select {columns} from range({asked.rows}) t(n)")
        duckdb.execute(f"copy payments to '{folder}/payments.parquet'")
        duckdb.execute(f"copy payments to '{folder}/rows.csv' (header false)")
        with Rows(folder, "shared_buffers=1GB") as theirs, ckosql(asked.program, folder) as (ours, port):
            sides = {"ckosql": (ours, ASKED + "books.payments"), "PostgreSQL": (theirs.there, ASKED + "payments")}
            taken = {}
            for _ in range(asked.runs):
                for name, (there, sql) in sides.items():
                    for how in ("text", "binary"):
                        seconds, rows = held(there, sql, how == "binary")
                        if rows != asked.rows:
                            sys.exit(f"{name} tells {rows} rows in {how}")
                        taken.setdefault((how, name), []).append(seconds)
                    taken.setdefault(("COPY", name), []).append(copied(there, sql, folder / name))
            if lines_of(folder / "ckosql") != lines_of(folder / "PostgreSQL"):
                sys.exit("they do not tell the same rows")
            print(f"{asked.rows} rows x {len(COLUMNS)} columns, M rows/s: ckosql, PostgreSQL, ratio")
            for how in ("text", "binary", "COPY"):
                here, other = (asked.rows / statistics.median(taken[how, name]) / 1e6 for name in sides)
                print(f"  {how:7} {here:5.2f} {other:5.2f} {here / other:5.2f}")
            print("Arrow Flight SQL, GB/s")
            amounts = "select amount, fee, amount_minor, requested_on from books.payments"
            for what, sql in (("read", amounts), ("made", MADE.format(10 * asked.rows))):
                times = [fetched(port, sql) for _ in range(asked.runs)]
                print(f"  {what:7} {times[0][1] / statistics.median(seconds for seconds, _ in times) / 1e9:5.2f}")


main()
