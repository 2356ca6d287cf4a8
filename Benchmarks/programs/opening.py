"""What importing and opening a first client takes: `opening.py ours|sdk CONFIG`. Prints milliseconds, and the memory
that came with it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def resident() -> float:
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1024


_, which, text = sys.argv
config = json.loads(text)
before, start = resident(), time.perf_counter()
if which == "ours":
    from descope_conn import Client

    client = Client(config)
else:
    from descope import DescopeClient

    client = DescopeClient(
        project_id=config["projectId"], management_key=config["managementKey"], base_url=config["baseUrl"]
    )
milliseconds = (time.perf_counter() - start) * 1e3
print(json.dumps({"milliseconds": milliseconds, "mebibytes": resident() - before}))
