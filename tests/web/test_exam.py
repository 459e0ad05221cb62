"""The exam page in each of its states, and the result that grows out of the verdicts."""

from datetime import date
from typing import Any
from unittest import mock

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from retineye.accounts.models import AuditEvent
from retineye.clinic import checks, reviews
from retineye.clinic.grade import grade_photograph
from retineye.clinic.models import Exam, Eye, Photograph, Signature, State, Verdict
from retineye.clinic.reviews import EyeRead, Read
from retineye.grading.result import Grade
from retineye.web import shown
from tests.cast import Clinic, add_exam, picture, send


@pytest.fixture()
def nurse(client: Client, hill: Clinic) -> Client:
    """Have the technician signed in."""
    client.force_login(hill.technician, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def page(client: Client, exam: Exam) -> str:
    """Read the exam's page."""
    answer = client.get(reverse("exam", args=[exam.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def card(client: Client, photograph: Photograph, **asked: str) -> Any:
    """Ask after one photograph as the page does."""
    return client.get(reverse("photograph_card", args=[photograph.pk]), asked, headers={"HX-Request": "true"})


def graded(clinic: Clinic, exam: Exam, seed: int, eye: Eye, **verdict: Any) -> Photograph:
    """Have a photograph with a verdict of one's choice: a grade, or reasons why there is none."""
    photograph = send(clinic, exam, picture(seed), eye)
    given = {"status": "graded", "uncertain": False, "reasons": [], "grade": None, **verdict}
    photograph.state = State.GRADED if given["status"] == "graded" else State.UNGRADABLE
    photograph.save(update_fields=["state"])
    share = [0.02] * 5
    if given["grade"] is not None:
        share[given["grade"]] = 0.92
    Verdict.objects.create(
        photograph=photograph,
        attempt=1,
        pack_id="lite0-test",
        pack_sha256="0" * 64,
        probabilities=share if given["grade"] is not None else None,
        referable=(given["grade"] or 0) >= 2,
        referable_probability=sum(share[2:]),
        vision_threatening=(given["grade"] or 0) >= 3,
        vision_threatening_probability=sum(share[3:]),
        quality={"score": 0.9},
        timings={"total": 0.08},
        **given,
    )
    return photograph


def test_an_empty_exam_says_what_to_do_and_has_the_right_eye_first(nurse: Client, hill: Clinic) -> None:
    html = page(nurse, add_exam(hill))
    assert "No photographs yet" in html
    assert html.index('id="lane-right"') < html.index('id="lane-left"')
    assert "Drop photographs of the right eye here" in html


def test_a_waiting_photograph_asks_after_its_verdict_soon_at_first_and_ever_more_seldom(
    nurse: Client, hill: Clinic
) -> None:
    photograph = send(hill, add_exam(hill), picture())
    assert "delay:300ms" in page(nurse, photograph.exam)
    unchanged = card(nurse, photograph, asked="3", seen="waiting")
    assert unchanged["HX-Retarget"] == "this"
    assert "delay:500ms" in unchanged.content.decode()
    assert "<article" not in unchanged.content.decode()
    assert [shown.Poll(asked).delay_ms for asked in (0, 1, 10, 12, 99)] == [300, 500, 500, 1000, 2000]


def test_nonsense_in_the_address_of_a_card_does_no_harm(nurse: Client, hill: Clinic) -> None:
    photograph = send(hill, add_exam(hill), picture())
    assert card(nurse, photograph, asked="-1e9", seen="<script>").status_code == 200


def test_the_quality_shows_before_the_grade(nurse: Client, hill: Clinic) -> None:
    photograph = send(hill, add_exam(hill), picture())
    Photograph.objects.filter(pk=photograph.pk).update(state=State.GRADING, quality={"score": 0.9})
    assert "Photograph good." in card(nurse, photograph, asked="1", seen="grading").content.decode()


def test_a_verdict_arrives_on_the_card_without_a_reload_and_tells_the_page(nurse: Client, hill: Clinic) -> None:
    photograph = send(hill, add_exam(hill), picture())
    grade_photograph(photograph.pk)
    verdict = Verdict.objects.get()
    answer = card(nurse, photograph, asked="2", seen="waiting")
    html = answer.content.decode()
    assert answer["HX-Trigger"] == "photograph-changed"
    assert verdict.grade_name in html
    assert "hx-trigger" not in html
    assert "Attention map,<br>not a lesion outline" in html
    assert f"Model pack {verdict.pack_id}" in html


@pytest.mark.parametrize(
    ("right", "left", "headline", "words"),
    [
        ({"grade": 0}, {"grade": 0}, "Next photographs in 1 year", "No sign of diabetic retinopathy"),
        ({"grade": 1}, {"grade": 3}, "Refer to an eye doctor", "Severe NPDR in the left eye, the worse one"),
        ({"grade": 4}, {"grade": 0}, "Refer to an eye doctor urgently", "Proliferative DR in the right eye"),
        ({"grade": 0}, None, "Incomplete", "Take a photograph of the left eye"),
        (
            {"status": "ungradable", "reasons": ["out_of_focus"]},
            {"grade": 0},
            "Incomplete",
            "look steadily at the fixation light",
        ),
        ({"grade": 0, "uncertain": True}, {"grade": 0}, "A clinician must read", "unsure of the right eye"),
    ],
    ids=["routine", "refer", "urgent", "one eye missing", "one eye ungradable", "unsure"],
)
def test_the_patients_result_comes_first_in_one_sentence(
    nurse: Client, hill: Clinic, right: dict[str, Any], left: dict[str, Any] | None, headline: str, words: str
) -> None:
    exam = add_exam(hill)
    graded(hill, exam, 1, Eye.RIGHT, **right)
    if left:
        graded(hill, exam, 2, Eye.LEFT, **left)
    html = page(nurse, exam)
    assert headline in html
    assert words in html
    assert html.index(headline) < html.index('class="lanes"')
    assert ("ICO 2017" in html) == headline.startswith(("Next", "Refer"))
    assert nurse.get(reverse("exam_result", args=[exam.pk])).content.decode().count(headline) == 1


def test_an_ungradable_photograph_says_why_and_what_to_do_and_shows_no_grade(nurse: Client, hill: Clinic) -> None:
    exam = add_exam(hill)
    graded(hill, exam, 1, Eye.RIGHT, status="ungradable", reasons=["too_dark", "cut_off"])
    html = page(nurse, exam)
    assert "Too dark" in html
    assert "Raise the flash" in html
    assert "Retina cut off" in html
    assert "no grade is given" in html
    assert "of 4" not in html
    assert "No DR" not in html


def test_an_unsure_grade_says_so_on_the_photograph_and_on_top(nurse: Client, hill: Clinic) -> None:
    exam = add_exam(hill)
    graded(hill, exam, 1, Eye.RIGHT, grade=2, uncertain=True)
    assert page(nurse, exam).count("Unsure: a person must look") == 2


def test_a_failed_photograph_can_be_graded_again(nurse: Client, hill: Clinic) -> None:
    photograph = send(hill, add_exam(hill), picture())
    Photograph.objects.filter(pk=photograph.pk).update(state=State.FAILED, failure="died")
    assert "Grade it again" in page(nurse, photograph.exam)
    nurse.post(reverse("photograph_again", args=[photograph.pk]))
    photograph.refresh_from_db()
    assert photograph.state == State.WAITING


def test_a_person_puts_right_the_field_the_eye_and_what_does_not_belong_here(nurse: Client, hill: Clinic) -> None:
    photograph = send(hill, add_exam(hill), picture())
    nurse.post(reverse("photograph_field", args=[photograph.pk]), {"field": "macula"})
    nurse.post(reverse("photograph_move", args=[photograph.pk]))
    photograph.refresh_from_db()
    assert (photograph.field, photograph.eye) == ("macula", "left")
    nurse.post(reverse("photograph_withdraw", args=[photograph.pk]))
    assert "No photographs yet" in page(nurse, photograph.exam)
    assert nurse.get(reverse("photograph_card", args=[photograph.pk])).status_code == 404


def test_the_lack_of_a_photograph_gets_a_reason_and_the_patient_is_sent_on(nurse: Client, hill: Clinic) -> None:
    exam = add_exam(hill)
    graded(hill, exam, 1, Eye.RIGHT, grade=0)
    nurse.post(reverse("exam_absence", args=[exam.pk]), {"eye": "left", "absence": "cataract"})
    html = page(nurse, exam)
    assert "Refer for examination" in html
    assert "This eye is closed: Dense cataract." in html
    assert "Choose photographs of the left eye" not in html
    nurse.post(reverse("exam_absence", args=[exam.pk]), {"eye": "left", "absence": ""})
    assert "Choose photographs of the left eye" in page(nurse, exam)


def test_a_second_exam_leaves_the_first_one_as_it_was(nurse: Client, hill: Clinic) -> None:
    first = add_exam(hill, taken_on=date(2025, 5, 4))
    graded(hill, first, 1, Eye.RIGHT, grade=1)
    before = page(nurse, first)
    second = add_exam(hill, first.patient)
    graded(hill, second, 2, Eye.RIGHT, grade=3)
    without_tokens = [line for line in page(nurse, first).splitlines() if "csrf" not in line]
    assert without_tokens == [line for line in before.splitlines() if "csrf" not in line]
    history = nurse.get(reverse("patient", args=[first.patient_id])).content.decode()
    assert history.index("Severe NPDR") < history.index("Mild NPDR")


def test_without_a_sound_pack_every_page_says_so_and_photographs_are_taken_and_wait(
    nurse: Client, hill: Clinic, settings: Any, tmp_path: Any
) -> None:
    settings.RETINEYE_PACK = str(tmp_path / "nothing")
    checks.forget()
    photograph = send(hill, add_exam(hill), picture())
    for address in (reverse("worklist"), reverse("exam", args=[photograph.exam_id])):
        html = nurse.get(address).content.decode()
        assert "Nothing can be graded at the moment." in html
    grade_photograph(photograph.pk)
    assert not Verdict.objects.exists()
    assert "waiting for its turn" in page(nurse, photograph.exam)


def test_looking_at_an_exam_is_remembered_by_ids_alone(nurse: Client, hill: Clinic) -> None:
    exam = add_exam(hill)
    page(nurse, exam)
    event = AuditEvent.objects.get(action="exam_viewed")
    assert (event.actor_id, event.object_id) == (hill.technician.pk, exam.pk)
    assert exam.patient.name not in str(event.detail)


def test_an_exam_page_asks_the_database_as_often_for_six_photographs_as_for_one(nurse: Client, hill: Clinic) -> None:
    def asked(photographs: int) -> int:
        exam = add_exam(hill)
        for seed in range(photographs):
            graded(hill, exam, 10 * photographs + seed, Eye.RIGHT if seed % 2 else Eye.LEFT, grade=seed % 5)
        sound = mock.patch.object(checks, "_look", return_value=checks.PackStatus(True, "", "x"))
        with sound, CaptureQueriesContext(connection) as queries:
            page(nurse, exam)
        return len(queries)

    page(nurse, add_exam(hill))  # the first page after signing in writes down the device, once
    for_one = asked(1)
    assert asked(6) == for_one <= 12


def test_a_signed_exam_takes_no_more_photographs_and_can_still_be_put_right(nurse: Client, hill: Clinic) -> None:
    exam = add_exam(hill)
    grade_photograph(send(hill, exam, picture(3)).pk)
    assert "Add photographs" in page(nurse, exam)
    fine = EyeRead("good", Grade.NONE, "no_sign")
    reviews.read(hill.doctor, exam, Read(right=fine, override_reason="Seen on a better screen."))
    reviews.sign(hill.doctor, Exam.objects.get(pk=exam.pk), Signature.How.PASSWORD)
    shown = page(nurse, exam)
    assert "Add photographs" not in shown
    assert "Correct this photograph" in shown
