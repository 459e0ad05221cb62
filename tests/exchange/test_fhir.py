"""The FHIR bundle says what the rows say, in codes that are pinned one by one, and never more."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from django.utils import timezone
from fhir.resources.R4B.bundle import Bundle

from retineye.clinic.models import Signature
from retineye.clinic.reviews import read, sign, withdraw_signature
from retineye.exchange.fhir import bundle, exam_in, resources
from retineye.exchange.told import Dme, Standing, TakenBack, told_of
from retineye.grading.result import Eye, Grade
from tests.cast import Clinic
from tests.clinic.test_reviews import both
from tests.clinic.test_worklist import exam_with
from tests.exchange.tellings import eye, shot, told

BASE = "https://eyes.example.org/fhir"
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
UNSAFE = (
    "105914-6", "LA34398-0", "LA34399-8", "LA34400-4", "LA35099-3", "722161008", "1551000119108", "1501000119109",
    "97331000119101", "312907002", "312906006", "312908007", "399876000", "71491-3", "LA18647",
)  # fmt: skip
"""Codes that claim a clearance, a finished eye exam or a kind of diabetes, or are wrong."""


def of(kind: str, made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in made if one["resourceType"] == kind]


def severity(made: list[dict[str, Any]], code: str, who: str = "device") -> dict[str, Any]:
    found = [
        one
        for one in of("Observation", made)
        if one["code"]["coding"][0]["code"] == code and ("device" in one) == (who == "device")
    ]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("grade", "answer", "finding"),
    [
        (Grade.NONE, "LA18643-9", None),
        (Grade.MILD, "LA18644-7", "312903003"),
        (Grade.MODERATE, "LA18645-4", "312904009"),
        (Grade.SEVERE, "LA18646-2", "312905005"),
        (Grade.PROLIFERATIVE, "LA18648-8", "59276001"),
    ],
)
@pytest.mark.parametrize(
    ("side", "question", "retina"), [(Eye.RIGHT, "71491-5", "5597008"), (Eye.LEFT, "71490-7", "58443009")]
)
def test_each_grade_of_each_eye_has_its_own_codes(
    grade: Grade, answer: str, finding: str | None, side: Eye, question: str, retina: str
) -> None:
    other = Grade.MILD if grade is Grade.NONE else Grade.NONE
    made = resources(told(grade, other) if side is Eye.RIGHT else told(other, grade))
    found = severity(made, question)
    coded = {(one["system"], one["code"]) for one in found["valueCodeableConcept"]["coding"]}
    assert coded == {(LOINC, answer), *({(SNOMED, finding)} if finding else set())}
    assert [(one["system"], one["code"]) for one in found["bodySite"]["coding"]] == [(SNOMED, retina)]
    # The photograph that it was read from is of the same eye.
    sources = {one["reference"].removeprefix("Media/") for one in found["derivedFrom"]}
    for source in of("Media", made):
        if source["id"] in sources:
            assert source["bodySite"]["coding"][0]["code"] == retina


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("grade", [*Grade, None])
def test_a_bundle_is_valid_and_reads_back_equal(grade: Grade | None, signed: bool) -> None:
    for kind in ("collection", "searchset", "transaction"):
        made = bundle(told(grade, Grade.MILD, signed=signed), base=BASE, kind=kind)
        text = json.dumps(made)
        again = Bundle.model_validate_json(text)
        # fhir.resources writes the zone of Greenwich as Z.
        assert json.loads(again.model_dump_json()) == json.loads(text.replace("+00:00", "Z"))
        places = {entry["fullUrl"] for entry in made["entry"]}
        assert len(places) == len(made["entry"])
        for reference in _references(made):
            assert f"{BASE}/{reference}" in places


def _references(thing: Any) -> list[str]:
    if isinstance(thing, dict):
        own = [thing["reference"]] if isinstance(thing.get("reference"), str) else []
        return own + [found for value in thing.values() for found in _references(value)]
    return [found for value in thing for found in _references(value)] if isinstance(thing, list) else []


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("grade", [*Grade, None])
def test_no_unsafe_code_ever_leaves(grade: Grade | None, signed: bool) -> None:
    text = json.dumps(bundle(told(grade, grade, signed=signed), base=BASE))
    assert not [code for code in UNSAFE if code in text]
    assert '"Condition"' not in text


def test_a_healthy_eye_has_no_code_of_a_disease() -> None:
    text = json.dumps([one for one in resources(told(Grade.NONE, Grade.NONE, signed=True)) if "code" in one])
    probabilities_aside = json.dumps([{k: v for k, v in one.items() if k != "component"} for one in json.loads(text)])
    for code in ("312903003", "312904009", "312905005", "59276001", "4855003", "390834004"):
        assert code not in probabilities_aside


def test_what_can_not_be_read_has_no_value() -> None:
    made = resources(told(None, Grade.MILD))
    found = severity(made, "71491-5")
    assert "valueCodeableConcept" not in found
    assert found["dataAbsentReason"]["text"] == "Out of focus"
    assert "component" not in found


def test_the_software_is_preliminary_and_never_final() -> None:
    for signed in (False, True):
        made = resources(told(Grade.MODERATE, Grade.MILD, signed=signed))
        machine = [one for one in of("Observation", made) if "device" in one]
        assert len(machine) == 6
        assert {one["status"] for one in machine} == {"preliminary"}
    people = [one for one in of("Observation", made) if "device" not in one]
    assert {one["status"] for one in people} == {"final"}
    assert all(one["performer"][0]["reference"].startswith("Practitioner/") for one in people)


@pytest.mark.parametrize(
    ("standing", "report", "observation"),
    [
        (Standing.FINAL, "final", "final"),
        (Standing.AMENDED, "amended", "amended"),
        (Standing.APPENDED, "appended", "final"),
    ],
)
def test_the_report_says_how_firm_it_is(standing: Standing, report: str, observation: str) -> None:
    made = resources(told(Grade.MILD, Grade.MILD, signed=True, standing=standing))
    assert of("DiagnosticReport", made)[0]["status"] == report
    assert {one["status"] for one in of("Observation", made) if "device" not in one} == {observation}


def test_macular_oedema_is_suspected_or_not_judged_and_never_present() -> None:
    base = told(Grade.MILD, Grade.MILD)
    for dme in Dme:
        right = eye(Eye.RIGHT, Grade.MILD, dme=dme)
        made = resources(replace(base, machine=(right, base.machine[1])))
        found = severity(made, "71489-9")
        if dme is Dme.CANNOT_JUDGE:
            assert "dataAbsentReason" in found
        else:
            assert found["valueCodeableConcept"] == {"text": {"suspected": "suspected"}.get(dme, "no sign seen")}
    assert severity(made, "71488-1")["bodySite"]["coding"][0]["code"] == "58443009"


def test_the_report_carries_conclusion_guideline_and_paper() -> None:
    report = of("DiagnosticReport", resources(told(Grade.MODERATE, Grade.MILD, signed=True)))[0]
    assert report["code"]["coding"][0]["code"] == "103592-2"
    assert "ICO 2017" in report["conclusion"]
    assert "Not a cleared medical device" in report["conclusion"]
    assert report["presentedForm"][0]["contentType"] == "application/pdf"


def test_a_referral_is_asked_for_only_where_one_is_due() -> None:
    asked = of("ServiceRequest", resources(told(Grade.MODERATE, Grade.MILD, signed=True)))[0]
    assert (asked["status"], asked["intent"], asked["occurrencePeriod"]) == ("active", "order", {"end": "2027-02-03"})
    proposed = of("ServiceRequest", resources(told(Grade.MODERATE, Grade.MILD)))[0]
    assert (proposed["status"], proposed["intent"]) == ("draft", "proposal")
    assert not of("ServiceRequest", resources(told(Grade.MILD, Grade.NONE)))


def test_sending_the_same_state_twice_says_the_same() -> None:
    one = told(Grade.MODERATE, Grade.MILD, signed=True)
    first, second = (bundle(one, base=BASE, kind="transaction") for _ in range(2))
    assert first == second
    assert all(entry["request"]["method"] == "PUT" for entry in first["entry"])


def test_ids_are_such_as_the_standard_allows() -> None:
    for one in resources(told(Grade.MODERATE, None, signed=True)):
        assert len(one["id"]) <= 64
        assert all(letter.isalnum() or letter in "-." for letter in one["id"])


def test_a_photograph_with_little_known_of_it_is_told_all_the_same() -> None:
    plain = told(Grade.MILD, Grade.MILD, taken_at=None)
    few = replace(plain, shots=(shot(Eye.RIGHT, Grade.MILD, taken_at=None, camera="", field="unknown"),))
    Bundle.model_validate(bundle(few, base=BASE))
    who = replace(plain.patient, name="Cher", birth_date=None, sex="", deceased_on=date(2026, 11, 4))
    Bundle.model_validate(bundle(replace(plain, patient=who), base=BASE))


def test_the_rows_of_an_exam_become_what_is_told(hill: Clinic) -> None:
    exam = exam_with(hill, Grade.MODERATE, Grade.MILD)
    before = told_of(exam, now=timezone.now())
    assert before.standing is Standing.PRELIMINARY
    assert [one.grade for one in before.machine] == [Grade.MODERATE, Grade.MILD]
    assert before.human == ()
    read(hill.doctor, exam, both(Grade.MODERATE, Grade.MILD))
    sign(hill.doctor, exam, Signature.How.PASSWORD)
    after = told_of(exam, now=timezone.now())
    assert (after.standing, after.signer) == (Standing.FINAL, hill.doctor.full_name)
    assert [one.grade for one in after.human] == [Grade.MODERATE, Grade.MILD]
    Bundle.model_validate(bundle(after, base=BASE))
    withdraw_signature(hill.doctor, exam, "The other eye was meant.")
    back = told_of(exam, now=timezone.now())
    assert (back.standing, back.human, len(back.taken_back)) == (Standing.WITHDRAWN, (), 1)


def test_what_was_signed_and_taken_back_says_so_under_the_same_ids(hill: Clinic) -> None:
    exam = exam_with(hill, Grade.MODERATE, Grade.MILD)

    def sign_it() -> dict[str, dict[str, Any]]:
        read(hill.doctor, exam, both(Grade.MODERATE, Grade.MILD))
        sign(hill.doctor, exam, Signature.How.PASSWORD)
        return by_id(resources(told_of(exam, now=timezone.now())))

    def by_id(made: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {one["id"]: one for one in made}

    def of_doctor(made: dict[str, dict[str, Any]]) -> dict[str, str]:
        return {key: one["status"] for key, one in made.items() if key in doctors}

    first = sign_it()
    doctors = {key for key, one in first.items() if one["resourceType"] == "Observation" and "device" not in one}
    assert set(of_doctor(first).values()) == {"final"} and len(doctors) == 6
    withdraw_signature(hill.doctor, exam, "The other eye was meant.")
    told_back = told_of(exam, now=timezone.now())
    back = by_id(resources(told_back))
    assert set(of_doctor(back).values()) == {"entered-in-error"}
    for key in doctors:
        assert "valueCodeableConcept" not in back[key] and "dataAbsentReason" in back[key]
    (report,) = of("DiagnosticReport", list(back.values()))
    assert (report["status"], report["id"] in first) == ("entered-in-error", True)
    assert "must not be used" in report["conclusion"] and "presentedForm" not in report
    assert {one["status"] for one in back.values() if "device" in one} == {"preliminary"}
    again = sign_it()
    assert set(of_doctor(again).values()) == {"entered-in-error"}
    new = [one for one in again.values() if one["resourceType"] == "Observation" and one["id"] not in back]
    assert {one["status"] for one in new} == {"amended"} and len(new) == 6
    assert of("DiagnosticReport", list(again.values()))[0]["status"] == "amended"
    for made in (back, again):
        whole = bundle(told_back, base=BASE) if made is back else bundle(told_of(exam, now=timezone.now()), base=BASE)
        Bundle.model_validate(whole)
        places = {entry["fullUrl"] for entry in whole["entry"]}
        assert all(f"{BASE}/{reference}" in places for reference in _references(whole))


def test_a_referral_that_holds_no_more_is_revoked_under_the_same_id() -> None:
    signed = told(Grade.MODERATE, Grade.MILD, signed=True)
    asked = of("ServiceRequest", resources(signed))[0]
    back = TakenBack(signed.revision, signed.signer_id, signed.signer, signed.made_at, signed.human)
    amended = told(Grade.MILD, Grade.MILD, signed=True, standing=Standing.AMENDED, taken_back=(back,))
    revoked = of("ServiceRequest", resources(amended))[0]
    assert (revoked["id"], revoked["status"]) == (asked["id"], "revoked")
    withdrawn = told(Grade.MILD, Grade.MILD, standing=Standing.WITHDRAWN, taken_back=(back,))
    assert of("ServiceRequest", resources(withdrawn))[0]["status"] == "entered-in-error"


def test_an_id_leads_back_to_its_exam() -> None:
    one = told(Grade.MODERATE, Grade.MILD, signed=True)
    theirs = {"Patient", "Organization", "Practitioner", "Device", "Media"}
    for made in resources(one):
        if made["resourceType"] not in theirs:
            assert str(exam_in(made["id"])) == one.exam_id
    for wrong in ("", "x", "1-report", "z" * 32 + "-report", "1" * 32, "1" * 31 + "-report"):
        assert exam_in(wrong) is None
