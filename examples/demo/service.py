"""The third party's API: reads an access token from standard input and prints whose it is.

python service.py PROVIDER
"""

import json
import sys
import urllib.request

request = urllib.request.Request(f"{sys.argv[1]}/api/me", headers={"Authorization": f"Bearer {sys.stdin.read()}"})
with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
    me = json.load(answer)
print(f"{me['user']}, with {' '.join(sorted(me['scopes']))}")
