"""The record's pages: a scanner types, a patient is added, the day's facts are asked, and mistakes are put right."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from retineye.clinic import corrections
from retineye.clinic.earlier import Earlier, keep
from retineye.clinic.facts import Facts, record_facts
from retineye.clinic.grade import grade_photograph
from retineye.clinic.models import ClinicSettings, Correction, EarlierRecord, Exam, Eye, Patient, Photograph
from retineye.clinic.patients import create_patient
from tests.cast import Clinic, add_exam, add_patient, picture, send

BORN = {"birth_date": "1968-03-05"}
WHY = "The wrong patient was open"


def signed_in(client: Client, user: object) -> Client:
    """Open a session."""
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")  # type: ignore[arg-type]
    return client


@pytest.fixture()
def nurse(client: Client, hill: Clinic) -> Client:
    """Have the technician signed in."""
    return signed_in(client, hill.technician)


@pytest.fixture()
def photograph(hill: Clinic) -> Photograph:
    """Have a photograph graded."""
    sent = send(hill, add_exam(hill), picture())
    grade_photograph(sent.pk)
    sent.refresh_from_db()
    return sent


def said(answer: Any) -> str:
    """Give the messages of a page."""
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def test_scanning_a_card_into_the_search_opens_its_patient(nurse: Client, hill: Clinic) -> None:
    mine = create_patient(hill.technician, name="Ana Ruiz", local_id="A-0017")
    answer = nurse.get(reverse("patients"), {"q": "]C1A-0017"})
    assert answer.url == reverse("patient", args=[mine.pk])


def test_a_card_that_nobody_has_offers_a_new_patient_with_its_number(nurse: Client, hill: Clinic) -> None:
    html = nurse.get(reverse("patients"), {"q": "A-0099"}).content.decode()
    assert "Nobody has the number “A-0099”" in html
    address = f"{reverse('patient_new')}?local_id=A-0099"
    assert address in html
    assert 'value="A-0099"' in nurse.get(address).content.decode()


def test_two_patients_with_one_number_are_both_shown(nurse: Client, hill: Clinic) -> None:
    for name in ("Ana Ruiz", "Ben Okoro"):
        create_patient(hill.technician, name=name, local_id="17")
    html = nurse.get(reverse("patients"), {"q": "17"}).content.decode()
    assert "Ana Ruiz" in html
    assert "Ben Okoro" in html


def test_scanning_into_the_new_form_is_a_question_and_no_mistake(nurse: Client, hill: Clinic) -> None:
    mine = create_patient(hill.technician, name="Ana Ruiz", local_id="A-0017")
    known = nurse.post(reverse("patient_new"), {"local_id": "A-0017", "start": "on"}).content.decode()
    assert reverse("patient", args=[mine.pk]) in known
    assert "is-invalid" not in known
    new = nurse.post(reverse("patient_new"), {"local_id": "A-0099", "start": "on"}).content.decode()
    assert "Nobody here has the number A-0099 yet" in new
    assert 'value="A-0099"' in new
    assert "is-invalid" not in new
    assert Patient.objects.count() == 1


def test_one_word_and_a_year_make_a_patient_and_start_the_exam_at_once(nurse: Client, hill: Clinic) -> None:
    answer = nurse.post(
        reverse("patient_new"),
        {"name": "Suharto", "birth_year": "1961", "diabetes_type": "type2", "diabetes_year": "2010", "start": "on"},
    )
    exam = Exam.objects.select_related("patient").get()
    assert answer.url == reverse("exam", args=[exam.pk])
    assert (exam.patient.name, exam.patient.birth_year, exam.patient.diabetes_year) == ("Suharto", 1961, 2010)


@pytest.mark.parametrize(
    "typed",
    [
        {"name": "ruiz ana", **BORN},
        {"name": "Anna Ruis", **BORN},
        {"name": "Somebody Else", "birth_year": "1990", "local_id": "17"},
    ],
    ids=["the same", "spelt otherwise", "the same number"],
)
def test_a_patient_who_may_be_here_already_is_shown_first_and_added_only_when_a_person_says_so(
    nurse: Client, hill: Clinic, typed: dict[str, str]
) -> None:
    create_patient(hill.technician, name="Ana Ruiz", birth_date=date(1968, 3, 5), local_id="17")
    html = nurse.post(reverse("patient_new"), typed).content.decode()
    assert "Perhaps this patient is here already" in html
    assert Patient.objects.count() == 1
    nurse.post(reverse("patient_new"), {**typed, "another": "on"})
    assert Patient.objects.count() == 2


def test_the_record_is_changed_with_its_further_numbers(nurse: Client, hill: Clinic) -> None:
    mine = add_patient(hill)
    address = reverse("patient_edit", args=[mine.pk])
    assert 'value="Ana Ruiz"' in nurse.get(address).content.decode()
    lines = {"numbers-TOTAL_FORMS": "1", "numbers-INITIAL_FORMS": "0"}
    first = {"numbers-0-value": "19680305-1", "numbers-0-system": "National identity"}
    answer = nurse.post(address, {"name": "Ana Ruiz Soto", **BORN, "phone": "0700 12", **lines, **first})
    assert answer.url == reverse("patient", args=[mine.pk])
    page = nurse.get(answer.url).content.decode()
    for words in ("Ana Ruiz Soto", "0700 12", "National identity", "19680305-1"):
        assert words in page
    lines = {"numbers-TOTAL_FORMS": "2", "numbers-INITIAL_FORMS": "1", "numbers-0-value": "", "numbers-0-system": ""}
    nurse.post(address, {"name": "Ana Ruiz Soto", **BORN, **lines, "numbers-1-value": "", "numbers-1-system": ""})
    assert not mine.identifiers.exists()


def test_a_record_that_can_not_be_is_refused_at_its_field(nurse: Client, hill: Clinic) -> None:
    mine = add_patient(hill)
    lines = {"numbers-TOTAL_FORMS": "0", "numbers-INITIAL_FORMS": "0"}
    typed = {"name": "Ana", **BORN, "diabetes_year": "1950", **lines}
    html = nurse.post(reverse("patient_edit", args=[mine.pk]), typed).content.decode()
    assert "Diabetes can not have been found in that year" in html


TYPED = {
    "consent": "True",
    "symptoms": ["curtain", "other"],
    "symptoms_other": "sees green",
    "right_acuity": "6/12",
    "left_acuity": "6/60",
    "left_treated": ["laser"],
    "pregnant": "False",
    "hba1c": "8.1",
    "hba1c_unit": "percent",
    "last_eye_exam": "2023-05",
    "right_dilated": "on",
}


def test_the_facts_are_asked_on_the_exams_page_and_shown_in_words(nurse: Client, hill: Clinic) -> None:
    exam = add_exam(hill)
    address = reverse("exam_facts", args=[exam.pk])
    before = nurse.get(reverse("exam", args=[exam.pk])).content.decode()
    assert "facts-edit" in before
    assert '<details class="facts-edit" open>' in before
    answer = nurse.post(address, TYPED, headers={"HX-Request": "true"})
    assert answer["HX-Trigger"] == "photograph-changed"
    assert "<html" not in answer.content.decode()
    page = nurse.get(reverse("exam", args=[exam.pk])).content.decode()
    for words in (
        "Agrees to photographs",
        "A curtain or shadow",
        "sees green",
        "Right eye sees 6/12",
        "Left eye sees 6/60",
        "Left eye had laser",
        "HbA1c 8.1 %",
        "Last eye exam May 2023",
        "Pupil widened: right eye",
    ):
        assert words in page
    assert "Pregnant</li>" not in page
    assert '<details class="facts-edit">' in page


def test_without_scripts_the_facts_have_a_page_of_their_own(nurse: Client, hill: Clinic) -> None:
    exam = add_exam(hill)
    address = reverse("exam_facts", args=[exam.pk])
    assert "<html" in nurse.get(address).content.decode()
    wrong = nurse.post(address, {"right_acuity": "0.5"}).content.decode()
    assert "A bare number is unclear" in wrong
    assert nurse.post(address, TYPED).url == reverse("exam", args=[exam.pk])
    exam.refresh_from_db()
    assert exam.facts_at


def test_a_no_to_photographs_is_seen_at_once(nurse: Client, hill: Clinic) -> None:
    exam = record_facts(hill.technician, add_exam(hill), Facts(consent=False))
    assert "Does not agree: take no photographs" in nurse.get(reverse("exam", args=[exam.pk])).content.decode()


def test_a_man_is_not_asked_whether_he_is_pregnant(nurse: Client, hill: Clinic) -> None:
    man = create_patient(hill.technician, name="Ben Okoro", birth_date=date(1990, 1, 1), sex="male")
    assert 'name="pregnant"' not in nurse.get(reverse("exam", args=[add_exam(hill, man).pk])).content.decode()
    woman = create_patient(hill.technician, name="Ana Ruiz", birth_date=date(1990, 1, 1))
    assert 'name="pregnant"' in nurse.get(reverse("exam", args=[add_exam(hill, woman).pk])).content.decode()


def test_a_manager_reads_the_facts_and_changes_none(client: Client, hill: Clinic) -> None:
    exam = record_facts(hill.technician, add_exam(hill), Facts(right_acuity="6/12"))
    signed_in(client, hill.manager)
    page = client.get(reverse("exam", args=[exam.pk])).content.decode()
    assert "Right eye sees 6/12" in page
    assert "facts-edit" not in page
    assert "exam_correct" not in page
    assert client.post(reverse("exam_facts", args=[exam.pk]), TYPED).status_code == 403


def test_a_photograph_goes_to_the_other_eye_with_a_reason(nurse: Client, photograph: Photograph) -> None:
    address = reverse("photograph_correct", args=[photograph.pk])
    assert "It shows the left eye" in nurse.get(address).content.decode()
    refused = nurse.post(address, {"what": "eye", "reason": ""})
    assert refused.status_code == 200
    assert not Correction.objects.exists()
    answer = nurse.post(address, {"what": "eye", "reason": "The lanes were mixed up"}, follow=True)
    photograph.refresh_from_db()
    assert photograph.eye == Eye.LEFT
    page = answer.content.decode()
    assert "Photograph moved to the other eye" in page
    assert "The lanes were mixed up" in page


def test_a_photograph_and_a_whole_exam_go_to_the_patient_who_is_found_and_chosen(
    nurse: Client, hill: Clinic, photograph: Photograph
) -> None:
    ben = add_patient(hill, "Ben Okoro", date(1970, 1, 1))
    address = reverse("photograph_correct", args=[photograph.pk])
    assert "Ben Okoro" in nurse.get(address, {"q": "okoro"}).content.decode()
    nurse.post(address, {"what": "patient", "patient": str(ben.pk), "reason": WHY})
    photograph.refresh_from_db()
    assert photograph.exam.patient == ben
    ana = Patient.objects.get(name="Ana Ruiz")
    address = reverse("exam_correct", args=[photograph.exam_id])
    answer = nurse.post(address, {"what": "patient", "patient": str(ana.pk), "reason": WHY}, follow=True)
    photograph.exam.refresh_from_db()
    assert photograph.exam.patient == ana
    assert "<bdi>Ben Okoro</bdi> → <bdi>Ana Ruiz</bdi>" in answer.content.decode()


@pytest.mark.parametrize("chosen", ["", "nobody", "00000000-0000-0000-0000-000000000000"])
def test_moving_to_nobody_asks_again(nurse: Client, photograph: Photograph, chosen: str) -> None:
    typed = {"what": "patient", "patient": chosen, "reason": WHY}
    for address in (
        reverse("photograph_correct", args=[photograph.pk]),
        reverse("exam_correct", args=[photograph.exam_id]),
    ):
        assert nurse.post(address, typed).status_code == 200
    assert not Correction.objects.exists()


def test_an_exam_is_cancelled_and_the_page_says_so_and_why(nurse: Client, photograph: Photograph) -> None:
    address = reverse("exam_correct", args=[photograph.exam_id])
    page = nurse.post(address, {"what": "cancel", "reason": "Entered twice"}, follow=True).content.decode()
    assert "This exam was cancelled." in page
    assert "Entered twice" in page
    assert "facts-edit" not in page
    patient = nurse.get(reverse("patient", args=[photograph.exam.patient_id])).content.decode()
    assert "Cancelled" in patient
    assert "nothing to put right" in nurse.get(address).content.decode()


def test_a_change_of_a_cancelled_exam_is_answered_with_a_sentence_and_no_error(
    nurse: Client, hill: Clinic, photograph: Photograph
) -> None:
    corrections.cancel_exam(hill.technician, photograph.exam, "Entered twice")
    address = reverse("photograph_field", args=[photograph.pk])
    page = nurse.post(address, {"field": "macula"}, headers={"Accept": "text/html"})
    assert page.url == reverse("exam", args=[photograph.exam_id])
    assert "cancelled" in said(page)
    script = nurse.post(address, {"field": "macula"}, headers={"Accept": "*/*"})
    assert script.status_code == 409
    assert "cancelled" in script.json()["sentence"]


def test_two_records_are_compared_merged_and_parted_again(nurse: Client, hill: Clinic) -> None:
    ana, anna = add_patient(hill, "Ana Ruiz"), add_patient(hill, "Anna Ruis")
    add_exam(hill, anna)
    address = reverse("patient_merge", args=[ana.pk])
    assert f"?with={anna.pk}" in nurse.get(address).content.decode()
    asked = f"{address}?with={anna.pk}"
    assert "Which record is kept?" in nurse.get(asked).content.decode()
    assert nurse.post(asked, {"reason": WHY}).status_code == 200
    assert not Correction.objects.exists()
    answer = nurse.post(asked, {"patient": str(ana.pk), "reason": "One person under two records"})
    assert answer.url == reverse("patient", args=[ana.pk])
    led = nurse.get(reverse("patient", args=[anna.pk]), follow=True)
    assert led.redirect_chain[-1][0] == reverse("patient", args=[ana.pk])
    assert "One more record was merged into this one" in led.content.decode()
    refused = nurse.post(reverse("patient_part", args=[anna.pk]), {"reason": ""}, follow=True)
    assert refused.redirect_chain[-1][0] == reverse("patient", args=[ana.pk])
    parted = nurse.post(reverse("patient_part", args=[anna.pk]), {"reason": "Twins"}, follow=True)
    assert "stands for itself again" in parted.content.decode()
    assert ana.exams.count() == 0


@pytest.mark.parametrize("name", ["exam_correct", "photograph_correct", "patient_merge"])
def test_a_manager_puts_nothing_right(client: Client, hill: Clinic, photograph: Photograph, name: str) -> None:
    pk = {"exam": photograph.exam_id, "photograph": photograph.pk, "patient": photograph.exam.patient_id}
    address = reverse(name, args=[pk[name.partition("_")[0]]])
    signed_in(client, hill.manager)
    assert client.get(address).status_code == 403
    assert client.post(address, {"what": "cancel", "reason": WHY}).status_code == 403


@time_machine.travel("2025-06-01 22:30:00 +0000")
def test_a_page_shows_the_clinics_own_day_and_hour(nurse: Client, hill: Clinic) -> None:
    patient = add_patient(hill)
    add_exam(hill, patient)
    address = reverse("patient", args=[patient.pk])
    assert "1 Jun 2025, 22:30" in nurse.get(address).content.decode()
    ClinicSettings.objects.create(organisation=hill.organisation, time_zone="Africa/Nairobi")
    page = nurse.get(address).content.decode()
    assert "2 Jun 2025, 01:30" in page
    assert 'max="2025-06-02"' in page


def old_record(hill: Clinic, **changes: Any) -> EarlierRecord:
    """Have a photograph of another system on a patient of the clinic."""
    given = {"picture": picture(7), "said": "3", "grade": 3, "eye": Eye.RIGHT, **changes}
    return keep(add_patient(hill), Earlier(uuid4(), "RetinEye 1", date(2021, 5, 4), **given))


def test_what_another_system_held_is_shown_as_its_own_word_and_filed_by_who_sees_the_eye(
    nurse: Client, hill: Clinic
) -> None:
    record = old_record(hill)
    address = reverse("patient", args=[record.patient_id])
    page = nurse.get(address).content.decode()
    assert "its grades are not to be relied on" in page
    assert "“3”" in page
    assert "By its name it is the right one" in page
    shown = nurse.get(reverse("earlier_display", args=[record.pk]))
    assert shown["Content-Type"] == "image/jpeg"
    asked = nurse.post(reverse("earlier_file", args=[record.pk]), {"eye": "both"}, follow=True)
    assert "Say which eye" in asked.content.decode()
    nurse.post(reverse("earlier_file", args=[record.pk]), {"eye": "left"})
    photograph = Photograph.objects.get()
    assert (photograph.eye, photograph.exam.taken_on) == (Eye.LEFT, date(2021, 5, 4))
    assert reverse("exam", args=[photograph.exam_id]) in nurse.get(address).content.decode()
    again = nurse.post(reverse("earlier_file", args=[record.pk]), {"eye": "left"}, follow=True)
    assert "filed already" in again.content.decode()


def test_a_thumbnail_of_another_system_is_shown_and_can_not_be_filed(nurse: Client, hill: Clinic) -> None:
    record = old_record(hill, picture=picture(7, width_px=300, height_px=200))
    page = nurse.get(reverse("patient", args=[record.patient_id])).content.decode()
    assert "Only a thumbnail of 300 × 200 pixels is left" in page
    assert reverse("earlier_file", args=[record.pk]) not in page


def test_a_record_without_a_picture_says_so_and_a_stranger_sees_nothing(
    client: Client, hill: Clinic, lake: Clinic
) -> None:
    record, pictured = old_record(hill, picture=None), old_record(hill)
    signed_in(client, hill.manager)
    assert "The photograph is lost" in client.get(reverse("patient", args=[record.patient_id])).content.decode()
    assert client.get(reverse("earlier_display", args=[record.pk])).status_code == 404
    assert client.post(reverse("earlier_file", args=[pictured.pk]), {"eye": "left"}).status_code == 403
    signed_in(client, lake.administrator)
    assert client.get(reverse("earlier_display", args=[pictured.pk])).status_code == 404
    assert client.post(reverse("earlier_file", args=[pictured.pk]), {"eye": "left"}).status_code == 404
