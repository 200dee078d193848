"""ckosql serve --pg behind a Superset: connected, its tables found, a dataset made of one and charts drawn of it.

    python3 tests/clients/bi_superset.py CKOSQL

CKOSQL is the program to try. It needs `pip install -r tests/clients/superset.txt`: the whole Superset, with its own database in a
temporary folder, asked by its REST API.
"""

import os
import subprocess
import sys
from pathlib import Path
from door import Door, FOLDER, told

SETTINGS = f"""
SECRET_KEY = "a key of one run, of forty-two letters or more"
SQLALCHEMY_DATABASE_URI = "sqlite:///{FOLDER}/superset.db?check_same_thread=false"
WTF_CSRF_ENABLED = TALISMAN_ENABLED = False
CACHE_CONFIG = DATA_CACHE_CONFIG = FILTER_STATE_CACHE_CONFIG = EXPLORE_FORM_DATA_CACHE_CONFIG = {{"CACHE_TYPE": "NullCache"}}
"""


class Superset:
    """A Superset of one user, asked by its REST API."""

    def __init__(self):
        (FOLDER / "superset_config.py").write_text(SETTINGS)
        os.environ.update(SUPERSET_CONFIG_PATH=str(FOLDER / "superset_config.py"), SUPERSET_HOME=str(FOLDER), FLASK_APP="superset")
        program = Path(sys.executable).with_name("superset")
        who = ("--username", "anna", "--password", "anna", "--firstname", "Anna", "--lastname", "A", "--email", "anna@localhost")
        for command in (("db", "upgrade"), ("fab", "create-admin", *who), ("init",)):
            done = subprocess.run([program, *command], capture_output=True, text=True)
            if done.returncode != 0:
                sys.exit(f"superset {command[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        from superset.app import create_app

        self.app = create_app()
        self.client = self.app.test_client()
        self.headers = {}
        login = self.ask("security/login", {"username": "anna", "password": "anna", "provider": "db"})
        self.headers = {"authorization": f"Bearer {login['access_token']}"}

    def asked(self, path, body=None, method=None):
        method = method or ("GET" if body is None else "POST")
        answer = self.client.open(f"/api/v1/{path}", method=method, json=body, headers=self.headers)
        return answer.status_code, answer.get_json()

    def ask(self, path, body=None):
        status, said = self.asked(path, body)
        if status >= 300:
            sys.exit(f"{path}: {status} {said}")
        return said


def draw(superset, dataset, **query):
    """The rows of a chart."""
    query = {"row_limit": 50_000, "orderby": [], "filters": [], "columns": [], **query}
    body = {"datasource": {"id": dataset, "type": "table"}, "queries": [query], "result_format": "json", "result_type": "full"}
    [result] = superset.ask("chart/data", body)["result"]
    return result["data"], result["query"]


def tour(superset, url):
    database = {"database_name": "Checkout.com", "sqlalchemy_uri": url}
    status, said = superset.asked("database/test_connection/", database)
    told(status == 200, f"Superset tests the connection: {said}")
    number = superset.ask("database/", {**database, "expose_in_sqllab": True, "allow_dml": True})["id"]
    schemas = superset.ask(f"database/{number}/schemas/?q=(force:!t)")["result"]
    told({"public", "live", "checks", "system"} <= set(schemas), f"it lists the schemas: {', '.join(schemas)}")
    tables = superset.ask(f"database/{number}/tables/?q=(force:!t,schema_name:public)")["result"]
    kinds = {table["value"]: table["type"] for table in tables}
    told(kinds["payments"] == "table" and kinds["payments_by_day"] == "view", f"it lists {len(kinds)} tables and views, as what they are")
    about = superset.ask(f"database/{number}/table_metadata/?name=payments&schema=public")
    types = {column["name"]: column["longType"] for column in about["columns"]}
    told((types["amount"], types["requested_on"]) == ("NUMERIC(18, 3)", "TIMESTAMP"), f"it reads what the columns are: {types['amount']}, {types['requested_on']}")

    sql = "select currency, count(*) as payments, sum(amount) as amount from payments group by currency order by currency"
    said = superset.ask("sqllab/execute/", {"database_id": number, "sql": sql, "runAsync": False, "schema": "public"})
    totals = {row["currency"]: (row["payments"], row["amount"]) for row in said["data"]}
    told(len(totals) > 2 and "EUR" in totals, f"SQL Lab runs a statement: {len(totals)} currencies")
    status, said = superset.asked("sqllab/execute/", {"database_id": number, "sql": "select nope from payments", "runAsync": False})
    told(status >= 400 and "nope" in str(said), "and tells what is wrong with another")
    status, said = superset.asked("sqllab/execute/", {"database_id": number, "sql": "delete from payments", "runAsync": False})
    told(status >= 400 and "ckosql only reads" in str(said), f"and does not write, where Superset would: {str(said['errors'][0]['message'])[:80]}")

    dataset = superset.ask("dataset/", {"database": number, "schema": "public", "table_name": "payments"})["id"]
    columns = superset.ask(f"dataset/{dataset}")["result"]["columns"]
    times = {column["column_name"] for column in columns if column["is_dttm"]}
    told(len(columns) > 30 and "requested_on" in times, f"a dataset has {len(columns)} columns, of which {len(times)} are times")
    amount = {"expressionType": "SIMPLE", "column": {"column_name": "amount"}, "aggregate": "SUM", "label": "amount"}
    count = {"expressionType": "SQL", "sqlExpression": "COUNT(*)", "label": "payments"}
    drawn, _ = draw(superset, dataset, columns=["currency"], metrics=[count, amount], orderby=[["amount", False]])
    told({row["currency"]: (row["payments"], row["amount"]) for row in drawn} == totals, "a chart of it has the sums that the statement had")
    for grain in ("PT1H", "P1D", "P1W", "P1M", "P3M", "P1Y"):
        axis = {"timeGrain": grain, "columnType": "BASE_AXIS", "sqlExpression": "requested_on", "label": "requested_on", "expressionType": "SQL"}
        filters = [{"col": "requested_on", "op": "TEMPORAL_RANGE", "val": "2020-01-01 : 2030-01-01"}]
        drawn, asked = draw(superset, dataset, columns=[axis], metrics=[count], filters=filters, extras={"time_grain_sqla": grain})
        told(sum(row["payments"] for row in drawn) == sum(payments for payments, _ in totals.values()), f"one by {grain} has all payments, in {len(drawn)} points")
    filters = [{"col": "currency", "op": "IN", "val": ["EUR", "USD"]}, {"col": "amount", "op": ">", "val": "10.5"}, {"col": "reference", "op": "ILIKE", "val": "ord%"}]
    drawn, asked = draw(superset, dataset, columns=["id", "currency", "amount"], filters=filters, row_limit=20)
    told(drawn and all(row["currency"] in ("EUR", "USD") and float(row["amount"]) > 10.5 for row in drawn), f"a table of it has {len(drawn)} rows that meet its filters")
    found = superset.ask(f"datasource/table/{dataset}/column/currency/values/")["result"]
    told(set(found) == set(totals), "a filter offers what there is")


def main():
    with Door("--pg", "127.0.0.1:0", "--trust") as door:
        tour(Superset(), f"postgresql+psycopg2://anna@127.0.0.1:{door.found.group(1)}/checkout")


main()
