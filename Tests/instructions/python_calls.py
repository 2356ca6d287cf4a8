"""Fetches from Python whose instructions are counted: `python_calls.py LIBCOUNTED CONFIG COUNT`."""

import ctypes
import json
import sys

from descope_conn import Client

_, path, config, count = sys.argv
counted = ctypes.CDLL(path)
with Client(json.loads(config)) as client:
    for _ in range(20):
        client.fetch_token("crm", user_id="user 7")
    counted.counted_begin()
    for _ in range(int(count)):
        client.fetch_token("crm", user_id="user 7")
    counted.counted_end()
