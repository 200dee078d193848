"""Matching over Parquet files next to DuckDB, polars and plain DataFusion SQL, in one run.

    cargo build --release
    pip install duckdb polars datafusion pyarrow
    python3 benches/matching.py target/release/ckosql [--rows 1000000] [--runs 5] [--only ckosql] [--memory 4G]

Two tiers: by reference and currency where both are unique, then by amount and currency where there is one within 0..3 days on
both sides. The rivals are given the work that counts before it pairs: written as people would first write it, as a join by
amount within days, none of them ends in a minute. Each runs in a process of its own with two threads, so that its memory is
told apart; all take turns, and medians are told. The first seconds are those of the work: of the others without what it takes
Python to start and to import them, of ckosql with all that its program does. The others are those of whole processes; those of
cores tell most where somebody else uses the machine as well. All must find the same pairs, and what ckosql pairs is held against
the truth, which is in the ids.

Then ckosql alone: a hot key of 200,000 equal rows a side; and what a run costs that is recorded in a lake, again when nothing
has changed, and again with one more row of a hundred.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import duckdb

# A fifth pays one of four usual prices; of fifty payments one never comes to the bank, the others some days later, in another
# order, and half of them without a reference. The number in an id tells which payment a row is of.
PAYMENTS = """
select format('pay_{{:09d}}', n) as id, format('ORD-{{:012d}}', hash(n, 4) % 1000000000000) as reference,
       ['EUR', 'GBP', 'USD', 'JPY'][(1 + hash(n, 5) % 4)::int] as currency,
       case when hash(n, 1) % 5 = 0 then [9.99, 19.99, 49.99, 99.99][(1 + hash(n, 6) % 4)::int]
            else ((100 + hash(n, 1) % 5000000)::bigint * 0.01)::decimal(18, 2) end::decimal(38, 8) as amount,
       date '2024-10-04' + (hash(n, 2) % 90)::int as day
from range({rows}) t(n) order by hash(n, 8)
"""
LINES = """
select replace(id, 'pay', 'line') as id, case when n % 2 = 0 then reference end as reference, currency, amount,
       day + (hash(n, 3) % 4)::int as day
from (select right(id, 9)::bigint as n, * from payments) where n % 50 <> 0 order by hash(n, 7)
"""
HOT = """
select format('{name}_{{:09d}}', n) as id, null::text as reference, 'EUR' as currency, 9.99::decimal(38, 8) as amount,
       date '2024-10-04' as day
from range({rows}) t(n) order by hash(n, 8)
"""

SIDES = "--- left: books.payments(id)  right: books.lines(id)\n--- amount: left.amount = right.amount\n"
RULES = {
    "reference": "--- rule: bank.reference  flow: bank  priority: 1\n" + SIDES
    + "select p.id as left_id, b.id as right_id, 'the same reference' as why\n"
    "from books.payments p join books.lines b on p.reference = b.reference and p.currency = b.currency\n",
    "amount": "--- rule: bank.amount  flow: bank  priority: 2\n" + SIDES
    + "--- window: right.day in [left.day .. +3 days]\n"
    "select p.id as left_id, b.id as right_id, 'the only one of its amount' as why\n"
    "from books.payments p join books.lines b on p.amount = b.amount and p.currency = b.currency\n",
}

# Cells of a day are counted, and spread over the days of the window; where one is left on both sides, it is a pair.
SQL = """
with p as (select id, reference, currency, amount, {day} as day from payments),
b as (select id, reference, currency, amount, {day} as day from lines),
keyed_p as (select reference, currency, min(id) as id from p where reference is not null group by 1, 2 having count(*) = 1),
keyed_b as (select reference, currency, min(id) as id from b where reference is not null group by 1, 2 having count(*) = 1),
first as (select x.id as left_id, y.id as right_id from keyed_p x join keyed_b y on x.reference = y.reference and x.currency = y.currency),
rest_p as (select p.id, p.amount, p.currency, p.day from p left join first f on f.left_id = p.id where f.left_id is null),
rest_b as (select b.id, b.amount, b.currency, b.day from b left join first f on f.right_id = b.id where f.right_id is null),
cells_p as (select amount, currency, day, count(*) as n, min(id) as id from rest_p group by 1, 2, 3),
cells_b as (select amount, currency, day, count(*) as n, min(id) as id from rest_b group by 1, 2, 3),
reach as (select c.*, c.day + o.o as other from cells_p c cross join (values (0), (1), (2), (3)) as o(o)),
met as (select r.amount, r.currency, r.day as p_day, r.n as p_n, r.id as p_id, c.day as b_day, c.n as b_n, c.id as b_id
        from reach r join cells_b c on r.amount = c.amount and r.currency = c.currency and r.other = c.day),
one_p as (select amount, currency, p_day from met group by 1, 2, 3 having sum(b_n) = 1),
one_b as (select amount, currency, b_day from met group by 1, 2, 3 having sum(p_n) = 1),
second as (select m.p_id as left_id, m.b_id as right_id from met m
           join one_p x on x.amount = m.amount and x.currency = m.currency and x.p_day = m.p_day
           join one_b y on y.amount = m.amount and y.currency = m.currency and y.b_day = m.b_day where m.p_n = 1 and m.b_n = 1)
select (select count(*) from first) as by_reference, (select count(*) from second) as by_amount
"""
DUCKDB = """
import duckdb, sys, time
connection = duckdb.connect()
connection.execute("set threads = 2")
connection.execute("set enable_progress_bar = false")
start = time.perf_counter()
for name in ("payments", "lines"):
    connection.execute(f"create view {name} as select * from '{sys.argv[1]}/{name}.parquet'")
print(*connection.execute(sys.argv[2]).fetchone(), time.perf_counter() - start)
"""
DATAFUSION = """
import datafusion, sys, time
context = datafusion.SessionContext(datafusion.SessionConfig().with_target_partitions(2))
start = time.perf_counter()
for name in ("payments", "lines"):
    context.register_parquet(name, f"{sys.argv[1]}/{name}.parquet")
row = context.sql(sys.argv[2]).to_pydict()
print(*(row[name][0] for name in ("by_reference", "by_amount")), time.perf_counter() - start)
"""
POLARS = """
import os, sys, time
os.environ["POLARS_MAX_THREADS"] = "2"
import polars as pl
start = time.perf_counter()
sides = [pl.scan_parquet(f"{sys.argv[1]}/{name}.parquet").with_columns(pl.col("day").cast(pl.Int32)) for name in ("payments", "lines")]
key, cell = ["reference", "currency"], ["amount", "currency", "day"]
def alone(side):
    return side.filter(pl.col("reference").is_not_null()).group_by(key).agg(pl.len().alias("n"), pl.col("id").min()).filter(pl.col("n") == 1)
first = alone(sides[0]).join(alone(sides[1]), on=key, suffix="_b").select("id", "id_b").collect()
rest = [side.join(first.lazy().select(pl.col(own).alias("id")), on="id", how="anti") for side, own in zip(sides, ("id", "id_b"))]
cells = [side.group_by(cell).agg(pl.len().alias("n"), pl.col("id").min()) for side in rest]
reach = pl.concat([cells[0].with_columns((pl.col("day") + o).alias("other")) for o in range(4)])
met = reach.join(cells[1].rename({"day": "other"}), on=["amount", "currency", "other"], suffix="_b").collect()
one = met.group_by(cell).agg(pl.col("n_b").sum()).filter(pl.col("n_b") == 1).select(cell)
one_b = met.group_by(["amount", "currency", "other"]).agg(pl.col("n").sum()).filter(pl.col("n") == 1).select("amount", "currency", "other")
second = met.filter((pl.col("n") == 1) & (pl.col("n_b") == 1)).join(one, on=cell, how="semi").join(one_b, on=["amount", "currency", "other"], how="semi")
print(first.height, second.height, time.perf_counter() - start)
"""


def measured(command, environment=None):
    """What it printed; how long it took, the seconds of all cores, and the most memory it had, in MiB."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})})
    printed = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0, command
    return printed, (time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


class Ckosql:
    """The program over the files of a folder."""

    def __init__(self, program, folder, memory=None):
        self.folder = folder
        with open(f"{folder}/ckosql.toml", "w") as file:
            file.write("".join(f'[books.{name}]\npath = "{name}.parquet"\n' for name in ("payments", "lines")))
        os.makedirs(f"{folder}/rules", exist_ok=True)
        for name, rule in RULES.items():
            with open(f"{folder}/rules/bank.{name}.sql", "w") as file:
                file.write(rule)
        settings = ["--set", f"datafusion.runtime.memory_limit={memory}"] if memory else []
        self.command = [program, "--config", f"{folder}/ckosql.toml", *settings]

    def run(self, *more):
        rules = ["reconcile", "bank", "--rules", f"{self.folder}/rules", "--as-of", "2025-03-01"]
        return measured([*self.command, *rules, *more], {"CHECKOUT_SECRET_KEY": "sk_sbox_" + "a" * 27})

    def pairs(self):
        """Pairs by reference and by amount, and what it took."""
        printed, cost = self.run("--dry-run", "--format", "ndjson")
        counts = {row["rule"]: row["count"] for row in map(json.loads, printed.splitlines()) if row["what"] == "matched"}
        return (counts.get("bank.reference", 0), counts.get("bank.amount", 0)), cost

    def assert_true(self):
        """By reference all are right; by amount those whose true counterpart came are."""
        printed, _ = self.run("--dry-run", "--show", "matches", "--format", "csv")
        wrong = 0
        for row in csv.DictReader(printed.splitlines()):
            one, other = (int(row[side].rsplit("_", 1)[1]) for side in ("left", "right"))
            if one != other:
                assert row["rule"] == "bank.amount" and one % 50 == 0, row
                wrong += 1
        return wrong


def rival(program, sql=None):
    def run(folder):
        printed, whole = measured([sys.executable, "-c", program, folder, *([sql] if sql else [])])
        *pairs, seconds = printed.split()
        return tuple(map(int, pairs)), (float(seconds), *whole)

    return run


def write(folder, rows, of=(PAYMENTS, LINES)):
    connection = duckdb.connect()
    for name, sql in zip(("payments", "lines"), of):
        connection.execute(f"create table {name} as {sql.format(rows=rows, name=name)}")
        connection.execute(f"copy {name} to '{folder}/{name}.parquet' (format parquet)")


def told(name, runs):
    *seconds, cores, memory = (statistics.median(costs) for costs in zip(*(cost for _, cost in runs)))
    print(f"{name:26} {seconds[0]:7.2f} s; whole process {seconds[-1]:7.2f} s, {cores:7.2f} s of cores, {memory:7.0f} MiB", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=["ckosql"])
    parser.add_argument("--memory")
    arguments = parser.parse_args()
    program, rows = os.path.abspath(arguments.program), arguments.rows
    with tempfile.TemporaryDirectory() as folder:
        write(folder, rows)
        ckosql = Ckosql(program, folder, arguments.memory)
        subjects = {"ckosql": lambda _: ckosql.pairs()}
        if not arguments.only:
            subjects["DuckDB"] = rival(DUCKDB, SQL.format(day="(day - date '1970-01-01')"))
            subjects["polars"] = rival(POLARS)
            subjects["DataFusion SQL"] = rival(DATAFUSION, SQL.format(day="cast(day as int)"))
        runs = {name: [] for name in subjects}
        for _ in range(arguments.runs):
            for name, run in subjects.items():
                runs[name].append(run(folder))
        found = {pairs for all_runs in runs.values() for pairs, _ in all_runs}
        assert len(found) == 1, {name: all_runs[0][0] for name, all_runs in runs.items()}
        (by_reference, by_amount), wrong = found.pop(), ckosql.assert_true()
        print(f"{rows} payments, {rows * 49 // 50} lines: {by_reference} pairs by reference, {by_amount} by amount, "
              f"{wrong} of them of payments that never came")
        for name, all_runs in runs.items():
            told(name, all_runs)
    with tempfile.TemporaryDirectory() as folder:
        write(folder, 200_000, (HOT, HOT))
        ckosql = Ckosql(program, folder)
        hot = [ckosql.pairs() for _ in range(arguments.runs)]
        assert {pairs for pairs, _ in hot} == {(0, 0)}
        told("200,000 equal rows a side", hot)
    with tempfile.TemporaryDirectory() as folder:
        write(folder, rows)
        ckosql = Ckosql(program, folder)
        for name in ("recorded", "again, unchanged"):
            told(name, [ckosql.run("--lake", f"{folder}/lake")])
        write(folder, rows + rows // 100)
        told("again, 1 % more", [ckosql.run("--lake", f"{folder}/lake")])


main()
