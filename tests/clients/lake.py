"""The lake and exports through other people's programs: the Python readers deltalake and DuckDB, and a real S3 server (moto).

    python3 tests/clients/lake.py CKOSQL [KILLS]

CKOSQL is the program to try. It needs `pip install 'moto[server]' boto3 deltalake duckdb pyarrow`. KILLS syncs are killed at
a random instant, the lake is read after each, and what a last sync leaves is compared with what the API has.
"""

import json
import logging
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import boto3
import duckdb
from deltalake import DeltaTable
from moto.server import ThreadedMotoServer
from door import CKOSQL, told

KILLS = int(sys.argv[2]) if len(sys.argv) > 2 else 12
BUCKET = "books"
# Each with what no two of its rows have in common.
KEYS = {
    "payments": "id",
    "payment_actions": "concat_ws('/', id, status, cast(processed_on as varchar))",
    "disputes": "id",
    "settlements": "concat_ws('/', payout_id, currency_account_id)",
    "settlements_history": "concat_ws('/', report_id, file_id, cast(row_number as varchar))",
    "financial_actions": "concat_ws('/', report_id, file_id, cast(row_number as varchar))",
    "reports": "id",
}
TABLES = list(KEYS)


def ckosql(*arguments, env=None, fails=False, says=""):
    """What the program prints; an exit code other than 0 is an error, unless it is to fail and says why."""
    done = subprocess.run([CKOSQL, *arguments], env=env or {}, capture_output=True, text=True)
    if (done.returncode != 0) != bool(fails) or says not in done.stderr:
        sys.exit(f"ckosql {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def answer(*arguments, sql, env=None):
    """The rows of an answer, numbers exactly as they are written."""
    text = ckosql(*arguments, "query", sql, "--format", "ndjson", env=env)
    return [json.loads(line, parse_float=Decimal) for line in text.splitlines()]


def keys(rows, *columns):
    """Rows as sorted tuples of texts, so that two programs' types compare."""
    return sorted(tuple(str(row[column]) for column in columns) for row in rows)


def duck(sql):
    found = duckdb.sql(sql)
    return [dict(zip(found.columns, row)) for row in found.fetchall()]


def read_by_both(url, options, files):
    """Payments of a lake by currency, as deltalake and DuckDB read them."""
    duckdb.register("by_deltalake", DeltaTable(url, storage_options=options).to_pyarrow_table(columns=["id", "currency", "amount"]))
    sql = "select currency, count(*) as n, count(distinct id) as ids, sum(amount) as total from {} group by 1"
    return duck(sql.format("by_deltalake")), duck(sql.format(f"read_parquet({files})"))


def over_s3():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    secrets = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "us-east-1"}
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="testing",
                          aws_secret_access_key="testing")
    client.create_bucket(Bucket=BUCKET)
    env = secrets | {"AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": "true"}
    lake, there = f"s3://{BUCKET}/some/lake", ["--demo", "--lake", f"s3://{BUCKET}/some/lake"]
    ckosql(*there, "sync", env=env)
    sql = "select currency, count(*) n, count(distinct id) ids, sum(amount) total from {}.payments group by 1"
    synced, live = (answer(*there, sql=sql.format(schema), env=env) for schema in ("lake", "live"))
    # The last minutes before now are for the next sync.
    told(0 <= sum(row["n"] for row in live) - sum(row["n"] for row in synced) < 10, "S3: the lake has what the API has")
    told(keys(answer(*there, sql=sql.format("public"), env=env), "currency", "n", "ids", "total")
         == keys(live, "currency", "n", "ids", "total"), "S3: public is what the API has")
    table = DeltaTable(f"{lake}/payments", storage_options=env)
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, uri in enumerate(table.file_uris()):
            paths.append(f"{folder}/{number}.parquet")
            client.download_file(BUCKET, uri.removeprefix(f"s3://{BUCKET}/"), paths[-1])
        by_deltalake, by_duckdb = read_by_both(f"{lake}/payments", env, paths)
    want = keys(synced, "currency", "n", "ids", "total")
    told(keys(by_deltalake, "currency", "n", "ids", "total") == want, f"S3: deltalake reads the same {len(want)} sums")
    told(keys(by_duckdb, "currency", "n", "ids", "total") == want, "S3: DuckDB reads the same sums of its files")
    ckosql(*there, "sync", env=env)
    told(answer(*there, sql=sql.format("lake"), env=env) and
         keys(answer(*there, sql=sql.format("lake"), env=env), "currency", "n", "ids", "total") == want,
         "S3: a second sync leaves it as it was")
    to = f"s3://{BUCKET}/out/payments"
    ckosql(*there, "export", "lake.payments", "--to", to, "--partition-by", "currency", env=env)
    ckosql("export", "--to", to, "--check", env=env)
    manifest = json.loads(client.get_object(Bucket=BUCKET, Key="out/payments/_manifest.json")["Body"].read())
    told(manifest["totals"]["rows"] == sum(row["n"] for row in synced), "S3: an export has all rows, and is as it says")
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder, "ckosql.toml")
        settings.write_text(f'[books.exported]\npath = "{to}/currency=*/*.parquet"\n')
        keyed = env | {"CHECKOUT_SECRET_KEY": "sk_sbox_abcdefghijklmnopqrstuvwxyz2"}
        read = answer("--config", str(settings), sql="select count(*) n, sum(amount) total from books.exported", env=keyed)
    want = [{"n": manifest["totals"]["rows"], "total": sum(row["total"] for row in synced)}]
    told(read == want, "S3: a source of the other side reads files of a bucket")
    key = "out/payments/" + manifest["files"][0]["path"]
    client.put_object(Bucket=BUCKET, Key=key, Body=b"something else")
    ckosql("export", "--to", to, "--check", env=env, fails=True)
    told(True, "S3: a file that somebody replaced is found")
    ckosql("--demo", "--lake", "s3://no-such-bucket/lake", "sync", "payments", env=env, fails=True)
    told(True, "S3: a bucket that is not there is an error")
    server.stop()


def exported(folder):
    """DuckDB's sums of an export are those of its manifest."""
    there = ["--demo", "--lake", f"{folder}/demo"]
    ckosql(*there, "sync", "payments", "financial_actions")
    for source, column, by in [("lake.payments", "amount", "currency"),
                               ("lake.financial_actions", "holding_currency_amount", "holding_currency")]:
        to = f"{folder}/out/{source}"
        ckosql(*there, "export", source, "--to", to)
        manifest = json.loads(Path(to, "_manifest.json").read_text())
        total = next(one for one in manifest["totals"]["decimals"] if one["column"] == column)
        want = {one.get("currency"): Decimal(one["sum"]) for one in total["sums"]}
        found = duck(f"select {by} as currency, sum({column}) as total from read_parquet('{to}/**/*.parquet') "
                     f"where {column} is not null group by 1")
        found = {row["currency"]: row["total"] for row in found}
        told(found == want and want, f"export: DuckDB's {len(want)} sums of {source} are the manifest's")


def killed(folder):
    """Syncs killed at random instants; the lake is whole after each, and exact after the last, which nobody kills."""
    sandbox = subprocess.Popen([CKOSQL, "sandbox", "--payments", "3000", "--days", "60"], stdout=subprocess.PIPE, text=True,
                               env={})
    env = {}
    for line in sandbox.stdout:
        if line.startswith("export "):
            name, value = line.removeprefix("export ").strip().split("=", 1)
            env[name] = value
        if "CHECKOUT_ENTITY_IDS" in line:
            break
    lake = Path(folder, "killed")
    there = ["--lake", str(lake), "--set", "requests_per_second=10000", "--set", "history_start=2026-04-01"]
    dice, most, reads = random.Random(7), 0, 0
    # What a whole sync takes, so that instants are spread over all of it.
    began = time.monotonic()
    ckosql(*there, "sync", *TABLES, env=env)
    took = time.monotonic() - began
    for kill in range(KILLS):
        if kill % 10 == 0:
            shutil.rmtree(lake, ignore_errors=True)
        sync = subprocess.Popen([CKOSQL, *there, "sync", *TABLES], env=env, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
        try:
            sync.wait(timeout=dice.uniform(0.0, took))
        except subprocess.TimeoutExpired:
            sync.send_signal(signal.SIGKILL)
            sync.wait()
        counts = {}
        for name in TABLES:
            # From its first commit on a table is there for everybody, however the sync ended; before that it is for nobody.
            if not Path(lake, name, "_delta_log/00000000000000000000.json").exists():
                ckosql(*there, "query", f"select count(*) from lake.{name}", env=env, fails=True, says=f"{name} was never synced")
                continue
            sql = f"select count(*) n, count(distinct ({KEYS[name]})) ids from lake.{name}"
            [ours] = answer(*there, "--set", "checkout.on_incomplete=warn", sql=sql, env=env)
            files = DeltaTable(str(lake / name)).file_uris()
            [theirs] = duck(f"select count(*) n, count(distinct ({KEYS[name]})) ids from read_parquet({files})") if files else [{"n": 0, "ids": 0}]
            told(ours == theirs and ours["n"] == ours["ids"], f"kill {kill + 1}: {name} is readable, {ours['n']} rows, none twice")
            reads, counts[name] = reads + 1, ours["n"]
        most = max(most, counts.get("payments", 0))
    told(most > 0, f"{reads} tables were read after a kill")
    ckosql(*there, "sync", *TABLES, env=env)
    # Now moves on while this runs: what both are asked for ends with the merchant's story, long ago.
    for name in TABLES:
        columns = [row["column_name"] for row in answer(*there, env=env, sql=f"select column_name from information_schema.columns "
                   f"where table_schema = 'live' and table_name = '{name}'")]
        columns = [column for column in columns if column not in ("_fetched_at", "_raw", "files")]
        text = ", ".join(f'"{column}"' for column in columns)
        synced, live = (keys(answer(*there, env=env, sql=f"select {text} from {schema}.{name}"), *columns)
                        for schema in ("lake", "live"))
        told(synced == live and live, f"after {KILLS} kills: {name} is what the API has, {len(live)} rows")
        if name == "payments":
            total = DeltaTable(str(lake / name)).to_pyarrow_table(columns=["id"])
            told(sorted(total["id"].to_pylist()) == sorted(row[columns.index("id")] for row in live), "deltalake reads the same payments")
    sandbox.terminate()


with tempfile.TemporaryDirectory() as scratch:
    over_s3()
    exported(scratch)
    killed(scratch)
print("all is as it should be")
