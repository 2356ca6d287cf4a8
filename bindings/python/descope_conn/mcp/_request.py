"""The MCP request that is being served, whichever SDK serves it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp.server.context import ServerRequestContext


@dataclass(frozen=True)
class Request:
    """What the core wants to know of a request, as it came over the wire."""

    method: str
    name: str
    """The tool's or prompt's name, or the resource's URI."""
    arguments: Mapping[str, Any] | None
    protocol_version: str
    capabilities: Mapping[str, Any] | None
    request_state: str | None = field(repr=False)
    input_responses: Mapping[str, Any] | None
    is_local: bool
    """Whether it came over stdio, from the process that started this one."""

    @classmethod
    def read(cls, context: ServerRequestContext[Any, Any]) -> Request:
        """The request that a handler of the official SDK is given; FastMCP is built on the same."""
        params = context.params or {}
        declared = context.session.client_capabilities
        return cls(
            method=context.method,
            name=str(params["uri" if context.method == "resources/read" else "name"]),
            arguments=params.get("arguments"),
            protocol_version=context.protocol_version,
            capabilities=None
            if declared is None
            else declared.model_dump(mode="json", by_alias=True, exclude_none=True),
            request_state=params.get("requestState"),
            input_responses=params.get("inputResponses"),
            is_local=context.request is None,
        )
