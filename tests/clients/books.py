"""Sources of the other side in real databases: PostgreSQL and MariaDB (Debian packages postgresql and mariadb-server).

    python3 tests/clients/books.py CKOSQL

CKOSQL is the program to try. The servers are started in a temporary folder, on free ports of the loopback, and are gone at the end.
"""

import csv
import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from door import CKOSQL, told
from servers import BIN, owner, run

PASSWORD = "pa ss'wörd"
ORDERS = 100_000
VALUES = f"""
create table orders (id bigint primary key, ref varchar(40), total decimal(38,8), ccy char(3), placed timestamp null, paid boolean, rate double precision);
insert into orders values (1, 'A "1" ü', 12345678901234567890.12345678, 'EUR', '2026-03-29 10:00:00', true, 0.1),
                          (2, null, -0.00000001, 'JPY', null, false, null);
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(ready, server):
    for _ in range(600):
        if ready().returncode == 0:
            return
        if server.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(f"the server did not start: {server.args}")


def postgres(folder):
    """A server of PostgreSQL with the orders; its URL and its process."""
    data, port = folder / "postgres", free_port()
    data.mkdir()
    by = owner("postgres", data)
    secret = data.parent / "postgres.secret"
    secret.write_text(PASSWORD, encoding="utf-8")
    secret.chmod(0o644)
    run(BIN / "initdb", "-D", data / "db", "-U", "shop", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", **by)
    settings = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={data}", "-c", "fsync=off", "-c", "timezone=Asia/Dubai"]
    server = subprocess.Popen([BIN / "postgres", "-D", data / "db", "-p", str(port), *settings], stderr=subprocess.DEVNULL, **by)
    ask = [BIN / "psql", "-h", "127.0.0.1", "-p", str(port), "-U", "shop", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-qAt"]
    env = {**os.environ, "PGPASSWORD": PASSWORD}
    until(lambda: subprocess.run([*ask, "-c", "select 1"], env=env, capture_output=True), server)
    many = f"create table many as select n as id, n / 100.0 as total from generate_series(1, {ORDERS}) as n;"
    run(*ask, "-c", VALUES + many, env=env)
    return f"postgres://shop@127.0.0.1:{port}/postgres", server


def mariadb(folder):
    """A server of MariaDB with the orders; its URL and its process."""
    data, port = folder / "mariadb", free_port()
    data.mkdir()
    by = owner("mysql", data)
    place = [f"--datadir={data}/db", "--no-defaults"]
    run("mariadb-install-db", place[1], place[0], "--auth-root-authentication-method=normal", "--skip-test-db", **by)
    program = shutil.which("mariadbd", path=os.environ["PATH"] + ":/usr/sbin")
    settings = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={data}/s", "--default-time-zone=+04:00"]
    server = subprocess.Popen([program, place[1], place[0], *settings], stderr=subprocess.DEVNULL, **by)
    ask = ["mariadb", "--no-defaults", f"--socket={data}/s", "-u", "root", "--default-character-set=utf8mb4"]
    until(lambda: subprocess.run([*ask, "-e", "select 1"], capture_output=True), server)
    # A timestamp is written in the zone of who writes it.
    sql = f"""create database shop character set utf8mb4; use shop; set time_zone = '+00:00'; {VALUES}
              create table many as select seq as id, cast(seq / 100 as decimal(20,2)) as total from seq_1_to_{ORDERS};
              create user shop identified by '{PASSWORD.replace("'", "''")}'; grant all on shop.* to shop;"""
    run(*ask, "-e", sql)
    return f"mysql://shop@127.0.0.1:{port}/shop", server


def source(name, url, query, more=""):
    return f"""
[books.{name}]
path = "{url}"
password = {{ env = "SHOP_PASSWORD" }}
query = '''{query}'''
{more}"""


def tried(folder, name, url):
    settings = source("orders", url, "select * from orders", """shape = "orders"
zone = "UTC"
columns = { line_id = "id", reference = "ref", amount = "total", currency = "ccy", ordered_at = "placed", paid = "cast(paid as boolean)" }
""")
    settings += source("many", url, "select * from many")
    settings += source("float", url, "select * from orders", 'shape = "orders"\ncolumns = { line_id = "id", amount = "rate", currency = "ccy" }')
    settings += source("writes", url, "insert into orders (id) values (3) returning id")
    settings += source("two", url, "select 1; select 2")
    settings += source("absent", url, "select * from no_such_table")
    settings += source("wrong", url.rsplit("/", 1)[0] + "/nothere", "select 1")
    where = folder / f"of_{name}"
    where.mkdir()
    (where / "ckosql.toml").write_text(settings)

    def asked(sql, password=PASSWORD):
        env = {"PATH": os.environ["PATH"], "SHOP_PASSWORD": password, "CHECKOUT_SECRET_KEY": "sk_sbox_abcdefghijklmnopqrstuvwxyz2"}
        done = subprocess.run([CKOSQL, "query", sql, "--format", "csv"], cwd=where, env=env, capture_output=True, text=True)
        return done.returncode, list(csv.reader(io.StringIO(done.stdout)))[1:], done.stderr

    code, rows, said = asked("select line_id, reference, amount, currency, ordered_at, paid from books.orders order by line_id")
    expected = [
        ["1", 'A "1" ü', "12345678901234567890.12345678", "EUR", "2026-03-29T10:00:00Z", "true"],
        ["2", "", "-0.00000001", "JPY", "", "false"],
    ]
    told((code, rows) == (0, expected), f"{name}: each value as it is written, {rows or said}")
    code, rows, said = asked("select count(*), sum(cast(total as decimal(38,8))), max(cast(id as bigint)) from books.many")
    total = f"{ORDERS * (ORDERS + 1) // 2 // 100}.{ORDERS * (ORDERS + 1) // 2 % 100:02}000000"
    told((code, rows) == (0, [[str(ORDERS), total, str(ORDERS)]]), f"{name}: {ORDERS} rows, {rows or said}")
    for table, word in [("float", "binary float"), ("writes", "READ"), ("two", "query"), ("absent", "no_such_table"), ("wrong", "nothere")]:
        code, _, said = asked(f"select * from books.{table}")
        told(code in (1, 2) and word.lower() in said.lower() and PASSWORD not in said, f"{name}: {table} is refused: {said.strip()}")
    code, _, said = asked("select * from books.orders", password="marker")
    told(code == 1 and "marker" not in said, f"{name}: a wrong password is refused: {said.strip()}")
    code, rows, _ = asked("select count(*) from books.orders")
    told(rows == [["2"]], f"{name}: nothing was written")
    return asked


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        folder.chmod(0o755)
        servers = []
        try:
            for name, start in [("postgres", postgres), ("mariadb", mariadb)]:
                url, server = start(folder)
                servers.append(server)
                asked = tried(folder, name, url)
                server.kill()
                server.wait()
                code, _, said = asked("select * from books.orders")
                told(code == 1, f"{name}: a server that is gone is an error: {said.strip()}")
        finally:
            for server in servers:
                server.kill()
                server.wait()
    print("databases: all is as it should be")


main()
