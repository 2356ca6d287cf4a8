#!/usr/bin/env python3
"""A user's browser: logs in as alice, agrees (to less, with BROWSER_GRANTS; not, with BROWSER_DENIES), and follows
the way back.

What it was started with, and the page that it ends at, are written to browser.json in the current folder.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "servers"))

from consent import consent  # noqa: E402


def visit(url: str) -> tuple[int, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=60) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def main() -> None:
    scopes = os.environ.get("BROWSER_GRANTS")
    back = consent(
        sys.argv[1],
        "alice",
        "alice-password",
        approve="BROWSER_DENIES" not in os.environ,
        grant=scopes.split() if scopes else None,
    )
    status, page = visit(back)
    Path("browser.json").write_text(
        json.dumps({"arguments": sys.argv, "environment": dict(os.environ), "status": status, "page": page})
    )


if __name__ == "__main__":
    main()
