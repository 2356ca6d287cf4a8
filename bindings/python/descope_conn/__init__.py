"""Third-party tokens for a user or a tenant, from Descope's cloud or an embedded encrypted vault.

>>> from descope_conn import Client, ConnectionRequired
>>> with Client.cloud(project_id="P...", management_key="...") as client:
...     token = client.fetch_token("google-contacts", user_id="U...")
"""

from ._aio import AsyncApps, AsyncClient, AsyncMCP
from ._client import MCP, Apps, Client
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
from ._library import LibraryError, build_info
from ._types import (
    App,
    Completion,
    ConnectOptions,
    MissingConnection,
    NewToken,
    StoreFailure,
    Subject,
    Token,
    TokenInfo,
)

__all__ = [
    "MCP",
    "App",
    "Apps",
    "AsyncApps",
    "AsyncClient",
    "AsyncMCP",
    "Cancelled",
    "Client",
    "Completion",
    "Conflict",
    "ConnError",
    "ConnectOptions",
    "ConnectionRequired",
    "Forbidden",
    "Internal",
    "InvalidConfig",
    "InvalidRequest",
    "LibraryError",
    "Limit",
    "Misconfigured",
    "MissingConnection",
    "NewToken",
    "NotFound",
    "ProviderError",
    "RateLimited",
    "StoreFailure",
    "Subject",
    "Timeout",
    "Token",
    "TokenInfo",
    "Unauthorized",
    "Unavailable",
    "Unsupported",
    "build_info",
]
