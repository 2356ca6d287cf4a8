"""Error reporters show what the frames of a traceback hold; here, what a frame must not be found with."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Callable, TypeVar

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    P = ParamSpec("P")

T = TypeVar("T")


def hiding(function: Callable[P, T]) -> Callable[P, T]:
    """Of a function that is given secrets: in its errors' tracebacks is no frame that knows them."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            raise error.with_traceback(None)  # noqa: B904 - it is the same error
        finally:
            del args, kwargs

    return call
