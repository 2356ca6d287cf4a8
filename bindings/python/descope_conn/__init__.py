"""Third-party tokens for a user or a tenant, from Descope's cloud or an embedded encrypted vault.

>>> from descope_conn import Client, ConnectionRequired
>>> with Client.cloud(project_id="P...", management_key="...") as client:
...     token = client.fetch_token("google-contacts", user_id="U...")
"""

from ._aio import AsyncApps, AsyncClient, AsyncDevice, AsyncMCP, AsyncTemplates
from ._client import MCP, Apps, Client, Device, Templates
from ._errors import (
    Cancelled,
    Conflict,
    ConnectionRequired,
    ConnError,
    Forbidden,
    Internal,
    InvalidConfig,
    InvalidRequest,
    Limit,
    Misconfigured,
    NotFound,
    ProviderError,
    RateLimited,
    Timeout,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from ._library import build_info
from ._types import (
    App,
    Completion,
    ConnectOptions,
    DeviceFlow,
    MissingConnection,
    NewToken,
    StoreFailure,
    Subject,
    Template,
    Token,
    TokenInfo,
)

__all__ = [
    "MCP",
    "App",
    "Apps",
    "AsyncApps",
    "AsyncClient",
    "AsyncDevice",
    "AsyncMCP",
    "AsyncTemplates",
    "Cancelled",
    "Client",
    "Completion",
    "Conflict",
    "ConnError",
    "ConnectOptions",
    "ConnectionRequired",
    "Device",
    "DeviceFlow",
    "Forbidden",
    "Internal",
    "InvalidConfig",
    "InvalidRequest",
    "Limit",
    "Misconfigured",
    "MissingConnection",
    "NewToken",
    "NotFound",
    "ProviderError",
    "RateLimited",
    "StoreFailure",
    "Subject",
    "Template",
    "Templates",
    "Timeout",
    "Token",
    "TokenInfo",
    "Unauthorized",
    "Unavailable",
    "Unsupported",
    "build_info",
]
