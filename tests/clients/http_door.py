"""The HTTP door through curl, pandas' libraries, DuckDB and a parser of Prometheus' text; each answer is checked.

    http.py CKOSQL

Needs curl, pyarrow, duckdb and prometheus-client.
"""
import base64
import json
import subprocess
import urllib.error
import urllib.request
from decimal import Decimal
from http.client import IncompleteRead
from pathlib import Path

import duckdb
import pyarrow
import pyarrow.ipc
import pyarrow.parquet
from prometheus_client.parser import text_string_to_metric_families
from door import CKOSQL, Door, FOLDER, told

TLS = Path(__file__).resolve().parent.parent / "fixtures" / "tls"
# More digits than a float, a 64-bit number and a 96-bit one have.
LONG = Decimal("12345678901234567890123456789.87654321")
AMOUNTS = f"select 1::bigint as n, {LONG}::decimal(38,8) as amount"


class Web(Door):
    """A server of this protocol alone."""

    def __init__(self, *arguments, scheme="http"):
        super().__init__("--http", "127.0.0.1:0", *arguments, says=r"HTTP on 127\.0\.0\.1:(\d+)")
        self.url = f"{scheme}://localhost:{self.found.group(1)}"

    def get(self, path):
        with urllib.request.urlopen(self.url + path) as answer:
            return answer.read()

    def ask(self, sql, accept="application/json", **more):
        body = json.dumps({"sql": sql, **more}).encode()
        headers = {"content-type": "application/json", "accept": accept}
        with urllib.request.urlopen(urllib.request.Request(self.url + "/v1/sql", body, headers)) as answer:
            return answer.read()


def curl(door, *arguments):
    """Exit code and output of curl."""
    done = subprocess.run(["curl", "-sS", *arguments, door.url + "/v1/sql"], capture_output=True, text=True)
    return done.returncode, done.stdout


def formats(door):
    rows = json.loads(door.ask(AMOUNTS), parse_float=Decimal)
    told(rows == [{"n": 1, "amount": LONG}], "JSON carries every digit")
    table = pyarrow.ipc.open_stream(door.ask(AMOUNTS, "application/vnd.apache.arrow.stream")).read_all()
    told(table["amount"].to_pylist() == [LONG], "pyarrow reads the Arrow stream")
    file = FOLDER / "payments.parquet"
    file.write_bytes(door.ask("select id, amount, currency from payments", "application/vnd.apache.parquet"))
    told(pyarrow.parquet.read_schema(file).field("amount").type == pyarrow.decimal128(18, 3), "pyarrow reads the Parquet file")
    total = duckdb.sql(f"select count(*), sum(amount) from '{file}' where currency = 'EUR'").fetchall()[0]
    asked = json.loads(door.ask("select count(*) as n, sum(amount) as total from payments where currency = $1", parameters=["EUR"]), parse_float=Decimal)
    told(total == (asked[0]["n"], asked[0]["total"]) and total[0] > 0, "DuckDB adds up to the same as the server")
    lines = FOLDER / "payments.csv"
    lines.write_bytes(door.ask("select id, amount from payments order by id", "text/csv"))
    told(duckdb.sql(f"select count(distinct id) from '{lines}'").fetchall()[0][0] > 200, "DuckDB reads the CSV file")


def refused(door):
    for sql, status in (("delete from payments", 403), ("select nothing", 400), ("copy (select 1) to '/tmp/x'", 403)):
        try:
            door.ask(sql)
            told(False, f"{sql} is refused")
        except urllib.error.HTTPError as error:
            problem = json.load(error)
            told(error.code == problem["status"] == status and problem["message"], f"{sql} is refused: {problem['message']}")


def cut(door):
    sql = "select 1 / (100000 - value) as x from generate_series(1, 200000) as t(value)"
    for accept in ("text/csv", "application/x-ndjson", "application/json"):
        try:
            door.ask(sql, accept)
            told(False, f"{accept} is cut")
        except IncompleteRead:
            told(True, f"urllib sees that {accept} is cut")
        code, _ = curl(door, "-H", "content-type: text/plain", "-H", f"accept: {accept}", "-d", sql)
        told(code == 18, f"curl sees that {accept} is cut")


def watched(door):
    families = {family.name: family for family in text_string_to_metric_families(door.get("/metrics").decode())}
    told(families["ckosql_requests"].samples[0].value > 0, "Prometheus reads the requests")
    seen = {sample.labels["outcome"] for sample in families["ckosql_statements"].samples if sample.labels["door"] == "http"}
    told({"ok", "query", "read_only"} <= seen, "Prometheus reads the statements by outcome")
    told("ckosql_statement_seconds" in families, "Prometheus reads how long they took")
    told(door.get("/healthz") == door.get("/readyz") == b"ok\n", "it lives and is ready")
    told("/v1/sql" in json.loads(door.get("/v1/openapi.json"))["paths"], "it describes itself")


def tokens():
    users, audit = FOLDER / "users", FOLDER / "audit.jsonl"
    made = [subprocess.run([CKOSQL, "users", *what, "--users", users], capture_output=True, text=True, check=True).stdout.strip()
            for what in (("token", "report"), ("add", "anna", "--generate"))]
    kept = users.read_text()
    told(not any(secret in kept for secret in made) and users.stat().st_mode & 0o777 == 0o600, "the file of users has neither token nor password")
    told(subprocess.run([CKOSQL, "users", "list", "--users", users], capture_output=True, text=True).stdout == "anna: a password\nreport: a token\n",
         "the users are listed")
    tls = ("--tls-cert", str(TLS / "ec.crt"), "--tls-key", str(TLS / "ec.sec1.pem"))
    with Web("--users", str(users), "--audit", str(audit), *tls, scheme="https") as door:
        say = ("--cacert", str(TLS / "ec.crt"), "-H", "content-type: text/plain", "-d", "select 'hunter2' as n")
        token, password = made
        expected = (0, '[{"n":"hunter2"}]\n')
        told(curl(door, *say, "-H", f"authorization: Bearer {token}") == expected, "a token and TLS let in")
        told(curl(door, *say, "-u", f"anna:{password}") == expected, "a password and TLS let in")
        wrong = base64.b64encode(b"anna:x").decode()
        for header in ("x: y", "authorization: Bearer x", f"authorization: Basic {wrong}"):
            told('"status":401' in curl(door, *say, "-H", header)[1], f"nothing else does: {header}")
        told(curl(door, "-d", "")[0] != 0, "nor without trust in the certificate")
    lines = [json.loads(line) for line in audit.read_text().splitlines()]
    ran, failed = lines[:2], lines[2:]
    told([line["user"] for line in ran] == ["report", "anna"] and all(line["statement"] == "SELECT ? AS n" for line in ran),
         "the audit file tells who ran what, without what it was about")
    told([(line["user"], line["outcome"]) for line in failed] == [(user, "unauthenticated") for user in (None, "anna")],
         "and who was not let in, without what was shown")


def main():
    with Web("--trust") as door:
        for client in (formats, refused, cut, watched):
            client(door)
    tokens()


main()
