"""What is described is what there is: the description, its page, the documentation and the codes."""

import re
from pathlib import Path

import pytest
from django.test import Client as Browser

from retineye import client
from retineye.accounts.tokens import SCOPE_WORDS, Scope
from retineye.api.problems import CONTENT_TYPE, Problem
from retineye.api.root import api
from retineye.clinic.webhooks import Event

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "api.md").read_text("utf-8")


def test_every_code_scope_and_event_is_in_the_docs_and_no_other() -> None:
    told = dict(re.findall(r"^\| `([a-z_]+)` \| (\d{3}) \|", PAGE, re.MULTILINE))
    assert told == {problem.code: str(problem.status) for problem in Problem}
    assert all(f"| `{scope.value}` |" in PAGE for scope in Scope)
    assert all(f"| `{event.value}` |" in PAGE for event in Event)
    assert set(SCOPE_WORDS) == set(Scope)


def test_every_call_is_in_the_docs() -> None:
    paths = api.get_openapi_schema()["paths"]
    calls = {f"{method.upper()} {place.removeprefix('/api/v1')}" for place, many in paths.items() for method in many}
    assert calls == set(re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", PAGE, re.MULTILINE))


def test_every_failure_is_described_as_a_problem() -> None:
    for place, many in api.get_openapi_schema()["paths"].items():
        for method, operation in many.items():
            failures = {status: one for status, one in operation["responses"].items() if int(status) >= 400}
            assert {401, 403, 429} <= {int(status) for status in failures}, (method, place)
            assert all(list(one["content"]) == [CONTENT_TYPE] for one in failures.values()), (method, place)


def test_the_description_and_its_page_are_served_without_the_internet(db: None) -> None:
    browser = Browser()
    assert browser.get("/api/v1/openapi.json").json()["openapi"].startswith("3.")
    answer = browser.get("/api/v1/docs")
    page = answer.content.decode()
    assert answer.status_code == 200 and "swagger-ui-bundle.js" in page
    assert not re.search(r"(src|href)=\"(https?:)?//", page)
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]*(src=|application/json))|\son\w+=|style=\"", page)


def test_the_client_has_one_face() -> None:
    assert client.__all__ == sorted(client.__all__, key=lambda name: (name[0].islower(), name))
    assert all(hasattr(client, name) for name in client.__all__)


@pytest.mark.parametrize("method", ["patient", "exam", "photograph", "verdicts", "grade", "upload", "report_pdf"])
def test_the_client_says_what_its_methods_do(method: str) -> None:
    assert getattr(client.Client, method).__doc__
