"""Says what becomes of a vault in PostgreSQL where there is no server: postgres.py PLUGIN"""

import sys

import descope_conn

try:
    descope_conn.Client.vault(
        key={"bytes": "5a" * 32},
        store={"plugin": sys.argv[1], "config": {"url": "postgresql://u@127.0.0.1:1/v", "openTimeoutMs": 100}},
    )
except descope_conn.ConnError as error:
    print(error.code)
