"""Every address but a few turns away who is not signed in."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

PUBLIC = {
    *("home", "about", "health", "account_login", "account_inactive", "first_run", "join"),
    *("password_forgotten", "password_new"),
    # Whoever comes may choose the language of the page that asks for the password.
    "language",
    # What the browser needs before anybody has signed in, and what says nothing of anybody.
    *(
        "offline",
        "service_worker",
        "health_live",
        "health_ready",
        "api-v1:api-root",
        "api-v1:api-nothing",
        "api-v1:openapi-json",
        "api-v1:openapi-view",
        "fhir:metadata",
        "fhir:nothing",
    ),
}
NUMBERED = {"device_end", "mfa_edit_webauthn", "mfa_remove_webauthn"}
VALUES = {"pk": uuid4(), "token": "guessed", "eye": "right", "number": 1, "language": "fr", "kind": "patient"}


def patterns(resolver: URLResolver, space: str = "") -> Iterator[tuple[str, URLPattern, tuple[str, ...]]]:
    """Give each address with its full name, its pattern, and the names of its parts."""
    for one in resolver.url_patterns:
        if isinstance(one, URLResolver):
            inner = f"{space}{one.namespace}:" if one.namespace else space
            outer = tuple(one.pattern.converters)
            yield from ((name, pattern, (*outer, *names)) for name, pattern, names in patterns(one, inner))
        else:
            yield f"{space}{one.name or ''}", one, tuple(one.pattern.converters)


CLOSED = sorted({(name, names) for name, _, names in patterns(get_resolver()) if name not in PUBLIC})


def value_of(pattern_part: str) -> object:
    """Give a value that an address of this kind takes."""
    return VALUES.get(pattern_part, VALUES["pk"])


def test_every_address_has_a_name() -> None:
    assert all(one.name for _, one, _ in patterns(get_resolver()))


@pytest.mark.parametrize(("name", "names"), CLOSED)
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_anonymous_caller_is_sent_to_sign_in(
    name: str, names: tuple[str, ...], method: str, client: Client, db: None
) -> None:
    path = reverse(name, kwargs={one: 1 if name in NUMBERED else value_of(one) for one in names})
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
