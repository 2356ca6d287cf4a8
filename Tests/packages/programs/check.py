"""What an installed package must do: a vault of its own, and Descope's cloud over TLS.

check.py VAULT URL CA
"""

import sys

from descope_conn import Client, UnavailableError

vault, url, ca = sys.argv[1:]

with Client.vault(path=vault, key={"bytes": "0a" * 32}) as client:
    client.apps.create(id="notes", name="Notes", app_type="apikey")
    client.store_api_key("notes", "an-api-key", user_id="u")
    assert client.fetch_token("notes", user_id="u").access_token == "an-api-key"

cloud = {
    "backend": "cloud",
    "projectId": "P2testtesttesttesttesttest01",
    "managementKey": "K2testmanagementkey",
    "baseUrl": url,
    "retry": {"attempts": 1},
}
with Client({**cloud, "caFile": ca}) as client:
    assert list(client.apps.list()) == []
with Client(cloud) as client:
    try:
        client.apps.list()
    except UnavailableError:
        print("ok")
    else:
        sys.exit("a server was trusted that nobody vouches for")
