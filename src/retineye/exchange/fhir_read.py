"""FHIR resources by id and by search, from the rows that a person may see.

Exams come in the order of their last change: who asks for what changed since the last time misses nothing, for an exam
that changes meanwhile comes again at the end.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from retineye.accounts.models import User
from retineye.clinic.access import exams_for, organisation_of, records_for, verdicts_for
from retineye.clinic.blind import hides
from retineye.clinic.matching import numbered
from retineye.clinic.models import Exam, Patient
from retineye.exchange.fhir import exam_in, resources
from retineye.exchange.fhir_statement import KINDS
from retineye.exchange.fhir_who import SYSTEM, Resource, device_of, organization_of, patient_of
from retineye.exchange.told import person_of, standing_pdf, told_of

LOOKED_AT: Final = 200
"""So many exams are looked at for one page; a page may be short, and still have a next one."""

_COMPARED: Final = {"eq": ("gte", "lte"), "ge": ("gte",), "gt": ("gt",), "le": ("lte",), "lt": ("lt",)}


class SearchError(ValueError):
    """The search can not be understood; `str()` says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a list was given: the row that comes next, and how many of its resources were given already."""

    changed_at: datetime
    id: UUID
    given: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a search, and where the next one begins."""

    items: list[Resource]
    next: Place | None


def of_exam(user: User, exam: Exam, *, with_paper: bool = False) -> list[Resource]:
    """Give every resource of an exam as the person may see it, with the moment of its last change."""
    pdf = standing_pdf(exam) if with_paper else b""
    # What was made of an exam is as old as its last change: read twice in between, it says the same.
    made = resources(told_of(exam, now=exam.changed_at, pdf=pdf, hidden=hides(user, exam)))
    return [_dated(one, exam.changed_at) for one in made]


def of_patient(patient: Patient) -> Resource:
    """Give a patient's record."""
    merged = str(patient.merged_into_id) if patient.merged_into_id else ""
    made = patient_of(person_of(patient), str(patient.organisation_id), replaced_by=merged)
    return _dated(made, patient.changed_at)


def devices(user: User) -> list[Resource]:
    """Give the software and the networks whose verdicts the person may see."""
    packs = verdicts_for(user).values_list("pack_id", "pack_sha256").order_by("pack_id", "pack_sha256").distinct()
    return [device_of(pack_id, sha256, version("retineye")) for pack_id, sha256 in packs]


def read(user: User, kind: str, key: str, *, with_paper: bool = False) -> Resource | None:
    """Give one resource by its id; None where the person may see none of that id."""
    if kind == "Patient":
        own = _uuid(key)
        patient = records_for(user).filter(pk=own).first() if own else None
        return of_patient(patient) if patient else None
    if kind == "Device":
        return next((one for one in devices(user) if one["id"] == key), None)
    if kind == "Organization":
        clinic = organisation_of(user)
        return organization_of(str(clinic.pk), clinic.name) if clinic and str(clinic.pk) == key else None
    exam = _exam_of(user, kind, key)
    if exam is None:
        return None
    found = of_exam(user, exam, with_paper=with_paper and kind == "DiagnosticReport")
    return next((one for one in found if one["resourceType"] == kind and one["id"] == key), None)


def exam_of(user: User, key: str) -> Exam | None:
    """Give the exam whose resource has this id, where the person may see it."""
    found = exam_in(key)
    return exams_for(user).select_related("patient__organisation").filter(pk=found).first() if found else None


def _exam_of(user: User, kind: str, key: str) -> Exam | None:
    own = _uuid(key)
    if kind == "Media":
        return exams_for(user).filter(photographs=own).first() if own else None
    if kind == "Practitioner":
        return exams_for(user).filter(signatures__signed_by=own).order_by("-changed_at").first() if own else None
    return exam_of(user, key)


def search(user: User, kind: str, asked: Iterable[tuple[str, str]], *, most: int, after: Place | None) -> Page:
    """Give a page of what a search finds.

    Parameters
    ----------
    asked
        Parameters and values, those of one name one after another: all of them must hold.
    most
        So many resources at most.

    Raises
    ------
    SearchError
        If a parameter is not known, or a value can not be read: a filter that is passed over would show too much.
    """
    pairs = list(asked)
    known = KINDS[kind].searched_by
    for name, value in pairs:
        if name not in known:
            raise SearchError(f"{kind} can not be searched by this parameter. There are: {', '.join(known)}.")
        if not value or "\0" in value:
            raise SearchError(f"{name} has no value.")
    if kind == "Device":
        return Page([one for one in devices(user) if _fits(one, pairs)][:most], None)
    if kind == "Patient":
        return _patients(user, pairs, most, after)
    return _of_exams(user, kind, pairs, most, after)


def _patients(user: User, pairs: list[tuple[str, str]], most: int, after: Place | None) -> Page:
    rows = _since(records_for(user), pairs, after)
    for name, value in pairs:
        if name == "identifier":
            rows = rows.filter(pk__in=[one.pk for one in _identified(user, value)])
        if name == "_id":
            rows = rows.filter(pk__in=_uuids(value))
    found = list(rows.order_by("changed_at", "id")[: most + 1])
    more = Place(found[most].changed_at, found[most].pk) if len(found) > most else None
    return Page([of_patient(one) for one in found[:most]], more)


def _of_exams(user: User, kind: str, pairs: list[tuple[str, str]], most: int, after: Place | None) -> Page:
    rows: QuerySet[Exam] = _since(exams_for(user), pairs, after).select_related("patient__organisation")
    for name, value in pairs:
        rows = rows.filter(_narrowed(user, kind, name, value))
    items: list[Resource] = []
    looked = 0
    for exam in rows.order_by("changed_at", "id")[: LOOKED_AT + 1].iterator(chunk_size=20):
        begin = after.given if after and exam.pk == after.id else 0
        looked += 1
        if looked > LOOKED_AT:
            return Page(items, Place(exam.changed_at, exam.pk))
        for number, one in enumerate(_found(user, exam, kind, pairs)):
            if number < begin:
                continue
            if len(items) == most:
                return Page(items, Place(exam.changed_at, exam.pk, number))
            items.append(one)
    return Page(items, None)


def _found(user: User, exam: Exam, kind: str, pairs: list[tuple[str, str]]) -> Iterator[Resource]:
    for one in of_exam(user, exam):
        if one["resourceType"] == kind and _fits(one, pairs):
            yield one


def _since(rows: QuerySet, pairs: list[tuple[str, str]], after: Place | None) -> QuerySet:  # type: ignore[type-arg]
    for name, value in pairs:
        if name == "_lastUpdated":
            rows = rows.filter(_changed(value))
    if after is not None:
        later = Q(changed_at__gt=after.changed_at) | Q(changed_at=after.changed_at, pk__gte=after.id)
        rows = rows.filter(later)
    return rows


def _changed(value: str) -> Q:
    sign, text = (value[:2], value[2:]) if value[:2].isalpha() else ("eq", value)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise SearchError("_lastUpdated must be like ge2026-11-25 or gt2026-11-25T10:00:00Z.") from exc
    if sign not in _COMPARED:
        raise SearchError("_lastUpdated can be compared by eq, ge, gt, le and lt.")
    first = moment if timezone.is_aware(moment) else moment.replace(tzinfo=UTC)
    # A value is as long as it is exact: a day ends with the day, a second with the second.
    length = timedelta(days=1) if len(text) == 10 else timedelta(microseconds=1 if "." in text else 1_000_000)
    last = first + length - timedelta(microseconds=1)
    ends = {"gte": first, "gt": last, "lte": last, "lt": first}
    return Q(**{f"changed_at__{one}": ends[one] for one in _COMPARED[sign]})


def _narrowed(user: User, kind: str, name: str, value: str) -> Q:
    if name == "exam":
        return Q(pk__in=_uuids(value))
    if name == "_id":
        own = _uuids(value)
        if kind == "Media":
            return Q(pk__in=exams_for(user).filter(photographs__in=own).values("pk"))
        return Q(pk__in=[found for one in value.split(",") if (found := exam_in(one))])
    if name == "patient":
        return Q(patient__in=_uuids(value, start="Patient/"))
    if name == "patient.identifier":
        return Q(patient__in=[one.pk for one in _identified(user, value)])
    if name == "identifier":
        return _named(kind, value)
    return Q()


def _named(kind: str, value: str) -> Q:
    system, bar, key = value.rpartition("|")
    if kind == "DiagnosticReport" and (not bar or system == f"{SYSTEM}:exam"):
        return Q(pk__in=_uuids(key))
    if kind == "ImagingStudy" and (not bar or system == f"{SYSTEM}:accession"):
        own = Q()
        if len(key) == 16:
            try:
                own = Q(pk__gte=UUID(key + "0" * 16), pk__lte=UUID(key + "f" * 16), accession="")
            except ValueError:
                own = Q()
        return Q(accession__istartswith=key) | own if own else Q(accession__istartswith=key)
    return Q(pk__in=[])


def _identified(user: User, value: str) -> list[Patient]:
    """Give the patients with a number, as `system|value` or the value alone."""
    system, bar, key = value.rpartition("|")
    found = numbered(user, key.strip()) if key.strip() else []
    if not bar:
        return found
    return [one for one in found if {"system": system, "value": key} in _plain(of_patient(one)["identifier"])]


def _plain(identifiers: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{"system": one["system"], "value": one["value"]} for one in identifiers]


def _fits(one: Resource, pairs: list[tuple[str, str]]) -> bool:
    for name, value in pairs:
        wanted = value.split(",")
        if name == "_id" and one["id"] not in wanted:
            return False
        if name == "status" and one.get("status") not in wanted:
            return False
        if name == "code" and not any(_coded(one, each) for each in wanted):
            return False
        if name == "identifier" and not any(_carries(one, each) for each in wanted):
            return False
    return True


def _coded(one: Resource, wanted: str) -> bool:
    system, bar, key = wanted.rpartition("|")
    return any(each["code"] == key and (not bar or each["system"] == system) for each in one["code"]["coding"])


def _carries(one: Resource, wanted: str) -> bool:
    system, bar, key = wanted.rpartition("|")
    held = one.get("identifier", [])
    return any(
        each["value"].casefold() == key.casefold() and (not bar or each.get("system") == system) for each in held
    )


def _dated(one: Resource, at: datetime) -> Resource:
    return {
        **one,
        "meta": {"lastUpdated": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")},
    }


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


def _uuids(value: str, start: str = "") -> list[UUID]:
    return [found for one in value.split(",") if (found := _uuid(one.removeprefix(start)))]
