"""The photographs of one eye become one result: the worst grade counts, and what is not read is not normal. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from retineye.clinic.words import grade_name, reason_advice
from retineye.grading.result import Eye, Grade, Reason

TRIES = 2
"""So many ungradable photographs of an eye are asked for before the patient is sent on."""


class ReadingState(StrEnum):
    """What is known of one photograph."""

    PENDING = "pending"
    GRADED = "graded"
    UNGRADABLE = "ungradable"
    FAILED = "failed"
    """It could not be read at all: no try of the patient's, but nothing that speaks for the eye either."""


class FieldOfView(StrEnum):
    """What the camera was centred on."""

    UNKNOWN = "unknown"
    MACULA = "macula"
    DISC = "disc"


@dataclass(frozen=True, slots=True)
class Reading:
    """One photograph with its latest verdict."""

    state: ReadingState
    field: FieldOfView = FieldOfView.UNKNOWN
    grade: Grade | None = None
    uncertain: bool = False
    referable: bool = False
    vision_threatening: bool = False
    dme_suspected: bool | None = None
    """None where the pack says nothing of the macula."""
    reasons: tuple[Reason, ...] = ()

    @property
    def severity(self) -> Grade | None:
        """Give the grade, or the more severe one that a decision stands for where the two disagree."""
        if self.grade is None:
            return None
        floor = Grade.SEVERE if self.vision_threatening else Grade.MODERATE if self.referable else Grade.NONE
        return max(self.grade, floor)


class EyeStatus(StrEnum):
    """What is known of one eye."""

    MISSING = "missing"
    """No photograph, and no reason given."""
    ABSENT = "absent"
    """There is no eye on that side."""
    PENDING = "pending"
    UNGRADABLE = "ungradable"
    INCOMPLETE = "incomplete"
    """Something was graded, but not what it takes to call the eye free of disease that matters."""
    GRADED = "graded"


@dataclass(frozen=True, slots=True)
class EyeResult:
    """What the photographs of one eye say together."""

    eye: Eye
    status: EyeStatus
    grade: Grade | None = None
    """The worst grade among the eye's photographs."""
    severity: Grade | None = None
    """What the referral goes by: the worst grade, or the more severe one that a decision stands for."""
    uncertain: bool = False
    dme_suspected: bool = False
    macula_judged: bool = False
    """A photograph that shows the macula was judged for signs of oedema."""
    reasons: tuple[Reason, ...] = ()
    """Why the latest photograph that is not gradable is not."""
    tries: int = 0
    """How many photographs of the eye were not gradable."""
    failed: int = 0
    """How many files could not be read."""
    given_up: bool = False
    """Somebody recorded that the eye can not be photographed today."""

    @property
    def referable(self) -> bool:
        """Say whether the eye alone calls for an eye doctor."""
        return self.dme_suspected or (self.severity is not None and self.severity >= Grade.MODERATE)

    @property
    def vision_threatening(self) -> bool:
        """Say whether sight is in danger."""
        return self.dme_suspected or (self.severity is not None and self.severity >= Grade.SEVERE)

    @property
    def readable(self) -> bool:
        """Say whether the eye counts as seen, or there is none to see."""
        return self.status in (EyeStatus.GRADED, EyeStatus.ABSENT)

    @property
    def given_way(self) -> bool:
        """Say whether enough was tried, so that the patient is sent on and not photographed again."""
        return self.given_up or self.tries >= TRIES

    @property
    def name(self) -> str:
        """Say in words what is known of the eye."""
        if self.grade is None and self.status is EyeStatus.GRADED:
            return _("To be read by a doctor")
        if self.grade is None or self.status is EyeStatus.PENDING:
            return str(_STATUS_NAMES[self.status])
        if self.grade is Grade.NONE and self.status is EyeStatus.INCOMPLETE:
            return str(_STATUS_NAMES[self.status])
        if self.grade is Grade.NONE and (self.uncertain or self.referable):
            # Doubt never reads as health.
            return _("Unsure")
        name = grade_name(self.grade)
        return _("%(grade)s, unsure") % {"grade": name} if self.uncertain else name

    @property
    def dme(self) -> str:
        """Say what is known of macular oedema: a flat photograph can raise the suspicion and never exclude it."""
        if self.dme_suspected:
            return _("Macular oedema suspected")
        return _("Macular oedema: no sign seen") if self.macula_judged else _("Macular oedema: cannot judge")

    @property
    def advice(self) -> str:
        """Say what the photographer can do for the eye; empty where nothing is to do."""
        if self.readable or self.status is EyeStatus.PENDING:
            return ""
        if self.reasons:
            return reason_advice(self.reasons[0])
        if self.failed and self.status is EyeStatus.UNGRADABLE:
            return _("Send the photograph again: its file could not be read.")
        if self.status is EyeStatus.INCOMPLETE:
            return _("Add a gradable photograph centred on the macula, and mark it so.")
        if self.eye is Eye.RIGHT:
            return _("Take a photograph of the right eye.")
        return _("Take a photograph of the left eye.")


_STATUS_NAMES = {
    EyeStatus.MISSING: gettext_lazy("No photograph"),
    EyeStatus.ABSENT: gettext_lazy("No eye on this side"),
    EyeStatus.PENDING: gettext_lazy("Being graded"),
    EyeStatus.UNGRADABLE: gettext_lazy("Not gradable"),
    EyeStatus.INCOMPLETE: gettext_lazy("Incomplete"),
    EyeStatus.GRADED: gettext_lazy("Graded"),
}


def eye_result(eye: Eye, readings: Sequence[Reading], *, no_eye: bool = False, given_up: bool = False) -> EyeResult:
    """Put the photographs of one eye together: the worst grade counts, and what can not be read is never normal.

    Parameters
    ----------
    readings
        The eye's photographs, the oldest first.
    no_eye
        There is no eye on that side.
    given_up
        Somebody recorded that the eye can not be photographed today.
    """
    if not readings:
        return EyeResult(eye, EyeStatus.ABSENT if no_eye else EyeStatus.MISSING, given_up=given_up)
    graded = [reading for reading in readings if reading.state is ReadingState.GRADED]
    poor = [reading for reading in readings if reading.state is ReadingState.UNGRADABLE]
    worst = max((reading.grade for reading in graded if reading.grade is not None), default=None)
    severity = max((reading.severity for reading in graded if reading.severity is not None), default=None)
    if any(reading.state is ReadingState.PENDING for reading in readings):
        status = EyeStatus.PENDING
    elif not graded:
        status = EyeStatus.UNGRADABLE
    elif severity is not None and severity < Grade.MODERATE and not _macula_seen(readings):
        status = EyeStatus.INCOMPLETE
    else:
        status = EyeStatus.GRADED
    return EyeResult(
        eye=eye,
        status=status,
        grade=worst,
        severity=severity,
        uncertain=any(reading.uncertain for reading in graded),
        dme_suspected=any(reading.dme_suspected for reading in graded),
        macula_judged=any(
            reading.dme_suspected is not None and reading.field is not FieldOfView.DISC for reading in graded
        ),
        reasons=poor[-1].reasons if poor else (),
        tries=len(poor),
        failed=sum(reading.state is ReadingState.FAILED for reading in readings),
        given_up=given_up,
    )


def _macula_seen(readings: Sequence[Reading]) -> bool:
    # Where a photograph is known to show the macula, one that is graded will do: the others were tries. Where nobody
    # said what the camera was centred on, any of them may be the one that matters, so all must be graded.
    macula = [reading for reading in readings if reading.field is FieldOfView.MACULA]
    if macula:
        return any(reading.state is ReadingState.GRADED for reading in macula)
    unknown = [reading for reading in readings if reading.field is FieldOfView.UNKNOWN]
    return bool(unknown) and all(reading.state is ReadingState.GRADED for reading in unknown)
