"""Every operation once: its keywords, its request, and how its answer is read.

Each function describes a call and performs nothing. ``Client`` performs it on the calling thread, ``AsyncClient`` on
the event loop; both take their methods, signatures and documentation from here.

Every ``timeout`` is in seconds and bounds the whole call; None sets no bound but the configuration's own on each
exchange with a server, and 0 asks for an answer that needs no waiting.

Every ``actor`` says who asks, or which tool, for the audit of a vault or of a plugin. The cloud has no place for it
and refuses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Union

from ._call import Call, make_call
from ._types import Completion, Deletion, RevocationRun, StoreFailure, Token, TokenPage, from_wire
from ._wire import to_wire, wait_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._types import ConnectOptions, NewToken, Subject

    QueryValue = Union[str, Sequence[str]]


def _token(answer: Any) -> Token:
    return from_wire(Token, answer["token"])


def _completion(answer: Any) -> Completion:
    return from_wire(Completion, answer)


def _token_id(answer: Any) -> str | None:
    token_id: str | None = answer.get("tokenId")
    return token_id


def call(
    op: str, fields: Mapping[str, object] | None = None, *, actor: str | None = None, timeout: float | None = None
) -> Call[dict[str, Any]]:
    """Any operation by its name, in the wire's own field names; gives its whole answer.

    For operations that this package has no method for yet.
    """
    return make_call(op, fields or {}, actor, timeout, dict)


def describe(*, actor: str | None = None, timeout: float | None = None) -> Call[dict[str, Any]]:
    """Every operation of this client's backend, with its fields, their types and its errors."""
    return make_call("describe", {}, actor, timeout, dict)


def connect(
    app_id: str,
    *,
    user_id: str | None = None,
    tenant_id: str | None = None,
    access_token: str | None = None,
    redirect_url: str | None = None,
    scopes: Sequence[str] | None = None,
    prompt: Sequence[str] | None = None,
    login_hint: str | None = None,
    resources: Sequence[str] | None = None,
    external_identifier: str | None = None,
    confirmation: bool | None = None,
    actor: str | None = None,
    timeout: float | None = None,
) -> Call[str]:
    """The URL where a user grants access to the connection ``app_id``. Hand it to that user only.

    The cloud binds the URL to whoever ``access_token`` names: the user, or the user of the MCP client that holds it.
    The vault binds it to ``user_id`` and ``tenant_id``. The user ends up at ``redirect_url``. With ``confirmation`` the
    grant is held back until ``confirm`` has the code that the browser shows.
    """
    options = to_wire(
        {
            "redirect_url": redirect_url,
            "scopes": scopes,
            "prompt": prompt,
            "login_hint": login_hint,
            "resources": resources,
            "external_identifier": external_identifier,
            "confirmation": confirmation,
        }
    )
    fields = to_wire(
        {
            "app_id": app_id,
            "user_id": user_id,
            "tenant_id": tenant_id,
            "access_token": access_token,
            "options": options or None,
        }
    )
    return make_call("connect", fields, actor, timeout, lambda answer: str(answer["url"]))


def open_connect(
    ticket: str, opened_by: Subject, *, actor: str | None = None, timeout: float | None = None
) -> Call[str]:
    """The provider's URL for a connect URL that leads to a page of your own (``connectPageUrl``). The vault only.

    ``ticket`` is in the page's query, and ``opened_by`` is who is signed in there: it has to be who the URL was made
    for. Another call makes another URL, for those who have closed the window.
    """
    fields = to_wire({"ticket": ticket, "opened_by": to_wire(opened_by)})
    return make_call("open", fields, actor, timeout, lambda answer: str(answer["url"]))


def complete(
    state: QueryValue,
    *,
    code: QueryValue | None = None,
    error: QueryValue | None = None,
    error_description: QueryValue | None = None,
    iss: QueryValue | None = None,
    parameters: Mapping[str, QueryValue] | None = None,
    opened_by: Subject | None = None,
    actor: str | None = None,
    timeout: float | None = None,
) -> Call[Completion]:
    """Ends what ``connect`` began, with the query of the provider's redirect. The vault only.

    ``parameters`` are the query's other parameters, decoded: some providers sign them, or say there whose account
    it is. What the query says may be anything; hand over a list where a parameter stands more than once.

    ``opened_by`` is who is signed in where the redirect arrived, as your own session knows it. It has to be who the URL
    was made for, so that nobody completes somebody else's link. It may be absent only for connects with
    ``confirmation``, or where the configuration's ``requireOpener`` is false.
    """
    fields = to_wire(
        {
            "state": state,
            "code": code,
            "error": error,
            "error_description": error_description,
            "iss": iss,
            "parameters": parameters,
            "opened_by": None if opened_by is None else to_wire(opened_by),
        }
    )
    return make_call("complete", fields, actor, timeout, _completion)


def confirm(
    app_id: str,
    code: str | int,
    *,
    user_id: str | None = None,
    tenant_id: str | None = None,
    actor: str | None = None,
    timeout: float | None = None,
) -> Call[Completion]:
    """Lets a grant be fetched that ``connect`` with ``confirmation`` held back. The vault only.

    ``code`` is what the user has read in the browser and typed where they asked for the connection. After five wrong
    ones the grant is thrown away. However its digits are parted does not matter, nor that a number has lost zeros.
    """
    fields = to_wire({"app_id": app_id, "code": code, "user_id": user_id, "tenant_id": tenant_id})
    return make_call("confirm", fields, actor, timeout, _completion)


def fetch_token(
    app_id: str,
    *,
    user_id: str | None = None,
    tenant_id: str | None = None,
    scopes: Sequence[str] | None = None,
    with_refresh_token: bool = False,
    force_refresh: bool = False,
    accept_narrower: bool | None = None,
    external_identifier: str | None = None,
    resources: Sequence[str] | None = None,
    min_ttl_seconds: int | None = None,
    access_token: str | None = None,
    connect: ConnectOptions | None = None,
    actor: str | None = None,
    timeout: float | None = None,
) -> Call[Token]:
    """A fresh token of a user, of a user in a tenant, or of a tenant.

    Without ``scopes`` it is the latest token, whatever its scopes. ``min_ttl_seconds`` is how long it has to stay
    valid; it is refreshed otherwise. ``resources`` wants a token that is for all of them (RFC 8707; the vault only).
    ``access_token`` asks in the name of whoever it belongs to, in place of the
    management key.

    With ``connect``, a token that is missing or lacks scopes raises ``ConnectionRequired``, which carries the URL to
    grant them at. Without it, the same raises ``NotFound`` with a ``reason``.

    Scopes that the user was asked for and did not grant are the error's ``declined``. Once all that is missing is,
    it is ``NotFound`` with ``connect`` too: nobody is asked for ever. ``accept_narrower`` takes the token as it is,
    whose ``missing_scopes`` say what lacks; ``connect={"ask_declined": True}`` asks again. The vault only.
    """
    fields = to_wire(
        {
            "app_id": app_id,
            "user_id": user_id,
            "tenant_id": tenant_id,
            "scopes": scopes,
            "options": to_wire(
                {
                    "with_refresh_token": with_refresh_token,
                    "force_refresh": force_refresh,
                    "accept_narrower": accept_narrower,
                }
            ),
            "external_identifier": external_identifier,
            "resources": resources,
            "min_ttl_seconds": min_ttl_seconds,
            "access_token": access_token,
            "connect": None if connect is None else to_wire(connect),
        }
    )
    return make_call("fetch", fields, actor, timeout, _token)


def store_api_key(
    app_id: str,
    api_key: str,
    *,
    user_id: str | None = None,
    tenant_id: str | None = None,
    actor: str | None = None,
    timeout: float | None = None,
) -> Call[str | None]:
    """Keeps an API key for a user, for a user in a tenant, or for a tenant. Gives its token id where known."""
    fields = to_wire({"app_id": app_id, "api_key": api_key, "user_id": user_id, "tenant_id": tenant_id})
    return make_call("store_api_key", fields, actor, timeout, _token_id)


def store_token(
    app_id: str,
    *,
    user_id: str | None = None,
    tenant_id: str | None = None,
    access_token: str | None = None,
    access_token_type: str | None = None,
    access_token_expiry: int | None = None,
    refresh_token: str | None = None,
    id_token: str | None = None,
    scopes: Sequence[str] | None = None,
    external_identifier: str | None = None,
    granted_by: str | None = None,
    verify_refresh: bool = False,
    actor: str | None = None,
    timeout: float | None = None,
) -> Call[str | None]:
    """Keeps an OAuth token that was obtained elsewhere. Gives its token id where known.

    At least one of ``access_token`` and ``refresh_token`` is needed. ``access_token_expiry`` is in epoch seconds.
    ``verify_refresh`` tries the refresh token at the provider first, and stores nothing if that fails.
    """
    fields = to_wire(
        {
            "app_id": app_id,
            "user_id": user_id,
            "tenant_id": tenant_id,
            "access_token": access_token,
            "access_token_type": access_token_type,
            "access_token_expiry": access_token_expiry,
            "refresh_token": refresh_token,
            "id_token": id_token,
            "scopes": scopes,
            "external_identifier": external_identifier,
            "granted_by": granted_by,
            "verify_refresh": verify_refresh,
        }
    )
    return make_call("store_token", fields, actor, timeout, _token_id)


def store_tokens(
    tokens: Sequence[NewToken], *, actor: str | None = None, timeout: float | None = None
) -> Call[list[StoreFailure]]:
    """Keeps many OAuth tokens, all or none. An empty list means all; otherwise it tells why none was stored."""
    fields = {"tokens": [to_wire(token) for token in tokens]}
    return make_call(
        "store_tokens", fields, actor, timeout, lambda answer: [from_wire(StoreFailure, f) for f in answer["failures"]]
    )


def delete_tokens(
    *,
    token_id: str | None = None,
    app_id: str | None = None,
    user_id: str | None = None,
    tenant_id: str | None = None,
    revoke: bool | None = None,
    actor: str | None = None,
    timeout: float | None = None,
) -> Call[Deletion]:
    """Removes one token by its id, or all of a connection, of a subject, or of both.

    Naming none of them is refused. The vault has the providers take the tokens back, unless ``revoke`` is False.
    """
    fields = to_wire(
        {"token_id": token_id, "app_id": app_id, "user_id": user_id, "tenant_id": tenant_id, "revoke": revoke}
    )
    return make_call("delete", fields, actor, timeout, Deletion.from_answer)


def run_revocations(
    *, limit: int | None = None, wait: float | None = None, actor: str | None = None, timeout: float | None = None
) -> Call[RevocationRun]:
    """Has providers take back what was deleted before, as far as it is due. The vault only.

    At most ``limit`` of them, 100 unless said otherwise. With ``wait`` it goes on for so many seconds with what falls
    due; ``timeout`` is longer.
    """
    fields = to_wire({"limit": limit, "wait_ms": wait_ms(wait)})
    return make_call(
        "revocations.run", fields, actor, timeout, lambda a: RevocationRun(a["revoked"], a["pending"], a["failed"])
    )


def list_tokens(
    *,
    app_id: str | None = None,
    user_id: str | None = None,
    tenant_id: str | None = None,
    status: str | None = None,
    limit: int | None = None,
    after: str | None = None,
    count: bool | None = None,
    actor: str | None = None,
    timeout: float | None = None,
) -> Call[TokenPage]:
    """The tokens of a subject, of a connection, or of both, without their secrets; ``iter_tokens`` gives all pages.

    The vault gives at most ``limit`` (100) of them, the rest ``after`` what ``TokenPage.next`` says, on request only
    those of a ``status``; with ``count`` also how many there are, which goes through all of them.
    """
    fields = to_wire(
        {
            "app_id": app_id,
            "user_id": user_id,
            "tenant_id": tenant_id,
            "status": status,
            "limit": limit,
            "after": after,
            "count": count,
        }
    )
    return make_call("list", fields, actor, timeout, TokenPage.from_answer)


def report_rejected(
    token_id: str,
    token_hash: str,
    *,
    user_id: str | None = None,
    tenant_id: str | None = None,
    actor: str | None = None,
    timeout: float | None = None,
) -> Call[Token]:
    """Says that a service refused a subject's access token before its time, and gives the one to use instead.

    The vault only. The token must be the subject's.

    Refreshes once if the rejected token, known by ``Token.token_hash``, is still the current one.
    """
    fields = to_wire({"token_id": token_id, "token_hash": token_hash, "user_id": user_id, "tenant_id": tenant_id})
    return make_call("report_rejected", fields, actor, timeout, _token)
