"""All types, and the answers that Python has in another form than the library.

The types themselves are in _types_generated.py. Here is what the library's description does not say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from ._types_generated import *  # noqa: F403 - all of them
from ._types_generated import App, Completion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._types_generated import QueryValue as QueryValue

T = TypeVar("T")


class ConnectURL(str):
    """Where to send the user's browser: a string, for this user alone.

    By hand, so that it can be used as the URL that it is.
    """

    __slots__ = ("expires_in",)

    expires_in: int | None
    """How long it can be opened, in seconds; the cloud does not say."""

    def __new__(cls, url: str, expires_in: int | None = None) -> ConnectURL:
        """Of a URL and its lifetime."""
        self = super().__new__(cls, url)
        self.expires_in = expires_in
        return self

    def __reduce__(self) -> tuple[type[ConnectURL], tuple[str, int | None]]:
        return ConnectURL, (str(self), self.expires_in)


def read_connect_url(answer: Mapping[str, Any]) -> ConnectURL:
    """Of ``connect`` and ``open_connect``."""
    return ConnectURL(answer["url"], answer.get("expiresIn"))


def read_saved_app(answer: Mapping[str, Any]) -> App:
    """Of ``apps.create`` and ``apps.update``: by hand, since the warnings stand beside the connection there."""
    return from_wire(App, {**answer["app"], "warnings": answer.get("warnings")})


def read_device_poll(answer: Mapping[str, Any]) -> Completion | None:
    """Of ``device.poll``: by hand, since nothing is what Python says for "not yet"."""
    return from_wire(Completion, answer) if answer["status"] == "complete" else None


def from_wire(cls: type[T], wire: Mapping[str, Any]) -> T:
    """A dataclass from its JSON object. Members that it does not know are left out."""
    read: T = cls._from_wire(wire)  # type: ignore[attr-defined]
    return read
