"""ckosql serve --pg for BI tools: what Metabase, Grafana, Power BI, Tableau, DBeaver and Superset send to PostgreSQL.

    python3 tests/clients/bi.py CKOSQL

CKOSQL is the program to try. It needs `pip install 'psycopg[binary]' psycopg2-binary 'sqlalchemy==1.4.54'`, which are what
Superset asks through. The statements of the others are in the folder bi, in our words. A line above one says what it answers:

    --> a|b          its first row begins like this (more lines: one of its rows has this, with `has`)
    --> no rows
    --> refused S    with SQLSTATE S
"""

import re
import sys
from decimal import Decimal
from pathlib import Path

import psycopg
import sqlalchemy
from psycopg.types.string import TextLoader
from sqlalchemy import column, func, select, table, text
from door import Door, told

STATEMENTS = Path(__file__).resolve().parent / "bi"
# How Superset groups times, by what it calls the grain.
GRAINS = {
    "PT1S": "DATE_TRUNC('second', {col})",
    "PT5S": "DATE_TRUNC('minute', {col}) + INTERVAL '5 seconds' * FLOOR(EXTRACT(SECOND FROM {col}) / 5)",
    "PT1M": "DATE_TRUNC('minute', {col})",
    "PT15M": "DATE_TRUNC('hour', {col}) + INTERVAL '15 minutes' * FLOOR(EXTRACT(MINUTE FROM {col}) / 15)",
    "PT1H": "DATE_TRUNC('hour', {col})",
    "P1D": "DATE_TRUNC('day', {col})",
    "P1W": "DATE_TRUNC('week', {col})",
    "P3M": "DATE_TRUNC('quarter', {col})",
    "P1Y": "DATE_TRUNC('year', {col})",
    "1969-12-28T00:00:00Z/P1W": "DATE_TRUNC('week', {col} + INTERVAL '1 day') - INTERVAL '1 day'",
}
WINDOW = """requested_on >= TO_TIMESTAMP('2026-01-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US')
            AND requested_on < TO_TIMESTAMP('2026-03-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US')"""


def statements(path):
    """The statements of a file, each with what it is to answer."""
    expected, lines = [], []
    for line in path.read_text().splitlines():
        if line.startswith("--> "):
            expected.append(line.removeprefix("--> "))
        elif line and not line.startswith("-- "):
            lines.append(line)
            if line.endswith(";"):
                yield "\n".join(lines).removesuffix(";"), expected
                expected, lines = [], []
    if lines:
        sys.exit(f"{path}: a statement does not end: {lines}")


def answer(connection, sql, prepare):
    """What a statement answers: its rows as texts, or none, or the SQLSTATE of its error and the error."""
    cursor = connection.cursor()
    try:
        cursor.execute(sql, prepare=prepare)
    except psycopg.Error as error:
        return error.sqlstate, str(error)
    if cursor.description is None:
        return None, []
    return None, ["|".join("" if value is None else value for value in row) for row in cursor]


def as_expected(expected, state, rows):
    if expected.startswith("refused "):
        return state == expected.removeprefix("refused ")
    if state is not None:
        return False
    if expected == "no rows":
        return rows == []
    if expected.startswith("has "):
        return any(expected.removeprefix("has ") in row for row in rows)
    return bool(rows) and (rows[0] == expected or rows[0].startswith(expected + "|"))


def asked(url, path):
    """Asks what a file has: as texts at once, and what only reads as prepared statements too."""
    with psycopg.connect(url, autocommit=True) as connection:
        # Values as they are sent.
        for info in connection.adapters.types:
            for oid in filter(None, (info.oid, info.array_oid)):
                connection.adapters.register_loader(oid, TextLoader)
        for sql, expected in statements(path):
            reads = re.match(r"\s*(select|with|show)\b", sql) and "into temporary" not in sql
            for prepare in (False, True) if reads else (False,):
                state, rows = answer(connection, sql, prepare)
                right = all(as_expected(one, state, rows) for one in expected) and (expected or state is None)
                first = " ".join(sql.split())
                what = f"{path.stem}{', prepared' if prepare else ''}: {first if right and len(first) < 90 else first[:87] + '...'}"
                told(right, what if right else f"{what}\n{sql}\n  answers {state or ''} {rows if state else rows[:3]}\n  expected {expected}")


def superset(url):
    """What Superset asks by the inspector of its SQLAlchemy, its time grains and its time filters."""
    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))
    inspector = sqlalchemy.inspect(engine)
    told({"live", "public"} <= set(inspector.get_schema_names()), "superset lists the schemas")
    told("payments" in inspector.get_table_names("public") and "declines" in inspector.get_view_names("public"), "superset lists tables and views")
    columns = {column["name"]: column for column in inspector.get_columns("payments", "public")}
    told(str(columns["amount"]["type"]) == "NUMERIC(18, 3)" and columns["requested_on"]["type"].timezone, "superset lists the columns")
    for name in ("get_pk_constraint", "get_foreign_keys", "get_indexes", "get_unique_constraints", "get_check_constraints", "get_table_comment"):
        try:
            getattr(inspector, name)("payments", "public")
            told(True, f"superset asks for {name.removeprefix('get_')}")
        except sqlalchemy.exc.DBAPIError as error:
            told(False, f"superset asks for {name.removeprefix('get_')}: {error}")
    told(inspector.get_enums() == [], "superset asks for enumerations")
    payments = table("payments", column("currency"), column("amount"), schema="public")
    with engine.connect() as connection:
        names = [row[0] for row in connection.execute(text("SELECT datname FROM pg_database WHERE datistemplate = false"))]
        told(names == ["checkout"], "superset lists the catalogs")
        told(len(connection.execute(select(payments).limit(101)).fetchall()) == 101, "superset previews a table")
        total = connection.execute(select(func.sum(payments.c.amount)).where(payments.c.currency == "CHF")).scalar()
        told(total == Decimal("18232.750"), "superset reads amounts exactly")

        def ask(sql, what):
            try:
                return connection.execute(text(sql)).fetchall()
            except sqlalchemy.exc.DBAPIError as error:
                connection.exec_driver_sql("rollback")
                return told(False, f"{what}: {error}")

        for name, grain in GRAINS.items():
            grain = grain.format(col="requested_on")
            what = f"superset groups by {name}"
            rows = ask(f"SELECT {grain} AS __timestamp, COUNT(*) AS count FROM public.payments GROUP BY {grain} ORDER BY 1", what)
            told(rows and sum(count for _, count in rows) == 10000 and all(moment.microsecond == 0 for moment, _ in rows), what)
        counted = connection.execute(text("SELECT count(*) FROM payments WHERE requested_on >= '2026-01-01' AND requested_on < '2026-03-01'")).scalar()
        rows = ask(f"SELECT count(*) FROM payments WHERE {WINDOW}", "superset filters by time")
        told(rows and rows[0][0] == counted > 1000, "superset filters by time")
        chart = f"""SELECT DATE_TRUNC('week', requested_on) AS __timestamp, currency AS currency, sum(amount) AS total, count(DISTINCT amount) AS amounts
            FROM public.payments JOIN (SELECT currency AS currency__, COUNT(*) AS mme_inner__ FROM public.payments
                WHERE status IN ('Captured', 'Refunded') AND reference ILIKE '%ord%' AND {WINDOW}
                GROUP BY currency ORDER BY mme_inner__ DESC LIMIT 3) AS series_limit ON currency = currency__
            WHERE {WINDOW} GROUP BY currency, DATE_TRUNC('week', requested_on) ORDER BY total DESC LIMIT 100"""
        rows = ask(chart, "superset draws a chart of the largest series")
        told(rows and len({row[1] for row in rows}) == 3, "superset draws a chart of the largest series")
        plan = ask("EXPLAIN SELECT count(*) FROM payments", "superset estimates")
        told(bool(plan), "superset estimates what a query costs")


def main():
    with Door("--pg", "127.0.0.1:0", "--trust") as door:
        url = f"postgresql://anna@127.0.0.1:{door.found.group(1)}/checkout"
        for path in sorted(STATEMENTS.glob("*.sql")):
            asked(url, path)
        superset(url)


main()
