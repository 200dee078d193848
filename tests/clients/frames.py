"""polars and pandas that read from ckosql serve --pg and --flight: by ADBC, connectorx, psycopg and SQLAlchemy.

    python3 tests/clients/frames.py CKOSQL

CKOSQL is the program to try. It needs `pip install adbc-driver-postgresql adbc-driver-flightsql connectorx 'psycopg[binary]'
psycopg2-binary sqlalchemy pandas polars pyarrow`. However rows are read, they are as many, and their amounts the same.
"""

import subprocess
from datetime import datetime, timezone
from decimal import Decimal

import adbc_driver_flightsql.dbapi
import adbc_driver_manager
import adbc_driver_postgresql.dbapi
import connectorx
import pandas
import polars
import pyarrow
import sqlalchemy
from door import CKOSQL, Door, FOLDER, told

PAYMENTS = "select id, amount, amount_minor, currency, requested_on from payments"
SUMS = "select currency, sum(amount) as total, count(*) as n from payments group by currency order by currency"
LONG = Decimal("12345678901234567890123456789.87654321")
AMOUNTS = f"select 1::bigint as n, 12345.678::decimal(38,8) as amount, {LONG}::decimal(38,8) as long"


def tried(what, action):
    """What an action gives; it is wrong when it fails."""
    try:
        return action()
    except Exception as error:  # noqa: BLE001, the kinds of errors are the drivers' own
        return told(False, f"{what}: {type(error).__name__} {str(error)[:600]}")


class Doors(Door):
    """A server of both protocols, up as long as the block; and what `ckosql query` says."""

    def __init__(self):
        says = r"PostgreSQL on (127\.0\.0\.1:\d+), Arrow Flight SQL on (127\.0\.0\.1:\d+)"
        super().__init__("--pg", "127.0.0.1:0", "--flight", "127.0.0.1:0", "--trust", says=says)
        self.pg, self.flight = f"postgresql://anna@{self.found.group(1)}/checkout", f"grpc://{self.found.group(2)}"
        done = subprocess.run([CKOSQL, "--demo", "query", SUMS, "--format", "csv"], env={"HOME": str(FOLDER)}, capture_output=True, text=True, check=True)
        rows = [line.split(",") for line in done.stdout.splitlines()[1:]]
        self.totals = {currency: Decimal(total) for currency, total, _ in rows}
        self.count = sum(int(n) for _, _, n in rows)

    def same(self, frame, what):
        """Whether a frame of pandas or polars has all rows, and each currency's amounts."""
        if frame is None:
            return
        totals = {}
        for currency, amount in zip(frame["currency"], frame["amount"]):
            totals[currency] = totals.get(currency, 0) + Decimal(amount)
        told(len(frame) == self.count and totals == self.totals, f"{what}: all rows, and amounts to the last digit")


def polars_(doors):
    for engine in ("adbc", "connectorx"):
        frame = tried(f"polars by {engine}", lambda: polars.read_database_uri(PAYMENTS, doors.pg, engine=engine))
        doors.same(frame, f"polars by {engine}")
        zone = frame.schema["requested_on"].time_zone if frame is not None else None
        told(zone in ("UTC", "+00:00"), f"polars by {engine} knows that times are in UTC: {zone}")
        whole = tried(f"polars by {engine}", lambda: polars.read_database_uri("select * from payments", doors.pg, engine=engine))
        told(whole is not None and whole.shape[0] == doors.count and whole.shape[1] > 90, f"polars by {engine} reads a whole table")
        first = tried(f"polars by {engine}", lambda: polars.read_database_uri("select max(requested_on) as at from payments", doors.pg, engine=engine))
        told(first is not None and first["at"][0] == datetime(2026, 6, 30, 23, 48, 6, 304150, timezone.utc), f"polars by {engine} reads times")
    # The driver tells numerics as texts, in which every digit is.
    long = tried("polars by adbc", lambda: polars.read_database_uri(AMOUNTS, doors.pg, engine="adbc"))
    told(long is not None and Decimal(long["long"][0]) == LONG, "polars by adbc reads long amounts")
    parts = tried("polars by connectorx", lambda: polars.read_database_uri(PAYMENTS, doors.pg, engine="connectorx", partition_on="amount_minor", partition_num=4))
    doors.same(parts, "polars by connectorx in four parts")
    several = [f"{PAYMENTS} where currency = 'EUR'", f"{PAYMENTS} where currency <> 'EUR'"]
    doors.same(tried("polars by connectorx", lambda: polars.read_database_uri(several, doors.pg, engine="connectorx")), "polars by connectorx, two queries at once")
    engine = sqlalchemy.create_engine(doors.pg.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        doors.same(tried("polars by SQLAlchemy", lambda: polars.read_database(PAYMENTS, connection)), "polars by SQLAlchemy")
        portions = tried("polars by SQLAlchemy", lambda: polars.concat(polars.read_database(PAYMENTS, connection, iter_batches=True, batch_size=3000)))
        doors.same(portions, "polars by SQLAlchemy in portions")
        asked = "select count(*) as n from payments where currency = any(:currencies) and amount > :amount"
        values = {"parameters": {"currencies": ["EUR", "USD"], "amount": Decimal("10.5")}}
        some = tried("polars by SQLAlchemy", lambda: polars.read_database(sqlalchemy.text(asked), connection, execute_options=values))
        told(some is not None and some["n"][0] == 4524, "polars by SQLAlchemy binds a list")
    with adbc_driver_flightsql.dbapi.connect(doors.flight, autocommit=True) as connection:
        frame = tried("polars by Flight SQL", lambda: polars.read_database(PAYMENTS, connection))
        doors.same(frame, "polars by Flight SQL")
        told(frame is not None and frame.schema["amount"] == polars.Decimal(18, 3), "polars by Flight SQL has amounts as decimals of their places")


def connectorx_(doors):
    for protocol in ("binary", "csv", "cursor", "simple"):
        read = lambda: connectorx.read_sql(doors.pg, PAYMENTS, protocol=protocol, return_type="arrow")
        table = tried(f"connectorx, {protocol}", read)
        doors.same(table and table.to_pandas(types_mapper=pandas.ArrowDtype), f"connectorx, {protocol}")
        told(table is not None and pyarrow.types.is_decimal(table.schema.field("amount").type), f"connectorx, {protocol}, has amounts as decimals")


def pandas_(doors):
    for driver in ("psycopg", "psycopg2"):
        what = f"pandas by {driver}"
        engine = sqlalchemy.create_engine(doors.pg.replace("postgresql://", f"postgresql+{driver}://"))
        with engine.connect() as connection:
            frame = tried(what, lambda: pandas.read_sql(PAYMENTS, connection, coerce_float=False))
            doors.same(frame, what)
            told(frame is not None and all(isinstance(amount, Decimal) for amount in frame["amount"]), f"{what} has amounts as decimals")
            told(frame is not None and str(frame["requested_on"].dt.tz) == "UTC", f"{what} knows that times are in UTC")
            table = tried(what, lambda: pandas.read_sql_table("payments", connection, schema="live", coerce_float=False, columns=["currency", "amount"]))
            # Which pandas makes floats of.
            told(table is not None and len(table) == doors.count and abs(table["amount"].sum() - float(sum(doors.totals.values()))) < 1, f"{what} reads a table by its name")
            asked = "select count(*) as n from payments where currency = any(:currencies) and amount > :amount"
            values = {"currencies": ["EUR", "USD"], "amount": Decimal("10.5")}
            some = tried(what, lambda: pandas.read_sql(sqlalchemy.text(asked), connection, params=values))
            told(some is not None and some["n"][0] == 4524, f"{what} binds a list")
        with engine.connect().execution_options(stream_results=True) as connection:
            portions = tried(what, lambda: pandas.concat(pandas.read_sql(PAYMENTS, connection, chunksize=3000, coerce_float=False)))
            doors.same(portions, f"{what} in portions")
        try:
            pandas.DataFrame({"a": [1]}).to_sql("t", engine)
            told(False, f"{what} writes")
        except sqlalchemy.exc.DBAPIError as error:
            told("ckosql only reads" in str(error), f"{what} is refused to write")
    for what, connect in (("ADBC", lambda: adbc_driver_postgresql.dbapi.connect(doors.pg)),
                          ("Flight SQL", lambda: adbc_driver_flightsql.dbapi.connect(doors.flight, autocommit=True))):
        what = f"pandas by {what}"
        with connect() as connection:
            frame = tried(what, lambda: pandas.read_sql(PAYMENTS, connection, dtype_backend="pyarrow"))
            doors.same(frame, what)
        with connect() as connection:
            table = tried(what, lambda: pandas.read_sql_table("disputes", connection, schema="public", dtype_backend="pyarrow"))
            told(table is not None and len(table) == 63, f"{what}, a table by its name")


def objects(doors):
    with adbc_driver_postgresql.dbapi.connect(doors.pg, autocommit=True) as connection:
        found = tried("ADBC lists tables", lambda: connection.adbc_get_objects(depth="all", db_schema_filter="public").read_all().to_pylist())
        schemas = {schema["db_schema_name"]: schema["db_schema_tables"] for schema in found[0]["catalog_db_schemas"]} if found else {}
        tables = {table["table_name"]: table for table in schemas.get("public") or []}
        columns = {column["column_name"] for column in tables.get("payments", {}).get("table_columns") or []}
        told({"id", "amount", "currency"} <= columns and tables["declines"]["table_type"] == "view", "ADBC lists tables, views and columns")
        told(connection.adbc_get_table_schema("payments", db_schema_filter="live").field("amount") is not None, "ADBC tells a table's columns")
        tried("ADBC asks for statistics", lambda: connection.adbc_get_statistics(db_schema_filter="public", approximate=True).read_all())
        with connection.cursor() as cursor:
            cursor.execute("select count(*) from payments where amount > $1 and currency = $2", (Decimal("10.5"), "EUR"))
            told(cursor.fetchone()[0] == 2627, "ADBC binds parameters")
            try:
                cursor.adbc_ingest("t", pyarrow.table({"a": [1]}))
                told(False, "ADBC takes rows in")
            except adbc_driver_manager.Error as error:
                told("ckosql only reads" in str(error), "ADBC is refused to take rows in")


def main():
    with Doors() as doors:
        for part in (polars_, connectorx_, pandas_, objects):
            part(doors)


main()
