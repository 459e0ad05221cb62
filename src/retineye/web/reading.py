"""What the reading page shows: both eyes, what may be seen of the reads and of the software, what can be done now."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.utils.translation import gettext as _

from retineye.accounts.models import User
from retineye.accounts.policy import Right, allowed
from retineye.clinic import reviews, shadow
from retineye.clinic.blind import Sight
from retineye.clinic.eye import EyeResult
from retineye.clinic.models import Dme, Exam, Eye, Feature, Photograph, Quality, ReadState, Review, Verdict
from retineye.clinic.reviews import EyeRead, Read
from retineye.clinic.signed import signed_of
from retineye.clinic.words import grade_name
from retineye.grading.result import Grade

_FIELD_ORDER = {"macula": 0, "unknown": 1, "disc": 2}


@dataclass(frozen=True, slots=True)
class Shot:
    """One photograph on its stage."""

    photograph: Photograph
    verdict: Verdict | None
    """None where the software's verdict is hidden from the person, or there is none."""
    marks: str
    """Drawings that are there already, as JSON."""


@dataclass(frozen=True, slots=True)
class EyePanel:
    """One eye: its photographs, what the software says, and what is filled in."""

    eye: str
    title: str
    shots: tuple[Shot, ...]
    machine: EyeResult | None
    absence: str
    quality: str
    grade: int | None
    dme: str
    features: frozenset[str]
    errors: dict[str, str]


@dataclass(frozen=True, slots=True)
class Said:
    """One read in words."""

    review: Review
    eyes: tuple[tuple[str, str], ...]
    """Title of the eye, and what was said of it."""

    @property
    def reason_lacks(self) -> bool:
        """Say whether it differs from the software without a reason."""
        if not self.review.overrides or self.review.override_reason:
            return False
        return not shadow.in_shadow(self.review.exam.patient.organisation_id)


def read_of(post: QueryDict) -> Read:
    """Take a read out of a form; whether it can be is decided further down."""
    eyes = {eye: _eye_of(post, eye) for eye in Eye}
    try:
        compared = UUID(post.get("compared_with", ""))
    except ValueError:
        compared = None
    return Read(
        eyes[Eye.RIGHT],
        eyes[Eye.LEFT],
        _marks_of(post.get("marks", "")),
        post.get("comment", ""),
        post.get("other_finding", ""),
        post.get("override_reason", ""),
        compared,
        post.get("change", ""),
    )


def _eye_of(post: QueryDict, eye: Eye) -> EyeRead:
    grade = post.get(f"{eye.value}_grade", "")
    return EyeRead(
        quality=post.get(f"{eye.value}_quality", ""),
        grade=Grade(int(grade)) if grade in {"0", "1", "2", "3", "4"} else None,
        dme=post.get(f"{eye.value}_dme", ""),
        features=tuple(code for code in post.getlist(f"{eye.value}_features") if code in Feature.values),
    )


def _marks_of(text: str) -> tuple[dict[str, object], ...]:
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return ()
    return tuple(one for one in found if isinstance(one, dict)) if isinstance(found, list) else ()


def page(user: User, exam: Exam, sight: Sight, said: Read | None = None, errors: dict[str, str] | None = None) -> Any:
    """Give what the template shows.

    Parameters
    ----------
    said, errors
        What the person has just filled in, and what is wrong with it.
    """
    opinion = sight.opinion
    kind = reviews.next_kind(user, exam, opinion)
    own = opinion.of(user.pk)
    filled = said or (_as_read(own) if own is not None and kind == own.kind else None)
    signed = signed_of(exam)
    reader = allowed(user, Right.READ)
    return {
        "exam": exam,
        "sight": sight,
        "panels": [_panel(exam, sight, eye, filled, errors or {}) for eye in (Eye.RIGHT, Eye.LEFT)],
        "kind": kind,
        "kind_title": Review.Kind(kind).label if kind else "",
        "own": said_of(own) if own is not None else None,
        "others": [said_of(one) for one in sight.reads if own is None or one.pk != own.pk],
        "revising": own is not None and kind == own.kind,
        "filled": filled,
        "errors": errors or {},
        "signed": signed,
        "why_not": reviews.why_not_sign(user, exam, opinion) if reader and signed is None else "",
        "may_sign": allowed(user, Right.SIGN),
        "may_read": reader,
        "may_assign": allowed(user, Right.ASSIGN) and exam.read_state != ReadState.SIGNED,
        "readers": [one.user for one in reviews.readers_of(user)] if allowed(user, Right.ASSIGN) else [],
        "may_agree": kind is not None and own is None and not sight.hidden and _can_agree(sight),
        "may_ask_second": reader and signed is None and not exam.second_read and exam.read_state != ReadState.NOT_YET,
        "qualities": Quality.choices,
        "dmes": Dme.choices,
        "grades": [(grade.value, grade_name(grade)) for grade in Grade],
        "feature_choices": Feature.choices,
        "earlier": earlier_exams(exam),
        "withdrawn": [one for one in exam.signatures.select_related("withdrawn_by", "signed_by") if one.withdrawn_at],
    }


def _can_agree(sight: Sight) -> bool:
    return any(result.grade is not None for result in (sight.machine.right, sight.machine.left))


def earlier_exams(exam: Exam) -> list[Exam]:
    """Give the patient's earlier visits that have photographs, the latest first."""
    rows = Exam.objects.filter(patient=exam.patient_id, cancelled_at=None, taken_on__lte=exam.taken_on)
    rows = rows.exclude(pk=exam.pk).filter(created_at__lt=exam.created_at, photographs__withdrawn_at=None)
    return list(rows.filter(photographs__isnull=False).distinct().order_by("-taken_on", "-created_at")[:20])


def said_of(review: Review) -> Said:
    """Put a read into words."""
    eyes = tuple((str(eye.label), _eye_words(review, eye)) for eye in (Eye.RIGHT, Eye.LEFT) if review.quality_of(eye))
    return Said(review, eyes)


def _eye_words(review: Review, eye: Eye) -> str:
    grade = review.grade_of(eye)
    if grade is None:
        return _("Can not be read")
    macula = {
        Dme.SUSPECTED: _("macular oedema suspected"),
        Dme.NO_SIGN: _("macula: no sign seen"),
        Dme.CANNOT_JUDGE: _("macula: can not judge"),
    }[Dme(review.dme_of(eye))]
    seen = [str(Feature(code).label).lower() for code in review.features.get(eye.value, ())]
    limited = [_("quality limited")] if review.quality_of(eye) == Quality.LIMITED else []
    return ", ".join([grade_name(grade), macula, *seen, *limited])


def _as_read(review: Review) -> Read:
    def eye(one: Eye) -> EyeRead | None:
        if not review.quality_of(one):
            return None
        features = tuple(review.features.get(one.value, ()))
        return EyeRead(review.quality_of(one), review.grade_of(one), review.dme_of(one), features)

    return Read(
        eye(Eye.RIGHT),
        eye(Eye.LEFT),
        tuple(review.marks),
        review.comment,
        review.other_finding,
        review.override_reason,
        review.compared_with,
        review.change,
    )


def _panel(exam: Exam, sight: Sight, eye: Eye, filled: Read | None, errors: dict[str, str]) -> EyePanel:
    mine = [one for one in sight.pictures if one.photograph.eye == eye and one.photograph.display]
    mine.sort(key=lambda one: (_FIELD_ORDER[one.photograph.field], one.photograph.created_at))
    drawn = filled.marks if filled else _drawn(sight.reads)
    one = filled.eyes[eye] if filled else None
    machine = sight.machine.right if eye is Eye.RIGHT else sight.machine.left
    return EyePanel(
        eye=eye.value,
        title=str(eye.label),
        shots=tuple(
            Shot(
                shot.photograph,
                None if sight.hidden else shot.verdict,
                json.dumps([mark for mark in drawn if mark.get("photograph") == str(shot.photograph.pk)]),
            )
            for shot in mine
        ),
        machine=None if sight.hidden else machine,
        absence=getattr(exam, f"get_{eye.value}_absence_display")(),
        quality=one.quality if one and one.quality else Quality.GOOD.value,
        grade=int(one.grade) if one and one.grade is not None else None,
        dme=one.dme if one else "",
        features=frozenset(one.features) if one else frozenset(),
        errors={name.partition("_")[2]: text for name, text in errors.items() if name.startswith(f"{eye.value}_")},
    )


def _drawn(reads: Iterable[Review]) -> tuple[dict[str, object], ...]:
    return tuple(mark for read in reads for mark in read.marks)
