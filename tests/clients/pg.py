"""ckosql serve --pg through real clients: psql, psycopg, asyncpg, SQLAlchemy, ADBC, dbt, psqlODBC, pgjdbc and node's pg.

    python3 tests/clients/pg.py CKOSQL

CKOSQL is the program to try. It needs psql, `pip install 'psycopg[binary]' asyncpg sqlalchemy adbc-driver-postgresql pyarrow
dbt-postgres pyodbc`, `npm install pg` with NODE_PATH set to where that is, java, and psqlODBC and pgjdbc as Debian has them.
tls.py beside it has them show passwords over TLS.
"""

import asyncio
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import adbc_driver_postgresql.dbapi
import asyncpg
import psycopg
import pyodbc
import sqlalchemy
from door import Door, FOLDER, told

HERE = Path(__file__).resolve().parent
JDBC = ("java", "-cp", "/usr/share/java/postgresql.jar", HERE / "Pg.java")
ODBC = "DRIVER={PostgreSQL Unicode}"
# Amounts that have more digits than a float, a 64-bit number and a 96-bit one.
LONG = Decimal("12345678901234567890123456789.87654321")
AMOUNTS = f"select 1::bigint as n, 12345.678::decimal(38,8) as amount, {LONG}::decimal(38,8) as long"


def run(*command, fails=False, **options):
    """What a program prints; an exit code other than 0 is an error, unless it fails as it should."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if (done.returncode != 0) != fails:
        sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


class Postgres(Door):
    """A server of this protocol alone."""

    def __init__(self, *arguments):
        super().__init__("--pg", "127.0.0.1:0", *arguments)
        self.port = self.found.group(1)

    def url(self, host="127.0.0.1", password=None, **more):
        login = "anna" if password is None else f"anna:{password}"
        more = "&".join(f"{name}={quote(str(value))}" for name, value in more.items())
        return f"postgresql://{login}@{host}:{self.port}/checkout?{more}"

    def psql(self, *arguments, url=None, fails=False):
        done = subprocess.run(["psql", "-X", "-v", "ON_ERROR_STOP=1", url or self.url(), *arguments], capture_output=True, text=True)
        if (done.returncode != 0) != fails:
            sys.exit(f"psql {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stderr if fails else done.stdout


# Every command of psql that describes something, here of everything or of what the words after it name.
DESCRIBE = r"""\d \d+ \dS \dS+ \da \da+ \dA \dA+ \dAc \dAc+ \dAf \dAf+ \dAo \dAo+ \dAp \dAp+ \db \db+ \dc \dc+ \dC \dC+ \dd \dD \dD+ \ddp
    \dE \dE+ \des \des+ \det \det+ \deu \deu+ \dew \dew+ \df \df+ \dfa \dfnptw \dF \dF+ \dFd \dFd+ \dFp \dFp+ \dFt \dFt+ \dg \dg+
    \di \di+ \dl \dL \dL+ \dm \dm+ \dn \dn+ \do \do+ \dO \dO+ \dp \dP \dP+ \dPt \dPi \drds \dRp \dRs \dRs+ \ds \ds+ \dt \dt+ \dT \dT+ \dtvmsE
    \du \du+ \dv \dv+ \dx \dx+ \dX \dX+ \dy \dy+ \dconfig \dconfig+ \l \l+ \lo_list \z \conninfo \encoding \h""".split()
DESCRIBE += [r"\d payments", r"\d+ payments", r"\d live.payments", r"\d+ live.payments", r"\d public.*", r"\d checks.*", r"\dt *.*", r"\dt system.*",
             r"\dt pay*", r"\dv *.*", r"\dn public", r"\l checkout", r"\du anna", r"\df+ version", r"\df *.*", r"\dT+ numeric", r"\dp payments",
             r"\dAc btree", r"\dAf btree int4", r"\dAo btree integer_ops", r"\dAp+ hash", r"\dconfig *", r"\dconfig+ *", r"\dF+ english",
             r"\dFp default", r"\sf version", r"\sf+ version", r"\sv declines", r"\h select"]


def psql(door):
    for command in DESCRIBE:
        door.psql("-c", command)
    told("payments" in door.psql("-c", r"\dt"), r"psql lists the tables")
    shown = door.psql("-c", r"\d payments")
    told("numeric(18,3)" in shown and "timestamp with time zone" in shown and shown.count('Table "') == 1, r"psql describes one table")
    told("anna" in door.psql("-c", r"\du"), r"psql lists the user")
    told("checkout" in door.psql("-c", r"\l") and "checkout" in door.psql("-c", r"\l+"), "psql lists the database")
    told("payments" in door.psql("-c", r"\dt+") and "declines" in door.psql("-c", r"\dv+"), "psql lists tables and views with more")
    told(door.psql("-Atc", "select version()").startswith("PostgreSQL 17.0 (ckosql"), "the version is one that clients can read")
    lines = door.psql("-c", r"\copy (select id, amount from payments order by id limit 3) to stdout with csv header")
    told(lines.startswith("id,amount\npay_") and lines.count("\n") == 4, r"psql copies")
    told("25006" in door.psql("-c", r"\set VERBOSITY verbose", "-c", "delete from payments", fails=True), "a write is refused")
    fetched = door.psql("-At", "-v", "FETCH_COUNT=100", "-c", "select id from payments")
    count = door.psql("-Atc", "select count(*) from payments")
    told(str(len(fetched.splitlines())) == count.strip(), "psql fetches by a cursor")


def psycopg3(door):
    with psycopg.connect(door.url()) as connection:
        for binary in (False, True):
            rows = connection.execute(AMOUNTS, binary=binary).fetchall()
            told(rows == [(1, Decimal("12345.67800000"), LONG)], f"psycopg reads amounts exactly, binary {binary}")
        for _ in range(8):
            found = connection.execute("select count(*) from payments where amount > %s and currency = %s", (Decimal("10.005"), "EUR")).fetchone()
        told(found[0] > 0, "psycopg prepares after five executions")
        with connection.cursor(name="named") as cursor:
            cursor.itersize = 100
            cursor.execute("select id from payments where amount > %s", (Decimal(0),))
            ids = [row[0] for row in cursor]
        told(len(ids) == len(set(ids)) > 200, "psycopg's named cursor comes to its end")
        with connection.cursor() as cursor, cursor.copy("copy (select id, amount from payments) to stdout (format binary)") as copy:
            copy.set_types(["text", "numeric"])
            told(all(isinstance(amount, Decimal) for _, amount in copy.rows()), "psycopg copies in binary")
        for wrong, name in (
            ("select nope from payments", psycopg.errors.UndefinedColumn),
            ("select * from nowhere", psycopg.errors.UndefinedTable),
            ("select nope(1)", psycopg.errors.UndefinedFunction),
            ("select * form payments", psycopg.errors.SyntaxError),
            ("select 1 / 0", psycopg.errors.DivisionByZero),
            ("select 'abc'::int", psycopg.errors.InvalidTextRepresentation),
        ):
            connection.rollback()
            try:
                connection.execute(wrong)
                told(False, f"{wrong} is refused")
            except name:
                told(True, f"psycopg knows what is wrong with {wrong}")
        connection.rollback()
        try:
            connection.execute("create table t (a int)")
            told(False, "a write is refused")
        except psycopg.errors.ReadOnlySqlTransaction:
            told(True, "psycopg knows the error of a write")


def asyncpg_(door):
    async def ask():
        connection = await asyncpg.connect(door.url())
        row = await connection.fetchrow("select amount, requested_on from payments where amount > $1 order by id limit $2", Decimal("1.5"), 1)
        told(isinstance(row["amount"], Decimal) and row["requested_on"].tzinfo is not None, "asyncpg reads amounts and times")
        async with connection.transaction():
            count = 0
            async for _ in connection.cursor("select id from payments", prefetch=50):
                count += 1
        told(count == await connection.fetchval("select count(*) from payments"), "asyncpg's cursor comes to its end")
        await connection.reset()
        await connection.close()

    asyncio.run(ask())


def sqlalchemy_(door):
    engine = sqlalchemy.create_engine(door.url().replace("postgresql://", "postgresql+psycopg://"))
    inspector = sqlalchemy.inspect(engine)
    told({"live", "public", "system"} <= set(inspector.get_schema_names()), "SQLAlchemy lists the schemas")
    told("payments" in inspector.get_table_names() and inspector.has_table("payments"), "SQLAlchemy lists the tables")
    columns = {column["name"]: column["type"] for column in inspector.get_columns("payments")}
    told((columns["amount"].precision, columns["amount"].scale) == (18, 3), "SQLAlchemy reflects amounts with their places")
    told(inspector.get_pk_constraint("payments")["constrained_columns"] == [], "SQLAlchemy reflects that there are no keys")
    inspector.get_foreign_keys("payments"), inspector.get_indexes("payments"), inspector.get_view_names()
    payments = sqlalchemy.Table("payments", sqlalchemy.MetaData(), autoload_with=engine)
    with engine.connect() as connection:
        query = sqlalchemy.select(payments.c.currency, sqlalchemy.func.sum(payments.c.amount)).group_by(payments.c.currency)
        told(all(isinstance(total, Decimal) for _, total in connection.execute(query)), "SQLAlchemy asks a reflected table")


def adbc(door):
    with adbc_driver_postgresql.dbapi.connect(door.url()) as connection, connection.cursor() as cursor:
        cursor.execute("select id, amount, requested_on from payments")
        table = cursor.fetch_arrow_table()
        told(table.num_rows > 200, "ADBC reads through a binary COPY")


def odbc(door):
    connection = pyodbc.connect(f"{ODBC};SERVER=127.0.0.1;PORT={door.port};DATABASE=checkout;UID=anna;PWD=x", autocommit=True)
    cursor = connection.cursor()
    told(cursor.execute(AMOUNTS).fetchone()[1] == Decimal("12345.67800000"), "psqlODBC reads amounts exactly")
    told(any(row.table_name == "payments" for row in cursor.tables(schema="public")), "psqlODBC lists the tables")
    told(any(row.column_name == "amount" for row in cursor.columns(table="payments", schema="public")), "psqlODBC lists the columns")
    count = cursor.execute("select count(*) from payments where currency = ?", "EUR").fetchone()[0]
    told(count > 0, "psqlODBC binds parameters")


def jdbc(door):
    print(run(*JDBC, f"jdbc:postgresql://127.0.0.1:{door.port}/checkout?user=anna"), end="")


def node(door):
    script = """
        const { Client } = require('pg');
        (async () => {
            const client = new Client({ connectionString: process.argv[1] });
            await client.connect();
            const { rows } = await client.query('select amount::text as amount from payments where currency = $1 limit 2', ['EUR']);
            console.log(rows.length);
            await client.end();
        })();"""
    told(run("node", "-e", script, door.url()).strip() == "2", "node's pg binds parameters")


def project(door, model, **more):
    """A project of dbt with one model, `totals`; what is given runs dbt in it."""
    folder = FOLDER / "project"
    (folder / "models").mkdir(parents=True, exist_ok=True)
    (folder / "dbt_project.yml").write_text("name: books\nversion: '1.0.0'\nprofile: books\n")
    (folder / "models" / "totals.sql").write_text(model)
    output = {"type": "postgres", "host": "127.0.0.1", "port": int(door.port), "user": "anna", "password": "x", "dbname": "checkout",
              "schema": "public", "threads": 1, **more}
    (folder / "profiles.yml").write_text(json.dumps({"books": {"target": "it", "outputs": {"it": output}}}))
    options = {"cwd": folder, "env": {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}}
    return lambda *words, fails=False: run(Path(sys.executable).parent / "dbt", *words, "--profiles-dir", ".", fails=fails, **options)


def dbt(door):
    ask = project(door, "select currency, sum(amount) as total from payments where currency = 'EUR' group by currency")
    told("OK connection ok" in ask("debug"), "dbt debug connects")
    told("EUR" in ask("show", "--select", "totals"), "dbt shows a model's rows")


def main():
    with Postgres("--trust") as door:
        told("no password is asked for" in door.ready, "it says when it asks for no password")
        for client in (psql, psycopg3, asyncpg_, sqlalchemy_, adbc, odbc, jdbc, node, dbt):
            client(door)


if __name__ == "__main__":
    main()
