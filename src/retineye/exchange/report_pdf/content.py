"""What a report says, as frozen values: the pages are made of these and of nothing else."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from retineye.clinic.report_texts import Texts


class Seen(StrEnum):
    """What is known of one eye."""

    GRADED = "graded"
    UNSURE = "unsure"
    UNREADABLE = "unreadable"
    MISSING = "missing"
    NO_EYE = "no_eye"
    PENDING = "pending"
    WAITING = "waiting"
    """Photographed; nothing is told before a doctor has read, for the clinic keeps the verdicts to itself."""


class Dme(StrEnum):
    """What is known of macular oedema; a flat photograph never excludes it."""

    SUSPECTED = "suspected"
    NO_SIGN = "no_sign"
    CANNOT_JUDGE = "cannot_judge"


@dataclass(frozen=True, slots=True)
class EyeSays:
    """One eye: what holds (a doctor's word where there is one), and what the software said."""

    seen: Seen
    grade: int | None = None
    """ICDR 0-4, the doctor's where the report is signed."""
    dme: Dme = Dme.CANNOT_JUDGE
    machine_seen: Seen = Seen.MISSING
    machine_grade: int | None = None
    machine_dme: Dme = Dme.CANNOT_JUDGE


@dataclass(frozen=True, slots=True)
class Advice:
    """What is to do, in codes and days."""

    conclusion: str
    """A value of `clinic.referral.Conclusion`."""
    rule: str
    urgent: bool
    at_once: bool
    due_by: date | None
    interval: str
    """The table's, in English words; empty where none holds."""
    guideline: str
    """Name, version and setting of the table."""
    notes: tuple[str, ...] = ()
    """Values of `clinic.referral.Note`."""
    worse_eye: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed, and when."""

    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Picture:
    """One photograph with the software's verdict of it."""

    eye: str
    field: str
    """macula, disc or unknown."""
    jpeg: bytes
    heatmap_png: bytes
    """Empty where there is none."""
    grade: int | None
    probabilities: tuple[float, ...]
    """Five, 0-1; empty where there is no grade."""
    referable: bool
    vision_threatening: bool
    uncertain: bool
    dme: Dme
    reasons: tuple[str, ...]
    """Why it is not gradable, in English words."""
    pack: str
    pack_sha256: str
    graded_at: datetime | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the patient beyond the photographs, in codes."""

    diabetes_type: str = ""
    diabetes_year: int | None = None
    hba1c: str = ""
    right_acuity: str = ""
    left_acuity: str = ""
    symptoms: tuple[str, ...] = ()
    symptoms_other: str = ""
    right_treated: tuple[str, ...] = ()
    left_treated: tuple[str, ...] = ()
    pregnant: bool = False
    right_dilated: bool = False
    left_dilated: bool = False


@dataclass(frozen=True, slots=True)
class Addendum:
    """What a doctor added after signing."""

    text: str
    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReportData:
    """All that a report says."""

    texts: Texts
    english: Texts
    number: str
    made_on: date
    clinic: str
    contact: str
    patient: str
    born: str
    """A day written out in the report's language, or a year."""
    local_id: str
    taken_on: date
    accession: str
    right: EyeSays
    left: EyeSays
    advice: Advice
    signature: Signature | None
    pictures: tuple[Picture, ...] = ()
    facts: Facts = Facts()
    comment: str = ""
    other_finding: str = ""
    override_reason: str = ""
    addenda: tuple[Addendum, ...] = ()

    @property
    def provisional(self) -> bool:
        """Say whether no doctor has signed."""
        return self.signature is None

    @property
    def beside(self) -> bool:
        """Say whether the English stands beside the words, because nobody has reviewed them."""
        return not self.texts.reviewed_by and self.texts.language != self.english.language
