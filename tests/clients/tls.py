"""ckosql serve --pg with passwords and TLS, through the clients of pg.py: who is let in, over what, and who cancels what.

    python3 tests/clients/tls.py CKOSQL

CKOSQL is the program to try. It needs what pg.py needs, psycopg2, which dbt-postgres brings along, and openssl.
"""

import asyncio
import re
import signal
import subprocess

import adbc_driver_postgresql.dbapi
import asyncpg
import psycopg
import psycopg2
import pyodbc
import sqlalchemy
from door import CKOSQL, FOLDER, told
from pg import AMOUNTS, JDBC, LONG, ODBC, Postgres, project, run

ROOT, OTHER_ROOT, CHAIN, KEY = (FOLDER / name for name in ("root.crt", "other.crt", "chain.crt", "server.key"))
PEOPLE = FOLDER / "users"
WRONG = "password authentication failed"
ENDLESS = "select value from generate_series(1, 1000000000000) as t(value)"
# What is not cancelled ends all the same, and says why.
LIMIT = {"options": "-c statement_timeout=20s"}


def certify(name, *more, by=None):
    """A key and a certificate of it, by whom it is told or by itself."""
    signer = ("-CA", FOLDER / f"{by}.crt", "-CAkey", FOLDER / f"{by}.key") if by else ()
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
        "-keyout", FOLDER / f"{name}.key", "-out", FOLDER / f"{name}.crt", *signer, *more)


def certificates():
    """A server's that a root has not signed itself, and a root that has signed nothing."""
    certify("root")
    certify("other")
    certify("between", by="root")
    certify("server", "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=DNS:localhost", by="between")
    CHAIN.write_text((FOLDER / "server.crt").read_text() + (FOLDER / "between.crt").read_text())


class Safe(Postgres):
    """A server that asks for a password, over TLS unless it is told that it has none."""

    def __init__(self, password, has_tls=True):
        tls = ("--tls-cert", str(CHAIN), "--tls-key", str(KEY)) if has_tls else ()
        super().__init__("--users", str(PEOPLE), *tls)
        self.password = password
        told(f"with a password, with{'' if has_tls else 'out'} TLS" in self.ready, "it says over what it asks for a password")

    def login(self, **more):
        """How whoever trusts the root comes in, but for what is told otherwise."""
        return self.url(**{"host": "localhost", "password": self.password, "sslmode": "verify-full", "sslrootcert": ROOT, **more})


# Each gives the row of AMOUNTS.


def psycopg3(door, **more):
    with psycopg.connect(door.login(require_auth="scram-sha-256", **more)) as connection:
        return connection.execute(AMOUNTS).fetchone()


def psycopg2_(door, **more):
    connection = psycopg2.connect(door.login(require_auth="scram-sha-256", **more))
    with connection.cursor() as cursor:
        cursor.execute(AMOUNTS)
        row = cursor.fetchone()
    connection.close()
    return row


def asyncpg_(door, direct_tls=False, **more):
    async def ask():
        connection = await asyncpg.connect(door.login(**more), direct_tls=direct_tls)
        row = await connection.fetchrow(AMOUNTS)
        await connection.close()
        return row

    return asyncio.run(ask())


def sqlalchemy_(dialect):
    def ask(door, **more):
        engine = sqlalchemy.create_engine(door.login(**more).replace("postgresql:", f"postgresql+{dialect}:"))
        with engine.connect() as connection:
            row = connection.execute(sqlalchemy.text(AMOUNTS)).one()
        engine.dispose()
        return row

    return ask


def adbc(door, **more):
    with adbc_driver_postgresql.dbapi.connect(door.login(**more)) as connection, connection.cursor() as cursor:
        cursor.execute(AMOUNTS)
        return cursor.fetchone()


def odbc(door, password=None):
    login = f"UID=anna;PWD={password or door.password};SSLmode=verify-full;pqopt={{sslrootcert={ROOT}}}"
    connection = pyodbc.connect(f"{ODBC};SERVER=localhost;PORT={door.port};DATABASE=checkout;{login}", autocommit=True)
    row = connection.execute(AMOUNTS).fetchone()
    connection.close()
    return row


def psql(door, **more):
    return door.psql("-Atc", AMOUNTS, url=door.login(**more)).strip().split("|")


CLIENTS = {"psycopg": psycopg3, "psycopg2": psycopg2_, "asyncpg": asyncpg_, "SQLAlchemy with psycopg": sqlalchemy_("psycopg"),
           "SQLAlchemy with psycopg2": sqlalchemy_("psycopg2"), "ADBC": adbc, "psqlODBC": odbc}
ERRORS = (psycopg.Error, psycopg2.Error, asyncpg.PostgresError, sqlalchemy.exc.DBAPIError, adbc_driver_postgresql.dbapi.Error, pyodbc.Error)


def refusal(client, *arguments, **more):
    """What a client says of why it is not let in, and the SQLSTATE that it tells; nothing when it is let in."""
    try:
        client(*arguments, **more)
    except ERRORS as error:
        return str(error), getattr(error, "sqlstate", None)
    return "", None


def let_in(client, row):
    told(str(row[2]) == str(LONG), f"{client} is let in by a password over TLS, and reads amounts exactly")


def libraries(door):
    for name, client in {**CLIENTS, "psql": psql}.items():
        let_in(name, client(door))
    told(door.psql("-Atc", "select current_user", url=door.login()) == "anna\n", "who comes in is who says so")
    for name, client in CLIENTS.items():
        said, state = refusal(client, door, password="x")
        # What is built upon libpq has only its words.
        told(WRONG in said and (state == "28P01" or state is None and client is not asyncpg_), f"{name} with another password is not let in")
    told(WRONG in door.psql("-c", "select 1", url=door.login(password="x"), fails=True), "psql with another password is not let in")


def node(door):
    script = """
        const { Client } = require('pg');
        (async () => {
            const [connectionString, sql, more] = process.argv.slice(1);
            const client = new Client({ connectionString, ...JSON.parse(more || '{}') });
            try {
                await client.connect();
                console.log(Object.values((await client.query(sql)).rows[0]).join('|'), client.connection.stream.authorized);
            } catch (error) {
                console.log(error.code, error.message);
                process.exitCode = 1;
            }
            await client.end();
        })();"""

    def ask(*more, fails=False, **login):
        return run("node", "-e", script, door.login(**login), AMOUNTS, *more, fails=fails)

    answer, is_authorized = ask().split()
    told(is_authorized == "true", "node's pg knows the server by its certificate")
    let_in("node's pg", answer.split("|"))
    told(ask(password="x", fails=True).startswith(f"28P01 {WRONG}"), "node's pg with another password is not let in")
    told(str(LONG) in ask('{"enableChannelBinding": true}'), "node's pg that would bind the channel is let in")
    told(str(LONG) in ask(sslnegotiation="direct"), "node's pg that begins with TLS itself is let in")


def jdbc(door):
    def url(password, sslmode):
        limit = LIMIT["options"].replace(" ", "%20")
        more = f"user=anna&password={password}&sslmode={sslmode}&sslrootcert={ROOT}&options={limit}"
        return f"jdbc:postgresql://localhost:{door.port}/checkout?{more}"

    right = door.password
    print(run(*JDBC, url(right, "verify-full"), url("x", "verify-full"), url(right, "disable"), str(LONG)), end="")


def dbt(door):
    # Its table of what it shows would round a number.
    model = f"select 'it is ' || {LONG}::decimal(38,8)::text as amount"
    login = {"host": "localhost", "sslmode": "verify-full", "sslrootcert": str(ROOT)}
    shown = project(door, model, password=door.password, **login)("show", "--select", "totals", "--output", "json")
    let_in("dbt", ("", "", "".join(re.findall(r"it is (.*)\"", shown))))
    told(WRONG in project(door, model, password="x", **login)("debug", "--connection", fails=True), "dbt with another password is not let in")


def over_tls(door):
    """Ways to TLS, and who does not go one."""
    for name, client, more in (("psycopg", psycopg3, {"sslnegotiation": "direct"}), ("asyncpg", asyncpg_, {"direct_tls": True})):
        told(str(client(door, **more)[2]) == str(LONG), f"{name} that begins with TLS itself is let in")
    for version in ("TLSv1.2", "TLSv1.3"):
        row = psycopg3(door, ssl_min_protocol_version=version, ssl_max_protocol_version=version)
        told(row[2] == LONG, f"{version} is spoken")
    said, state = refusal(asyncpg_, door, sslmode="disable")
    told("without TLS is not allowed" in said and state == "28000", "asyncpg without TLS is not let in")


# What libpq says of whom it does not trust, and of who has no TLS.
NO_TLS = "server does not support SSL, but SSL was required"
UNKNOWN_ROOT = "certificate verify failed"
ELSEWHERE = {"host": "elsewhere.example", "hostaddr": "127.0.0.1"}
NO_ROOT, OTHER = {"sslrootcert": FOLDER / "nothing.crt"}, {"sslrootcert": OTHER_ROOT}
# How one comes in, and whether it is encrypted or what is said against it: where there is TLS, and where there is none.
MODES = [
    ({"sslmode": "disable", **NO_ROOT}, "a connection without TLS is not allowed", False),
    ({"sslmode": "allow", **NO_ROOT}, True, False),
    ({"sslmode": "prefer", **NO_ROOT}, True, False),
    ({"sslmode": "require", **NO_ROOT}, True, NO_TLS),
    ({"sslmode": "verify-ca"}, True, NO_TLS),
    ({"sslmode": "verify-full"}, True, NO_TLS),
    ({"sslmode": "require", **NO_ROOT, **ELSEWHERE}, True, NO_TLS),
    ({"sslmode": "require", **OTHER}, UNKNOWN_ROOT, NO_TLS),
    ({"sslmode": "verify-ca", **OTHER}, UNKNOWN_ROOT, NO_TLS),
    ({"sslmode": "verify-full", **OTHER}, UNKNOWN_ROOT, NO_TLS),
    ({"sslmode": "verify-ca", **ELSEWHERE}, True, NO_TLS),
    ({"sslmode": "verify-full", **ELSEWHERE}, "does not match host name", NO_TLS),
    ({"sslmode": "verify-full", **NO_ROOT}, "does not exist", NO_TLS),
    # The server offers SCRAM-SHA-256 without -PLUS: who insists on binding the channel goes away by itself.
    ({"sslmode": "verify-full", "channel_binding": "disable"}, True, NO_TLS),
    ({"sslmode": "verify-full", "channel_binding": "prefer"}, True, NO_TLS),
    ({"sslmode": "verify-full", "channel_binding": "require"}, "server did not offer an authentication method that supports channel binding", NO_TLS),
    ({"sslmode": "disable", "channel_binding": "prefer"}, "a connection without TLS is not allowed", False),
    ({"sslmode": "disable", "channel_binding": "require"}, "a connection without TLS is not allowed", "channel binding"),
]


def psql_says(url):
    done = subprocess.run(["psql", "-X", url, "-c", r"\conninfo"], capture_output=True, text=True)
    return re.search(r"SSL [Cc]onnection( \(|\s*\| true)", done.stdout) is not None if done.returncode == 0 else done.stderr


def psycopg_says(url):
    try:
        with psycopg.connect(url) as connection:
            return connection.pgconn.ssl_in_use
    except psycopg.Error as error:
        return str(error)


def modes(door, has_tls):
    for more, over, without in MODES:
        expected = over if has_tls else without
        names = {ROOT: "the root", OTHER_ROOT: "another root", FOLDER / "nothing.crt": "no root"}
        how = " ".join(f"{name}={names.get(value, value)}" for name, value in more.items())
        came = expected if isinstance(expected, str) else "let in with TLS" if expected else "let in without TLS"
        for name, says in (("psql", psql_says), ("psycopg", psycopg_says)):
            said = says(door.login(**more))
            right = expected in said if isinstance(expected, str) and isinstance(said, str) else expected is said
            told(right, f"{name} at a server {'with' if has_tls else 'without'} TLS, {how}: {came}" + ("" if right else f"\n{said}"))


def cancels(connection, name, cancel):
    """Whether a connection of psycopg ends rows that come without an end: their statement runs once one is there."""
    try:
        with connection.cursor() as cursor, cursor.copy(f"copy ({ENDLESS}) to stdout") as copy:
            copy.read()
            cancel()
            while copy.read():
                pass
        told(False, f"{name} ends a statement")
    except psycopg.errors.QueryCanceled as error:
        told("user request" in str(error), f"{name} ends a statement")
    told(connection.execute("select 1").fetchone() == (1,), "and its connection goes on")


def libpq_cancels(door):
    with psycopg.connect(door.login(**LIMIT), autocommit=True) as connection:
        told(connection.pgconn.ssl_in_use, "psycopg asks over TLS")
        cancels(connection, "psycopg's cancel_safe", connection.cancel_safe)
        cancels(connection, "libpq's PQcancelBlocking", lambda: connection.pgconn.cancel_conn().blocking())
        cancels(connection, "libpq's PQcancel, which asks without TLS,", connection.cancel)


def asyncpg_cancels(door):
    async def ask():
        connection = await asyncpg.connect(door.login(**LIMIT))
        try:
            await connection.fetchval(f"select count(*) from ({ENDLESS})", timeout=1)
            told(False, "asyncpg, which asks over TLS, cancels a statement that takes too long")
        except asyncio.TimeoutError:
            # It is the server that ends what is asked; only then is there an answer to something else.
            said = await connection.fetchval("select 1", timeout=10)
            told(said == 1, "asyncpg, which asks over TLS, cancels a statement that takes too long")
        await connection.close()

    asyncio.run(ask())


def psql_cancels(door):
    command = ["psql", "-X", "-v", "VERBOSITY=verbose", door.login(**LIMIT), "-c", f"copy ({ENDLESS}) to stdout"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as asking:
        told(asking.stdout.readline() == "1\n", "psql is told rows that have no end")
        asking.send_signal(signal.SIGINT)
        said = asking.communicate()[1]
        told(asking.returncode == 1 and "57014: canceling statement due to user request" in said, "psql ends them at Ctrl-C")


def main():
    certificates()
    password = run(CKOSQL, "users", "add", "anna", "--users", PEOPLE, "--generate").strip()
    told(password not in PEOPLE.read_text() and PEOPLE.stat().st_mode & 0o777 == 0o600, "the file of users has no password, and is its owner's")
    with Safe(password) as door:
        modes(door, True)
        for part in (libraries, node, jdbc, dbt, over_tls, libpq_cancels, asyncpg_cancels, psql_cancels):
            part(door)
    with Safe(password, has_tls=False) as door:
        modes(door, False)
        told(WRONG in door.psql("-c", "select 1", url=door.url(password="x"), fails=True), "psql without TLS and with another password is not let in")


if __name__ == "__main__":
    main()
