"""Read an exam, have it read twice, sign it, add to it, take the signature back.

1. A first read. It may be revised until somebody else has read or signed.
2. A second read, where the clinic's share or a reader asks for it: by another person, who does not see the first.
3. Arbitration, where the two differ: by a third person, or by one of the two where the clinic has no third reader.
4. The signature, by a person whose own read decides. What differs from the machine's verdict has a reason by then.
5. From then on the exam is locked: addenda alone, or the signature is withdrawn and the exam is read anew.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from retineye.accounts import audit
from retineye.accounts.models import Membership, User
from retineye.accounts.policy import RIGHTS, Right, allowed, require
from retineye.clinic import blind, reports, shadow, standing, webhooks
from retineye.clinic.access import exams_for
from retineye.clinic.closed import Closed, refuse_if_closed, refuse_if_signed
from retineye.clinic.models import (
    Addendum,
    Change,
    Dme,
    Exam,
    Eye,
    Feature,
    Quality,
    ReadState,
    Review,
    SecondRead,
    Signature,
)
from retineye.clinic.opinion import Opinion, opinion_of
from retineye.clinic.outcome import Outcome, Pictured, outcome, pictures_of
from retineye.clinic.results import store_result
from retineye.clinic.settings import settings_of
from retineye.clinic.signed import Signed, final_outcome, final_result, overrides, read_outcome, signed_of
from retineye.grading.result import Grade

__all__ = [
    "EyeRead",
    "Read",
    "Signed",
    "add_addendum",
    "agreed_read",
    "ask_second_read",
    "assign",
    "final_outcome",
    "final_result",
    "next_kind",
    "read",
    "sign",
    "signed_of",
    "withdraw_signature",
]

LONGEST_TEXT = 2000
_LONGEST_REASON = 500
_MOST_MARKS = 50
_SHAPES = {"arrow", "circle"}


@dataclass(frozen=True, slots=True)
class EyeRead:
    """What a reader says of one eye."""

    quality: str
    """A code of `Quality`."""
    grade: Grade | None = None
    """None where the eye can not be read."""
    dme: str = ""
    """A code of `Dme`; of an eye that can not be read it is `cannot_judge` anyway."""
    features: tuple[str, ...] = ()
    """Codes of `Feature`."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a reader says of an exam; None for an eye without a photograph."""

    right: EyeRead | None = None
    left: EyeRead | None = None
    marks: tuple[Mapping[str, object], ...] = ()
    """photograph (its id), shape (arrow, circle), points (x1, y1, x2, y2 in pixels of the upright photograph)."""
    comment: str = ""
    other_finding: str = ""
    override_reason: str = ""
    compared_with: UUID | None = None
    """An earlier exam of the patient, with `change`."""
    change: str = ""
    """A code of `Change`, or empty."""
    eyes: Mapping[Eye, EyeRead | None] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "eyes", {Eye.RIGHT: self.right, Eye.LEFT: self.left})


@dataclass(frozen=True, slots=True)
class _Desk:
    """An exam under its lock, with all that bears on a read."""

    exam: Exam
    pictures: list[Pictured]
    machine: Outcome
    opinion: Opinion

    def photographed(self, eye: Eye) -> bool:
        return any(one.photograph.eye == eye for one in self.pictures)


def read(user: User, exam: Exam, said: Read) -> Review:
    """Record what the person reads from the photographs: the first read, the second, or the arbitration.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not read.
    Exam.DoesNotExist
        If it is another clinic's exam.
    django.core.exceptions.ValidationError
        If something lacks or can not be, by the name of its field; or there is nothing for this person to read.
    """
    require(user, Right.READ)
    with transaction.atomic():
        desk = _desk(user, exam)
        kind = _kind_or_refuse(user, desk)
        shadowed = shadow.in_shadow(desk.exam.patient.organisation_id)
        hidden = shadowed or (blind.reads_blind(user) and user.pk not in desk.opinion.readers)
        review = _review(user, desk, said, kind, hidden=hidden)
        _check(desk, review, said, hidden=hidden)
        review.save(force_insert=True)
        _share(desk.exam, user, kind)
        standing.refresh(desk.exam)
        detail: dict[str, str | bool] = {
            "review": str(review.pk),
            "kind": kind.value,
            "blind": hidden,
            "overrides": review.overrides and not shadowed,
        }
        _remember(audit.Action.EXAM_READ, user, desk.exam, **detail)
    return review


def agreed_read(user: User, exam: Exam, said: Read) -> Read:
    """Give a read that says of both eyes what the machine says, with the rest of what the person said.

    Where the machine says nothing of the macula, the person's own word on it stands.

    Raises
    ------
    django.core.exceptions.ValidationError
        If the machine's verdict is not to be seen yet, or gives nothing to agree with.
    """
    mine = exams_for(user).get(pk=exam.pk)
    if blind.hides(user, mine):
        raise ValidationError(_("Record your own read first; then you see what the software says."))
    pictures = pictures_of(mine)
    machine = outcome(mine, pictures)
    eyes: dict[str, EyeRead | None] = {}
    for result in (machine.right, machine.left):
        eye = Eye(result.eye.value)
        own = said.eyes[eye]
        if not any(one.photograph.eye == eye for one in pictures):
            eyes[eye.value] = None
        elif result.grade is None:
            eyes[eye.value] = EyeRead(Quality.UNREADABLE, None, Dme.CANNOT_JUDGE)
        else:
            judged = Dme.SUSPECTED if result.dme_suspected else Dme.NO_SIGN if result.macula_judged else ""
            quality = own.quality if own and own.quality == Quality.LIMITED else Quality.GOOD
            dme = judged or (own.dme if own else "")
            eyes[eye.value] = EyeRead(quality, result.grade, dme, own.features if own else ())
    return Read(
        eyes["right"], eyes["left"], said.marks, said.comment, said.other_finding, "", said.compared_with, said.change
    )


def next_kind(user: User, exam: Exam, opinion: Opinion) -> Review.Kind | None:
    """Say which read of the exam the person could make now; None where there is none for this person."""
    if not allowed(user, Right.READ) or exam.read_state in (ReadState.NOT_YET, ReadState.SIGNED):
        return None
    if opinion.first is None:
        return Review.Kind.FIRST
    own = opinion.of(user.pk)
    if opinion.disputed and _may_arbitrate(user, opinion):
        return Review.Kind.ARBITRATION
    if own is not None:
        return Review.Kind(own.kind)
    return Review.Kind.SECOND if opinion.second is None else None


def _may_arbitrate(user: User, opinion: Opinion) -> bool:
    if user.pk not in opinion.readers:
        return True
    roles = [role for role, rights in RIGHTS.items() if Right.READ in rights]
    others = Membership.objects.filter(
        organisation=user.membership.organisation_id, role__in=roles, user__is_active=True
    ).exclude(user__in=opinion.readers)
    return not others.exists()


def _desk(user: User, exam: Exam) -> _Desk:
    mine = standing.lock(exams_for(user).get(pk=exam.pk).pk)
    refuse_if_closed(mine)
    refuse_if_signed(mine)
    # Not veiled: a read is held against the verdicts also where nobody is shown them.
    pictures = pictures_of(mine, veiled=False)
    return _Desk(mine, pictures, outcome(mine, pictures), opinion_of(mine, pictures))


def _kind_or_refuse(user: User, desk: _Desk) -> Review.Kind:
    kind = next_kind(user, desk.exam, desk.opinion)
    if kind is not None:
        return kind
    if desk.exam.read_state == ReadState.NOT_YET:
        raise Closed(desk.exam, _("There is nothing to read yet: wait until every photograph has its verdict."))
    raise Closed(desk.exam, _("Two others have read this exam already."))


def _review(user: User, desk: _Desk, said: Read, kind: Review.Kind, *, hidden: bool) -> Review:
    own = desk.opinion.of(user.pk)
    review = Review(
        exam=desk.exam,
        reader=user,
        kind=kind,
        blind=hidden,
        revises=own if own is not None and own.kind == kind else None,
        marks=_marks(desk, said),
        comment=said.comment.strip(),
        other_finding=said.other_finding.strip(),
        override_reason=said.override_reason.strip(),
        compared_with=said.compared_with if said.change else None,
        change=said.change,
        seen=[
            {
                "photograph": str(one.photograph.pk),
                "eye": one.photograph.eye,
                "verdict": str(one.verdict.pk) if one.verdict else None,
            }
            for one in desk.pictures
        ],
        pack_id=next((one.verdict.pack_id for one in reversed(desk.pictures) if one.verdict), ""),
    )
    for eye, machine in ((Eye.RIGHT, desk.machine.right), (Eye.LEFT, desk.machine.left)):
        one = said.eyes[eye] if desk.photographed(eye) else None
        readable = one is not None and one.quality != Quality.UNREADABLE
        setattr(review, f"{eye.value}_quality", one.quality if one else "")
        setattr(review, f"{eye.value}_grade", int(one.grade) if one and readable and one.grade is not None else None)
        setattr(review, f"{eye.value}_dme", (one.dme if readable else Dme.CANNOT_JUDGE) if one else "")
        setattr(review, f"{eye.value}_machine", None if machine.grade is None else int(machine.grade))
        if one and readable and one.features:
            review.features[eye.value] = [code for code in Feature.values if code in one.features]
    review.overrides = overrides(review, desk.machine)
    return review


def _check(desk: _Desk, review: Review, said: Read, *, hidden: bool) -> None:
    wrong: dict[str, str] = {}
    for eye in Eye:
        one = said.eyes[eye]
        if not desk.photographed(eye):
            continue
        if one is None or one.quality not in Quality.values:
            wrong[f"{eye.value}_quality"] = _("Say how well this eye can be seen.")
        elif one.quality != Quality.UNREADABLE:
            if one.grade is None:
                wrong[f"{eye.value}_grade"] = _("Choose a grade for this eye, or say that it can not be read.")
            if one.dme not in Dme.values:
                wrong[f"{eye.value}_dme"] = _("Say what you see of the macula.")
    if review.change and (review.change not in Change.values or not _earlier(desk.exam, said.compared_with)):
        wrong["change"] = _("Choose the earlier exam of this patient that you compare with.")
    for name in ("comment", "other_finding", "override_reason"):
        if len(getattr(review, name)) > LONGEST_TEXT:
            wrong[name] = _("This is too long: at most %(most)d characters.") % {"most": LONGEST_TEXT}
    if review.overrides and not review.override_reason and not hidden:
        wrong["override_reason"] = _("This differs from the software's grade. Say in a few words why.")
    if not wrong and review.revises is not None and _fixed(desk.opinion, review.revises) and _differs(review):
        wrong["__all__"] = _("Somebody else has read this exam since. Your read stays as it was.")
    if wrong:
        raise ValidationError(wrong)


def _earlier(exam: Exam, pk: UUID | None) -> bool:
    earlier = Exam.objects.filter(patient=exam.patient_id, cancelled_at=None, taken_on__lte=exam.taken_on)
    return pk is not None and earlier.exclude(pk=exam.pk).filter(pk=pk).exists()


def _fixed(opinion: Opinion, own: Review) -> bool:
    # Two reads are worth more than one only while neither follows the other.
    return own.kind != Review.Kind.ARBITRATION and any(read.reader_id != own.reader_id for read in opinion.reads)


def _differs(review: Review) -> bool:
    before = review.revises
    return before is not None and any(
        (review.quality_of(eye), review.grade_of(eye), review.dme_of(eye))
        != (before.quality_of(eye), before.grade_of(eye), before.dme_of(eye))
        for eye in Eye
    )


def _marks(desk: _Desk, said: Read) -> list[dict[str, object]]:
    sizes = {str(one.photograph.pk): one.photograph for one in desk.pictures}
    kept: list[dict[str, object]] = []
    for mark in said.marks[:_MOST_MARKS]:
        photograph, points = sizes.get(str(mark.get("photograph"))), mark.get("points")
        if photograph is None or mark.get("shape") not in _SHAPES or not isinstance(points, list | tuple):
            raise ValidationError(
                {"marks": _("A drawing does not belong to a photograph of this exam. Draw it again.")}
            )
        # An upright copy may be turned against the original: the longer side bounds both.
        most = max(photograph.width_px, photograph.height_px)
        numbers = [round(float(one), 1) for one in points if isinstance(one, int | float) and math.isfinite(one)]
        if len(numbers) != 4 or len(points) != 4 or not all(0 <= one <= most for one in numbers):
            raise ValidationError({"marks": _("A drawing lies outside its photograph. Draw it again.")})
        kept.append({"photograph": str(photograph.pk), "shape": mark["shape"], "points": numbers})
    return kept


def _share(exam: Exam, user: User, kind: Review.Kind) -> None:
    if kind is Review.Kind.SECOND and not exam.second_read:
        exam.second_read = SecondRead.ASKED
    elif kind is Review.Kind.FIRST and not exam.second_read:
        # By the exam's own random number: nobody can choose which exams are read twice, and each is decided once.
        if exam.pk.int % 100 < settings_of(user.membership.organisation_id).second_read_percent:
            exam.second_read = SecondRead.SHARE
    else:
        return
    exam.save(update_fields=["second_read"])


def ask_second_read(user: User, exam: Exam) -> None:
    """Ask that another person reads the exam too, before anybody signs."""
    require(user, Right.READ)
    with transaction.atomic():
        desk = _desk(user, exam)
        if desk.exam.second_read:
            return
        desk.exam.second_read = SecondRead.ASKED
        desk.exam.save(update_fields=["second_read"])
        standing.refresh(desk.exam)
        _remember(audit.Action.SECOND_READ_ASKED, user, desk.exam)


def assign(user: User, exam: Exam, to: User | None) -> None:
    """Say which reader of the clinic is to read the exam; None: whoever comes first."""
    require(user, Right.ASSIGN)
    with transaction.atomic():
        mine = standing.lock(exams_for(user).get(pk=exam.pk).pk)
        refuse_if_closed(mine)
        if to is not None and not readers_of(user).filter(user=to).exists():
            raise ValidationError({"assigned_to": _("This person does not read exams in your clinic.")})
        mine.assigned_to = to
        mine.save(update_fields=["assigned_to"])
        _remember(audit.Action.EXAM_ASSIGNED, user, mine, to=str(to.pk) if to else "")


def readers_of(user: User) -> QuerySet[Membership]:
    """Give the memberships of those who read in the person's clinic."""
    roles = [role for role, rights in RIGHTS.items() if Right.READ in rights]
    return (
        Membership.objects.filter(organisation=user.membership.organisation_id, role__in=roles, user__is_active=True)
        .select_related("user")
        .order_by("user__full_name")
    )


def why_not_sign(user: User, exam: Exam, opinion: Opinion) -> str:
    """Say why the person can not sign the exam now; empty where nothing is in the way."""
    own = opinion.to_sign(user.pk)
    if exam.read_state == ReadState.SIGNED:
        return _("This exam is signed.")
    if opinion.first is None:
        return _("Read the exam before you sign.")
    if exam.read_state == ReadState.SECOND:
        return _("This exam waits for a second read by somebody else.")
    if opinion.disputed:
        return _("The two reads differ: a third person decides first.")
    if own is None:
        return _("You sign what you have read yourself.")
    if own.overrides and not own.override_reason and not shadow.in_shadow(exam.patient.organisation_id):
        return _("Your read differs from the software's grade. Say why before you sign.")
    return ""


def sign(user: User, exam: Exam, how: Signature.How) -> Signature:
    """Put the person's signature under the read that decides, and make the result final.

    The caller has made sure, a moment ago, that it is the person: by `how`.

    Raises
    ------
    Closed
        If something is in the way; the message says what.
    """
    require(user, Right.SIGN)
    with transaction.atomic():
        desk = _desk(user, exam)
        sentence = why_not_sign(user, desk.exam, desk.opinion)
        review = desk.opinion.to_sign(user.pk)
        if sentence or review is None:
            raise Closed(desk.exam, sentence)
        signature = Signature.objects.create(exam=desk.exam, review=review, signed_by=user, how=how)
        standing.refresh(desk.exam)
        _remember(
            audit.Action.EXAM_SIGNED, user, desk.exam, review=str(review.pk), signature=str(signature.pk), how=how.value
        )
        signed = read_outcome(desk.exam, review, desk.machine, signed=True)
        reports.result_changed(desk.exam, signed, review_id=review.pk, by=user)
        webhooks.announce(
            user.membership.organisation_id, webhooks.Event.EXAM_SIGNED, exam=desk.exam.pk, signature=signature.pk
        )
    return signature


def add_addendum(user: User, exam: Exam, text: str) -> Addendum:
    """Add a note to a signed exam; what was signed stays as it is."""
    require(user, Right.SIGN)
    text = text.strip()
    if not 3 <= len(text) <= LONGEST_TEXT:
        raise ValidationError(
            {"text": _("Write what there is to add, in at most %(most)d characters.") % {"most": LONGEST_TEXT}}
        )
    with transaction.atomic():
        mine = standing.lock(exams_for(user).get(pk=exam.pk).pk)
        signature = Signature.objects.filter(exam=mine, withdrawn_at=None).first()
        if signature is None:
            raise Closed(mine, _("This exam is not signed. Change the read instead."))
        addendum = Addendum.objects.create(exam=mine, signature=signature, text=text, by=user)
        mine.save(update_fields=["changed_at"])
        _remember(audit.Action.ADDENDUM_ADDED, user, mine, addendum=str(addendum.pk))
        reports.words_changed(mine, by=user)
    return addendum


def withdraw_signature(user: User, exam: Exam, reason: str, *, since: datetime | None = None) -> bool:
    """Take the signature back, visibly: the exam waits to be read anew. Give whether there was one to take back.

    Parameters
    ----------
    since
        Leave a signature that is older than this.
    """
    if not (allowed(user, Right.SIGN) or allowed(user, Right.CORRECT)):
        raise PermissionDenied("Your role does not include: sign.")
    reason = " ".join(reason.split())
    if not 3 <= len(reason) <= _LONGEST_REASON:
        raise ValidationError({"reason": _("Say in a few words why. The reason stays with the record.")})
    with transaction.atomic():
        mine = standing.lock(exams_for(user).get(pk=exam.pk).pk)
        signature = Signature.objects.filter(exam=mine, withdrawn_at=None).first()
        if signature is None or (since is not None and signature.signed_at < since):
            return False
        signature.withdrawn_at, signature.withdrawn_by, signature.withdrawn_reason = timezone.now(), user, reason
        signature.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_reason"])
        standing.refresh(mine)
        _remember(audit.Action.SIGNATURE_WITHDRAWN, user, mine, signature=str(signature.pk))
        reports.make_void(mine, reports.Void.SIGNATURE_WITHDRAWN, user, signed_only=True)
        provisional = outcome(mine, pictures_of(mine))
        store_result(mine, provisional, by=user)
        reports.result_changed(mine, provisional, by=user)
    return True


def _remember(action: audit.Action, user: User, exam: Exam, **detail: str | bool) -> None:
    audit.record(
        action,
        actor=user,
        organisation=user.membership.organisation_id,
        object_type="exam",
        object_id=exam.pk,
        detail=detail,
    )
