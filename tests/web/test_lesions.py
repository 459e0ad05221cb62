"""What looks like a lesion is outlined where a person asks for it, counted in words, and hidden from a blind reader."""

from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from retineye.clinic.grade import grade_photograph
from retineye.clinic.models import Exam, Eye, Photograph, Verdict
from retineye.grading.result import Grade
from tests import photos
from tests.cast import Clinic, add_exam, send
from tests.clinic.test_reviews import settle
from tests.clinic.test_worklist import exam_with
from tests.web.test_exam import card, graded

SQUARE = [[0.4, 0.4], [0.42, 0.4], [0.42, 0.42], [0.4, 0.42]]
LESIONS = [
    {"code": "HE", "score": 0.9, "outline": SQUARE},
    {"code": "HE", "score": 0.8, "outline": SQUARE},
    {"code": "EX", "score": 0.7, "outline": SQUARE},
]


@pytest.fixture()
def nurse(client: Client, hill: Clinic) -> Client:
    client.force_login(hill.technician, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def outlined_exam(clinic: Clinic) -> Exam:
    """Have an exam that can be read, with outlines on the right eye."""
    exam = exam_with(clinic, Grade.SEVERE, Grade.NONE)
    verdict = Verdict.objects.get(photograph__exam=exam, photograph__eye=Eye.RIGHT)
    verdict.pk, verdict.attempt, verdict.lesions = uuid4(), verdict.attempt + 1, LESIONS
    verdict.save(force_insert=True)
    Photograph.objects.filter(exam=exam).update(display="display.jpg", thumbnail="thumbnail.jpg")
    return exam


def test_each_place_is_outlined_and_each_kind_counted(nurse: Client, hill: Clinic) -> None:
    photograph = graded(hill, add_exam(hill), 1, Eye.RIGHT, grade=2, lesions=LESIONS)
    html = card(nurse, photograph).content.decode()
    assert html.count('<polygon class="lesion lesion-he"') == 2
    assert 'points="0.40000,0.40000 0.42000,0.40000 0.42000,0.42000 0.40000,0.42000"' in html
    assert "2 possible haemorrhages" in html
    assert "1 possible hard exudate<" in html
    assert "microaneurysm" not in html
    assert "it may err, and miss some" in html


@pytest.mark.parametrize("lesions", [None, []])
def test_where_nothing_is_outlined_there_is_no_switch_for_it(
    nurse: Client, hill: Clinic, lesions: list[object] | None
) -> None:
    html = card(nurse, graded(hill, add_exam(hill), 2, Eye.RIGHT, grade=0, lesions=lesions)).content.decode()
    assert "is-lesions" not in html
    assert "lesion-key" not in html


def test_a_language_with_commas_in_its_numbers_keeps_the_outline_whole(nurse: Client, hill: Clinic) -> None:
    photograph = graded(hill, add_exam(hill), 3, Eye.LEFT, grade=2, lesions=LESIONS)
    answer = nurse.get(reverse("photograph_card", args=[photograph.pk]), headers={"Accept-Language": "fr"})
    assert 'points="0.40000,0.40000 ' in answer.content.decode()


def test_a_blind_reader_sees_no_outline_before_her_own_read(client: Client, hill: Clinic) -> None:
    exam = outlined_exam(hill)
    settle(hill, blind_first=True)
    client.force_login(hill.doctor, backend="allauth.account.auth_backends.AuthenticationBackend")
    for address in (reverse("reading", args=[exam.pk]), reverse("exam", args=[exam.pk])):
        html = client.get(address).content.decode()
        assert "lesion-he" not in html, address


def test_a_reader_who_is_not_blind_finds_the_outlines_beside_the_attention_map(client: Client, hill: Clinic) -> None:
    exam = outlined_exam(hill)
    client.force_login(hill.doctor, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert "lesion-he" in client.get(reverse("reading", args=[exam.pk])).content.decode()


def test_the_outlines_of_a_verdict_are_kept_with_it(hill: Clinic) -> None:
    # The tiny pack sees bright places as hard exudates.
    photograph = send(hill, add_exam(hill), photos.encode(photos.retina(lesions=6)), Eye.RIGHT)
    grade_photograph(photograph.pk)
    verdict = Verdict.objects.get(photograph=photograph)
    assert verdict.status == "graded"
    assert {lesion["code"] for lesion in verdict.lesions} == {"EX"}
    assert all(0 <= share <= 1 for lesion in verdict.lesions for corner in lesion["outline"] for share in corner)
