"""What the templates of an exam show: the rows and results put into words, nothing decided anew."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.utils.translation import gettext as _

from retineye.clinic.eye import TRIES, EyeResult, EyeStatus
from retineye.clinic.failures import failure_text
from retineye.clinic.guidelines import FINDING_OF, Finding
from retineye.clinic.models import Absence, Exam, Eye, Field, Photograph, State, Verdict
from retineye.clinic.outcome import Outcome, Pictured
from retineye.clinic.referral import Conclusion, PatientResult
from retineye.clinic.words import grade_name, reason_advice, reason_name
from retineye.grading.result import Grade, Reason

_SEVERITY: Final = {finding: grade for grade, finding in FINDING_OF.items()} | {Finding.DME_SUSPECTED: Grade.SEVERE}
KEPT: Final = "kept"
"""The state on the card of a photograph whose verdict nobody is shown."""
_QUIET: Final = (Conclusion.EMPTY, Conclusion.PENDING)


@dataclass(frozen=True, slots=True)
class Bar:
    """The probability of one grade."""

    grade: int
    name: str
    probability: float
    """0-1."""
    top: bool


@dataclass(frozen=True, slots=True)
class Card:
    """One photograph in its lane."""

    pk: UUID
    state: str
    eye: str
    other_eye: str
    field: str
    field_key: str
    seen: str
    """Changes when there is something new to show."""
    quality_known: bool
    headline: str
    """Why there is no grade; empty where there is one, or may still be."""
    advice: str
    other_reasons: tuple[str, ...]
    bars: tuple[Bar, ...]
    seconds: float
    has_thumbnail: bool
    sent_at: datetime
    verdict: Verdict | None

    @property
    def html_id(self) -> str:
        """Give the id of the card's element."""
        return f"photograph-{self.pk}"

    @property
    def title(self) -> str:
        """Name the photograph for who can not see it."""
        named = _("Photograph of the left eye") if self.other_eye == "right" else _("Photograph of the right eye")
        return f"{named}, {self.field.lower()}" if self.field else named

    @property
    def spoken(self) -> str:
        """Say what is new, for who listens to the page; empty while there is nothing to say."""
        if self.headline:
            words = {"eye": self.eye, "headline": self.headline, "advice": self.advice}
            return _("%(eye)s: no grade. %(headline)s. %(advice)s") % words
        if self.state == State.GRADED and self.verdict is not None:
            words = {"eye": self.eye, "grade": self.grade_name}
            if self.verdict.uncertain:
                return _("%(eye)s: %(grade)s, unsure, a person must look.") % words
            return _("%(eye)s: %(grade)s.") % words
        if self.quality_known:
            return _("%(eye)s: the photograph is good, its severity comes in a moment.") % {"eye": self.eye}
        return ""

    @property
    def grade_name(self) -> str:
        """Name the grade; empty where there is none."""
        if self.verdict is None or self.verdict.grade is None:
            return ""
        return grade_name(Grade(self.verdict.grade))

    @property
    def final(self) -> bool:
        """Say whether nothing more will come."""
        return self.state == KEPT or State(self.state).final


def card(photograph: Photograph, verdict: Verdict | None) -> Card:
    """Put one photograph and its latest verdict into words."""
    state = State(photograph.state)
    headline, advice = "", ""
    others: tuple[str, ...] = ()
    if state is State.FAILED:
        failure = failure_text(photograph.failure)
        headline, advice = str(failure.label), str(failure.advice)
    elif state is State.UNGRADABLE and verdict is not None:
        reasons = [Reason(code) for code in verdict.reasons]
        headline = reason_name(reasons[0]) if reasons else _("Not gradable")
        advice = reason_advice(reasons[0]) if reasons else _("Take it again.")
        others = tuple(reason_name(reason) for reason in reasons[1:])
    # Graded without a verdict to show: the clinic keeps it to itself.
    kept = state is State.GRADED and verdict is None
    return Card(
        pk=photograph.pk,
        state=KEPT if kept else state.value,
        eye=str(Eye(photograph.eye).label),
        other_eye="left" if photograph.eye == Eye.RIGHT else "right",
        field="" if photograph.field == Field.UNKNOWN else str(Field(photograph.field).label),
        field_key=photograph.field,
        seen=f"{state.value}{'+quality' if photograph.quality and not state.final else ''}",
        quality_known=bool(photograph.quality),
        headline=headline,
        advice=advice,
        other_reasons=others,
        bars=_bars(verdict),
        seconds=float((verdict.timings if verdict else {}).get("total", 0.0)),
        has_thumbnail=bool(photograph.thumbnail),
        sent_at=photograph.created_at,
        verdict=verdict,
    )


def _bars(verdict: Verdict | None) -> tuple[Bar, ...]:
    if verdict is None or verdict.probabilities is None:
        return ()
    tallest = max(verdict.probabilities)
    return tuple(
        Bar(grade.value, grade_name(grade), probability, top=probability == tallest)
        for grade, probability in zip(Grade, verdict.probabilities, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Poll:
    """When a page asks after a photograph again: soon at first, then ever more seldom."""

    asked: int = 0
    """How often it has asked already."""

    @property
    def delay_ms(self) -> int:
        """Give the time to wait before asking: 0.3 s, then 0.5 s ten times, slowing to 2 s."""
        return 300 if self.asked == 0 else min(500 + 250 * max(0, self.asked - 10), 2000)


@dataclass(frozen=True, slots=True)
class Lane:
    """One eye: its photographs, the newest first, and what they say together."""

    eye: str
    title: str
    result: EyeResult
    cards: tuple[Card, ...]
    absence: str
    dilated: bool = False

    @property
    def ask_absence(self) -> bool:
        """Say whether a reason for the lack of a good photograph is worth asking for."""
        return bool(self.absence) or not (self.result.readable or self.result.status is EyeStatus.PENDING)

    @property
    def why_closed(self) -> str:
        """Say why nobody asks for a photograph of the eye any more; empty while somebody does."""
        return str(Absence(self.absence).label) if self.absence else ""

    @property
    def coach(self) -> str:
        """Say what helps now: retake, dilate or close; empty where the last photograph will do, or is on its way."""
        if self.absence or self.result.readable or self.result.status is EyeStatus.PENDING or not self.result.tries:
            return ""
        if self.result.tries < TRIES:
            return "retake"
        return "close" if self.dilated else "dilate"


def lanes(exam: Exam, outcome: Outcome, pictures: Iterable[Pictured]) -> tuple[Lane, Lane]:
    """Give the two lanes, the patient's right eye first: it is on the left, as the clinician faces the patient."""
    pictures = sorted(pictures, key=lambda one: one.photograph.created_at, reverse=True)

    def lane(eye: Eye, result: EyeResult, absence: str, dilated: bool | None) -> Lane:
        mine = tuple(card(one.photograph, one.verdict) for one in pictures if one.photograph.eye == eye)
        return Lane(eye.value, str(eye.label), result, mine, absence, bool(dilated))

    return (
        lane(Eye.RIGHT, outcome.right, exam.right_absence, exam.right_dilated),
        lane(Eye.LEFT, outcome.left, exam.left_absence, exam.left_dilated),
    )


@dataclass(frozen=True, slots=True)
class Panel:
    """The patient's result, as the panel at the top shows it."""

    result: PatientResult
    tone: str
    """CSS class of the panel's colour."""
    why: str
    refers: bool


def panel(result: PatientResult) -> Panel:
    """Put the patient's result into the panel's shape."""
    if result.finding is not None:
        tone = f"g-{_SEVERITY.get(result.finding, result.grade or Grade.NONE).value}"
    else:
        tone = "g-wait" if result.conclusion in _QUIET else "g-doubt"
    return Panel(result, tone, _why(result), refers=result.conclusion is Conclusion.REFER)


def _why(result: PatientResult) -> str:
    # The sentence begins with the headline and, where there is one, the day; the panel shows both already.
    rest = result.sentence.removeprefix(result.headline)
    if rest.startswith("."):
        rest = rest[1:]
    elif rest != result.sentence:
        rest = rest.partition(": ")[2]
    rest = rest.strip()
    return rest[:1].upper() + rest[1:]
