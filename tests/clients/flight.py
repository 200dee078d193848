"""ckosql serve --flight through ADBC, and pandas and polars that read through it.

    python3 tests/clients/flight.py CKOSQL

CKOSQL is the program to try. It needs `pip install adbc-driver-flightsql pyarrow pandas polars`.
"""

import subprocess
import threading
from decimal import Decimal
from pathlib import Path

import adbc_driver_flightsql.dbapi as flight
import adbc_driver_manager
import pandas
import polars
import pyarrow
from adbc_driver_flightsql import ConnectionOptions, DatabaseOptions
from door import CKOSQL, Door, FOLDER, told

TLS = Path(__file__).resolve().parent.parent / "fixtures" / "tls"
# Amounts that have more digits than a float, a 64-bit number and a 96-bit one.
LONG = Decimal("12345678901234567890123456789.87654321")
AMOUNTS = f"select 1::bigint as n, 12345.678::decimal(38,8) as amount, {LONG}::decimal(38,8) as long"
ENDLESS = "select value, value::decimal(38, 8) as amount from generate_series(1, 1000000000000) as t(value)"


class Flight(Door):
    """A server of this protocol alone."""

    def __init__(self, *arguments):
        super().__init__("--flight", "127.0.0.1:0", *arguments)
        self.port = self.found.group(1)

    def connect(self, scheme="grpc", host="127.0.0.1", **options):
        return flight.connect(f"{scheme}://{host}:{self.port}", db_kwargs=options, autocommit=True)


def refused(action, *words):
    """Whether it is refused, in these words."""
    try:
        action()
    except adbc_driver_manager.Error as error:
        return all(word in str(error) for word in words) or print(error)
    return False


def rows(door):
    with door.connect() as connection, connection.cursor() as cursor:
        told(cursor.execute(AMOUNTS).fetchall() == [(1, Decimal("12345.67800000"), LONG)], "amounts come exactly")
        cursor.execute("select id, amount, requested_on, currency from payments")
        table = cursor.fetch_arrow_table()
        types = {field.name: field.type for field in table.schema}
        told(table.num_rows > 200 and types["amount"] == pyarrow.decimal128(18, 3), "a table comes as Arrow, amounts with their places")
        told(types["requested_on"] == pyarrow.timestamp("us", "UTC"), "times come with their zone")
        told(cursor.adbc_execute_schema("select amount from payments").types == [pyarrow.decimal128(18, 3)], "columns are told without rows")
        reader = cursor.execute(ENDLESS).fetch_record_batch()
        told(reader.read_next_batch().num_rows > 0, "rows come as they are made")
        told(cursor.execute("explain select id from payments").fetchone() is not None, "a plan is explained")
        told(cursor.execute("select id from payments where amount < -1").fetchall() == [], "no rows are no rows")


def parameters(door):
    with door.connect() as connection, connection.cursor() as cursor:
        whole = cursor.execute("select count(*) from payments where amount > 10.5 and currency = 'EUR'").fetchone()[0]
        asked = "select count(*) from payments where amount > $1 and currency = $2"
        for amount in (Decimal("10.5"), 10.5):
            told(cursor.execute(asked, (amount, "EUR")).fetchone()[0] == whole > 0, f"a {type(amount).__name__} is compared with an amount")
        told(cursor.execute("select $1 as said", ("'; drop table payments --",)).fetchone() == ("'; drop table payments --",), "a text is no SQL")
        told(cursor.adbc_prepare(asked).types == [pyarrow.decimal128(18, 3), pyarrow.string()], "parameters are told with their types")
        cursor.execute("select $1::bigint * 2 as n", pyarrow.record_batch({"0": [1, 2, 3]}))
        told([n for (n,) in cursor.fetchall()] == [2, 4, 6], "a statement is run for each row of parameters")


def catalogue(door):
    with door.connect() as connection:
        told(connection.adbc_get_info()["vendor_name"] == "ckosql", "the server says what it is")
        told(set(connection.adbc_get_table_types()) == {"TABLE", "VIEW"}, "the kinds of tables are told")
        objects = connection.adbc_get_objects(depth="all", db_schema_filter="public").read_all().to_pylist()
        schemas = {schema["db_schema_name"]: schema["db_schema_tables"] for schema in objects[0]["catalog_db_schemas"]}
        tables = {table["table_name"]: table for table in schemas["public"]}
        columns = {column["column_name"] for column in tables["payments"]["table_columns"]}
        told(objects[0]["catalog_name"] == "checkout" and {"id", "amount", "currency"} <= columns, "tables and columns are listed")
        schema = connection.adbc_get_table_schema("payments", db_schema_filter="live")
        told(schema.field("amount").type == pyarrow.decimal128(18, 3), "a table's columns are told")


def settings(door):
    show = "select value from information_schema.df_settings where name = 'checkout.max_requests'"
    with door.connect() as one, door.connect() as other:
        with one.cursor() as cursor:
            cursor.execute("set checkout.max_requests = 7").fetchall()
            told(cursor.execute(show).fetchone() == ("7",), "a setting is set")
            told(refused(lambda: cursor.execute("set datafusion.execution.batch_size = 1").fetchall(), "server's own setting"), "the server's are not")
        with other.cursor() as cursor:
            told(cursor.execute(show).fetchone() == ("1000",), "and is another's not")
        other.adbc_connection.set_options(**{ConnectionOptions.OPTION_SESSION_OPTION_PREFIX.value + "checkout.max_requests": "9"})
        with other.cursor() as cursor:
            told(cursor.execute(show).fetchone() == ("9",), "a setting is set as an option of the session")


def refusals(door):
    with door.connect() as connection, connection.cursor() as cursor:
        told(refused(lambda: cursor.execute("delete from payments").fetchall(), "DELETE is refused: ckosql only reads"), "a write is refused")
        told(refused(lambda: cursor.executemany("insert into payments values ($1)", [("a",)]), "refused"), "and with values")
        told(refused(lambda: cursor.adbc_ingest("t", pyarrow.table({"a": [1]})), "INGEST is refused"), "rows are not taken in")
        told(refused(lambda: cursor.execute("select amont from payments").fetchall(), "Did you mean 'payments.amount'?"), "a mistake is explained")
        told(refused(lambda: cursor.execute("select 1 / (value - 100000) from generate_series(1, 200000) as t(value)").fetchall(), "ivide by zero"),
             "an error that comes with the rows is told")
        told(cursor.execute("select 1").fetchone() == (1,), "the connection goes on")


def cancelling(door):
    with door.connect() as connection, connection.cursor() as cursor:
        cursor.execute(ENDLESS)
        cursor.fetchone()
        threading.Timer(0, cursor.adbc_cancel).start()
        told(refused(cursor.fetchall, "ancel"), "rows without an end are cancelled")


def frames(door):
    sums = "select currency, sum(amount) as total from payments group by currency order by currency"
    with door.connect() as connection:
        frame = pandas.read_sql(sums, connection, dtype_backend="pyarrow")
        told(len(frame) > 3 and all(isinstance(total, Decimal) for total in frame["total"]), "pandas reads amounts as decimals")
        wide = polars.read_database(sums, connection)
        told(wide.schema["total"] == polars.Decimal(28, 3) and wide["total"].to_list() == list(frame["total"]), "polars reads the same")


def passwords():
    users = FOLDER / "users"
    command = [CKOSQL, "users", "add", "anna", "--users", str(users), "--generate"]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    tls = ("--tls-cert", str(TLS / "ec.crt"), "--tls-key", str(TLS / "ec.sec1.pem"))
    with Flight("--users", str(users), *tls) as door:
        trusted = {DatabaseOptions.TLS_ROOT_CERTS.value: (TLS / "ec.crt").read_text()}
        login = {"username": "anna", "password": made}

        def ask(scheme="grpc+tls", **options):
            with door.connect(scheme, "localhost", **options) as connection, connection.cursor() as cursor:
                return cursor.execute("select 1").fetchone() == (1,)

        told(ask(**trusted, **login), "a password and TLS let in")
        told(refused(lambda: ask(**trusted, username="anna", password="x"), "password authentication failed"), "another does not")
        told(refused(lambda: ask(**trusted), "nobody is let in"), "nor none")
        header = {DatabaseOptions.AUTHORIZATION_HEADER.value: "Bearer " + "A" * 43}
        told(refused(lambda: ask(**trusted, **header), "log in again"), "nor a token that is guessed")
        told(refused(lambda: ask(**login)), "nor a certificate that is not trusted")
        told(refused(lambda: ask("grpc", **login, **{DatabaseOptions.TIMEOUT_QUERY.value: "5"})), "nor a connection without TLS")


def main():
    with Flight("--trust") as door:
        told("Arrow Flight SQL on" in door.ready, "it says what it speaks")
        for part in (rows, parameters, catalogue, settings, refusals, cancelling, frames):
            part(door)
    passwords()


main()
