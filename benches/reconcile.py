"""Two-tier matching of a million rows next to DuckDB, polars and plain DataFusion SQL, over the same Parquet files, in one run.

    cargo bench --bench reconcile --no-run          # prints the program
    python3 benches/reconcile.py PROGRAM [ROWS]

It needs `pip install duckdb polars datafusion`. The rivals are given the work that counts before it pairs: written as people
would first write it, as a join by amount within days, none of them ends in a minute. Each runs in a process of its own, with
two threads, so that its memory is told apart. All must find the same pairs.
"""

import json
import os
import subprocess
import sys
import tempfile

PROGRAM = os.path.abspath(sys.argv[1])
ROWS = sys.argv[2] if len(sys.argv) > 2 else "1000000"
RUNS = 3

# Cells of a day are counted, and spread over the days of the window; where one is left on both sides, it is a pair.
SQL = """
with p as (select id, reference, currency, amount, {day} as day from payments),
b as (select id, reference, currency, amount, {day} as day from bank_lines),
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
select (select count(*) from first) as by_reference, (select count(*) from second) as by_amount,
  (select count(*) from second where right(left_id, 9) <> right(right_id, 9)) as wrong
"""

DUCKDB = """
import duckdb, sys, time
connection = duckdb.connect()
connection.execute("set threads = 2")
start = time.perf_counter()
for name in ("payments", "bank_lines"):
    connection.execute(f"create view {name} as select * from '{sys.argv[1]}/{name}.parquet'")
print(*connection.execute(sys.argv[2]).fetchone(), time.perf_counter() - start)
"""
DATAFUSION = """
import datafusion, sys, time
context = datafusion.SessionContext(datafusion.SessionConfig().with_target_partitions(2))
start = time.perf_counter()
for name in ("payments", "bank_lines"):
    context.register_parquet(name, f"{sys.argv[1]}/{name}.parquet")
row = context.sql(sys.argv[2]).to_pydict()
print(*(row[name][0] for name in ("by_reference", "by_amount", "wrong")), time.perf_counter() - start)
"""
POLARS = """
import os, sys, time
os.environ["POLARS_MAX_THREADS"] = "2"
import polars as pl
start = time.perf_counter()
sides = [pl.scan_parquet(f"{sys.argv[1]}/{name}.parquet").with_columns(pl.col("day").cast(pl.Int32)) for name in ("payments", "bank_lines")]
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
wrong = second.filter(pl.col("id").str.tail(9) != pl.col("id_b").str.tail(9)).height
print(first.height, second.height, wrong, time.perf_counter() - start)
"""


def measured(command):
    """What it printed, and the most memory it had, in MiB."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    printed = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0, command[0]
    return printed, usage.ru_maxrss / 1024


def ckosql(folder):
    printed, memory = measured([PROGRAM, "run", folder])
    told = json.loads(printed)
    wrong = told["of_payments_that_never_came"]
    return (told["by_reference"], told["by_amount"] + wrong, wrong), told["seconds"], memory


def rival(program, sql=None):
    def run(folder):
        printed, memory = measured([sys.executable, "-c", program, folder, *([sql] if sql else [])])
        *pairs, seconds = printed.split()
        return tuple(map(int, pairs)), float(seconds), memory

    return run


RIVALS = {
    "ckosql": ckosql,
    "DuckDB": rival(DUCKDB, SQL.format(day="(day - date '1970-01-01')")),
    "polars": rival(POLARS),
    "DataFusion SQL": rival(DATAFUSION, SQL.format(day="cast(day as int)")),
}

with tempfile.TemporaryDirectory() as folder:
    subprocess.run([PROGRAM, "write", folder, ROWS], check=True)
    runs = {name: [] for name in RIVALS}
    for _ in range(RUNS):
        for name, run in RIVALS.items():
            runs[name].append(run(folder))
    found = {pairs for all_runs in runs.values() for pairs, _, _ in all_runs}
    assert len(found) == 1, found
    print(f"{ROWS} payments, {int(ROWS) * 49 // 50} lines: by reference, by amount, of payments that never came {found.pop()}")
    for name, all_runs in runs.items():
        print(f"{name:16} {min(seconds for _, seconds, _ in all_runs):7.2f} s {max(memory for _, _, memory in all_runs):7.0f} MiB")
