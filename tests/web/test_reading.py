"""The pages on which doctors read, sign and compare, as the browser gets them."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from retineye.accounts.models import User
from retineye.clinic.models import Exam, Photograph, ReadState, Review, Signature
from retineye.clinic.reviews import read, sign, signed_of
from retineye.grading.result import Grade
from tests.cast import PASSWORD, Clinic
from tests.clinic.test_reviews import both, doctor, now, settle
from tests.clinic.test_worklist import exam_with

GRADE_WORDS = ("Moderate NPDR", "Severe NPDR")
SAID = {
    "right_quality": "good",
    "right_grade": "2",
    "right_dme": "no_sign",
    "left_quality": "good",
    "left_grade": "1",
    "left_dme": "no_sign",
    "marks": "[]",
}


def sign_in(client: Client, user: User) -> Client:
    """Sign in as a person."""
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def confirm(client: Client, back_to: str) -> Any:
    """Show by the password who one is, as the page for it asks."""
    return client.post(f"{reverse('account_reauthenticate')}?next={back_to}", {"password": PASSWORD, "next": back_to})


@pytest.fixture()
def exam(hill: Clinic) -> Exam:
    """Have an exam whose machine verdicts are moderate and mild, with display copies by name."""
    made = exam_with(hill, Grade.MODERATE, Grade.MILD)
    Photograph.objects.filter(exam=made).update(display="display.jpg", thumbnail="thumbnail.jpg")
    return made


def test_a_doctor_reads_and_signs_with_the_password_and_comes_to_the_next_exam(
    client: Client, hill: Clinic, exam: Exam
) -> None:
    following = exam_with(hill, Grade.NONE, Grade.NONE)
    sign_in(client, hill.doctor)
    page = client.get(reverse("reading", args=[exam.pk])).content.decode()
    assert "keys go here" in page
    assert all(f"<kbd>{key}</kbd>" in page for key in "01234ADERUFNP".replace("P", ""))
    answer = client.post(reverse("reading", args=[exam.pk]), SAID)
    assert answer.status_code == 302
    assert Review.objects.get().reader == hill.doctor
    address = reverse("sign", args=[exam.pk])
    asked = client.get(address)
    assert asked.status_code == 302
    assert asked.headers["Location"].startswith(reverse("account_reauthenticate"))
    assert client.post(address).headers["Location"].startswith(reverse("account_reauthenticate"))
    assert not Signature.objects.exists()
    assert confirm(client, address).headers["Location"] == address
    assert "Sign and lock" in client.get(address).content.decode()
    signed = client.post(address)
    assert signed.headers["Location"].startswith(reverse("reading", args=[following.pk]))
    assert Signature.objects.get().how == "password"
    page = client.get(reverse("reading", args=[exam.pk])).content.decode()
    assert "Signed by Doctor of Hill" in page
    assert 'name="right_grade"' not in page


def test_a_wrong_password_signs_nothing(client: Client, hill: Clinic, exam: Exam) -> None:
    read(hill.doctor, exam, both(Grade.MODERATE, Grade.MILD))
    sign_in(client, hill.doctor)
    address = reverse("sign", args=[exam.pk])
    wrong = client.post(f"{reverse('account_reauthenticate')}?next={address}", {"password": "something else"})
    assert wrong.status_code == 200
    client.post(address)
    assert not Signature.objects.exists()


def test_one_key_agrees_with_the_software(client: Client, hill: Clinic, exam: Exam) -> None:
    sign_in(client, hill.doctor)
    macula = {"right_quality": "good", "left_quality": "good", "right_dme": "no_sign", "left_dme": "no_sign"}
    client.post(reverse("reading", args=[exam.pk]), {"agree": "1", **macula})
    review = Review.objects.get()
    assert (review.right_grade, review.left_grade, review.overrides) == (2, 1, False)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"left_grade": ""}, "Choose a grade for this eye"),
        ({"right_dme": ""}, "Say what you see of the macula"),
        ({"right_grade": "4"}, "Say in a few words why"),
        ({"right_grade": "nonsense"}, "Choose a grade for this eye"),
        ({"marks": '[{"photograph": "x"}]'}, "does not belong to a photograph"),
    ],
)
def test_a_read_that_lacks_something_comes_back_with_what_was_filled_in(
    client: Client, hill: Clinic, exam: Exam, given: dict[str, str], words: str
) -> None:
    sign_in(client, hill.doctor)
    answer = client.post(reverse("reading", args=[exam.pk]), SAID | {"comment": "Kept as typed."} | given)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert "Kept as typed." in answer.content.decode()
    assert not Review.objects.exists()


@pytest.mark.parametrize("role", ["technician", "manager", "administrator"])
def test_only_doctors_read_and_sign(client: Client, hill: Clinic, exam: Exam, role: str) -> None:
    sign_in(client, hill.people[role])
    assert client.get(reverse("reading", args=[exam.pk])).status_code == 403
    assert client.post(reverse("reading", args=[exam.pk]), SAID).status_code == 403
    assert client.get(reverse("sign", args=[exam.pk])).status_code == 403
    assert client.post(reverse("read_more", args=[exam.pk]), {"do": "second"}).status_code == 403


def test_a_stranger_finds_no_page_of_an_exam(client: Client, exam: Exam, hill: Clinic, lake: Clinic) -> None:
    sign_in(client, lake.doctor)
    for name in ("reading", "sign"):
        assert client.get(reverse(name, args=[exam.pk])).status_code == 404
    assert client.post(reverse("reading", args=[exam.pk]), SAID).status_code == 404
    assert client.post(reverse("read_more", args=[exam.pk]), {"do": "second"}).status_code == 404
    assert client.get(reverse("compare", args=[exam.pk, exam.pk])).status_code == 404
    own = exam_with(lake, Grade.NONE, Grade.NONE)
    assert client.get(reverse("compare", args=[own.pk, exam.pk])).status_code == 404


def test_nothing_that_a_blind_reader_can_open_tells_the_softwares_verdict(
    client: Client, hill: Clinic, exam: Exam
) -> None:
    settle(hill, blind_first=True)
    sign_in(client, hill.doctor)
    photograph = Photograph.objects.filter(exam=exam, eye="right").get()
    lists = [f"{reverse('worklist')}?show={show}" for show in ("unsigned", "attention", "refer", "all", "routine")]
    lists += [f"{reverse('worklist')}?show=all&grade=2", f"{reverse('worklist')}?show=all&q=moderate"]
    others = [
        reverse("exam", args=[exam.pk]),
        reverse("exam_result", args=[exam.pk]),
        reverse("patient", args=[exam.patient_id]),
        reverse("photograph_card", args=[photograph.pk]),
        reverse("compare", args=[exam.pk, exam.pk]),
    ]
    for address in (*lists, *others):
        answer = client.get(address)
        assert answer.status_code == 200, address
        # The name of the patient in this test is made of grades; what the page says of an eye stands in a cell.
        assert 'class="steps' not in answer.content.decode(), address
        assert "grade 2 of 4" not in answer.content.decode(), address
        assert "Refer" not in re.sub(r"(?s)<nav.*?</nav>", "", answer.content.decode()), address
    assert client.get(reverse("photograph_heatmap", args=[photograph.pk])).status_code == 404
    page = client.get(reverse("reading", args=[exam.pk])).content.decode()
    assert "Blind read" in page
    assert "The software:" not in page
    assert 'name="agree"' not in page
    client.post(reverse("reading", args=[exam.pk]), SAID)
    assert "The software" in client.get(reverse("reading", args=[exam.pk])).content.decode()
    assert "Moderate NPDR" in client.get(reverse("exam_result", args=[exam.pk])).content.decode()


def test_a_second_reader_does_not_get_the_first_read_in_the_page(client: Client, hill: Clinic, exam: Exam) -> None:
    second = doctor(hill, "Second")
    read(hill.doctor, exam, both(Grade.SEVERE, Grade.MILD, "Beading in two quadrants."))
    sign_in(client, second)
    assert "Beading" not in client.get(reverse("reading", args=[exam.pk])).content.decode()
    client.post(reverse("reading", args=[exam.pk]), SAID)
    page = client.get(reverse("reading", args=[exam.pk])).content.decode()
    assert "Beading" in page
    assert now(exam).read_state == ReadState.ARBITRATION


def test_what_comes_after_the_signature_is_added_or_takes_it_back(client: Client, hill: Clinic, exam: Exam) -> None:
    read(hill.doctor, exam, both(Grade.MODERATE, Grade.MILD))
    sign(hill.doctor, exam, Signature.How.PASSWORD)
    sign_in(client, hill.doctor)
    more = reverse("read_more", args=[exam.pk])
    client.post(more, {"do": "addendum", "text": "Spoken with the patient."})
    page = client.get(reverse("reading", args=[exam.pk])).content.decode()
    assert "Spoken with the patient." in page
    client.post(more, {"do": "withdraw", "reason": "x"})
    assert signed_of(exam) is not None
    client.post(more, {"do": "withdraw", "reason": "Signed under the wrong patient."})
    page = client.get(reverse("reading", args=[exam.pk])).content.decode()
    assert "A signature was withdrawn." in page
    assert "Signed under the wrong patient." in page
    assert 'name="right_grade"' in page


def test_two_visits_stand_side_by_side(client: Client, hill: Clinic, exam: Exam) -> None:
    earlier = exam_with(hill, Grade.MILD, Grade.MILD, minutes_ago=60)
    Exam.objects.filter(pk=earlier.pk).update(patient=exam.patient, taken_on=date(2025, 5, 5))
    Photograph.objects.filter(exam=earlier).update(display="display.jpg")
    sign_in(client, hill.doctor)
    address = reverse("compare", args=[exam.pk, earlier.pk])
    assert address in client.get(reverse("reading", args=[exam.pk])).content.decode()
    page = client.get(address).content.decode()
    assert page.count("data-display=") == 4
    assert "5 May 2025" in page


def test_the_pages_are_light_and_ask_the_database_a_fixed_number_of_times(
    client: Client, hill: Clinic, exam: Exam, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    sign_in(client, hill.doctor)
    client.get(reverse("worklist"))
    with django_assert_max_num_queries(32):
        page = client.get(reverse("reading", args=[exam.pk]))
    assert len(page.content) < 60_000
    with django_assert_max_num_queries(20):
        client.get(reverse("worklist"))
    with django_assert_max_num_queries(14):
        assert client.get(reverse("agreement")).status_code == 200


def test_filters_are_kept_and_forgotten_by_their_owner_alone(client: Client, hill: Clinic) -> None:
    sign_in(client, hill.doctor)
    client.post(reverse("filter_save"), {"name": "Severe", "show": "all", "grade": ["3", "4"], "eye": "left"})
    page = client.get(reverse("worklist"))
    [kept] = page.context["saved"]
    assert kept.query == "show=all&grade=3&grade=4&eye=left"
    other = sign_in(Client(), hill.manager)
    assert other.post(reverse("filter_drop", args=[kept.pk])).status_code == 404
    client.post(reverse("filter_drop", args=[kept.pk]))
    assert list(client.get(reverse("worklist")).context["saved"]) == []


def test_the_page_of_agreement_shows_figures_to_those_whose_right_they_are(
    client: Client, hill: Clinic, exam: Exam
) -> None:
    sign_in(client, hill.manager)
    assert "No reads in this time" in client.get(reverse("agreement")).content.decode()
    read(hill.doctor, exam, both(Grade.SEVERE, Grade.MILD, "Beading."))
    page = client.get(reverse("agreement")).content.decode()
    assert '<svg class="chart"' in page
    assert "100 %" in page
    assert client.get(reverse("agreement"), {"from": "9999-99-99", "to": "x"}).status_code == 200
    assert sign_in(client, hill.technician).get(reverse("agreement")).status_code == 403


def test_a_notice_tells_doctors_and_managers_of_what_waits_too_long(client: Client, hill: Clinic, exam: Exam) -> None:
    Exam.objects.filter(pk=exam.pk).update(escalated_at=exam.created_at)
    for role, told in (("doctor", True), ("manager", True), ("technician", False)):
        page = sign_in(client, hill.people[role]).get(reverse("worklist")).content.decode()
        assert ("has waited too long for a doctor" in page) is told
