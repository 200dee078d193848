"""A real PostgreSQL that has ckosql's tables as foreign tables, by postgres_fdw (Debian package postgresql).

    python3 tests/clients/fdw.py CKOSQL

CKOSQL is the program to try. What PostgreSQL has ckosql compute is compared with what it computes of its own copy of the rows. The
server is started in a temporary folder, on a socket there, and is gone at the end.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from door import CKOSQL, Door, told
from servers import BIN, Postgres, run

# What is sent for each, in part; the rows are those that PostgreSQL finds in its copy.
PUSHED = [
    ("select count(*), sum(amount), min(amount), max(amount), round(avg(amount), 3) from payments", "sum(amount)"),
    ("select currency, count(*), sum(amount) from payments group by currency order by currency", "GROUP BY 1"),
    ("select currency, count(*) from payments group by currency having count(*) > 500 order by count(*) desc, currency", "HAVING"),
    ("select id, amount, requested_on from payments where amount > 10.005 and currency = 'EUR' order by requested_on, id limit 7", "ORDER BY requested_on"),
    ("select id, amount from payments order by amount desc nulls last, id limit 3 offset 5", "OFFSET"),
    ("select count(*) from payments where requested_on >= '2026-01-01 00:00+04' and requested_on < '2026-02-01 00:00+04'", "'2026-01-01 00:00:00+04'"),
    ("select p.id, d.id, d.amount from payments p join disputes d on d.payment_id = p.id order by p.id, d.id", "INNER JOIN"),
    ("select p.currency, count(*), sum(d.amount) from payments p join disputes d on d.payment_id = p.id group by 1 order by 1", "INNER JOIN"),
    ("select count(*) from payments p left join disputes d on d.payment_id = p.id where d.id is null", "LEFT JOIN"),
    ("select count(*) from payments p where exists (select from disputes d where d.payment_id = p.id)", "payments"),
    ("select count(*) from payments where currency in ('EUR', 'USD')", "= ANY ('{EUR,USD}'::text[])"),
    ("select count(*) from payments where currency not in ('EUR', 'USD')", "<> ALL ('{EUR,USD}'::text[])"),
    ("select count(*) from payments where currency in ('EUR', 'a,b', 'c\"d', 'e\\f', ' g ', '', 'null')", "ANY"),
    ("select count(*) from payments where amount in (10, 20.5, 100)", "::numeric[]"),
    ("select count(*) from payments where source_expiry_year = 2027 or source_expiry_month in (1, 2)", "::bigint[]"),
    ("select count(*) from payments where reference like 'ORD%1' and reference !~ '^X'", "!~"),
    ("select count(*) from payments where currency || '-' || status = 'EUR-Captured'", "||"),
    ("select count(*) from payments where (amount * 2 + 1) > 100.5 and amount_minor % 7 = 3", "%"),
    ("select count(*) from payments where case when currency = 'EUR' then amount > 10 else amount > 20 end", "CASE"),
    ("select count(*) from payments where customer_email is null or currency is distinct from 'EUR'", "IS DISTINCT FROM"),
    ("select count(*) from payments where customer_name in (E'O\\\\Brien', 'O''Brien') or customer_name like E'Customer\\\\_%'", "E'"),
    ("select sum(amount) filter (where currency = 'EUR'), count(distinct status) from payments", "FILTER"),
    ("select string_agg(id, ',' order by id) from payments where currency = 'CHF'", "string_agg"),
    ("select round(variance(amount), 4), round(stddev(amount), 4) from payments where currency = 'EUR'", "variance"),
    ("select p.id, d from payments p left join disputes d on p.id = d.payment_id order by p.id limit 20", "ROW("),
]
# What PostgreSQL keeps to itself, of rows that it fetches.
FETCHED = [
    "select date_trunc('month', requested_on) as m, count(*) from payments group by 1 order by 1",
    "select requested_on::date as d, count(*) from payments group by 1 order by 1",
    "select id, _raw, requested_on at time zone 'Europe/Berlin' from payments order by id limit 5",
    "select * from payments order by id limit 5",
    "select * from disputes order by id",
    "select count(*), md5(string_agg(p::text, '' order by id)) from payments p",
    "select currency, status, sum(amount) from payments group by grouping sets ((currency), (status), ()) order by 1, 2",
    "select currency, rank() over (order by sum(amount) desc) from payments group by currency order by 1",
]
# So that it has all computed there that can be.
NOTHING_HERE = " ".join(f"-c enable_{how}=off" for how in ("hashjoin", "mergejoin", "nestloop", "sort"))
SETUP = """
create extension postgres_fdw;
create server checkout foreign data wrapper postgres_fdw options (host '127.0.0.1', port '{port}', dbname 'checkout', fetch_size '100');
create user mapping for public server checkout options (user 'anna', password_required 'false');
import foreign schema public limit to (payments, disputes, declines) from server checkout into public;
create schema live;
import foreign schema live from server checkout into live;
create schema here;
create table here.payments as select * from payments;
create table here.disputes as select * from disputes;
alter server checkout options (add use_remote_estimate 'false');
"""


class Beside(Postgres):
    """A server that is asked the same of foreign tables and of its own."""

    def ask(self, *statements, here=False):
        """What statements of one session print, and what it says of them."""
        command = [BIN / "psql", "-X", "-h", self.folder, "-U", "anna", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-qAt"]
        for statement in statements:
            command += ["-c", statement]
        env = {**os.environ, "PGOPTIONS": "-c search_path=here" if here else NOTHING_HERE}
        done = subprocess.run(command, capture_output=True, text=True, env=env)
        return done.stdout, done.stderr

    def rows(self, *statements, here=False):
        rows, said = self.ask(*statements, here=here)
        return (rows, "") if not said else (None, said)


def asked(postgres):
    for remote in ("false", "true"):
        postgres.rows(f"alter server checkout options (set use_remote_estimate '{remote}')")
        for sql, part in PUSHED:
            plan, said = postgres.rows(f"explain (verbose, costs off) {sql}")
            # With estimates it may choose otherwise.
            sent = remote == "true" or plan is not None and any("Remote SQL" in line and part in line for line in plan.splitlines())
            told(sent, f"it sends {part}: {plan or said}" if not sent else f"it sends {part}")
            matches(postgres, sql, remote)
        for sql in FETCHED:
            matches(postgres, sql, remote)
    postgres.rows("alter server checkout options (set use_remote_estimate 'false')")


def matches(postgres, sql, remote):
    (there, said), (here, error) = postgres.rows(sql), postgres.rows(sql, here=True)
    if error:
        sys.exit(f"{sql}: {error}")
    what = f"the same, {'estimated there' if remote == 'true' else 'estimated here'}: {sql}"
    told(there == here, what if there == here else f"{what}\n  there {(there or said)[:800]}\n  here  {here[:800]}")


def amounts(postgres):
    sums = "select currency, count(*) as n, sum(amount) as total from payments group by currency order by currency"
    env = {"HOME": str(postgres.folder), "PATH": os.environ["PATH"]}
    lines = run(CKOSQL, "--demo", "query", sums, "--format", "csv", env=env).splitlines()[1:]
    told(postgres.rows(sums)[0].replace("|", ",").splitlines() == lines, "amounts are to the last digit what ckosql query says")
    types = "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'payments'::regclass and attname in ('amount', 'requested_on') order by attname"
    told(postgres.rows(types)[0].splitlines() == ["numeric(18,3)", "timestamp with time zone"], "columns are imported with their types")
    told(int(postgres.rows("select count(*) from live.payments")[0]) == 10000, "another schema is imported whole")
    told(int(postgres.rows("select count(*) from declines")[0]) > 0, "so is a view")


def sessions(postgres):
    for size in (1, 7, 100, 50000):
        rows, said = postgres.rows(f"alter server checkout options (set fetch_size '{size}')", "select count(id) from (select id from payments offset 0) p",
                                   "select count(*) from (select d.id, random() from disputes d) d")
        told(rows == "10000\n63\n", f"rows come in portions of {size} {said}")
    rows, _ = postgres.rows("alter server checkout options (set fetch_size '100')", "begin", "declare c cursor for select id from payments order by id",
                            "fetch 3 from c", "move 500 from c", "fetch 1 from c", "close c",
                            "select id from payments order by id limit 3", "select id from payments order by id limit 1 offset 503", "commit")
    lines = rows.splitlines()
    told(len(lines) == 8 and lines[:4] == lines[4:], "a cursor over a foreign table goes forward")
    prepared = ["prepare p (numeric, text) as select count(*) from payments where amount > $1 and currency = $2"]
    rows, _ = postgres.rows(*prepared, *["execute p (10.5, 'EUR')"] * 7, "select count(*) from here.payments where amount > 10.5 and currency = 'EUR'")
    told(len(set(rows.splitlines())) == 1 and len(rows.splitlines()) == 8, "a prepared statement with a generic plan answers the same")
    rows, said = postgres.rows("set plan_cache_mode = force_generic_plan", "prepare p (text[], numeric[]) as select count(*) from payments where currency = any($1) and amount = any($2)",
                               "execute p ('{EUR,USD}', '{20.5,19.990}')", "select count(*) from here.payments where currency in ('EUR', 'USD') and amount in (20.5, 19.99)")
    told(rows is not None and len(set(rows.splitlines())) == 1, f"lists are parameters {said}")
    rows, said = postgres.rows("select count(*) from payments p where p.id = (select max(d.payment_id) from disputes d)",
                               "select count(*) from here.disputes d, lateral (select amount from payments p where p.id = d.payment_id) p")
    told(rows == "1\n63\n", f"a row is asked for by another's value {said}")
    rows, said = postgres.rows("analyze payments, disputes", "select reltuples from pg_class where oid = 'payments'::regclass",
                               "select n_distinct from pg_stats where schemaname = 'public' and tablename = 'payments' and attname = 'currency'")
    told(rows == "10000\n10\n", f"a foreign table is analyzed {said}")
    rows, said = postgres.rows("alter server checkout options (add async_capable 'true')", "create table two (id text, amount numeric(18,3)) partition by list (id)",
                               "select sum(n) from (select count(*) n from payments union all select count(*) from disputes) x")
    told(rows == "10063\n", f"two tables are asked at once {said}")


def refusals(postgres):
    for sql in ("insert into payments (id) values ('x')", "update payments set amount = 0 where id = 'x'", "delete from payments", "truncate payments",
                "insert into disputes (id) select id from payments limit 1", "copy payments (id) from program 'echo x'"):
        rows, said = postgres.ask(r"\set VERBOSITY verbose", sql)
        word = sql.split()[0].replace("copy", "insert").upper()
        told("25006" in said and f"{word} is refused: ckosql only reads" in said and "WARNING" not in said, f"refused: {sql}: {said.splitlines()[0]}")
    # An error ends the transaction there, and the connection goes on.
    rows, said = postgres.ask("begin", "savepoint s", r"\set ON_ERROR_STOP 0", "select count(*) from payments where amount / (amount_minor - amount_minor) > 1",
                              "rollback to s", "select count(*) from disputes", "rollback", "select count(*) from payments")
    told(rows == "63\n10000\n" and "ivi" in said and "WARNING" not in said, f"an error ends a transaction and no connection: {said}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        folder.chmod(0o755)
        (folder / "pg").mkdir()
        with Door("--pg", "127.0.0.1:0", "--trust") as door, Beside(folder / "pg", "timezone=Asia/Dubai") as postgres:
            rows, said = postgres.ask(*SETUP.format(port=door.found.group(1)).strip().split("\n"))
            told(not said, f"a server's schema is imported {said}")
            for part in (amounts, asked, sessions, refusals):
                part(postgres)


main()
