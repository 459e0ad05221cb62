"""What a document of the first RetinEye means: its fields under the names that they had, as far as they can be read.

The first code let each collection grow as it went, so a field is looked for under several names, and whatever can not
be read is left empty, never guessed. A password is never read.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class Kind(StrEnum):
    """What a collection holds."""

    HOSPITAL = "hospital"
    STAFF = "staff"
    PATIENT = "patient"
    PHOTOGRAPH = "photograph"
    RESULT = "result"


COLLECTIONS: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        Kind.HOSPITAL: ("hospital", "hospitals", "clinic", "clinics"),
        Kind.STAFF: ("doctor", "doctors", "staff", "member", "members"),
        Kind.PATIENT: ("patient", "patients"),
        Kind.PHOTOGRAPH: ("photograph", "photographs", "photo", "photos", "image", "images", "scan", "scans"),
        Kind.RESULT: ("result", "results", "analysis", "analyses", "prediction", "predictions"),
    }
)
"""Last word of a collection's name, such as that of `app_patient`."""

FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "number": ("id", "number", "patient_id", "doctor_id", "hospital_id"),
        "name": ("name", "full_name", "patient_name", "doctor_name", "hospital_name"),
        "first_name": ("first_name", "firstname"),
        "last_name": ("last_name", "lastname", "surname"),
        "email": ("email", "mail", "email_address", "username"),
        "hospital": ("hospital", "hospital_id", "hospital_name", "clinic", "clinic_id"),
        "doctor": ("doctor", "doctor_id", "added_by", "user", "user_id"),
        "patient": ("patient", "patient_id"),
        "born": ("dob", "date_of_birth", "birth_date", "birthdate", "birthday"),
        "age": ("age",),
        "sex": ("sex", "gender"),
        "phone": ("phone", "phone_number", "mobile", "contact"),
        "image": ("image", "img", "photo", "photograph", "image_path", "file", "scan", "retina", "picture"),
        "result": ("result", "grade", "prediction", "stage", "severity", "output"),
        "date": ("date", "visit_date", "created_at", "created", "uploaded_at", "date_added", "timestamp"),
        "eye": ("eye", "side"),
    }
)
"""Names under which a field is looked for, the likelier first."""

_GRADES: Mapping[str, int] = MappingProxyType(
    {
        **{"no dr": 0, "no_dr": 0, "no diabetic retinopathy": 0, "normal": 0, "mild": 1, "moderate": 2, "severe": 3},
        **{"proliferative": 4, "proliferative dr": 4, "proliferate_dr": 4, "pdr": 4},
    }
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_DATES = ("%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y", "%Y/%m/%d", "%d.%m.%Y")


@dataclass(frozen=True, slots=True)
class Document:
    """One document, by the names that we give its fields."""

    kind: Kind
    key: str
    """Its `_id`, which the server made and is its own: the number beside it was drawn by lot and may be shared."""
    fields: Mapping[str, Any]

    def text(self, field: str) -> str:
        """Give a field as one line; empty where there is none, or it holds no text."""
        value = self.fields.get(field)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return ""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return " ".join(str(value).split())

    def link(self, field: str) -> str:
        """Give what a field points at: an `_id`, a number or a name, as text."""
        value = self.fields.get(field)
        return self.text(field) or (str(value) if value is not None and not isinstance(value, list | dict) else "")

    @property
    def name(self) -> str:
        """Give the name, also where it stands in two fields."""
        return self.text("name") or " ".join(filter(None, (self.text("first_name"), self.text("last_name"))))

    @property
    def email(self) -> str:
        """Give the e-mail address; empty where what stands there is none."""
        return self.text("email") if _EMAIL.fullmatch(self.text("email")) else ""

    @property
    def happened_on(self) -> date:
        """Give the day of the document: its own, or else the one on which the server made its `_id`."""
        return _a_day(self.fields.get("date")) or _made_on(self.key)

    @property
    def born(self) -> date | None:
        """Give the date of birth."""
        return _a_day(self.fields.get("born"))

    @property
    def birth_year(self) -> int | None:
        """Give the year of birth, also from an age, which counts back from the day of the document."""
        if self.born:
            return self.born.year
        age = self.text("age")
        return self.happened_on.year - int(age) if age.isdecimal() and 0 <= int(age) <= 130 else None

    @property
    def sex(self) -> str:
        """Give the sex as a code of ours."""
        return {"m": "male", "f": "female", "o": "other"}.get(self.text("sex").lower()[:1], "")

    @property
    def grade(self) -> int | None:
        """Give the grade 0-4 that the result means; None where it means none."""
        said = self.text("result").lower()
        if said in _GRADES:
            return _GRADES[said]
        return int(said) if re.fullmatch(r"[0-4]", said) else None


def _a_day(value: Any) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if not isinstance(value, str):
        return None
    for form in _DATES:
        try:
            return datetime.strptime(value.strip()[:10], form).date()
        except ValueError:
            continue
    return None


def _made_on(key: str) -> date:
    # The first four bytes of an ObjectId are the second in which it was made.
    try:
        return datetime.fromtimestamp(int(key[:8], 16), tz=UTC).date() if len(key) == 24 else date(1970, 1, 1)
    except (ValueError, OverflowError):
        return date(1970, 1, 1)


def document(kind: Kind, raw: Mapping[str, Any], renamed: Mapping[str, str]) -> Document:
    """Read a document as the server gave it.

    Parameters
    ----------
    renamed
        Names of fields by ours, where a clinic's copy of the first code calls them otherwise: `patient.name`.
    """
    by_name = {str(name).lower(): value for name, value in raw.items()}

    def found(field: str) -> Any:
        own = renamed.get(f"{kind.value}.{field}")
        names = (own.lower(),) if own else FIELDS[field]
        return next((by_name[name] for name in names if by_name.get(name) not in (None, "")), None)

    kept = {field: found(field) for field in FIELDS}
    return Document(kind, str(raw["_id"]), {field: value for field, value in kept.items() if value is not None})


def kind_of(collection: str) -> Kind | None:
    """Say what a collection holds, by the last word of its name."""
    last = re.split(r"[_.]", collection.lower())[-1]
    return next((kind for kind, words in COLLECTIONS.items() if last in words), None)


def shared(documents: list[Document]) -> Iterator[tuple[str, list[Document]]]:
    """Give each number that several documents carry, with those documents."""
    carriers: dict[str, list[Document]] = {}
    for one in documents:
        if one.text("number"):
            carriers.setdefault(one.text("number"), []).append(one)
    yield from ((number, ones) for number, ones in carriers.items() if len(ones) > 1)
