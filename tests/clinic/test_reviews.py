"""Reads, second reads, arbitration, signatures, addenda: what people say, and what holds then."""

from dataclasses import replace
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, transaction

from retineye.accounts.models import AuditEvent, Membership, Role, User
from retineye.clinic.blind import hides, sight_of
from retineye.clinic.closed import Closed, is_signed
from retineye.clinic.corrections import to_other_eye
from retineye.clinic.exams import set_field
from retineye.clinic.models import (
    Addendum,
    ClinicSettings,
    Exam,
    Field,
    Patient,
    Photograph,
    ReadState,
    Review,
    Signature,
    State,
    StoredResult,
    Verdict,
)
from retineye.clinic.reviews import (
    EyeRead,
    Read,
    add_addendum,
    agreed_read,
    ask_second_read,
    assign,
    final_result,
    read,
    sign,
    signed_of,
    withdraw_signature,
)
from retineye.clinic.worklist import Filters, Show, counts_for, worklist_for
from retineye.grading.result import Grade
from tests.cast import PASSWORD, Clinic
from tests.clinic.test_worklist import exam_with

PASSED = Signature.How.PASSWORD


def eye(grade: Grade | None, dme: str = "no_sign", quality: str = "good") -> EyeRead:
    """Say something of an eye."""
    return EyeRead("unreadable" if grade is None else quality, grade, dme)


def both(right: Grade | None, left: Grade | None, reason: str = "", **more: Any) -> Read:
    """Say something of both eyes."""
    return Read(eye(right), eye(left), override_reason=reason, **more)


def doctor(clinic: Clinic, name: str) -> User:
    """Bring another doctor into the clinic."""
    user = User.objects.create_user(f"{name}@{clinic.organisation.pk}.example", PASSWORD, full_name=name)
    Membership.objects.create(user=user, organisation=clinic.organisation, role=Role.DOCTOR)
    return user


def settle(clinic: Clinic, **values: Any) -> None:
    """Decide how the clinic works."""
    ClinicSettings.objects.update_or_create(organisation=clinic.organisation, defaults=values)


@pytest.fixture()
def exam(hill: Clinic) -> Exam:
    """Have an exam whose machine verdicts are moderate and mild."""
    return exam_with(hill, Grade.MODERATE, Grade.MILD)


def now(exam: Exam) -> Exam:
    """Give the exam as it stands."""
    return Exam.objects.get(pk=exam.pk)


def test_a_read_that_agrees_is_signed_and_makes_the_result_final(hill: Clinic, exam: Exam) -> None:
    assert now(exam).read_state == ReadState.UNREAD
    review = read(hill.doctor, exam, both(Grade.MODERATE, Grade.MILD))
    assert not review.overrides
    assert now(exam).read_state == ReadState.READ
    assert signed_of(exam) is None
    sign(hill.doctor, exam, PASSED)
    signed = signed_of(exam)
    assert signed is not None
    assert (signed.right.grade, signed.left.grade, signed.signer) == (2, 1, "Doctor of Hill")
    assert now(exam).read_state == ReadState.SIGNED
    assert now(exam).signed_at == signed.signed_at
    assert final_result(now(exam)).grade is Grade.MODERATE
    stored = StoredResult.objects.get(exam=exam)
    assert (stored.basis, stored.review_id) == ("signed", review.pk)


def test_the_machines_verdict_and_the_read_stay_separate_rows(hill: Clinic, exam: Exam) -> None:
    before = list(Verdict.objects.order_by("pk").values())
    read(hill.doctor, exam, both(Grade.SEVERE, Grade.MILD, "Venous beading in two quadrants."))
    sign(hill.doctor, exam, PASSED)
    assert list(Verdict.objects.order_by("pk").values()) == before
    assert final_result(now(exam)).grade is Grade.SEVERE
    assert (now(exam).right_grade, now(exam).left_grade) == (3, 1)
    review = Review.objects.get()
    assert (review.right_machine, review.right_grade, review.pack_id) == (2, 3, "tiny")


def test_a_change_of_grade_needs_a_reason(hill: Clinic, exam: Exam) -> None:
    with pytest.raises(ValidationError) as refused:
        read(hill.doctor, exam, both(Grade.NONE, Grade.MILD))
    assert set(refused.value.message_dict) == {"override_reason"}
    assert not Review.objects.exists()
    assert read(hill.doctor, exam, both(Grade.NONE, Grade.MILD, "Drusen, no microaneurysm.")).overrides


@pytest.mark.parametrize(
    ("said", "field"),
    [
        (Read(None, eye(Grade.MILD)), "right_quality"),
        (Read(EyeRead("good", None, "no_sign"), eye(Grade.MILD)), "right_grade"),
        (Read(eye(Grade.MODERATE), EyeRead("good", Grade.MILD, "")), "left_dme"),
        (Read(eye(Grade.MODERATE), EyeRead("fine", Grade.MILD, "no_sign")), "left_quality"),
        (replace(both(Grade.MODERATE, Grade.MILD), comment="x" * 2001), "comment"),
        (replace(both(Grade.MODERATE, Grade.MILD), change="worse"), "change"),
        (
            replace(
                both(Grade.MODERATE, Grade.MILD), marks=({"photograph": "x", "shape": "arrow", "points": [1] * 4},)
            ),
            "marks",
        ),
    ],
)
def test_a_read_that_lacks_something_says_what(hill: Clinic, exam: Exam, said: Read, field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read(hill.doctor, exam, said)
    assert field in refused.value.message_dict


def test_drawings_are_kept_in_the_photographs_pixels_and_never_outside_it(hill: Clinic, exam: Exam) -> None:
    Photograph.objects.filter(exam=exam).update(width_px=4288, height_px=2848)
    photograph = Photograph.objects.filter(exam=exam, eye="right").get()
    drawn = {"photograph": str(photograph.pk), "shape": "circle", "points": [100, 200.44, 140.0, 230]}
    review = read(hill.doctor, exam, both(Grade.MODERATE, Grade.MILD, marks=(drawn,)))
    assert review.marks == [drawn | {"points": [100.0, 200.4, 140.0, 230.0]}]
    for points in ([-1, 0, 1, 1], [0, 0, 9999, 1], [0, 0, 1], ["a", 0, 1, 1], [float("nan"), 0, 1, 1]):
        with pytest.raises(ValidationError):
            read(hill.doctor, exam, both(Grade.MODERATE, Grade.MILD, marks=(drawn | {"points": points},)))


def test_an_eye_that_a_reader_can_not_read_is_never_normal(hill: Clinic) -> None:
    exam = exam_with(hill, Grade.NONE, Grade.NONE)
    read(hill.doctor, exam, both(None, Grade.NONE, "Cataract hides the macula."))
    sign(hill.doctor, exam, PASSED)
    assert now(exam).standing == "incomplete"
    assert now(exam).ungradable
    assert final_result(now(exam)).due_by is None


def test_an_eye_without_a_macula_is_not_called_free_of_disease(hill: Clinic) -> None:
    exam = exam_with(hill, Grade.NONE, Grade.NONE)
    read(hill.doctor, exam, Read(eye(Grade.NONE, "cannot_judge"), eye(Grade.NONE)))
    sign(hill.doctor, exam, PASSED)
    assert now(exam).standing == "incomplete"


def test_macular_oedema_that_a_reader_suspects_refers_within_a_month(hill: Clinic) -> None:
    exam = exam_with(hill, Grade.NONE, Grade.NONE)
    read(hill.doctor, exam, Read(eye(Grade.NONE, "suspected"), eye(Grade.NONE), override_reason="Hard exudates."))
    sign(hill.doctor, exam, PASSED)
    assert now(exam).standing == "refer"
    assert now(exam).dme_suspected


def test_who_signs_has_read_and_only_a_doctor_reads(hill: Clinic, exam: Exam) -> None:
    with pytest.raises(Closed):
        sign(hill.doctor, exam, PASSED)
    other = doctor(hill, "Other")
    read(other, exam, both(Grade.MODERATE, Grade.MILD))
    with pytest.raises(Closed):
        sign(hill.doctor, exam, PASSED)
    for user in (hill.technician, hill.manager, hill.administrator):
        with pytest.raises(PermissionDenied):
            read(user, exam, both(Grade.MODERATE, Grade.MILD))
        with pytest.raises(PermissionDenied):
            sign(user, exam, PASSED)


def test_a_stranger_reads_signs_and_withdraws_nothing(exam: Exam, hill: Clinic, lake: Clinic) -> None:
    read(hill.doctor, exam, both(Grade.MODERATE, Grade.MILD))
    sign(hill.doctor, exam, PASSED)
    stranger = lake.doctor
    for act in (
        lambda: read(stranger, exam, both(Grade.MODERATE, Grade.MILD)),
        lambda: sign(stranger, exam, PASSED),
        lambda: withdraw_signature(stranger, exam, "because"),
        lambda: add_addendum(stranger, exam, "something"),
        lambda: ask_second_read(stranger, exam),
        lambda: assign(stranger, exam, stranger),
    ):
        with pytest.raises(Exam.DoesNotExist):
            act()
    assert is_signed(exam)


def test_what_is_signed_is_locked_and_takes_addenda(hill: Clinic, exam: Exam) -> None:
    with pytest.raises(Closed):
        add_addendum(hill.doctor, exam, "Not signed yet.")
    read(hill.doctor, exam, both(Grade.MODERATE, Grade.MILD))
    sign(hill.doctor, exam, PASSED)
    with pytest.raises(Closed):
        read(hill.doctor, exam, both(Grade.NONE, Grade.NONE, "Changed my mind."))
    with pytest.raises(Closed):
        sign(hill.doctor, exam, PASSED)
    with pytest.raises(Closed):
        set_field(hill.technician, Photograph.objects.filter(exam=exam).first(), Field.DISC)  # type: ignore[arg-type]
    add_addendum(hill.doctor, exam, "Seen by phone with the patient.")
    signed = signed_of(exam)
    assert signed is not None
    assert [one.text for one in signed.addenda] == ["Seen by phone with the patient."]
    with pytest.raises(ValidationError):
        add_addendum(hill.doctor, exam, " ")


@pytest.mark.parametrize("model", [Review, Signature, Addendum])
def test_the_database_refuses_to_change_what_was_read_signed_or_added(
    hill: Clinic, exam: Exam, model: type[Review | Signature | Addendum]
) -> None:
    read(hill.doctor, exam, both(Grade.MODERATE, Grade.MILD))
    sign(hill.doctor, exam, PASSED)
    add_addendum(hill.doctor, exam, "Something more.")
    column = {Review: "comment", Signature: "how", Addendum: "text"}[model]
    with pytest.raises(DatabaseError), transaction.atomic():
        model.objects.update(**{column: "other"})  # type: ignore[attr-defined]


def test_a_signature_is_withdrawn_once_and_visibly_and_the_exam_is_read_anew(hill: Clinic, exam: Exam) -> None:
    read(hill.doctor, exam, both(Grade.MODERATE, Grade.MILD))
    sign(hill.doctor, exam, PASSED)
    with pytest.raises(ValidationError):
        withdraw_signature(hill.doctor, exam, "")
    assert withdraw_signature(hill.doctor, exam, "The photographs are of somebody else.")
    assert not withdraw_signature(hill.doctor, exam, "once more")
    signature = Signature.objects.get()
    assert (signature.withdrawn_by, signature.withdrawn_reason) == (
        hill.doctor,
        "The photographs are of somebody else.",
    )
    assert signed_of(exam) is None
    assert now(exam).read_state == ReadState.UNREAD
    with pytest.raises(DatabaseError), transaction.atomic():
        Signature.objects.update(withdrawn_at=None)
    read(hill.doctor, exam, both(Grade.SEVERE, Grade.MILD, "IRMA."))
    sign(hill.doctor, exam, PASSED)
    signed = signed_of(exam)
    assert signed is not None
    assert signed.amended
    assert Review.objects.count() == 2


def test_a_correction_withdraws_the_signature(hill: Clinic, exam: Exam) -> None:
    read(hill.doctor, exam, both(Grade.MODERATE, Grade.MILD))
    sign(hill.doctor, exam, PASSED)
    to_other_eye(hill.technician, Photograph.objects.filter(exam=exam, eye="right").get(), "It is the left eye.")
    assert not is_signed(exam)
    assert now(exam).read_state == ReadState.UNREAD


def test_a_read_counts_only_while_the_photographs_are_those_that_were_read(hill: Clinic, exam: Exam) -> None:
    read(hill.doctor, exam, both(Grade.MODERATE, Grade.MILD))
    to_other_eye(hill.technician, Photograph.objects.filter(exam=exam, eye="right").get(), "It is the left eye.")
    assert now(exam).read_state == ReadState.UNREAD
    with pytest.raises(Closed):
        sign(hill.doctor, exam, PASSED)


def test_a_second_reader_is_another_person_and_does_not_see_the_first_read(hill: Clinic, exam: Exam) -> None:
    second = doctor(hill, "Second")
    ask_second_read(hill.doctor, exam)
    read(hill.doctor, exam, both(Grade.MODERATE, Grade.MILD))
    assert now(exam).read_state == ReadState.SECOND
    with pytest.raises(Closed):
        sign(hill.doctor, exam, PASSED)
    assert sight_of(second, now(exam)).reads == ()
    assert len(sight_of(hill.doctor, now(exam)).reads) == 1
    review = read(second, exam, both(Grade.MODERATE, Grade.MILD))
    assert review.kind == Review.Kind.SECOND
    assert now(exam).read_state == ReadState.READ
    sign(second, exam, PASSED)
    signed = signed_of(exam)
    assert signed is not None
    assert signed.review == review


def test_two_reads_that_differ_are_arbitrated_by_a_third_person(hill: Clinic, exam: Exam) -> None:
    second, third = doctor(hill, "Second"), doctor(hill, "Third")
    ask_second_read(hill.doctor, exam)
    read(hill.doctor, exam, both(Grade.MODERATE, Grade.MILD))
    read(second, exam, both(Grade.SEVERE, Grade.MILD, "Beading."))
    assert now(exam).read_state == ReadState.ARBITRATION
    for user in (hill.doctor, second):
        with pytest.raises(Closed):
            sign(user, exam, PASSED)
    with pytest.raises(ValidationError):
        read(second, exam, both(Grade.MODERATE, Grade.MILD))
    review = read(third, exam, both(Grade.SEVERE, Grade.MILD, "Beading indeed."))
    assert review.kind == Review.Kind.ARBITRATION
    with pytest.raises(Closed):
        sign(second, exam, PASSED)
    sign(third, exam, PASSED)
    assert final_result(now(exam)).grade is Grade.SEVERE
    assert Review.objects.filter(exam=exam).count() == 3


def test_where_there_is_no_third_reader_one_of_the_two_arbitrates(hill: Clinic, exam: Exam) -> None:
    second = doctor(hill, "Second")
    ask_second_read(hill.doctor, exam)
    read(hill.doctor, exam, both(Grade.MODERATE, Grade.MILD))
    read(second, exam, both(Grade.SEVERE, Grade.MILD, "Beading."))
    review = read(hill.doctor, exam, both(Grade.SEVERE, Grade.MILD, "We looked together."))
    assert review.kind == Review.Kind.ARBITRATION
    sign(hill.doctor, exam, PASSED)


@pytest.mark.parametrize(("percent", "state"), [(0, ReadState.READ), (100, ReadState.SECOND)])
def test_the_clinics_share_is_read_twice(hill: Clinic, exam: Exam, percent: int, state: ReadState) -> None:
    settle(hill, second_read_percent=percent)
    read(hill.doctor, exam, both(Grade.MODERATE, Grade.MILD))
    assert now(exam).read_state == state


def test_a_reader_corrects_a_slip_before_anybody_else_has_read(hill: Clinic, exam: Exam) -> None:
    first = read(hill.doctor, exam, both(Grade.SEVERE, Grade.MILD, "Beading."))
    again = read(hill.doctor, exam, both(Grade.MODERATE, Grade.MILD))
    assert again.revises == first
    assert now(exam).read_state == ReadState.READ
    sign(hill.doctor, exam, PASSED)
    assert final_result(now(exam)).grade is Grade.MODERATE


def test_blind_first_hides_the_verdict_until_the_own_read_is_recorded(hill: Clinic, exam: Exam) -> None:
    settle(hill, blind_first=True)
    second = doctor(hill, "Second")
    assert hides(hill.doctor, now(exam))
    assert not hides(hill.technician, now(exam))
    with pytest.raises(ValidationError):
        agreed_read(hill.doctor, exam, both(None, None))
    review = read(hill.doctor, exam, both(Grade.NONE, Grade.MILD))
    assert review.blind
    assert review.overrides
    assert not hides(hill.doctor, now(exam))
    assert hides(second, now(exam))
    with pytest.raises(Closed, match="Say why"):
        sign(hill.doctor, exam, PASSED)
    kept = read(hill.doctor, exam, both(Grade.NONE, Grade.MILD, "It is a nevus."))
    assert (kept.blind, kept.revises) == (False, review)
    sign(hill.doctor, exam, PASSED)
    assert not hides(second, now(exam))


def test_a_blind_reader_learns_nothing_from_lists_and_their_counts(hill: Clinic, exam: Exam) -> None:
    settle(hill, blind_first=True)
    exam_with(hill, Grade.NONE, Grade.NONE, uncertain=True)
    counts = counts_for(hill.doctor)
    assert counts[Show.UNSIGNED] == 2
    assert {counts[show] for show in (Show.REFER, Show.UNSURE, Show.ROUTINE, Show.INCOMPLETE, Show.ATTENTION)} == {0}
    assert worklist_for(hill.doctor, Show.UNSIGNED, Filters(grades=frozenset({2}))) == []
    assert all(row.sight.hidden for row in worklist_for(hill.doctor, Show.UNSIGNED))
    assert counts_for(hill.technician)[Show.REFER] == 1


def test_agreeing_says_what_the_machine_says(hill: Clinic, exam: Exam) -> None:
    Verdict.objects.none()
    said = agreed_read(hill.doctor, exam, Read(EyeRead("good", dme="no_sign"), EyeRead("good", dme="no_sign")))
    assert said.right is not None
    assert said.left is not None
    assert (said.right.grade, said.left.grade) == (Grade.MODERATE, Grade.MILD)
    assert not read(hill.doctor, exam, said).overrides


def test_while_nobody_has_signed_the_worse_word_decides_the_urgency(hill: Clinic) -> None:
    exam = exam_with(hill, Grade.NONE, Grade.NONE)
    assert now(exam).urgency == 0
    read(hill.doctor, exam, both(Grade.PROLIFERATIVE, Grade.NONE, "New vessels."))
    assert now(exam).urgency == 5


def test_an_exam_is_assigned_to_who_reads_in_the_clinic_and_to_nobody_else(hill: Clinic, lake: Clinic) -> None:
    exam = exam_with(hill, Grade.MODERATE, Grade.MILD)
    assign(hill.manager, exam, hill.doctor)
    assert counts_for(hill.doctor)[Show.MINE] == 1
    for user in (hill.technician, lake.doctor):
        with pytest.raises(ValidationError):
            assign(hill.manager, exam, user)
    with pytest.raises(PermissionDenied):
        assign(hill.technician, exam, hill.doctor)
    assign(hill.manager, exam, None)
    assert counts_for(hill.doctor)[Show.MINE] == 0


def test_an_exam_that_is_being_graded_can_not_be_read_yet(hill: Clinic) -> None:
    exam = exam_with(hill, State.WAITING, Grade.NONE)
    assert now(exam).read_state == ReadState.NOT_YET
    with pytest.raises(Closed):
        read(hill.doctor, exam, both(Grade.NONE, Grade.NONE))


def test_the_audit_tells_who_read_and_signed_by_ids_alone(hill: Clinic, exam: Exam) -> None:
    read(hill.doctor, exam, both(Grade.SEVERE, Grade.MILD, "Beading in two quadrants."))
    sign(hill.doctor, exam, PASSED)
    add_addendum(hill.doctor, exam, "Spoken with the patient.")
    withdraw_signature(hill.doctor, exam, "Signed too early.")
    actions = list(AuditEvent.objects.filter(object_id=exam.pk).order_by("at").values_list("action", flat=True))
    assert actions[-4:] == ["exam_read", "exam_signed", "addendum_added", "signature_withdrawn"]
    assert "Beading" not in str(list(AuditEvent.objects.values_list("detail", flat=True)))


def test_the_other_finding_and_the_comparison_are_part_of_the_read(hill: Clinic) -> None:
    earlier = exam_with(hill, Grade.MILD, Grade.MILD)
    exam = exam_with(hill, Grade.MODERATE, Grade.MILD)
    Exam.objects.filter(pk=earlier.pk).update(patient=exam.patient)
    assert Patient.objects.count() == 2
    said = both(Grade.MODERATE, Grade.MILD, other_finding="Large cup.", compared_with=earlier.pk, change="worse")
    review = read(hill.doctor, exam, said)
    assert (review.other_finding, review.compared_with, review.change) == ("Large cup.", earlier.pk, "worse")
