"""Reads Parquet snapshots with pyarrow, and compares them with the warehouse of the same CRM.

    python snapshots.py PATH/TO/crmlake EMPTY_FOLDER
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow.parquet as parquet

crmlake, folder = sys.argv[1], Path(sys.argv[2]) / "snapshots"
folder.mkdir()
environment = os.environ | {"CRMLAKE_API_KEY": "test-key"}
sandbox = subprocess.Popen([crmlake, "sandbox", "--port", "0"], stdout=subprocess.PIPE, text=True, env=environment)
try:
    words = sandbox.stdout.readline().split()
    environment |= dict(word.split("=", 1) for word in words if word.startswith("CRMLAKE_BASE_URL="))
    for destination in ([], ["--to", "parquet", "--out", "lake"]):
        subprocess.run([crmlake, "extract", "--quiet", *destination], check=True, cwd=folder, env=environment)
finally:
    sandbox.kill()
    sandbox.wait()

manifest = json.loads((folder / "lake/manifest.json").read_text())
warehouse = duckdb.connect(str(folder / "crmlake.duckdb"), read_only=True)
compared = 0
for table in ("leads", "opportunities", "contacts", "organizations", "opportunities__products"):
    snapshot = parquet.read_table(folder / "lake" / manifest["resources"][table]["path"], partitioning=None)
    names = ", ".join(f'"{name}"' for name in snapshot.column_names)
    there = warehouse.sql(f"SELECT {names} FROM crm.{table} ORDER BY ALL").fetchall()
    here = duckdb.sql("FROM snapshot ORDER BY ALL").fetchall()
    assert here and here == there, f"{table} differs"
    compared += len(here)
print(f"pyarrow reads {compared} rows of snapshots as the warehouse has them")
