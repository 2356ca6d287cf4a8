"""A function with other parameters than the one it calls, as the SDKs see it."""

from __future__ import annotations

import asyncio
import functools
import inspect
import typing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping


class Wrapper:
    """``function`` without some of its parameters, which the wrapper supplies itself."""

    def __init__(self, function: Callable[..., Any], *, without: Collection[str]) -> None:
        self._function = function
        signature = inspect.signature(function)
        missing = sorted(set(without) - set(signature.parameters))
        if missing:
            raise TypeError(f"{function.__name__} has no parameter {', '.join(missing)}")
        # As objects, so that nobody needs the function's own module to read them. "include_extras" keeps Annotated.
        hints = typing.get_type_hints(function, include_extras=True)
        self._returns = hints.get("return", inspect.Signature.empty)
        self._parameters = [
            parameter.replace(annotation=hints.get(name, inspect.Parameter.empty))
            for name, parameter in signature.parameters.items()
            if name not in without
        ]

    def add_parameter(self, name: str, annotation: Any) -> str:
        """Adds a keyword, and gives its name."""
        self._parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation))
        return name

    async def call(self, arguments: Mapping[str, Any]) -> Any:
        """Calls the function; one that may block, on a thread."""
        if inspect.iscoroutinefunction(self._function):
            return await self._function(**arguments)
        return await asyncio.to_thread(self._function, **arguments)

    def present(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """``run`` with the name, the documentation and the remaining parameters of the function."""
        functools.update_wrapper(run, self._function)
        del run.__wrapped__  # type: ignore[attr-defined] # its parameters are others
        run.__annotations__ = {p.name: p.annotation for p in self._parameters if p.annotation is not p.empty}
        if self._returns is not inspect.Signature.empty:
            run.__annotations__["return"] = self._returns
        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            self._parameters, return_annotation=self._returns
        )
        return run
