"""Two visits of one patient side by side."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from retineye.accounts.models import User
from retineye.clinic.blind import Sight, sights_of
from retineye.clinic.models import Exam, Eye, Photograph
from retineye.web.reading import earlier_exams

_FIELD_ORDER = {"macula": 0, "unknown": 1, "disc": 2}


@dataclass(frozen=True, slots=True)
class Side:
    """One eye at one visit."""

    exam: Exam
    photograph: Photograph | None
    words: str
    """What is known of the eye, as far as the person may know it."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One eye at both visits, the earlier one first."""

    eye: str
    title: str
    earlier: Side
    now: Side


def page(user: User, exam: Exam, earlier: Exam) -> dict[str, Any]:
    """Give what the template shows."""
    sights = sights_of(user, [exam, earlier])
    pairs = [
        Pair(eye.value, str(eye.label), _side(earlier, sights[earlier.pk], eye), _side(exam, sights[exam.pk], eye))
        for eye in (Eye.RIGHT, Eye.LEFT)
    ]
    return {"exam": exam, "earlier": earlier, "pairs": pairs, "others": earlier_exams(exam)}


def _side(exam: Exam, sight: Sight, eye: Eye) -> Side:
    mine = [one.photograph for one in sight.pictures if one.photograph.eye == eye and one.photograph.display]
    # The first of a field that was good enough, the macula before the disc.
    mine.sort(key=lambda one: (one.state != "graded", _FIELD_ORDER[one.field], one.created_at))
    result = sight.outcome.right if eye is Eye.RIGHT else sight.outcome.left
    words = _("Not shown before your own read") if sight.hidden else result.name
    return Side(exam, mine[0] if mine else None, str(words))
