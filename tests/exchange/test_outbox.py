"""A signed exam reaches real peers once, waits while they are away, and an older state is never sent late."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from fhir.resources.R4B.bundle import Bundle

from retineye.clinic.models import Delivery, Exam
from retineye.clinic.reviews import withdraw_signature
from retineye.exchange.outbox import deliver_next, find_due
from tests.cast import Clinic
from tests.exchange.archives import Archive, running
from tests.exchange.sending import destination, graded_exam, signed


@pytest.fixture()
def archive(tmp_path: Path) -> Iterator[Archive]:
    with running(tmp_path) as made:
        yield made


@pytest.fixture()
def exam(hill: Clinic) -> Exam:
    return graded_exam(hill)


PHOTOGRAPH_OR_MAP, PDF, SR = (f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("7", "104.1", "88.33"))


@pytest.mark.parametrize("kind", ["dicom", "stow"])
def test_orthanc_takes_photographs_maps_paper_and_report(kind: str, hill: Clinic, exam: Exam, archive: Archive) -> None:
    address = f"127.0.0.1:{archive.dicom}" if kind == "dicom" else f"{archive.web}/dicom-web"
    destination(hill, kind, address, ae_title="ORTHANC" if kind == "dicom" else "")
    signed(hill, exam)
    now = timezone.now()
    assert find_due(now) == 1
    assert deliver_next(now)
    sent = Delivery.objects.get()
    assert (sent.state, sent.error) == (Delivery.State.SENT, "")
    held = archive.classes()
    assert {PHOTOGRAPH_OR_MAP, PDF, SR} == set(held)
    assert (held.count(PDF), held.count(SR)) == (1, 1)
    # Sent once more after a crash, it is still held once.
    Delivery.objects.update(state=Delivery.State.WAITING)
    assert deliver_next(now)
    assert archive.classes() == held
    assert find_due(now) == 0


@pytest.fixture()
def server() -> Iterator[tuple[str, list[bytes], list[int]]]:
    heard: list[bytes] = []
    answers: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(answers.pop(0) if answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}/fhir", heard, answers
    made.shutdown()
    thread.join()
    made.server_close()


def test_a_server_that_is_away_gets_it_later(
    hill: Clinic, exam: Exam, server: tuple[str, list[bytes], list[int]]
) -> None:
    address, heard, answers = server
    destination(hill, "fhir", address)
    signed(hill, exam)
    answers.append(503)
    now = timezone.now()
    find_due(now)
    assert deliver_next(now)
    waiting = Delivery.objects.get()
    assert (waiting.state, waiting.error) == (Delivery.State.WAITING, "http_503")
    assert not deliver_next(now)
    assert deliver_next(now + timedelta(minutes=2))
    assert Delivery.objects.get().state == Delivery.State.SENT
    assert len(heard) == 2
    assert heard[0] == heard[1]
    found = Bundle.model_validate_json(heard[1])
    assert found.type == "transaction"
    assert b"presentedForm" in heard[1]


def test_a_signature_that_was_withdrawn_is_not_sent(
    hill: Clinic, exam: Exam, server: tuple[str, list[bytes], list[int]]
) -> None:
    destination(hill, "fhir", server[0])
    signed(hill, exam)
    now = timezone.now()
    find_due(now)
    withdraw_signature(hill.doctor, exam, "The other eye was meant.")
    deliver_next(now)
    assert Delivery.objects.get().error == "superseded"
    assert server[1] == []


def test_what_was_signed_before_a_destination_was_named_stays_here(hill: Clinic, exam: Exam) -> None:
    signed(hill, exam)
    destination(hill, "fhir", "http://127.0.0.1:9/")
    assert find_due(timezone.now()) == 0


def test_a_message_lies_in_the_folder_as_a_whole(hill: Clinic, exam: Exam, tmp_path: Path) -> None:
    folder = tmp_path / "hl7"
    folder.mkdir()
    destination(hill, "hl7file", str(folder))
    signed(hill, exam)
    now = timezone.now()
    find_due(now)
    deliver_next(now)
    (file,) = folder.iterdir()
    assert file.suffix == ".hl7"
    assert file.read_bytes().startswith(b"MSH|")


def test_a_fhir_server_learns_that_a_signature_was_taken_back(
    hill: Clinic, exam: Exam, server: tuple[str, list[bytes], list[int]]
) -> None:
    destination(hill, "fhir", server[0])
    destination(hill, "hl7file", "/nowhere")
    signed(hill, exam)
    now = timezone.now()
    find_due(now)
    while deliver_next(now):
        continue
    withdraw_signature(hill.doctor, exam, "The other eye was meant.")
    assert find_due(now) == 1
    assert find_due(now) == 0
    assert deliver_next(now)
    first, back = (json.loads(body) for body in server[1])
    assert report_in(first)["status"] == "final"
    assert (report_in(back)["status"], report_in(back)["id"]) == ("entered-in-error", report_in(first)["id"])
    signed(hill, exam)
    assert find_due(now) == 2
    while deliver_next(now):
        continue
    assert report_in(json.loads(server[1][-1]))["status"] == "amended"


def test_what_was_taken_back_before_it_was_sent_is_not_told_of(
    hill: Clinic, exam: Exam, server: tuple[str, list[bytes], list[int]]
) -> None:
    destination(hill, "fhir", server[0])
    signed(hill, exam)
    withdraw_signature(hill.doctor, exam, "The other eye was meant.")
    assert find_due(timezone.now()) == 0


def report_in(sent: dict[str, Any]) -> dict[str, Any]:
    (found,) = (one["resource"] for one in sent["entry"] if one["resource"]["resourceType"] == "DiagnosticReport")
    return found
