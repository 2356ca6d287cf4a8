"""Connections for tools of MCP servers that are made with the official SDK (the package ``mcp``, 2.3 or newer).

>>> connections = Connections(client, redirect_url="https://app.example.com/connected")
>>> @server.tool()
... @connections.needs(contacts=Connection("google-contacts"))
... async def find(name: str, contacts: Token) -> str: ...

When the user has not connected, the client is asked to show where, and the call goes on once that is done. For the
package ``fastmcp``, see ``descope_conn.mcp.fastmcp``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp.server.apps import APP_MIME_TYPE
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resources import FunctionResource
from mcp.server.mcpserver.utilities.context_injection import find_context_parameter
from mcp.types import CallToolResult, InputRequiredResult

from ._connections import CARD_URI, Caller, Connection, ConnectionsBase
from ._request import Request
from ._wrapper import Wrapper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Caller", "Connection", "Connections"]


class Connections(ConnectionsBase):
    """What the tools, prompts and resource templates of an ``MCPServer`` need; see ``ConnectionsBase``."""

    tool_error = ToolError

    @property
    def card(self) -> FunctionResource:
        """The card that clients with MCP Apps show: ``Apps.add_resource`` takes it, or ``MCPServer.add_resource``."""
        return FunctionResource(uri=CARD_URI, name="connect", mime_type=APP_MIME_TYPE, fn=self._read_card)

    def _decorate(self, function: Callable[..., Any], needed: Mapping[str, Connection]) -> Callable[..., Any]:
        own_context = find_context_parameter(function)
        wrapper = Wrapper(function, without=needed)
        context = own_context or wrapper.add_parameter("mcp_context", Context)

        async def run(**arguments: Any) -> Any:
            current: Context[Any, Any] = arguments[context] if own_context else arguments.pop(context)
            request = Request.read(current.request_context)
            return await self._run(request, needed, lambda tokens: wrapper.call({**arguments, **tokens}))

        return wrapper.present(run)

    def _token(self) -> Any:
        return get_access_token()

    def _input_required(self, result: Mapping[str, Any]) -> Any:
        return InputRequiredResult.model_validate(result)

    def _result(self, result: Mapping[str, Any]) -> Any:
        return CallToolResult.model_validate(result)
