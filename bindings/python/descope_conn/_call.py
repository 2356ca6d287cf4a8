"""One call as a value: what is asked, for how long, and how the answer is read."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Generic, TypeVar

from ._errors import parse
from ._frames import hiding
from ._wire import encode, milliseconds, without_nones

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from typing_extensions import Concatenate, ParamSpec

    P = ParamSpec("P")

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
    """A call of an operation with its fields in wire names, without those that are None; the timeout is in seconds."""
    return raw_call(op, without_nones(fields), actor, timeout, read)


def raw_call(
    op: str, fields: Mapping[str, object], actor: str | None, timeout: float | None, read: Callable[[Any], T]
) -> Call[T]:
    """A call with its fields as they are."""
    who = {} if actor is None else {"actor": actor}
    return Call(encode({**fields, **who, "op": op}), milliseconds(timeout), read)


def nothing(_: Any) -> None:
    """Reads an answer without members."""


class Performer:
    """Performs calls on the calling thread."""

    def _perform(self, call: Call[T]) -> T:
        raise NotImplementedError


class AsyncPerformer:
    """Performs calls on an event loop."""

    async def _perform(self, call: Call[T]) -> T:
        raise NotImplementedError


class Group(Performer):
    """Operations that stand together under a client."""

    def __init__(self, client: Performer) -> None:
        self._client = client

    def _perform(self, call: Call[T]) -> T:
        return self._client._perform(call)


class AsyncGroup(AsyncPerformer):
    """Operations that stand together under an asynchronous client."""

    def __init__(self, client: AsyncPerformer) -> None:
        self._client = client

    async def _perform(self, call: Call[T]) -> T:
        return await self._client._perform(call)


S = TypeVar("S", bound=Performer)
A = TypeVar("A", bound=AsyncPerformer)


def performed(operation: Callable[Concatenate[S, P], Call[T]]) -> Callable[Concatenate[S, P], T]:
    """Makes a method of a function that says what the call is. No frame that waits has the arguments."""
    prepare = hiding(operation)

    def method(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            call = prepare(self, *args, **kwargs)
        finally:
            del args, kwargs
        return self._perform(call)

    _present(method, operation)
    return method


def awaited(operation: Callable[Concatenate[A, P], Call[T]]) -> Callable[Concatenate[A, P], Coroutine[Any, Any, T]]:
    """The same for an asynchronous client: the method is a coroutine function."""
    prepare = hiding(operation)

    async def method(self: A, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            call = prepare(self, *args, **kwargs)
        finally:
            del args, kwargs
        return await self._perform(call)

    _present(method, operation)
    return method


def _present(method: Callable[..., Any], operation: Callable[..., Call[Any]]) -> None:
    """Gives a method the documentation of its function, and its signature with what the method gives."""
    functools.update_wrapper(method, operation)
    signature = inspect.signature(operation)
    # Postponed annotations are text: "Call[Token]". The method gives the Token.
    returns = signature.return_annotation[len("Call[") : -len("]")]
    method.__signature__ = signature.replace(return_annotation=returns)  # type: ignore[attr-defined]
