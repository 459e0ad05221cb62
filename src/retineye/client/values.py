"""What the service answers, as frozen values; a field that a later version adds is passed over."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

Value = TypeVar("Value")


def read(kind: type[Value], body: Mapping[str, Any]) -> Value:
    """Make a value of what was answered."""
    known = {one.name: one.type for one in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: _plain(known[name], value) for name, value in body.items() if name in known})


def _plain(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if kind in (UUID, UUID | None):
        return UUID(value)
    if kind in (datetime, datetime | None):
        return datetime.fromisoformat(value)
    if kind in (date, date | None):
        return date.fromisoformat(value)
    if kind in (Decision, Decision | None):
        return read(Decision, value)
    if kind in (Pack, Pack | None):
        return read(Pack, value)
    if kind in (Grade, Grade | None):
        return read(Grade, value)
    if kind == list[Photograph]:
        return [read(Photograph, one) for one in value]
    return value


@dataclass(frozen=True, slots=True)
class Decision:
    """A yes or no with its probability."""

    probability: float
    decision: bool


@dataclass(frozen=True, slots=True)
class Pack:
    """The model pack that spoke."""

    id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Grade:
    """A verdict, in the fields that `retineye grade` prints."""

    status: str
    reasons: list[str]
    advice: str
    grade: int | None
    grade_name: str | None
    probabilities: list[float] | None
    expected_grade: float | None
    referable: Decision | None
    vision_threatening: Decision | None
    uncertain: bool
    quality: dict[str, float] | None
    eye: str | None
    seconds: float
    pack: Pack
    sha256: str | None = None
    file: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Single:
    """A photograph that is graded alone."""

    id: UUID
    state: str
    status_url: str
    verdict: Grade | None = None


@dataclass(frozen=True, slots=True)
class Patient:
    """A patient."""

    id: UUID
    name: str
    birth_date: date | None
    birth_year: int | None
    local_id: str
    created_at: datetime
    sex: str = ""
    phone: str = ""
    language: str = ""
    diabetes_type: str = ""
    diabetes_year: int | None = None
    deceased_on: date | None = None
    identifiers: list[dict[str, str]] = field(default_factory=list)
    merged_into: UUID | None = None


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph."""

    id: UUID
    exam: UUID
    eye: str
    field: str
    state: str
    failure: str
    sha256: str
    bytes: int
    mime: str
    width_px: int
    height_px: int
    created_at: datetime
    taken_at: datetime | None = None
    camera: str = ""
    via: str = ""


@dataclass(frozen=True, slots=True)
class Exam:
    """An exam; from a list it comes without facts, photographs and result."""

    id: UUID
    patient: UUID
    taken_on: date
    standing: str | None
    urgency: int | None
    read_state: str
    created_at: datetime
    accession: str = ""
    signed_at: datetime | None = None
    cancelled_at: datetime | None = None
    submitted_at: datetime | None = None
    facts: dict[str, Any] | None = None
    photographs: list[Photograph] = field(default_factory=list)
    result: dict[str, Any] | None = None
    provisional: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """A report."""

    id: UUID
    exam: UUID
    code: str
    kind: str
    language: str
    provisional: bool
    current: bool
    sha256: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Me:
    """Who the token speaks for."""

    user: UUID
    name: str
    role: str
    clinic: UUID
    clinic_name: str
    rights: list[str]
    scopes: list[str]
    expires_at: datetime
