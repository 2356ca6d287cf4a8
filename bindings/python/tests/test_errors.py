from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from cloud_server import NOT_FOUND, USER_JWT, CloudServer

from descope_conn import (
    Client,
    ConnectionRequiredError,
    ConnError,
    ForbiddenError,
    InternalError,
    InvalidConfigError,
    InvalidRequestError,
    LimitError,
    NotFoundError,
    RateLimitedError,
    UnauthorizedError,
    UnavailableError,
)
from descope_conn._errors import CLASSES, E_FAILED, E_MEMORY, error_from

if TYPE_CHECKING:
    from collections.abc import Mapping


def failed(**error: Any) -> ConnError:
    return error_from(E_FAILED, json.dumps({"error": error}).encode())


@pytest.mark.parametrize("code", CLASSES)
def test_each_code_has_its_class(code: str) -> None:
    error = failed(code=code, message="m", connectionUrl="u")
    assert type(error) is CLASSES[code]
    assert error.code == code


def test_a_code_of_a_later_version_is_a_plain_error() -> None:
    error = failed(code="new_code", message="m")
    assert type(error) is ConnError
    assert error.code == "new_code"


def test_a_status_without_an_answer_still_says_what_happened() -> None:
    assert isinstance(error_from(E_MEMORY, None), InternalError)
    assert "-99" in str(error_from(-99, None))


def test_every_field_arrives_and_survives_pickling() -> None:
    error = failed(
        code="provider_error",
        message="m",
        field="f",
        reason="r",
        retryAfterMs=5,
        httpStatus=400,
        errorCode="invalid_scope",
        errorDescription="d",
        appId="a",
        missingScopes=["s", "t"],
        declined=["t"],
    )
    for each in (error, pickle.loads(pickle.dumps(error))):
        assert each.message == "m"
        assert (each.field, each.reason, each.retry_after, each.http_status) == ("f", "r", 0.005, 400)
        assert (each.error_code, each.error_description) == ("invalid_scope", "d")
        assert (each.app_id, each.missing_scopes, each.declined) == ("a", ("s", "t"), ("t",))


@pytest.mark.parametrize("config", [{}, {"backend": "no-such-backend"}])
def test_a_wrong_configuration(config: Mapping[str, object]) -> None:
    with pytest.raises(InvalidConfigError) as failure:
        Client(config)
    assert failure.value.field == "backend"


def test_a_missing_field_is_named(client: Client) -> None:
    with pytest.raises(InvalidRequestError) as failure:
        client.call("fetch", {"userId": "U1"})
    assert failure.value.field == "appId"


def test_an_unknown_field_is_named(client: Client) -> None:
    with pytest.raises(InvalidRequestError) as failure:
        client.call("fetch", {"appId": "a", "userId": "U1", "usrId": "U1"})
    assert failure.value.field == "usrId"


def test_an_unknown_operation(client: Client) -> None:
    with pytest.raises(InvalidRequestError):
        client.call("no_such_operation")


def test_deleting_everything_is_refused(client: Client) -> None:
    with pytest.raises(InvalidRequestError):
        client.delete_tokens()


def test_a_request_that_is_too_large(client: Client) -> None:
    with pytest.raises(LimitError):
        client.fetch_token("a", user_id="u" * 2**20)


def test_a_closed_client(config: dict[str, Any]) -> None:
    client = Client(config)
    assert client.close()
    assert client.close()
    assert client.closed
    with pytest.raises(InvalidRequestError, match="closed"):
        client.describe()


def test_a_wrong_management_key(config: dict[str, Any]) -> None:
    with Client({**config, "managementKey": "another-key"}) as client, pytest.raises(UnauthorizedError) as failure:
        client.fetch_token("a", user_id="U1")
    assert (failure.value.http_status, failure.value.error_code) == (401, "E011008")
    assert "another-key" not in str(failure.value)


def test_a_missing_token(client: Client, server: CloudServer) -> None:
    server.answers["a"] = NOT_FOUND
    with pytest.raises(NotFoundError) as failure:
        client.fetch_token("a", user_id="U1")
    assert failure.value.reason == "missing"
    assert (failure.value.http_status, failure.value.error_code) == (404, "E111504")


def test_adaptive_connect_answers_in_a_form_that_a_tool_hands_on(client: Client, server: CloudServer) -> None:
    server.answers["google-contacts"] = NOT_FOUND
    with pytest.raises(ConnectionRequiredError) as failure:
        client.fetch_token(
            "google-contacts",
            user_id="U1",
            access_token=USER_JWT,
            scopes=["contacts"],
            connect={"redirect_url": "https://app.example.com/done"},
        )
    error = failure.value
    assert error.app_id == "google-contacts"
    assert error.connection_url
    assert error.connection_url in error.message
    assert error.to_dict() == {
        "error": "connection_required",
        "requiresConnection": True,
        "connectionUrl": error.connection_url,
        "message": error.message,
        "appId": "google-contacts",
        "missingScopes": list(error.missing_scopes),
    }


@pytest.mark.parametrize(
    ("status", "expected"), [(403, ForbiddenError), (429, RateLimitedError), (500, UnavailableError)]
)
def test_what_the_server_says(client: Client, server: CloudServer, status: int, expected: type[ConnError]) -> None:
    server.answers["a"] = (status, {"errorCode": "E1", "errorDescription": "in its own words"})
    with pytest.raises(expected) as failure:
        client.fetch_token("a", user_id="U1")
    assert failure.value.http_status == status
    assert failure.value.error_description == "in its own words"
    if expected is RateLimitedError:
        assert failure.value.retry_after == 7.0


def test_no_server(config: dict[str, Any]) -> None:
    # Port 1 of the loopback has no listener.
    with Client({**config, "baseUrl": "http://127.0.0.1:1"}) as client, pytest.raises(UnavailableError):
        client.fetch_token("a", user_id="U1")
