"""The lake next to dlt and DuckDB, in one run: how fast payments are synced from the same pages, and how fast they are read.

    python3 benches/lake.py CKOSQL [PAYMENTS]

CKOSQL is the release build. It needs `pip install 'dlt[parquet]' deltalake duckdb`. The stand-in is a process of its own and
takes its share of the cores from whoever asks it.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CKOSQL = os.path.abspath(sys.argv[1])
PAYMENTS = int(sys.argv[2]) if len(sys.argv) > 2 else 300_000
DAYS = 89
RUNS = 5
# By dlt in a process of its own, so that its memory is told apart.
DLT = """
import dlt, os, sys
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.auth import BearerTokenAuth
from dlt.sources.helpers.rest_client.paginators import JSONLinkPaginator

class Next(JSONLinkPaginator):
    def update_request(self, request):
        super().update_request(request)
        request.method, request.json = "GET", None

@dlt.resource(name="payments", primary_key="id", max_table_nesting=0)
def payments(since, until):
    client = RESTClient(os.environ["CKOSQL_API_URL"], auth=BearerTokenAuth(os.environ["CHECKOUT_SECRET_KEY"]),
                        paginator=Next(next_url_path="_links.next.href"), data_selector="data")
    yield from client.paginate("payments/search", method="POST", json={"query": "amount:>=0", "limit": 1000, "from": since, "to": until})

pipeline = dlt.pipeline("bench", destination=dlt.destinations.filesystem(sys.argv[1]), dataset_name="books",
                        pipelines_dir=sys.argv[1] + "/state")
pipeline.run(payments(sys.argv[2], sys.argv[3]), loader_file_format="parquet")
"""


def timed(command, env):
    """Seconds, and the most memory a child has taken so far in MiB."""
    began = time.perf_counter()
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command}\n{done.stdout}\n{done.stderr}")
    return time.perf_counter() - began, done.stdout


def memory_of(command, env):
    """Seconds and MiB of a command that runs alone."""
    measured = "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL); " \
               "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024); sys.exit(done.returncode)"
    seconds, printed = timed([sys.executable, "-c", measured, *command], env)
    return seconds, int(printed.split()[-1])


def rows_and_bytes(folder):
    import duckdb
    files = [str(path) for path in Path(folder).rglob("*.parquet")]
    rows = duckdb.sql(f"select count(*) from read_parquet({files}, union_by_name = true)").fetchall()[0][0]
    return rows, sum(os.path.getsize(file) for file in files)


def best(run):
    return min(run() for _ in range(RUNS))


def main(scratch):
    sandbox = subprocess.Popen([CKOSQL, "sandbox", "--payments", str(PAYMENTS), "--days", str(DAYS)], stdout=subprocess.PIPE,
                               text=True, env={})
    env = {"PATH": os.environ["PATH"], "HOME": scratch}
    since = until = None
    for line in sandbox.stdout:
        if line.startswith("# payments from"):
            _, _, _, since, _, until = line.split()
        if line.startswith("export "):
            name, value = line.removeprefix("export ").strip().split("=", 1)
            env[name] = value
        if "CHECKOUT_ENTITY_IDS" in line:
            break
    there = ["--lake", f"{scratch}/lake", "--set", "requests_per_second=10000", "--set", f"history_start={since}"]
    try:
        seconds, mebibytes = memory_of([CKOSQL, *there, "sync", "payments"], env)
        rows, size = rows_and_bytes(f"{scratch}/lake/payments/")
        print(f"sync  ckosql {rows:>9} rows {seconds:7.2f} s {rows / seconds:9.0f} rows/s {size / seconds / 1e6:6.1f} MB/s "
              f"of Parquet {mebibytes} MiB", flush=True)
        again, _ = memory_of([CKOSQL, *there, "sync", "payments"], env)
        print(f"again ckosql {again:.2f} s", flush=True)
        script = Path(scratch, "by_dlt.py")
        script.write_text(DLT)
        other, others = memory_of([sys.executable, str(script), f"{scratch}/dlt", f"{since}T00:00:00Z", f"{until}T00:00:00Z"], env)
        found, size = rows_and_bytes(f"{scratch}/dlt/books/payments")
        print(f"sync  dlt    {found:>9} rows {other:7.2f} s {found / other:9.0f} rows/s {size / other / 1e6:6.1f} MB/s "
              f"of Parquet {others} MiB", flush=True)
        print(f"sync  ratio  {(rows / seconds) / (found / other):.1f} x dlt's rows in a second", flush=True)
    finally:
        sandbox.terminate()
    reading(scratch, there, env)


def reading(scratch, there, env):
    """Queries of the lake by ckosql and by DuckDB over the same files, each a program's run from start to end."""
    from deltalake import DeltaTable
    files = DeltaTable(f"{scratch}/lake/payments").file_uris()
    for name, sql in [
        ("sums by currency", "select currency, count(*), sum(amount) from {} group by 1 order by 1"),
        ("by month and status", "select date_trunc('month', requested_on), status, count(*), sum(amount) from {} group by 1, 2 order by 1, 2"),
        ("one day", "select count(*), sum(amount) from {} where requested_on >= timestamp '2026-06-01 00:00:00' and requested_on < timestamp '2026-06-02 00:00:00'"),
        ("one id", "select count(*) from {} where id = 'pay_none'"),
        ("distinct references", "select count(distinct reference) from {}"),
    ]:
        ours = best(lambda: timed([CKOSQL, *there, "query", sql.format("lake.payments")], env)[0])
        script = f"import duckdb; duckdb.sql(\"set timezone = 'UTC'\"); print(duckdb.sql('''{sql.format(f'read_parquet({files})')} ''').fetchall())".replace("\n", " ")
        theirs = best(lambda: timed([sys.executable, "-c", script], env)[0])
        print(f"read  {name:20} ckosql {ours * 1000:7.0f} ms  DuckDB {theirs * 1000:7.0f} ms  {theirs / ours:.2f} x", flush=True)


with tempfile.TemporaryDirectory() as scratch:
    main(scratch)
