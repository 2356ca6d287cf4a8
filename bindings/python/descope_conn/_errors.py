"""The library's errors as exceptions: one class for each code of its closed list."""

from __future__ import annotations

import builtins
import json
from typing import TYPE_CHECKING, Any

from ._wire import camel_case, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# descope_conn_status, from descope_conn.h.
OK = 0
EMPTY = 1
E_ARGUMENT = -1
E_HANDLE = -2
E_FORKED = -3
E_TIMEOUT = -4
E_CANCELLED = -5
E_FAILED = -6
E_LIMIT = -7
E_MEMORY = -8


class ConnError(Exception):
    """What the library answered instead of a result.

    ``str(error)`` is its message, which never holds a token, a key or a request body. Catch a subclass, or this class
    for all of them. A code that this version does not know yet arrives as a plain ``ConnError``.
    """

    code: str = "internal"
    """The error's code, such as ``not_found``."""
    field: str | None
    """The field of the request or configuration that is wrong."""
    reason: str | None
    """With ``not_found``: ``missing``, ``scopes``, ``reauthorize`` or ``app``."""
    retry_after: float | None
    """Seconds to wait before the next try, as the server asked."""
    http_status: int | None
    """The status of the server that answered."""
    error_code: str | None
    """The server's own code: Descope's, such as ``E111504``, or an OAuth provider's."""
    error_description: str | None
    """The server's own words."""
    app_id: str | None
    """The connection it is about."""
    missing_scopes: tuple[str, ...]
    """The scopes that the user or tenant has not granted."""
    declined: tuple[str, ...]
    """Those of ``missing_scopes`` that the user was asked for, and did not grant. The vault only."""

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        reason: str | None = None,
        retry_after: float | None = None,
        http_status: int | None = None,
        error_code: str | None = None,
        error_description: str | None = None,
        app_id: str | None = None,
        missing_scopes: Sequence[str] | None = None,
        declined: Sequence[str] | None = None,
    ) -> None:
        # Only the message goes into args: pickle calls cls(*args) and then restores the attributes.
        super().__init__(message)
        self.field = field
        self.reason = reason
        self.retry_after = retry_after
        self.http_status = http_status
        self.error_code = error_code
        self.error_description = error_description
        self.app_id = app_id
        self.missing_scopes = tuple(missing_scopes or ())
        self.declined = tuple(declined or ())

    @property
    def message(self) -> str:
        """What went wrong, in a sentence."""
        return str(self)


class InvalidRequestError(ConnError):
    """The request is wrong; ``field`` names the part."""

    code = "invalid_request"


class InvalidConfigError(ConnError):
    """The configuration is wrong; ``field`` names the part."""

    code = "invalid_config"


class UnauthorizedError(ConnError):
    """The management key or access token is missing, wrong or expired."""

    code = "unauthorized"


class ForbiddenError(ConnError):
    """A policy denies it. Asking the user to connect does not help."""

    code = "forbidden"


class NotFoundError(ConnError):
    """No such token or connection; ``reason`` tells which of the four cases it is."""

    code = "not_found"


class ConnectionRequiredError(ConnError):
    """The user has to grant access at ``connection_url`` first."""

    code = "connection_required"
    connection_url: str | None
    """Where the user grants access. Hand it to that user only."""

    def __init__(
        self,
        message: str,
        *,
        connection_url: str | None = None,
        app_id: str | None = None,
        missing_scopes: Sequence[str] | None = None,
        **fields: Any,
    ) -> None:
        super().__init__(message, app_id=app_id, missing_scopes=missing_scopes, **fields)
        self.connection_url = connection_url

    def to_dict(self) -> dict[str, Any]:
        """The structured answer of Adaptive Connect, for a tool to hand on as it is."""
        return {
            "error": self.code,
            "requiresConnection": True,
            "connectionUrl": self.connection_url,
            "message": self.message,
            "appId": self.app_id,
            "missingScopes": list(self.missing_scopes),
        }


class ConflictError(ConnError):
    """It exists already, or somebody else changed it at the same time."""

    code = "conflict"


class RateLimitedError(ConnError):
    """Too many requests; ``retry_after`` says when to come back."""

    code = "rate_limited"


class TimeoutError(ConnError, builtins.TimeoutError):  # noqa: A001
    """The call's time was up. It is a built-in ``TimeoutError`` too."""

    code = "timeout"


class CancelledError(ConnError):
    """The client was closed while the call was running."""

    code = "cancelled"


class UnavailableError(ConnError):
    """The network or the server failed. Trying again later may help."""

    code = "unavailable"


class ProviderError(ConnError):
    """The OAuth provider refused; ``error_code`` and ``error_description`` are its own words."""

    code = "provider_error"


class MisconfiguredError(ConnError):
    """The operator's fault, such as a wrong client secret. Never ask the user to connect again."""

    code = "misconfigured"


class UnsupportedError(ConnError):
    """This backend has no such operation."""

    code = "unsupported"


class LimitError(ConnError):
    """The request is too large, or too many calls are in flight."""

    code = "limit"


class InternalError(ConnError):
    """A fault of the library itself."""

    code = "internal"


CLASSES: Mapping[str, type[ConnError]] = {
    error.code: error
    for error in (
        InvalidRequestError,
        InvalidConfigError,
        UnauthorizedError,
        ForbiddenError,
        NotFoundError,
        ConnectionRequiredError,
        ConflictError,
        RateLimitedError,
        TimeoutError,
        CancelledError,
        UnavailableError,
        ProviderError,
        MisconfiguredError,
        UnsupportedError,
        LimitError,
        InternalError,
    )
}

# For the answers without JSON: submit, next and cancel give a bare status, and E_MEMORY has no room for an answer.
BARE: Mapping[int, tuple[type[ConnError], str]] = {
    E_ARGUMENT: (InvalidRequestError, "the library refused the arguments"),
    E_HANDLE: (InvalidRequestError, "the client is closed"),
    E_FORKED: (UnsupportedError, "the client belongs to the process that opened it: open a new one after fork"),
    E_TIMEOUT: (TimeoutError, "the call's time was up"),
    E_CANCELLED: (CancelledError, "the call was cancelled"),
    E_LIMIT: (LimitError, "the request is larger than 1 MiB, or too many calls are in flight"),
    E_MEMORY: (InternalError, "out of memory"),
}

FIELDS = {
    name: camel_case(name)
    for name in (
        "field",
        "reason",
        "http_status",
        "error_code",
        "error_description",
        "app_id",
        "missing_scopes",
        "declined",
    )
}


_DECODER = json.JSONDecoder()


def parse(answer: bytes) -> Any:
    """The library's answer. What cannot be read is not quoted: the parser's own exceptions hold all of the text."""
    # Not json.loads, which looks for the encoding, and not contextlib.suppress: this is run for every answer.
    try:
        return _DECODER.decode(answer.decode())
    except ValueError:
        pass
    raise InternalError("the library answered something that is not JSON")


def error_from(status: int, answer: bytes | None) -> ConnError:
    """The exception for a negative status and the JSON that came with it, if any."""
    if answer is None:
        cls, message = BARE.get(status, (InternalError, f"the library answered status {status} and nothing else"))
        return cls(message)
    error: Mapping[str, Any] = parse(answer)["error"]
    fields = {name: error.get(wire) for name, wire in FIELDS.items()}
    fields["retry_after"] = seconds(error.get("retryAfterMs"))
    code = error["code"]
    if code == ConnectionRequiredError.code:
        return ConnectionRequiredError(error["message"], connection_url=error["connectionUrl"], **fields)
    exception = CLASSES.get(code, ConnError)(error["message"], **fields)
    exception.code = code
    return exception
