"""Connections for tools of MCP servers that are made with the package ``fastmcp``, 4.1 or newer.

>>> connections = Connections(client, redirect_url="https://app.example.com/connected")
>>> server = FastMCP("contacts", middleware=[connections])
>>> @server.tool
... @connections.needs(contacts=Connection("google-contacts"))
... async def find(name: str, contacts: Token) -> str: ...
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastmcp.exceptions import ToolError
from fastmcp.resources import FunctionResource
from fastmcp.server.dependencies import get_access_token, get_context
from fastmcp.server.middleware import Middleware
from fastmcp.tools.base import ToolResult
from fastmcp.utilities.mime import UI_MIME_TYPE
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, InputRequiredResult

from ._connections import CARD_URI, Caller, Connection, ConnectionsBase
from ._request import CODE_ARGUMENT, Request
from ._wrapper import Wrapper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Caller", "Connection", "Connections"]


class Connections(ConnectionsBase, Middleware):
    """What the tools, prompts and resource templates of a ``FastMCP`` server need; see ``ConnectionsBase``.

    It is a middleware of the server: FastMCP makes a tool's result of every error that a tool raises, but lets those of
    a middleware pass to the client, and the protocol of 2025-11-25 wants one.
    """

    tool_error = ToolError

    @property
    def card(self) -> FunctionResource:
        """The card that clients with MCP Apps show: ``FastMCP.add_resource`` takes it."""
        return FunctionResource.from_function(self._read_card, uri=CARD_URI, name="connect", mime_type=UI_MIME_TYPE)

    async def on_call_tool(self, context: Any, call_next: Any) -> Any:
        """Lets a tool's JSON-RPC error pass to the client, and keeps from tools the code that is not theirs."""
        await self._drop_code(context)
        result = await call_next(context)
        if isinstance(result, _ErrorResult):
            raise result.mcp_error
        return result

    async def _drop_code(self, context: Any) -> None:
        arguments = context.message.arguments
        if not arguments or CODE_ARGUMENT not in arguments:
            return
        tool = await context.fastmcp_context.fastmcp.get_tool(context.message.name)
        if tool is not None and CODE_ARGUMENT not in tool.parameters.get("properties", {}):
            context.message.arguments = {k: v for k, v in arguments.items() if k != CODE_ARGUMENT}

    def _decorate(self, function: Callable[..., Any], needed: Mapping[str, Connection]) -> Callable[..., Any]:
        wrapper = Wrapper(function, without=needed)

        async def run(**arguments: Any) -> Any:
            context = get_context()
            if self not in context.fastmcp.middleware:
                raise RuntimeError(
                    "these Connections are no middleware of the server: FastMCP(middleware=[connections])"
                )
            if context.request_context is None:
                raise RuntimeError("there is no request that asks for this")
            request = Request.read(context.request_context._srctx)
            try:
                return await self._run(request, needed, lambda tokens: wrapper.call({**arguments, **tokens}))
            except MCPError as error:
                if request.method != "tools/call":
                    raise
                return _ErrorResult(error)

        return wrapper.present(run)

    def _token(self) -> Any:
        return get_access_token()

    def _input_required(self, result: Mapping[str, Any]) -> Any:
        return InputRequiredResult.model_validate(result)

    def _result(self, result: Mapping[str, Any]) -> Any:
        return ToolResult.from_mcp_result(CallToolResult.model_validate(result))


class _ErrorResult(ToolResult):
    """An error on its way from a tool to the middleware."""

    def __init__(self, error: MCPError) -> None:
        super().__init__(content=str(error), is_error=True)
        self._mcp_error = error

    @property
    def mcp_error(self) -> MCPError:
        return self._mcp_error
