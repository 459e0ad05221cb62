"""Health and metrics: who may see them, what they say, and that they say nothing of a patient."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from retineye.clinic import checks, drift, health, queue
from retineye.clinic.models import Photograph, State
from tests.cast import Clinic, add_exam, add_patient, picture, send

TOKEN = "a-token-of-a-test-0123"
KEY = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture()
def watched(settings: Any) -> Iterator[None]:
    """Have a token that opens the figures."""
    settings.RETINEYE_WATCH_TOKEN = TOKEN
    yield


def samples(client: Client) -> dict[tuple[str, ...], float]:
    """Scrape as Prometheus does: by its own parser."""
    answer = client.get(reverse("metrics"), headers=KEY)
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def test_live_asks_nothing_of_the_database(client: Client, db: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert client.get(reverse("health_live")).json() == {"live": True}


def test_ready_tells_a_stranger_nothing_but_yes_or_no(client: Client, db: None) -> None:
    answer = client.get(reverse("health_ready"))
    assert (answer.status_code, answer.json()) == (200, {"ready": True})


@pytest.mark.usefixtures("watched")
def test_ready_tells_a_watcher_of_each_part(client: Client, db: None) -> None:
    answer = client.get(reverse("health_ready"), headers=KEY)
    assert answer.json()["parts"] == {"database": "ok", "queue": "ok", "storage": "ok", "pack": "ok"}


@pytest.mark.usefixtures("watched")
def test_a_store_that_takes_no_file_takes_the_process_out_of_traffic(
    client: Client, db: None, settings: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    settings.MEDIA_ROOT = tmp_path / "file" / "photographs"
    answer = client.get(reverse("health_ready"), headers=KEY)
    assert answer.status_code == 503
    assert answer.json()["parts"]["storage"] == "unreachable"


@pytest.mark.usefixtures("watched")
def test_without_a_pack_the_process_stays_and_the_pack_is_told(client: Client, db: None, settings: Any) -> None:
    settings.RETINEYE_PACK = "/nowhere"
    checks.forget()
    answer = client.get(reverse("health_ready"), headers=KEY)
    assert answer.status_code == 200
    assert answer.json()["parts"]["pack"] == "refused"


@pytest.mark.usefixtures("watched")
def test_a_photograph_that_nobody_grades_shows_in_the_queue(client: Client, hill: Clinic) -> None:
    sent = send(hill, add_exam(hill), picture())
    Photograph.objects.filter(pk=sent.pk).update(created_at=timezone.now() - 2 * health.LATE_AFTER)
    assert client.get(reverse("health_ready"), headers=KEY).json()["parts"]["queue"] == "late"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("watched")
def test_a_database_that_does_not_answer_is_told_and_the_metrics_still_come(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    def refuse(*args: Any, **options: Any) -> None:
        raise OperationalError("could not connect to server at 10.0.0.9")

    connection.close()
    monkeypatch.setattr(connection, "connect", refuse)
    answer = client.get(reverse("health_ready"), headers=KEY)
    assert answer.status_code == 503
    assert answer.json()["parts"] == {"database": "unreachable", "queue": "unknown", "storage": "ok", "pack": "ok"}
    assert b"10.0.0.9" not in answer.content
    found = samples(client)
    assert found["retineye_part_up", "database"] == 0
    assert found["retineye_ready",] == 0
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("address", "forwarded", "status"),
    [("10.1.2.3", None, 200), ("10.2.0.1", None, 401), ("10.1.2.3", "203.0.113.9", 401), ("nonsense", None, 401)],
)
def test_only_machines_that_are_named_see_the_metrics(
    client: Client, db: None, settings: Any, address: str, forwarded: str | None, status: int
) -> None:
    settings.RETINEYE_WATCH_FROM = ["10.1.0.0/16"]
    said = {"x-forwarded-for": forwarded} if forwarded else {}
    assert client.get(reverse("metrics"), headers=said, REMOTE_ADDR=address).status_code == status


def test_a_proxy_s_word_counts_where_a_setting_tells_of_the_proxy(client: Client, db: None, settings: Any) -> None:
    settings.RETINEYE_WATCH_FROM, settings.ALLAUTH_TRUSTED_PROXY_COUNT = ["10.1.2.3"], 1
    for said, status in (("10.1.2.3", 200), ("203.0.113.9", 401), ("10.1.2.3, 203.0.113.9", 401)):
        answer = client.get(reverse("metrics"), headers={"x-forwarded-for": said}, REMOTE_ADDR="127.0.0.1")
        assert answer.status_code == status, said


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN])
@pytest.mark.usefixtures("watched")
def test_a_wrong_token_opens_nothing(client: Client, db: None, given: str) -> None:
    assert client.get(reverse("metrics"), headers={"authorization": given}).status_code == 401


def test_where_nobody_is_named_nobody_watches_not_even_this_machine(client: Client, hill: Clinic) -> None:
    client.force_login(hill.administrator, backend="allauth.account.auth_backends.AuthenticationBackend")
    for headers in ({}, {"authorization": "Bearer "}):
        assert client.get(reverse("metrics"), headers=headers, REMOTE_ADDR="127.0.0.1").status_code == 401


@pytest.mark.usefixtures("watched")
def test_what_waits_and_what_was_graded_is_counted(client: Client, hill: Clinic) -> None:
    exam = add_exam(hill)
    for seed in (1, 2, 3):
        send(hill, exam, picture(seed))
    before = samples(client)
    assert before["retineye_queue_waiting", "photograph"] == 3
    assert before["retineye_queue_oldest_seconds", "photograph"] > 0
    assert before["retineye_uploads_hour", "web"] == 3
    assert before["retineye_outcomes_hour", "graded"] == 0
    while queue.take_one("here"):
        pass
    after = samples(client)
    assert after["retineye_queue_waiting", "photograph"] == 0
    assert after["retineye_outcomes_hour", "graded"] == Photograph.objects.filter(state=State.GRADED).count() == 3
    assert after["retineye_stage_seconds", "0.5", "total"] > 0
    assert after["retineye_verdict_seconds", "0.95"] >= after["retineye_stage_seconds", "0.5", "total"]
    assert after["retineye_graders_wanted",] >= 1


@pytest.mark.usefixtures("watched")
def test_a_long_queue_asks_for_more_graders_than_a_short_one(client: Client, hill: Clinic) -> None:
    exam = add_exam(hill)
    send(hill, exam, picture(1))
    queue.take_one("here")
    each = samples(client)["retineye_stage_seconds", "0.5", "total"]
    few = send(hill, exam, picture(2))
    # As many rows as would keep one grader busy for a minute.
    Photograph.objects.bulk_create(
        Photograph(
            exam=exam, eye="right", sha256=str(n), bytes=1, mime="image/jpeg", width_px=1, height_px=1, via="web"
        )
        for n in range(int(60 / each))
    )
    assert few.state == State.WAITING
    assert samples(client)["retineye_graders_wanted",] >= 6


@pytest.mark.usefixtures("watched")
def test_no_name_of_a_person_or_patient_gets_into_the_metrics(client: Client, hill: Clinic) -> None:
    exam = add_exam(hill, add_patient(hill, "Zebulon Quartermaine"))
    send(hill, exam, picture())
    queue.take_one("here")
    drift.refresh(timezone.now())
    said = client.get(reverse("metrics"), headers=KEY).content.decode()
    for secret in ("Zebulon", "Quartermaine", hill.technician.full_name, hill.technician.email, str(exam.patient_id)):
        assert secret not in said


@pytest.mark.usefixtures("watched")
def test_a_scrape_costs_no_more_with_more_photographs(
    client: Client, hill: Clinic, django_assert_max_num_queries: Any
) -> None:
    exam = add_exam(hill)
    for seed in range(1, 5):
        send(hill, exam, picture(seed))
    while queue.take_one("here"):
        pass
    with django_assert_max_num_queries(20):
        samples(client)
