"""From a waiting photograph to a verdict, whatever happens on the road."""

import hashlib
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone
from PIL import Image

from retineye.accounts.models import AuditEvent
from retineye.clinic import exams, grade, queue
from retineye.clinic.eye import EyeStatus
from retineye.clinic.grade import Graded, claim, grade_photograph
from retineye.clinic.models import Eye, Field, Photograph, Standing, State, Verdict
from retineye.clinic.outcome import outcome_of
from retineye.grading import Grader, grader
from retineye.grading.errors import PackError
from retineye.grading.result import Quality, Reason
from tests import dicoms
from tests.cast import Clinic, add_exam, picture, send
from tests.dicoms import as_bytes
from tests.packs import write_tiny_pack


def sha256_of(photograph: Photograph) -> str:
    with default_storage.open(photograph.original.name) as file:
        return hashlib.sha256(file.read()).hexdigest()


def test_a_graded_photograph_has_a_verdict_copies_and_an_attention_map(hill: Clinic) -> None:
    sent = send(hill, add_exam(hill), picture())
    assert grade_photograph(sent.pk) is Graded.RECORDED
    sent.refresh_from_db()
    verdict = Verdict.objects.get()
    assert (sent.state, sent.attempt, sent.lease_until, sent.failure) == (State.GRADED, 1, None, "")
    assert sent.quality is not None
    assert sent.quality["gradable"] is True
    assert verdict.photograph_id == sent.pk
    assert verdict.status == "graded"
    assert verdict.pack_id == "tiny-test"
    assert len(verdict.pack_sha256) == 64
    assert len(verdict.probabilities) == 5
    assert sum(verdict.probabilities) == pytest.approx(1.0, abs=1e-6)
    assert verdict.timings["total"] > 0
    assert verdict.grade_name
    for file, longest in ((sent.display, 720), (sent.thumbnail, grade.THUMBNAIL_PX)):
        with default_storage.open(file.name) as opened:
            copy = Image.open(opened)
            assert copy.format == "JPEG"
            assert max(copy.size) == longest
            assert "exif" not in copy.info
    assert AuditEvent.objects.filter(action="graded", object_id=sent.pk).count() == 1


def test_the_original_is_the_same_after_grading_and_regrading(hill: Clinic) -> None:
    data = picture()
    sent = send(hill, add_exam(hill), data)
    grade_photograph(sent.pk)
    Photograph.objects.filter(pk=sent.pk).update(state=State.WAITING)
    grade_photograph(sent.pk)
    assert sha256_of(sent) == sent.sha256 == hashlib.sha256(data).hexdigest()


def test_each_of_two_hundred_patients_gets_the_result_of_their_own_photograph(hill: Clinic) -> None:
    """Grading takes an id, and never the first photograph that it meets."""
    from tests.cast import add_patient

    patients = [add_patient(hill, f"Patient {number}") for number in range(200)]
    assert len({patient.pk for patient in patients}) == 200
    sent = {}
    real = sorted((Path(__file__).parents[1] / "idrid").glob("small_*.jpg"))
    for number, path in zip((0, 57, 113, 199), real, strict=False):
        data = path.read_bytes()
        sent[number] = (send(hill, add_exam(hill, patients[number]), data), data)
    for photograph, _ in reversed(sent.values()):
        assert grade_photograph(photograph.pk) is Graded.RECORDED
    opened = grade.open_grader()
    said = []
    for number, (photograph, data) in sent.items():
        verdict = Verdict.objects.get(photograph=photograph)
        expected = opened.grade(data)
        assert verdict.probabilities == pytest.approx(list(expected.probabilities or ()), abs=1e-9)
        assert verdict.photograph.exam.patient_id == patients[number].pk
        said.append(tuple(verdict.probabilities))
    assert len(set(said)) == len(said)


def test_a_regrade_adds_a_verdict_and_leaves_the_older_one_as_it_was(hill: Clinic) -> None:
    sent = send(hill, add_exam(hill), picture())
    grade_photograph(sent.pk)
    before = Verdict.objects.values().get()
    Photograph.objects.filter(pk=sent.pk).update(state=State.WAITING)
    assert grade_photograph(sent.pk) is Graded.RECORDED
    first, second = Verdict.objects.order_by("attempt")
    assert Verdict.objects.filter(pk=first.pk).values().get() == before
    assert second.created_at > first.created_at
    assert second.heatmap != first.heatmap or not first.heatmap


def test_a_verdict_can_not_be_changed_in_the_database(hill: Clinic) -> None:
    sent = send(hill, add_exam(hill), picture())
    grade_photograph(sent.pk)
    with pytest.raises((DatabaseError, IntegrityError)), transaction.atomic():
        Verdict.objects.update(grade=0)


def test_the_same_message_twice_makes_one_verdict(hill: Clinic) -> None:
    sent = send(hill, add_exam(hill), picture())
    queue.enqueue(sent.pk)
    while queue.take_one("worker"):
        pass
    sent.refresh_from_db()
    assert (Verdict.objects.count(), sent.attempt, sent.state) == (1, 1, State.GRADED)
    assert grade_photograph(sent.pk) is Graded.TAKEN


def test_of_two_workers_on_one_id_one_claims(hill: Clinic) -> None:
    sent = send(hill, add_exam(hill), picture())
    mine = claim(sent.pk)
    assert mine is not None
    assert claim(sent.pk) is None
    assert grade_photograph(sent.pk) is Graded.TAKEN
    assert mine.attempt == 1


def test_a_lapsed_worker_that_comes_back_writes_nothing(hill: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = send(hill, add_exam(hill), picture())
    real = grade._grade

    def slow(photograph: Photograph, grader: Grader) -> Any:
        made = real(photograph, grader)
        if photograph.attempt == 1:
            # The lease lapsed while this worker slept, and a successor has done everything.
            Photograph.objects.filter(pk=sent.pk).update(state=State.WAITING, lapses=1)
            assert grade_photograph(sent.pk) is Graded.RECORDED
        return made

    monkeypatch.setattr(grade, "_grade", slow)
    assert grade_photograph(sent.pk) is Graded.OVERTAKEN
    verdict = Verdict.objects.get()
    sent.refresh_from_db()
    assert verdict.attempt == sent.attempt == 2
    assert sent.display.name.endswith("display-2.jpg")


def test_a_worker_that_lost_its_lease_before_the_quality_stops_there(
    hill: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = send(hill, add_exam(hill), picture())
    real = grade._read

    def read(photograph: Photograph) -> bytes:
        Photograph.objects.filter(pk=sent.pk).update(attempt=7)
        return real(photograph)

    monkeypatch.setattr(grade, "_read", read)
    assert grade_photograph(sent.pk) is Graded.OVERTAKEN
    assert not Verdict.objects.exists()


def test_the_quality_is_written_before_the_network_runs(hill: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    from retineye.grading.network import Network

    sent = send(hill, add_exam(hill), picture())
    seen = []
    real = Network.run

    def run(self: Network, tensor: Any) -> Any:
        seen.append(Photograph.objects.values("quality", "state").get(pk=sent.pk))
        return real(self, tensor)

    monkeypatch.setattr(Network, "run", run)
    grade_photograph(sent.pk)
    assert seen[-1]["state"] == State.GRADING
    assert seen[-1]["quality"]["gradable"] is True


def test_a_picture_that_is_no_retina_is_ungradable_with_its_reason_and_no_grade(
    hill: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_retina = Quality(False, 0.1, {"not_a_retina": 0.1}, (Reason.NOT_A_RETINA,))
    monkeypatch.setattr(grader, "assess", lambda *arguments: no_retina)
    sent = send(hill, add_exam(hill), picture())
    assert grade_photograph(sent.pk) is Graded.RECORDED
    sent.refresh_from_db()
    verdict = Verdict.objects.get()
    assert sent.state == State.UNGRADABLE
    assert (verdict.status, verdict.grade, verdict.probabilities) == ("not_fundus", None, None)
    assert "not_a_retina" in verdict.reasons
    assert sent.display


@pytest.mark.parametrize("kind", ["missing", "altered", "test"])
def test_without_a_pack_that_can_be_trusted_photographs_wait_and_nothing_is_recorded(
    kind: str, hill: Clinic, settings: Any, tmp_path: Any
) -> None:
    settings.RETINEYE_PACK = str(tmp_path / "pack")
    if kind != "missing":
        write_tiny_pack(tmp_path / "pack")
    if kind == "altered":
        with (tmp_path / "pack" / "model.onnx").open("ab") as model:
            model.write(b"x")
    settings.RETINEYE_ALLOW_TEST_PACK = kind != "test"
    sent = send(hill, add_exam(hill), picture())
    before = Photograph.objects.values().get()
    assert grade_photograph(sent.pk) is Graded.WAITS
    assert Photograph.objects.values().get() == before
    assert not Verdict.objects.exists()


def test_a_pack_that_breaks_while_it_is_used_leaves_the_photograph_waiting(
    hill: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any, **options: Any) -> Any:
        raise PackError("The network gives what no network should.")

    sent = send(hill, add_exam(hill), picture())
    monkeypatch.setattr(Grader, "grade", broken)
    assert grade_photograph(sent.pk) is Graded.WAITS
    sent.refresh_from_db()
    assert (sent.state, sent.lapses, sent.lease_until) == (State.WAITING, 0, None)
    assert not Verdict.objects.exists()


def test_weights_are_opened_once_in_a_process(hill: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    real = Grader.from_pack.__func__  # type: ignore[attr-defined]

    def counted(cls: type[Grader], *arguments: Any, **options: Any) -> Grader:
        opened.append(1)
        grader: Grader = real(cls, *arguments, **options)
        return grader

    monkeypatch.setattr(Grader, "from_pack", classmethod(counted))
    exam = add_exam(hill)
    for seed in (1, 2, 3):
        grade_photograph(send(hill, exam, picture(seed)).pk)
    assert len(opened) == 1


@pytest.mark.parametrize(("harm", "code"), [("gone", "file_missing"), ("changed", "file_changed")])
def test_an_original_that_is_gone_or_changed_fails_and_says_so(hill: Clinic, harm: str, code: str) -> None:
    sent = send(hill, add_exam(hill), picture())
    name = sent.original.name
    default_storage.delete(name)
    if harm == "changed":
        default_storage.save(name, BytesIO(picture(seed=9)))
    assert grade_photograph(sent.pk) is Graded.FAILED
    sent.refresh_from_db()
    assert (sent.state, sent.failure) == (State.FAILED, code)
    assert AuditEvent.objects.filter(action="grading_failed", detail__code=code).exists()


def test_a_photograph_that_turns_out_unreadable_later_fails_with_the_decoder_s_reason(
    hill: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    from retineye.clinic import intake

    # As a picture too large to be decoded at the door.
    monkeypatch.setattr(intake, "_CHECKED_PIXELS", 0)
    sent = send(hill, add_exam(hill), picture()[:9000])
    assert grade_photograph(sent.pk) is Graded.FAILED
    sent.refresh_from_db()
    assert (sent.state, sent.failure) == (State.FAILED, "truncated")
    assert not Verdict.objects.exists()


def test_a_full_disk_gives_the_photograph_back_and_counts_no_death(
    hill: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any, **options: Any) -> str:
        raise OSError(28, "No space left on device")

    sent = send(hill, add_exam(hill), picture())
    monkeypatch.setattr(default_storage, "save", full)
    assert grade_photograph(sent.pk) is Graded.WAITS
    sent.refresh_from_db()
    assert (sent.state, sent.lapses) == (State.WAITING, 0)


def test_an_unforeseen_error_counts_as_a_death(hill: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any, **options: Any) -> Any:
        raise ZeroDivisionError

    sent = send(hill, add_exam(hill), picture())
    monkeypatch.setattr(Grader, "grade", broken)
    assert grade_photograph(sent.pk) is Graded.BROKE
    sent.refresh_from_db()
    assert (sent.state, sent.lapses) == (State.WAITING, 1)


def test_the_exam_s_standing_follows_its_photographs(hill: Clinic) -> None:
    exam = add_exam(hill)
    right = send(hill, exam, picture(1), Eye.RIGHT)
    exam.refresh_from_db()
    assert exam.standing == Standing.PENDING
    grade_photograph(right.pk)
    exam.refresh_from_db()
    assert exam.standing in (Standing.INCOMPLETE, Standing.REFER)
    exams.withdraw(hill.technician, right)
    exam.refresh_from_db()
    assert exam.standing == Standing.EMPTY


def test_a_second_exam_never_touches_the_first(hill: Clinic) -> None:
    first = add_exam(hill)
    grade_photograph(send(hill, first, picture(1)).pk)
    rows = [
        list(model.objects.filter(**{path: first.pk}).values())
        for model, path in (
            (type(first), "pk"),
            (Photograph, "exam"),
            (Verdict, "photograph__exam"),
        )
    ]
    second = add_exam(hill, first.patient)
    grade_photograph(send(hill, second, picture(2)).pk)
    assert rows == [
        list(model.objects.filter(**{path: first.pk}).values())
        for model, path in (
            (type(first), "pk"),
            (Photograph, "exam"),
            (Verdict, "photograph__exam"),
        )
    ]
    assert Verdict.objects.count() == 2


def test_a_failed_photograph_goes_down_the_road_again_when_a_person_asks(hill: Clinic) -> None:
    sent = send(hill, add_exam(hill), picture())
    queue.take_one("worker")
    assert not exams.grade_again(hill.technician, sent)
    Photograph.objects.filter(pk=sent.pk).update(state=State.FAILED, failure="died", lapses=4)
    assert exams.grade_again(hill.technician, sent)
    assert queue.take_one("worker")
    sent.refresh_from_db()
    assert (sent.state, sent.failure, sent.lapses) == (State.GRADED, "", 0)


def test_a_claim_is_leased_for_as_long_as_the_settings_say(hill: Clinic, settings: Any) -> None:
    settings.RETINEYE_LEASE_S = 47
    sent = send(hill, add_exam(hill), picture())
    mine = claim(sent.pk)
    assert mine is not None
    assert mine.lease_until is not None
    assert abs(mine.lease_until - timezone.now() - timedelta(seconds=47)) < timedelta(seconds=3)


def test_a_wide_field_photograph_is_shown_and_never_graded(hill: Clinic) -> None:
    exam = add_exam(hill)
    photograph = send(hill, exam, as_bytes(dicoms.photograph(sop_class=dicoms.WIDE)))
    assert grade_photograph(photograph.pk) is Graded.FAILED
    photograph.refresh_from_db()
    assert (photograph.state, photograph.failure) == (State.FAILED, "outside_tried")
    assert photograph.thumbnail
    assert not photograph.verdicts.exists()
    # The eye still lacks a photograph that can be graded.
    assert outcome_of(exam).right.status is EyeStatus.MISSING


@pytest.mark.parametrize(
    ("filed", "field", "guess", "warned"),
    [
        (Eye.RIGHT, Field.MACULA, "left", "left"),
        (Eye.RIGHT, Field.UNKNOWN, "left", "left"),
        (Eye.RIGHT, Field.MACULA, "right", ""),
        (Eye.RIGHT, Field.MACULA, "", ""),
        (Eye.LEFT, Field.DISC, "right", ""),
    ],
)
def test_a_picture_that_looks_like_the_other_eye_is_told_of(filed: Eye, field: Field, guess: str, warned: str) -> None:
    verdict = Verdict(photograph=Photograph(eye=filed, field=field), eye_guess=guess)
    assert verdict.other_eye == warned
