"""The authorization server as a `Service`: Django behind our HTTP server, and the controls for tests."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from common.serving import Answer, ControlError, Request, Service, digest
from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.utils import timezone
from knobs import Knobs, knobs
from oauth2_provider.models import AccessToken, Application, Grant, RefreshToken

TOKEN_PATH = "/token"
SECRET_FIELDS = {"client_secret", "code", "code_verifier", "csrfmiddlewaretoken", "password", "refresh_token", "token"}


class Provider(Service):
    def __init__(self, url: str, starting: Knobs) -> None:
        super().__init__()
        self._url = url
        self._starting = starting.report()
        self._django = WSGIHandler()
        # One token request at a time: of two uses of one refresh token exactly one wins, and the other is a reuse.
        # The toolkit alone reads outside its transaction and would give both the same answer now and then.
        self._token_lock = threading.Lock()
        knobs.turn(self._starting)

    def answer(self, request: Request) -> Answer:
        if (request.method, request.path) != ("POST", TOKEN_PATH):
            return self._ask_django(request)
        with self._token_lock:
            form = _form(request)
            spent = _is_spent(form.get("refresh_token", ""))
            answer = self._ask_django(request)
        outcome = "ok" if answer.status == 200 else json.loads(answer.body)["error"]
        if spent:
            outcome = "grace" if outcome == "ok" else "reuse"
        return Answer(answer.status, answer.body, answer.headers, {"outcome": outcome})

    def describe(self, request: Request) -> dict[str, Any]:
        shown = super().describe(request)
        form = _form(request)
        shown["form"] = {name: digest(value) if name in SECRET_FIELDS else value for name, value in form.items()}
        shown["outcome"] = None
        return shown

    def controls(self) -> dict[tuple[str, str], Callable[[dict[str, Any]], Any]]:
        return {
            **super().controls(),
            ("GET", "counts"): lambda _: self._counts(),
            ("GET", "settings"): lambda _: knobs.report(),
            ("POST", "settings"): self._settings,
            ("POST", "expire"): lambda arguments: _expire(_user(arguments)),
            ("POST", "revoke"): lambda arguments: _revoke(_user(arguments)),
            ("GET", "grants"): lambda _: _grants(),
        }

    def reset(self) -> None:
        """Forgets the log, the faults and every grant, and turns the settings back to those of the start."""
        super().reset()
        knobs.turn(self._starting)
        for model in (Grant, RefreshToken, AccessToken):
            model.objects.all().delete()

    def _settings(self, given: dict[str, Any]) -> dict[str, Any]:
        knobs.turn(given)
        return knobs.report()

    def _counts(self) -> dict[str, dict[str, int]]:
        """Requests to the token endpoint by grant type and outcome."""
        counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for entry in self.journal.entries():
            if entry["path"] != TOKEN_PATH:
                continue
            outcome = entry["outcome"] or ("pending" if entry["status"] is None else "fault")
            counts[entry["form"].get("grant_type", "none")][outcome] += 1
        return counts

    def _ask_django(self, request: Request) -> Answer:
        scheme, _, host = self._url.partition("://")
        environ = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            # WSGI wants the path's bytes as Latin-1 text (PEP 3333).
            "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
            "QUERY_STRING": request.target.partition("?")[2],
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(request.body)),
            "SERVER_NAME": host.partition(":")[0],
            "SERVER_PORT": host.partition(":")[2],
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": scheme,
            "wsgi.input": io.BytesIO(request.body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in request.headers.items():
            environ["HTTP_" + name.upper().replace("-", "_")] = value
        started: list[Any] = []
        response = self._django(environ, lambda status, headers: started.extend((status, headers)))
        try:
            body = b"".join(response)
        finally:
            response.close()
        headers = tuple(pair for pair in started[1] if pair[0].lower() != "content-length")
        return Answer(int(started[0].split()[0]), body, headers)


def prepare_database(client_id: str, client_secret: str, redirect_uris: list[str], users: dict[str, str]) -> None:
    """Makes the tables, the users (name to password) and the one client, a confidential one."""
    call_command("migrate", run_syncdb=True, verbosity=0)
    for name, password in users.items():
        User.objects.create_user(name, password=password)
    Application.objects.create(
        name=client_id,
        client_id=client_id,
        client_secret=client_secret,
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        redirect_uris=" ".join(redirect_uris),
    )


def _form(request: Request) -> dict[str, str]:
    if request.headers.get_content_type() != "application/x-www-form-urlencoded":
        return {}
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def _is_spent(refresh_token: str) -> bool:
    """Whether this refresh token was rotated away: its family has a younger one. Merely revoked ones are not spent."""
    checksum = hashlib.sha256(refresh_token.encode()).hexdigest()
    token = RefreshToken.objects.filter(token_checksum=checksum).order_by("-pk").first()
    if token is None or token.revoked is None:
        return False
    return RefreshToken.objects.filter(token_family=token.token_family, pk__gt=token.pk).exists()


def _user(arguments: dict[str, Any]) -> User:
    name = arguments.get("user")
    try:
        return User.objects.get(username=name)
    except User.DoesNotExist:
        raise ControlError(f"no user {name!r}") from None


def _expire(user: User) -> dict[str, int]:
    past = timezone.now() - timedelta(seconds=1)
    return {"expired": AccessToken.objects.filter(user=user).update(expires=past)}


def _revoke(user: User) -> dict[str, int]:
    """Ends every grant the user gave, as if she had withdrawn it in her account."""
    families = set(RefreshToken.objects.filter(user=user, revoked=None).values_list("token_family", flat=True))
    for family in families:
        RefreshToken.revoke_family(family)
    AccessToken.objects.filter(user=user).delete()
    return {"revoked": len(families)}


def _grants() -> dict[str, int]:
    """How many grants of each user are alive: families with a refresh token that can still be used."""
    return {
        user.username: RefreshToken.objects.filter(user=user, revoked=None).values("token_family").distinct().count()
        for user in User.objects.all()
    }
