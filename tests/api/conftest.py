"""Programs that speak with the service, each by a token of somebody's."""

from collections.abc import Callable, Iterator

import httpx  # noqa: TID251
import pytest
from django.test import Client as Browser

from retineye.accounts import tokens
from retineye.accounts.models import User
from retineye.accounts.tokens import Scope
from retineye.client import Client

Program = Callable[..., Client]


class InProcess(httpx.BaseTransport):
    """Hands httpx's requests to the service in this process, and so within the test's transaction."""

    def __init__(self) -> None:
        self.browser = Browser(raise_request_exception=False)
        self.seen: list[httpx.Response] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as the service does."""
        headers = {name: value for name, value in request.headers.items() if name not in ("content-length", "host")}
        response = self.browser.generic(
            request.method,
            request.url.raw_path.decode(),
            request.read(),
            content_type=headers.pop("content-type", "application/octet-stream"),
            headers=headers,
        )
        answered = httpx.Response(response.status_code, headers=dict(response.items()), content=response.content)
        self.seen.append(answered)
        return answered


def token_for(user: User, *scopes: Scope) -> str:
    """Make a token of the person's, for everything unless scopes are named."""
    wanted = [scope.value for scope in scopes or Scope]
    return tokens.make(user, name="a program", scopes=wanted, days=30).text


@pytest.fixture()
def program(db: None) -> Iterator[Program]:
    """Give a way to open clients that speak with the service inside this process."""
    opened = []

    def open_client(user: User, *scopes: Scope) -> Client:
        client = Client(
            "http://testserver", token_for(user, *scopes), transport=InProcess(), tries=1, pause=lambda _s: None
        )
        opened.append(client)
        return client

    yield open_client
    for client in opened:
        client.close()
