"""A record system reads results as FHIR R4: valid, only what its token's person may see, and every failure in words."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client as Browser
from django.utils import timezone
from fhir.resources.R4B import get_fhir_model_class
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationdefinition import OperationDefinition
from fhir.resources.R4B.operationoutcome import OperationOutcome

from retineye.accounts.models import AuditEvent
from retineye.accounts.tokens import Scope
from retineye.clinic.corrections import merge
from retineye.clinic.decisions import decide
from retineye.clinic.models import Exam, PatientIdentifier, Signature
from retineye.clinic.patients import change_patient
from retineye.clinic.reviews import read, sign, withdraw_signature
from retineye.exchange.fhir_statement import KINDS
from retineye.grading.result import Grade
from tests.api.conftest import token_for
from tests.cast import Clinic, add_patient
from tests.clinic.test_reviews import both
from tests.clinic.test_worklist import exam_with

BASE = "/fhir/R4"


class System:
    """A record system with a token."""

    def __init__(self, token: str = "") -> None:
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.browser = Browser(raise_request_exception=False)

    def ask(self, place: str, status: int = 200, **headers: str) -> dict[str, Any]:
        """Read, and hold the answer against the standard."""
        answer = self.browser.get(f"{BASE}/{place}", headers={**self.headers, **headers})
        assert answer.status_code == status, answer.content
        assert answer["Content-Type"] == "application/fhir+json; charset=utf-8"
        assert answer["Cache-Control"] == "no-store"
        made: dict[str, Any] = json.loads(answer.content)
        get_fhir_model_class(made["resourceType"]).model_validate(made)
        return made

    def found(self, place: str) -> list[dict[str, Any]]:
        """Search, and give the resources of every page."""
        items: list[dict[str, Any]] = []
        while place:
            page = self.ask(place)
            assert page["type"] == "searchset"
            items += [entry["resource"] for entry in page.get("entry", [])]
            place = next((one["url"] for one in page["link"] if one["relation"] == "next"), "").partition(f"{BASE}/")[2]
        return items


@pytest.fixture()
def system(hill: Clinic) -> System:
    return System(token_for(hill.manager))


@pytest.fixture()
def exam(hill: Clinic) -> Exam:
    made = exam_with(hill, Grade.MODERATE, Grade.MILD)
    change_patient(hill.technician, made.patient, local_id="A-17")
    PatientIdentifier.objects.create(patient=made.patient, system="ST MARY", value="99")
    return Exam.objects.get(pk=made.pk)


def signed(hill: Clinic, exam: Exam) -> None:
    read(hill.doctor, exam, both(Grade.MODERATE, Grade.MILD))
    sign(hill.doctor, exam, Signature.How.PASSWORD)


def of(kind: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in items if one["resourceType"] == kind]


def report_of(exam: Exam) -> str:
    return f"DiagnosticReport/{exam.pk.hex}-report"


def test_everything_of_an_exam_is_there_and_each_resource_is_read_by_its_id(
    system: System, hill: Clinic, exam: Exam
) -> None:
    signed(hill, exam)
    whole = system.ask(f"{report_of(exam)}/$everything")
    assert whole["total"] == len(whole["entry"])
    items = [entry["resource"] for entry in whole["entry"]]
    assert {one["resourceType"] for one in items} == set(KINDS)
    assert len(of("Observation", items)) == 12
    for one in items:
        alone = system.ask(f"{one['resourceType']}/{one['id']}")
        # The paper comes with the whole and with the report; people and things carry no exam's date.
        if one["resourceType"] in ("Patient", "Organization", "Practitioner", "Device"):
            alone, one = ({**each, "meta": None} for each in (alone, one))
        assert alone == one
    references = json.dumps(items).split('"reference": "')[1:]
    places = {f"{one['resourceType']}/{one['id']}" for one in items}
    assert {one.partition('"')[0] for one in references} <= places


def test_status_goes_from_preliminary_to_final_to_withdrawn_to_amended(
    system: System, hill: Clinic, exam: Exam
) -> None:
    def statuses() -> tuple[str, set[str]]:
        observations = system.found(f"Observation?exam={exam.pk}")
        return system.ask(report_of(exam))["status"], {one["status"] for one in observations}

    assert statuses() == ("preliminary", {"preliminary"})
    signed(hill, exam)
    assert statuses() == ("final", {"preliminary", "final"})
    withdraw_signature(hill.doctor, exam, "The other eye was meant.")
    assert statuses() == ("entered-in-error", {"preliminary", "entered-in-error"})
    signed(hill, exam)
    assert statuses() == ("amended", {"preliminary", "entered-in-error", "amended"})


def test_the_paper_comes_only_to_who_may_fetch_reports(hill: Clinic, exam: Exam, system: System) -> None:
    from retineye.clinic.models import Report
    from retineye.exchange.report_pdf import issue_report

    signed(hill, exam)
    issue_report(hill.doctor, exam, Report.Kind.CLINICIAN, "en")
    assert system.ask(report_of(exam))["presentedForm"][0]["contentType"] == "application/pdf"
    without = System(token_for(hill.manager, Scope.PATIENTS_READ, Scope.EXAMS_READ))
    assert "presentedForm" not in without.ask(report_of(exam))
    assert "presentedForm" not in json.dumps(system.found("DiagnosticReport"))


@pytest.mark.parametrize(
    ("place", "count"),
    [
        ("Patient?identifier=A-17", 1),
        ("Patient?identifier=urn:retineye:clinic:{clinic}:patient|a-17", 0),
        ("Patient?identifier=urn:retineye:clinic:{clinic}:patient|A-17", 1),
        ("Patient?identifier=urn:retineye:issuer:st-mary|99", 1),
        ("Patient?identifier=urn:retineye:issuer:st-luke|99", 0),
        ("Patient?_id={patient}", 1),
        ("Observation?patient={patient}", 6),
        ("Observation?subject=Patient/{patient}", 6),
        ("Observation?patient.identifier=A-17", 6),
        ("Observation?patient.identifier=A-18", 0),
        ("Observation?exam={exam}&code=http://loinc.org|71491-5", 1),
        ("Observation?exam={exam}&code=71491-5,71490-7", 2),
        ("Observation?status=final", 0),
        ("Observation?exam={other}", 0),
        ("Observation?_id={hex}-severity-right-machine", 1),
        ("DiagnosticReport?identifier=urn:retineye:exam|{exam}", 1),
        ("DiagnosticReport?patient={patient}&status=preliminary", 1),
        ("ImagingStudy?patient={patient}", 1),
        ("ImagingStudy?identifier=urn:retineye:accession|{order}", 1),
        ("ImagingStudy?identifier=urn:retineye:accession|NONE", 0),
        ("ServiceRequest?exam={exam}&status=draft", 1),
        ("Provenance?patient={patient}", 1),
        ("Media?exam={exam}", 2),
        ("Device", 1),
        ("Device?identifier=urn:retineye:pack:sha256|0", 0),
    ],
)
def test_searches_find_what_they_ask_for_and_no_more(
    system: System, hill: Clinic, exam: Exam, place: str, count: int
) -> None:
    other = exam_with(hill, Grade.NONE, Grade.NONE)
    known = {
        "patient": exam.patient_id, "exam": exam.pk, "other": uuid4(), "hex": exam.pk.hex,
        "clinic": hill.organisation.pk, "order": exam.pk.hex[:16].upper(),
    }  # fmt: skip
    found = system.found(place.format(**known))
    assert len(found) == count, found
    assert str(other.patient_id) not in json.dumps(found)


def test_who_asks_for_what_changed_misses_nothing(system: System, hill: Clinic, exam: Exam) -> None:
    before = timezone.now()
    assert system.found(f"DiagnosticReport?_lastUpdated=gt{stamp(before)}") == []
    signed(hill, exam)
    (report,) = system.found(f"DiagnosticReport?_lastUpdated=gt{stamp(before)}")
    assert report["status"] == "final"
    assert system.found(f"Patient?_lastUpdated=gt{stamp(before)}") == []
    change_patient(hill.technician, exam.patient, name="Ana Ruiz Lind")
    assert len(system.found(f"Patient?_lastUpdated=gt{stamp(before)}")) == 1
    day = before.date().isoformat()
    assert len(system.found(f"DiagnosticReport?_lastUpdated={day}")) == 1
    assert len(system.found(f"DiagnosticReport?_lastUpdated=ge{day}&_lastUpdated=le{day}")) == 1
    assert system.found(f"DiagnosticReport?_lastUpdated=gt{day}") == []
    assert system.found(f"DiagnosticReport?_lastUpdated=lt{day}") == []


def stamp(moment: Any) -> str:
    return str((moment + timedelta(microseconds=1)).isoformat()).replace("+00:00", "Z")


def test_long_lists_come_page_by_page_and_each_resource_once(system: System, hill: Clinic) -> None:
    for _ in range(3):
        exam_with(hill, Grade.MILD, Grade.NONE)
    whole = system.found("Observation")
    assert len(whole) == 18
    pages = system.found("Observation?_count=4")
    assert [one["id"] for one in pages] == [one["id"] for one in whole]
    assert len({one["id"] for one in system.found("Patient?_count=1")}) == 3
    first = system.ask("Observation?_count=4")
    assert len(first["entry"]) == 4 and Bundle.model_validate(first)


def test_a_search_by_form_says_the_same(system: System, exam: Exam) -> None:
    answer = system.browser.post(f"{BASE}/Patient/_search", {"identifier": "A-17"}, headers=system.headers)
    assert [one["resource"]["id"] for one in json.loads(answer.content)["entry"]] == [str(exam.patient_id)]


def test_everything_of_a_patient_and_a_record_that_was_merged(system: System, hill: Clinic, exam: Exam) -> None:
    whole = system.ask(f"Patient/{exam.patient_id}/$everything")
    kinds = [entry["resource"]["resourceType"] for entry in whole["entry"]]
    assert kinds.count("Patient") == 1 and kinds.count("Observation") == 6
    twin = add_patient(hill, "Ana Ruis")
    merge(hill.administrator, exam.patient, twin, "Entered twice.")
    record = system.ask(f"Patient/{twin.pk}")
    assert (record["active"], record["link"][0]["type"]) == (False, "replaced-by")
    assert record["link"][0]["other"]["reference"] == f"Patient/{exam.patient_id}"


def test_strangers_find_nothing(hill: Clinic, lake: Clinic, exam: Exam, system: System) -> None:
    items = [entry["resource"] for entry in system.ask(f"{report_of(exam)}/$everything")["entry"]]
    stranger = System(token_for(lake.administrator))
    for one in items:
        assert stranger.ask(f"{one['resourceType']}/{one['id']}", 404)["issue"][0]["code"] == "not-found"
    for kind, known in KINDS.items():
        if known.searched_by:
            assert stranger.found(kind) == []
    stranger.ask(f"{report_of(exam)}/$everything", 404)
    stranger.ask(f"Patient/{exam.patient_id}/$everything", 404)
    assert stranger.found(f"Observation?patient={exam.patient_id}") == []


def test_without_a_token_or_its_scope_nothing_is_read(hill: Clinic, exam: Exam) -> None:
    places = [report_of(exam), "Patient", "Observation", f"{report_of(exam)}/$everything"]
    for place in places:
        OperationOutcome.model_validate(System().ask(place, 401))
        assert System(token_for(hill.manager, Scope.GRADE)).ask(place, 403)["issue"][0]["code"] == "forbidden"
    only = System(token_for(hill.manager, Scope.EXAMS_READ))
    assert only.ask("Patient", 403)["issue"][0]["code"] == "forbidden"
    assert len(only.found("DiagnosticReport")) == 1


@pytest.mark.parametrize(
    ("place", "status", "code"),
    [
        ("Observation?colour=red", 400, "invalid"),
        ("Patient?identifier=", 400, "invalid"),
        ("Patient?_lastUpdated=yesterday", 400, "invalid"),
        ("Patient?_lastUpdated=sa2026-01-01", 400, "invalid"),
        ("Patient?_count=0", 400, "invalid"),
        ("Patient?_count=9999", 400, "invalid"),
        ("Patient?_cursor=xx", 400, "invalid"),
        ("Organization", 400, "invalid"),
        ("Patient?_format=xml", 406, "not-supported"),
        ("Condition", 404, "not-found"),
        ("Condition/1", 404, "not-found"),
        ("Patient/1", 404, "not-found"),
        ("Patient/1/$everything", 404, "not-found"),
        ("Observation/1/$everything", 404, "not-found"),
        ("Observation/1-2", 404, "not-found"),
        ("a/b/c/d", 404, "not-found"),
    ],
)
def test_every_failure_is_an_outcome(system: System, place: str, status: int, code: str) -> None:
    made = system.ask(place, status)
    assert (made["resourceType"], made["issue"][0]["code"]) == ("OperationOutcome", code)
    assert "yesterday" not in json.dumps(made) and "red" not in made["issue"][0]["diagnostics"].split()


def test_nothing_is_written_here(system: System, exam: Exam) -> None:
    for method in ("post", "put", "delete", "patch"):
        answer = getattr(system.browser, method)(f"{BASE}/Patient/{exam.patient_id}", headers=system.headers)
        assert (answer.status_code, json.loads(answer.content)["issue"][0]["code"]) == (405, "not-supported")


def test_xml_is_not_spoken(system: System) -> None:
    system.ask("Patient", 406, Accept="application/fhir+xml")


def test_the_server_says_what_it_can_do() -> None:
    said = System().ask("metadata")
    CapabilityStatement.model_validate(said)
    assert said["fhirVersion"] == "4.0.1"
    assert {one["type"] for one in said["rest"][0]["resource"]} == set(KINDS)


def test_the_operation_of_an_exam_is_defined(system: System) -> None:
    OperationDefinition.model_validate(system.ask("OperationDefinition/exam-everything"))


def test_shadow_mode_tells_no_verdict(system: System, hill: Clinic, exam: Exam) -> None:
    decide(hill.administrator, {"shadow_mode": True})
    whole = json.dumps(system.ask(f"{report_of(exam)}/$everything"))
    for word in ("LA18645-4", "312904009", "Refer", "worse_eye", '"Device"', '"ServiceRequest"', '"Observation"'):
        assert word not in whole
    assert system.found("Observation") == system.found("ServiceRequest") == system.found("Device") == []


def test_who_reads_blind_sees_no_verdict_before_the_own_read(hill: Clinic, exam: Exam) -> None:
    decide(hill.administrator, {"blind_first": True})
    doctor = System(token_for(hill.doctor))
    assert doctor.found("Observation") == []
    assert "Refer" not in doctor.ask(report_of(exam))["conclusion"]
    read(hill.doctor, exam, both(Grade.MODERATE, Grade.MILD))
    assert len(doctor.found("Observation")) == 6


def test_each_reading_is_remembered_by_ids_alone(system: System, exam: Exam) -> None:
    system.ask(f"Patient/{exam.patient_id}")
    system.ask(report_of(exam))
    system.found("Patient?identifier=A-17")
    system.ask(f"{report_of(exam)}/$everything")
    events = [one for one in AuditEvent.objects.order_by("at") if one.detail.get("via") == "fhir"]
    assert [one.action for one in events] == ["patient_viewed", "exam_viewed", "patients_searched", "exported"]
    assert "A-17" not in json.dumps([one.detail for one in events])


def test_calls_are_counted_as_those_of_the_api(system: System, settings: Any) -> None:
    settings.RETINEYE_API_RATE = 1
    answer = system.browser.get(f"{BASE}/Patient", headers=system.headers)
    assert answer["RateLimit-Remaining"] == "0"
    throttled = system.browser.get(f"{BASE}/Patient", headers=system.headers)
    assert throttled.status_code == 429 and throttled["Retry-After"]
    assert json.loads(throttled.content)["issue"][0]["code"] == "throttled"
