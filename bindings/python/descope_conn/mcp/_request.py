"""The MCP request that is being served, whichever SDK serves it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._mcp_wire import arguments_digest, typed_code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp.server.context import ServerRequestContext
    from mcp.server.session import ServerSession

CODE_ARGUMENT = "confirmation_code"
"""What brings the code that the user's browser shows, from clients that have no form for it."""


@dataclass(frozen=True)
class Request:
    """What the core wants to know of a request, as it came over the wire."""

    method: str
    name: str
    """The tool's or prompt's name, or the resource's URI."""
    arguments_digest: str | None
    code: str | None = field(repr=False)
    """The code that the user has typed for the model."""
    protocol_version: str
    capabilities: Mapping[str, Any] | None
    client_info: Mapping[str, Any] | None
    request_state: str | None = field(repr=False)
    input_responses: Mapping[str, Any] | None
    is_local: bool
    """Whether it came over stdio, from the process that started this one."""
    session: ServerSession = field(repr=False)

    @classmethod
    def read(cls, context: ServerRequestContext[Any, Any]) -> Request:
        """The request that a handler of the official SDK is given; FastMCP is built on the same."""
        params = context.params or {}
        declared = context.session.client_capabilities
        client = context.session.client_params
        arguments = params.get("arguments")
        code = typed_code(arguments.get(CODE_ARGUMENT)) if arguments and context.method == "tools/call" else None
        return cls(
            method=context.method,
            name=str(params["uri" if context.method == "resources/read" else "name"]),
            arguments_digest=arguments_digest(arguments),
            code=code,
            protocol_version=context.protocol_version,
            capabilities=None
            if declared is None
            else declared.model_dump(mode="json", by_alias=True, exclude_none=True),
            client_info=None
            if client is None
            else {"name": client.client_info.name, "version": client.client_info.version},
            request_state=params.get("requestState"),
            input_responses=params.get("inputResponses"),
            is_local=context.request is None,
            session=context.session,
        )
