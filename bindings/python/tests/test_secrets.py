"""No secret is in an error, a log line or a repr, however the provider quotes what it was sent."""

from __future__ import annotations

import asyncio
import base64
import ctypes
import json
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import parse_qs, quote, quote_plus, unquote_plus, urlsplit

import pytest

from descope_conn import (
    AsyncClient,
    Client,
    Completion,
    ConnectionRequiredError,
    ConnError,
    DeviceFlow,
    InvalidConfigError,
    InvalidRequestError,
)
from descope_conn._call import Call
from descope_conn._library import load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from descope_conn import CredentialField, TokenEndpointAuthMethod

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
CLIENT_SECRET = "s3cr3t/with+slash=="
CODE = "4/0AX+c0de=="
REFRESH_TOKEN = "1//0gAbC/dEf+GhI=jKl"
SECRETS = (KEY, CLIENT_SECRET, CODE, REFRESH_TOKEN)


def forms(secret: str) -> Iterator[str]:
    """The secret as it might be written; of base64 what is the same wherever it begins in a longer text."""
    for text in (secret, quote_plus(secret), quote(secret, safe="")):
        yield text
        yield text.lower()
        yield json.dumps(text)[1:-1].replace("/", "\\/")
        yield text.encode().hex()
        for before in range(3):
            encoded = base64.b64encode(b"x" * before + text.encode())
            whole = encoded[(0, 2, 3)[before] : len(encoded) // 4 * 4 - 4].decode()
            yield whole
            yield whole.replace("+", "-").replace("/", "_")
            yield quote_plus(whole)


def expect_no_secret(*texts: str) -> None:
    for text in texts:
        for secret in SECRETS:
            for form in forms(secret):
                assert form not in text, f"{secret} is in {text} as {form}"


class EchoingProvider(ThreadingHTTPServer):
    """Refuses every request, in words that quote it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.quote: Callable[[str, str], str] = lambda body, _: body


class _Handler(BaseHTTPRequestHandler):
    server: EchoingProvider

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        words = self.server.quote(body, self.headers.get("authorization", ""))
        reply = json.dumps({"error": "invalid_request", "error_description": f"cannot take {words}"}).encode()
        self.send_response(400)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


QUOTATIONS: dict[str, Callable[[str, str], str]] = {
    "the form": lambda body, _: body,
    "the form's end": lambda body, _: body[-30:],
    "the form, decoded": lambda body, _: unquote_plus(body),
    "the form in lower case": lambda body, _: body.lower(),
    "the form in base64": lambda body, _: base64.b64encode(body.encode()).decode(),
    "the form in base64url": lambda body, _: base64.urlsafe_b64encode(b"x" + body.encode()).decode().rstrip("="),
    "the form in JSON": lambda body, _: json.dumps({"body": unquote_plus(body)}).replace("/", "\\/"),
    "the form in hexadecimal": lambda body, _: body.encode().hex(),
    "the header": lambda _, authorization: f"Authorization: {authorization}",
    "the header, encoded": lambda _, authorization: quote(authorization, safe=""),
    "the header, decoded": lambda _, authorization: base64.b64decode(authorization.split(" ")[-1] + "==").decode(),
}


@pytest.fixture
def provider() -> Iterator[EchoingProvider]:
    provider = EchoingProvider()
    thread = threading.Thread(target=provider.serve_forever, daemon=True)
    thread.start()
    yield provider
    provider.shutdown()
    thread.join()
    provider.server_close()


@pytest.fixture
def log() -> Iterator[list[str]]:
    """The library's log lines, of every level."""
    lines: list[str] = []
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_size_t)
    function = kind(lambda _user, _level, text, length: lines.append(ctypes.string_at(text, length).decode()))
    set_log = load()._library.descope_conn_set_log
    set_log.argtypes = (ctypes.c_int32, kind, ctypes.c_void_p)
    assert set_log(4, function, None) == 0
    yield lines
    set_log(0, kind(), None)


def config(tmp_path: Path) -> dict[str, Any]:
    return {
        "backend": "vault",
        "path": str(tmp_path / "vault.db"),
        "key": {"bytes": KEY},
        "redirectUrl": "https://app.example.com/callback",
        "requireOpener": False,
    }


def make_app(vault: Client, provider: EchoingProvider, method: TokenEndpointAuthMethod) -> None:
    vault.apps.create(
        id="crm",
        client_id="client-p",
        client_secret=CLIENT_SECRET,
        authorization_url=provider.url + "/authorize",
        token_url=provider.url + "/token",
        token_endpoint_auth_method=method,
    )


def all_of(error: BaseException) -> tuple[str, ...]:
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    # The lines of this very file that the trace quotes hold no secret: they are constants above.
    return (str(error), repr(error), repr(error.args), repr(vars(error)), trace)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize("quotation", QUOTATIONS)
def test_what_a_provider_quotes_is_in_no_error_and_no_log_line(
    tmp_path: Path, provider: EchoingProvider, log: list[str], method: TokenEndpointAuthMethod, quotation: str
) -> None:
    if method == "client_secret_post" and "header" in quotation:
        quotation = "the form"  # there is no such header
    quote_request = QUOTATIONS[quotation]
    quoted: list[str] = []

    def quote_and_note(body: str, authorization: str) -> str:
        quoted.append(quote_request(body, authorization))
        return quoted[-1]

    provider.quote = quote_and_note
    errors: list[ConnError] = []
    with Client(config(tmp_path)) as vault:
        make_app(vault, provider, method)
        state = parse_qs(urlsplit(vault.connect("crm", user_id="alice", redirect_url="https://a.example/")).query)[
            "state"
        ]
        with pytest.raises(ConnError) as completion:
            vault.complete(state[0], code=CODE)
        errors.append(completion.value)
        with pytest.raises(ConnError) as verification:
            vault.store_token("crm", user_id="alice", refresh_token=REFRESH_TOKEN, verify_refresh=True)
        errors.append(verification.value)
        vault.store_token("crm", user_id="alice", refresh_token=REFRESH_TOKEN)
        with pytest.raises(ConnError) as fetch:
            vault.fetch_token("crm", user_id="alice")
        errors.append(fetch.value)
        listed = repr(vault.list_tokens(app_id="crm"))

    async def complete() -> None:
        async with AsyncClient(config(tmp_path)) as vault:
            url = await vault.connect("crm", user_id="alice", redirect_url="https://a.example/")
            await vault.complete(parse_qs(urlsplit(url).query)["state"][0], code=CODE)

    with pytest.raises(ConnError) as submitted:
        asyncio.run(complete())
    errors.append(submitted.value)

    assert len(quoted) >= 3
    assert completion.value.error_description == "(withheld: it repeats a secret)"
    assert submitted.value.error_description == "(withheld: it repeats a secret)"
    for error in errors:
        expect_no_secret(str(error), repr(error), repr(error.args), repr(vars(error)))
    expect_no_secret(listed, *log)


def test_a_providers_own_words_arrive(tmp_path: Path, provider: EchoingProvider) -> None:
    provider.quote = (
        lambda _body, _authorization: "a code that was used before (see https://p.example/e?id=7, trace 5a4f-2c1e)"
    )
    with Client(config(tmp_path)) as vault:
        make_app(vault, provider, "client_secret_basic")
        state = parse_qs(urlsplit(vault.connect("crm", user_id="alice", redirect_url="https://a.example/")).query)[
            "state"
        ]
        with pytest.raises(ConnError) as failure:
            vault.complete(state[0], code=CODE)
    assert failure.value.error_description == f"cannot take {provider.quote('', '')}"


def test_what_a_callback_says_repeats_no_code_and_no_state(tmp_path: Path, provider: EchoingProvider) -> None:
    with Client(config(tmp_path)) as vault:
        make_app(vault, provider, "client_secret_basic")
        for words in ("{state}", "bad {code}", "bad {quoted}"):
            url = vault.connect("crm", user_id="alice", redirect_url="https://a.example/")
            state = parse_qs(urlsplit(url).query)["state"][0]
            words = words.format(state=state, code=CODE, quoted=quote_plus(CODE))
            with pytest.raises(ConnError) as failure:
                vault.complete(state, code=CODE, error="access_denied", error_description=words)
            assert failure.value.error_code == "access_denied"
            assert failure.value.error_description == "(withheld: it repeats a secret)"


def test_no_log_line_has_more_of_a_url_than_its_place(
    tmp_path: Path, provider: EchoingProvider, log: list[str]
) -> None:
    with Client(config(tmp_path)) as vault:
        make_app(vault, provider, "client_secret_basic")
        with pytest.raises(ConnectionRequiredError) as required:
            vault.fetch_token("crm", user_id="nobody", connect={"redirect_url": "https://a.example/"})
    assert "?" in (required.value.connection_url or "")
    assert any(f"{provider.url}/authorize" in line for line in log)
    assert not any("?" in line or "state=" in line for line in log)


@pytest.mark.parametrize("source", ["env", "file", "bytes", KEY])
def test_a_key_in_the_wrong_place_is_not_shown(tmp_path: Path, source: str) -> None:
    # As bytes it is too short to be taken.
    key = {source: KEY[:16] if source == "bytes" else KEY}
    with pytest.raises(InvalidConfigError) as failure:
        Client.vault(path=tmp_path / "vault.db", key=key)
    assert (failure.value.field or "").startswith("key")
    assert not any(KEY[:8] in text for text in (str(failure.value), repr(failure.value), repr(vars(failure.value))))


@pytest.mark.parametrize(
    "request_",
    [
        {"op": KEY},
        {"op": "apps.list", KEY: 1},
        {"op": "apps.create", "appType": KEY},
        {"op": "apps.list", "x": {KEY: KEY}},
    ],
)
def test_a_request_in_disorder_is_not_quoted(tmp_path: Path, request_: dict[str, Any]) -> None:
    fields = dict(request_)
    with Client(config(tmp_path)) as vault, pytest.raises(InvalidRequestError) as failure:
        vault.call(fields.pop("op"), fields)
    expect_no_secret(str(failure.value), repr(vars(failure.value)))


def test_what_lets_its_holder_go_on_is_in_no_repr() -> None:
    assert "123456" not in repr(Completion(app_id="a", confirmation_required=True, code="123456"))
    flow = DeviceFlow(flow="fl0w", user_code="AB-CD", verification_uri="https://p.example", expires_in=1, interval=1)
    assert "fl0w" not in repr(flow)


def test_an_answer_that_cannot_be_read_is_not_quoted() -> None:
    call: Call[object] = Call(b"{}", 0, lambda answer: answer)
    with pytest.raises(ConnError) as failure:
        call.result(b'{"token":{"accessToken":"' + CLIENT_SECRET.encode() + b'"')
    assert failure.value.code == "internal"
    chained: BaseException | None = failure.value
    while chained is not None:
        expect_no_secret(*all_of(chained))
        chained = chained.__context__


def test_what_belongs_to_a_key_is_in_no_repr(tmp_path: Path) -> None:
    with Client(config(tmp_path)) as vault:
        fields: list[CredentialField] = [{"name": "apiKey"}, {"name": "userName", "secret": False}]
        vault.apps.create(id="jira", app_type="apikey", credentials=fields)
        vault.store_api_key("jira", CLIENT_SECRET, user_id="alice", credentials={"userName": "bob@example.com"})
        token = vault.fetch_token("jira", user_id="alice")
        assert token.credentials == {"userName": "bob@example.com"}
        assert "bob@" not in repr(token)
        with pytest.raises(InvalidRequestError) as failure:
            vault.store_api_key("jira", CLIENT_SECRET, user_id="alice", credentials={"password": "bob@example.com"})
        assert failure.value.field == "credentials.password"
        assert "bob@" not in f"{failure.value}{failure.value!r}"


def test_a_loaded_connection_is_written_back(tmp_path: Path) -> None:
    with Client(config(tmp_path)) as vault:
        vault.apps.create(id="jira", app_type="apikey", credentials=[{"name": "apiKey", "pattern": "s.+"}])
        app = vault.apps.load("jira")
        vault.apps.update("jira", credentials=app.credentials, credential_check=app.credential_check)
        assert vault.apps.load("jira") == app
