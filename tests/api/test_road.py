"""A program walks the whole road: patient, exam, photograph, verdict, report."""

from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from retineye.accounts.tokens import Scope
from retineye.client import Grade, ProblemError, Single
from retineye.clinic import single
from retineye.clinic.grade import grade_photograph
from retineye.clinic.models import ClinicSettings, Patient, Photograph
from tests.api.conftest import Program
from tests.cast import Clinic, add_exam, add_patient, picture, send


def test_a_program_brings_a_patient_from_the_name_to_the_report(hill: Clinic, program: Program) -> None:
    api = program(hill.technician)
    patient = api.add_patient("Ana Ruiz", birth_date=date(1968, 3, 5), local_id="H-17")
    assert api.patient(patient.id) == patient
    assert [one.id for one in api.patients("h-17")] == [patient.id]
    exam = api.open_exam(patient.id)
    exam = api.record_facts(
        exam.id, consent=True, symptoms=["floaters"], right_acuity="6/12", treated={"left": ["laser"]}
    )
    assert exam.facts and exam.facts["symptoms"] == ["floaters"] and exam.facts["treated"] == {"left": ["laser"]}
    sent = api.send_photograph(exam.id, picture(), "right", field="macula")
    assert (sent.state, sent.eye, sent.via) == ("waiting", "right", "api")
    assert api.send_photograph(exam.id, picture(), "right").id == sent.id
    grade_photograph(sent.id)
    assert api.wait_for(sent.id).state in ("graded", "ungradable")
    verdict = api.verdicts(sent.id)[0]
    assert verdict.sha256 == sent.sha256
    assert verdict.status in ("graded", "ungradable", "not_fundus")
    whole = api.exam(exam.id)
    assert whole.result and whole.result["guideline"] and whole.provisional
    assert [one.id for one in whole.photographs] == [sent.id]
    report = api.make_report(exam.id, "patient")
    assert report.provisional and api.report_pdf(report.id).startswith(b"%PDF")


def test_a_file_comes_piece_by_piece_and_goes_on_where_the_line_broke(
    hill: Clinic, program: Program, tmp_path: Path
) -> None:
    api = program(hill.technician)
    exam = add_exam(hill)
    path = tmp_path / "a.jpg"
    path.write_bytes(picture())
    key = str(uuid4())
    begun = api._json("POST", f"exams/{exam.pk}/uploads", json={"id": key, "bytes": len(picture()), "eye": "left"})
    assert begun["offset"] == 0
    first = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    api._send("PATCH", f"uploads/{key}", content=picture()[:1000], headers=first)
    with pytest.raises(ProblemError) as told:
        api._send("PATCH", f"uploads/{key}", content=picture()[:1000], headers=first)
    assert (told.value.code, told.value.body["offset"]) == ("wrong_offset", 1000)
    with pytest.raises(ProblemError) as early:
        api._send("POST", f"uploads/{key}/finish", json={"eye": "left"})
    assert early.value.code == "upload_incomplete"
    done = api.upload(exam.pk, path, "left", piece_bytes=5000)
    assert Photograph.objects.get(pk=done.id).eye == "left"


def test_one_call_takes_a_photograph_and_answers_with_the_verdict(
    hill: Clinic, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = program(hill.technician, Scope.GRADE)
    waited = single.wait

    def with_a_worker(sent: Any, seconds: float) -> Any:
        single.take_one()
        return waited(sent, seconds)

    later = api.grade(picture(), name="a.jpg", wait_s=0)
    assert isinstance(later, Single) and later.state == "waiting"
    single.take_one()
    found = api.graded(later.id)
    assert found.state == "done" and found.verdict and found.verdict.file == "a.jpg"
    assert later.status_url == f"/api/v1/grade/{later.id}"
    monkeypatch.setattr(single, "wait", with_a_worker)
    now = api.grade(picture(2), name="b.jpg")
    assert isinstance(now, Grade) and now.file == "b.jpg" and now.pack.sha256


def test_who_may_be_here_already_is_named_first(hill: Clinic, program: Program) -> None:
    here = add_patient(hill)
    api = program(hill.technician)
    with pytest.raises(ProblemError) as told:
        api.add_patient("Ana Ruiz", birth_date=date(1968, 3, 5))
    assert (told.value.code, told.value.body["ids"]) == ("possible_duplicate", [str(here.pk)])
    api.add_patient("Ana Ruiz", birth_date=date(1968, 3, 5), confirm_new=True)
    assert Patient.objects.count() == 2


def test_a_record_is_changed_where_something_is_given_and_nowhere_else(hill: Clinic, program: Program) -> None:
    api = program(hill.technician)
    patient = api.add_patient("Ana Ruiz", local_id="H-17", identifiers=[{"system": "id", "value": "9"}])
    changed = api.change_patient(patient.id, phone="0700")
    assert (changed.phone, changed.local_id, changed.name) == ("0700", "H-17", "Ana Ruiz")
    assert changed.identifiers == [{"system": "id", "value": "9"}]


def test_in_shadow_mode_no_answer_tells_a_verdict(hill: Clinic, program: Program) -> None:
    exam = add_exam(hill)
    sent = send(hill, exam, picture())
    grade_photograph(sent.pk)
    ClinicSettings.objects.create(organisation=hill.organisation, shadow_mode=True)
    api = program(hill.technician)
    whole = api.exam(exam.pk)
    assert (whole.result, whole.standing, whole.urgency) == (None, None, None)
    assert all(one.standing is None for one in api.worklist())
    assert list(api.worklist("refer")) == []
    for ask in (
        lambda: api.verdicts(sent.pk),
        lambda: api.grade(picture(3)),
        lambda: api.make_report(exam.pk, "patient"),
        lambda: api._send("GET", f"photographs/{sent.pk}/heatmap.png"),
    ):
        with pytest.raises(ProblemError) as told:
            ask()
        assert told.value.code == "shadow_mode"


def test_a_reader_who_reads_blind_is_kept_from_the_verdict(hill: Clinic, program: Program) -> None:
    ClinicSettings.objects.create(organisation=hill.organisation, blind_first=True)
    exam = add_exam(hill)
    sent = send(hill, exam, picture())
    grade_photograph(sent.pk)
    with pytest.raises(ProblemError):
        program(hill.doctor).verdicts(sent.pk)
    assert program(hill.doctor).exam(exam.pk).result is None
    assert program(hill.technician).exam(exam.pk).result is not None
