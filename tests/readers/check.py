"""Reads a warehouse as an analyst would: every view answers, and types are what they should be."""

import sys

import duckdb

warehouse = duckdb.connect(sys.argv[1], read_only=True)
views = warehouse.execute(
    "SELECT table_schema || '.' || table_name FROM information_schema.tables"
    " WHERE table_schema IN ('crm', 'model', 'history', 'meta')"
).fetchall()
assert len(views) >= 40, views
for (view,) in views:
    warehouse.execute(f"SELECT * FROM {view}").fetchall()
kinds = dict(warehouse.execute("SELECT column_name, column_type FROM (DESCRIBE crm.opportunities)").fetchall())
assert kinds["amount"] == "DECIMAL(18,2)", kinds["amount"]
assert kinds["created_on"] == "TIMESTAMP", kinds["created_on"]
assert kinds["expected_close_date"] == "DATE", kinds["expected_close_date"]
assert kinds["tags"] == "VARCHAR[]", kinds["tags"]
print(f"DuckDB {duckdb.__version__} read {len(views)} tables and views")
