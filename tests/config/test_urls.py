"""Every address but a few turns away who is not signed in."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

PUBLIC = {"home", "about", "health", "account_login", "account_inactive", "first_run", "join"}
VALUES = {"pk": uuid4(), "token": "guessed", "eye": "right"}


def patterns(resolver: URLResolver) -> Iterator[URLPattern]:
    for one in resolver.url_patterns:
        if isinstance(one, URLResolver):
            yield from patterns(one)
        else:
            yield one


CLOSED = sorted(
    (one.name or "", tuple(one.pattern.converters)) for one in patterns(get_resolver()) if one.name not in PUBLIC
)


def test_every_address_has_a_name() -> None:
    assert all(one.name for one in patterns(get_resolver()))


@pytest.mark.parametrize(("name", "names"), CLOSED)
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_anonymous_caller_is_sent_to_sign_in(
    name: str, names: tuple[str, ...], method: str, client: Client, db: None
) -> None:
    path = reverse(name, kwargs={one: VALUES[one] for one in names})
    answer = getattr(client, method)(path)
    # A page that takes the other method only says so before it asks who is there: it shows nothing.
    assert answer.status_code in (302, 401, 405), name
    if answer.status_code == 302:
        assert answer.url.startswith(reverse("account_login")) or name == "account_logout"


@pytest.mark.parametrize(
    "header", ["Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "X-Frame-Options"]
)
def test_answers_carry_the_headers_that_keep_browsers_careful(header: str, client: Client, db: None) -> None:
    assert client.get(reverse("account_login")).headers[header]


def test_an_unknown_host_is_turned_away(client: Client, db: None, settings: object) -> None:
    settings.ALLOWED_HOSTS = ["127.0.0.1"]  # type: ignore[attr-defined]
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400
