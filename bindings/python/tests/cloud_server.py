"""A local server that speaks enough of Descope's API to fetch tokens from: a real one, on a real socket."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT_ID = "P" + "2" * 27
MANAGEMENT_KEY = "management-key-of-the-tests"
USER_JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJVMSJ9.c2ln"
ACCESS_TOKEN = "access-token-of-the-tests"
REFRESH_TOKEN = "refresh-token-of-the-tests"
SECRETS = (MANAGEMENT_KEY, USER_JWT, ACCESS_TOKEN, REFRESH_TOKEN)

NOT_FOUND = (404, {"errorCode": "E111504", "errorDescription": "Outbound token not found"})


class CloudServer:
    """Serves in a thread of its own from ``start`` to ``stop``."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, dict[str, Any]]] = {}
        """What to answer for a connection's id; a token for every other one."""
        self._arrived = 0
        self._condition = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        host, port = self._server.sockets[0].getsockname()
        self.url = f"http://{host}:{port}"

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end_connections(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextmanager
    def held(self) -> Iterator[None]:
        """No answer leaves the server meanwhile."""
        self._loop.call_soon_threadsafe(self._open_gate.clear)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._open_gate.set)

    def wait_for_requests(self, count: int) -> None:
        """Waits until so many requests have arrived since the server started."""
        with self._condition:
            if not self._condition.wait_for(lambda: self._arrived >= count, timeout=30):
                raise AssertionError(f"{self._arrived} of {count} requests arrived")

    async def _listen(self) -> asyncio.Server:
        self._open_gate = asyncio.Event()
        self._open_gate.set()
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=4096)

    async def _end_connections(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:])}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                with self._condition:
                    self._arrived += 1
                    self._condition.notify_all()
                await self._open_gate.wait()
                status, answer = self._answer(head[0], headers.get("authorization", ""), json.loads(body or b"{}"))
                payload = json.dumps(answer).encode()
                retry_after = "Retry-After: 7\r\n" if status == 429 else ""
                writer.write(
                    f"HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\n{retry_after}"
                    f"Content-Length: {len(payload)}\r\n\r\n".encode()
                    + payload
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def _answer(self, request_line: str, authorization: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        path = request_line.split(" ")[1]
        if authorization not in (f"Bearer {PROJECT_ID}:{MANAGEMENT_KEY}", f"Bearer {PROJECT_ID}:{USER_JWT}"):
            return 401, {"errorCode": "E011008", "errorDescription": "Unauthorized"}
        app_id = body.get("appId", "")
        if path == "/v1/mgmt/outbound/app/connect":
            return 200, {"url": f"{self.url}/v1/outbound/oauth/connect?appId={app_id}"}
        if not path.startswith(("/v1/mgmt/outbound/app/user/token", "/v1/mgmt/outbound/app/tenant/token")):
            return 404, {"errorCode": "E011006", "errorDescription": "Endpoint not found"}
        return self.answers.get(app_id, (200, {"token": self._token(body)}))

    def _token(self, body: dict[str, Any]) -> dict[str, Any]:
        with_refresh_token = (body.get("options") or {}).get("withRefreshToken", False)
        return {
            "id": f"token-{body.get('userId')}",
            "appId": body["appId"],
            "userId": body.get("userId", ""),
            "tenantId": body.get("tenantId", ""),
            "tokenSub": "",
            "accessToken": ACCESS_TOKEN,
            "accessTokenType": "Bearer",
            "accessTokenExpiry": "4102444800",
            "hasRefreshToken": True,
            "refreshToken": REFRESH_TOKEN if with_refresh_token else "",
            "lastRefreshTime": "1741103514",
            "lastRefreshError": "",
            "scopes": body.get("scopes") or ["read"],
            "grantedBy": "",
            "externalIdentifier": "",
        }
