"""One call as a value: what is asked, for how long, and how the answer is read."""

from __future__ import annotations

import functools
import inspect
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Generic, TypeVar

from ._errors import parse
from ._frames import hiding
from ._wire import milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


@dataclass(frozen=True)
class Call(Generic[T]):
    """One operation, ready to be performed."""

    request: bytes = field(repr=False)
    timeout_ms: int
    read: Callable[[Any], T]

    @hiding
    def result(self, answer: bytes) -> T:
        """What the library's answer means."""
        return self.read(parse(answer))


def make_call(
    op: str, fields: Mapping[str, object], actor: str | None, timeout: float | None, read: Callable[[Any], T]
) -> Call[T]:
    """A call of an operation with its fields in wire names; the timeout is in seconds."""
    who = {} if actor is None else {"actor": actor}
    return Call(json.dumps({**fields, **who, "op": op}).encode(), milliseconds(timeout), read)


def present(method: Callable[..., Any], operation: Callable[..., Call[Any]]) -> None:
    """Gives a client's method the documentation and the signature of its operation, for help() and for editors.

    Type checkers see the same signature through the ParamSpec in _client.py and _aio.py.
    """
    functools.update_wrapper(method, operation)
    signature = inspect.signature(operation)
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    # Postponed annotations are text: "Call[Token]". The method gives the Token.
    returns = signature.return_annotation[len("Call[") : -len("]")]
    method.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[itself, *signature.parameters.values()], return_annotation=returns
    )
