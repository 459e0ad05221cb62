"""Log lines are JSON, and hold ids and places, never what a row or an exception says."""

import json
import logging
import logging.config
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import structlog
from django.http import HttpResponse, HttpResponseNotFound
from django.test import RequestFactory
from django.utils.log import log_response

from retineye.config.logs import logging_config


@contextmanager
def as_the_service_logs() -> Iterator[None]:
    """Write to what is standard error now, and leave the test run's own handlers as they were."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logging.config.dictConfig(logging_config("INFO"))
    try:
        yield
    finally:
        root.handlers[:], root.level = handlers, level


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


def test_our_lines_and_django_s_are_json_with_time_level_and_place(capfd: pytest.CaptureFixture[str]) -> None:
    with as_the_service_logs():
        structlog.get_logger("retineye.clinic.grade").info("graded", photograph="42")
        logging.getLogger("django.request").warning("Not Found: %s", "/nowhere/")
    ours, djangos = lines(capfd)
    assert ours["event"] == "graded"
    assert ours["photograph"] == "42"
    assert djangos["event"] == "Not Found: /nowhere/"
    for line in (ours, djangos):
        assert {"timestamp", "level", "logger"} <= set(line)


@pytest.mark.parametrize("name", ["retineye.clinic.grade", "django.request"])
def test_an_exception_s_text_stays_out_and_its_type_and_places_come_in(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    logger = structlog.get_logger(name) if name.startswith("retineye") else logging.getLogger(name)
    with as_the_service_logs():
        try:
            raise ValueError("Key (name)=(Ana Ruiz) already exists.")
        except ValueError:
            logger.exception("broke")
    text = capfd.readouterr().err
    [line] = [json.loads(one) for one in text.splitlines()]
    assert "Ruiz" not in text
    assert line["error"] == "builtins.ValueError"
    assert "test_logs.py" in line["places"][-1]


def test_what_axes_says_of_names_is_not_written(capfd: pytest.CaptureFixture[str]) -> None:
    with as_the_service_logs():
        logging.getLogger("axes.handlers.database").warning("New login failure by %s", "ana@hill.example")
    assert lines(capfd) == []


def test_an_address_that_somebody_typed_is_told_by_its_pattern(capfd: pytest.CaptureFixture[str]) -> None:
    from django.core.exceptions import SuspiciousOperation
    from django.test import RequestFactory
    from django.urls import resolve
    from django.utils.log import log_response

    unknown, known = (RequestFactory().get(path) for path in ("/patients/Ana Ruiz/", "/health/live/"))
    known.resolver_match = resolve("/health/live/")
    with as_the_service_logs():
        for request in (unknown, known):
            answer = HttpResponseNotFound()
            log_response("Not Found: %s", request.path, response=answer, request=request)
        logging.getLogger("django.security.DisallowedHost").error(
            str(SuspiciousOperation("Invalid host Ana Ruiz")), extra={"status_code": 400, "request": unknown}
        )
    said = capfd.readouterr().err
    first, second, third = [json.loads(line) for line in said.splitlines()]
    assert "Ruiz" not in said
    assert (first["event"], first["route"], first["method"], first["status"]) == ("Not Found", "", "GET", 404)
    assert second["route"] == "health/live/"
    assert third["event"] == "DisallowedHost"


def test_what_django_itself_says_of_an_answer_is_told_in_words(capfd: pytest.CaptureFixture[str]) -> None:
    request = RequestFactory().get("/patients/Ana Ruiz/")
    with as_the_service_logs():
        log_response(
            "%s: %s", "Unauthorized", request.path, response=HttpResponse(status=401), request=request
        )  # fmt: skip
    (line,) = lines(capfd)
    assert (line["event"], line["status"]) == ("Unauthorized", 401)
    assert "Ruiz" not in str(line)
