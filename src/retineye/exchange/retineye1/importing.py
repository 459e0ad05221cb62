"""Bring what was read into the clinics: again and again, if need be, and each thing but once.

The key of everything that is brought is made from the `_id` that the old server gave it. So a second run finds what
the first one brought, a run that broke off goes on, and what was erased here since then does not come back.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid5

from django.core.exceptions import ValidationError
from django.db import transaction

from retineye.accounts import audit
from retineye.accounts.invitations import AlreadyHereError, open_invitation
from retineye.accounts.models import AuditEvent, Invitation, Organisation, Role, User
from retineye.clinic.earlier import Earlier, keep
from retineye.clinic.models import EarlierRecord, Eye, Patient, PatientIdentifier
from retineye.clinic.patients import check_record
from retineye.clinic.sides import eye_by_name
from retineye.exchange.retineye1.report import Report, Why
from retineye.exchange.retineye1.rows import Document, Kind, shared
from retineye.exchange.retineye1.source import Source
from retineye.grading.errors import DecodeError

SOURCE = "RetinEye 1"
_KEYS = UUID("6a8f2f0e-6f0c-5d7b-9d55-0c1c5f1f2a11")
_NAME_PX = 200


class Importer:
    """One run: from documents to rows, with a report of what became of each."""

    def __init__(self, source: Source, media: Path, clinic: Organisation | None, report: Report) -> None:
        self._source = source
        self._media = media.resolve()
        self._clinic = clinic
        self.report = report
        self.links: list[tuple[str, str, str]] = []
        """E-mail address, role and path of each invitation: they can not be shown again."""
        self._clinics: dict[str, Organisation] = {}
        self._of_staff: dict[str, Organisation] = {}
        self._patients: dict[str, Patient] = {}

    def run(self) -> None:
        """Bring hospitals, staff, patients, and then what belongs to the patients."""
        documents = self._source.documents
        for kind in Kind:
            self.report.found[kind] = len(documents[kind])
        for collection, count in self._source.passed_over.items():
            self.report.passed_over[collection] = count
        for number, ones in shared(documents[Kind.PATIENT]):
            self.report.shared[number] = len(ones)
        for kind, bring in self._roads():
            for one in documents[kind]:
                with transaction.atomic():
                    bring(one)

    def _roads(self) -> tuple[tuple[Kind, Callable[[Document], None]], ...]:
        return (
            (Kind.HOSPITAL, self._hospital),
            (Kind.STAFF, self._staff),
            (Kind.PATIENT, self._patient),
            (Kind.PHOTOGRAPH, self._belonging),
            (Kind.RESULT, self._belonging),
        )

    def _hospital(self, one: Document) -> None:
        if self._clinic is not None:
            clinic = self._clinic
            self.report.there(one)
        elif not one.name:
            return self.report.left(one, Why.NO_NAME)
        else:
            found = Organisation.objects.filter(pk=_key(one)).first()
            clinic = found or Organisation.objects.create(pk=_key(one), name=one.name[:_NAME_PX])
            if found:
                self.report.there(one)
            else:
                self._brought(one, clinic, "organisation", clinic.pk)
        for word in (one.key, one.text("number"), one.name.casefold()):
            if word:
                self._clinics.setdefault(word, clinic)
        return None

    def _clinic_of(self, one: Document) -> Organisation | None:
        named = one.link("hospital")
        by_staff = self._of_staff.get(one.link("doctor"))
        return self._clinics.get(named) or self._clinics.get(named.casefold()) or by_staff or self._clinic

    def _staff(self, one: Document) -> None:
        clinic = self._clinic_of(one)
        if clinic is None:
            return self.report.left(one, Why.NO_HOSPITAL)
        for word in (one.key, one.text("number"), one.text("email"), one.name):
            if word:
                self._of_staff.setdefault(word, clinic)
        if not one.email:
            return self.report.left(one, Why.NO_EMAIL)
        email = one.email.lower()
        if User.objects.filter(email=email).exists() or Invitation.objects.filter(email=email).exists():
            return self.report.there(one)
        # Somebody must be able to invite the others who come later.
        first = not clinic.memberships.filter(role=Role.ADMINISTRATOR).exists() and not any(
            invitation.role == Role.ADMINISTRATOR for invitation in clinic.invitations.all()
        )
        role = Role.ADMINISTRATOR if first else Role.DOCTOR
        with suppress(AlreadyHereError):
            _, path = open_invitation(clinic, email=email, role=role)
            self.links.append((email, role.value, path))
            self.report.brought(one)
        return None

    def _patient(self, one: Document) -> None:
        patient = Patient.objects.filter(pk=_key(one)).first()
        if patient is not None:
            self.report.there(one)
        elif _was_here(_key(one)):
            return self.report.left(one, Why.ERASED)
        else:
            patient = self._new_patient(one)
            if patient is None:
                return None
        self._patients[one.key] = patient
        self._record(one, patient)
        return None

    def _new_patient(self, one: Document) -> Patient | None:
        clinic = self._clinic_of(one)
        if clinic is None or not one.name:
            self.report.left(one, Why.NO_NAME if clinic else Why.NO_HOSPITAL)
            return None
        born = one.born if one.born and one.born <= one.happened_on else None
        patient = Patient(
            pk=_key(one),
            organisation=clinic,
            name=one.name[:200],
            birth_date=born,
            birth_year=born.year if born else one.birth_year,
            sex=one.sex,
            phone=one.text("phone")[:40],
        )
        try:
            check_record(patient)
        except ValidationError:
            self.report.left(one, Why.UNREADABLE)
            return None
        patient.save(force_insert=True)
        if one.text("number"):
            PatientIdentifier.objects.create(patient=patient, system=SOURCE, value=one.text("number")[:100])
        self._brought(one, clinic, "patient", patient.pk)
        return patient

    def _belonging(self, one: Document) -> None:
        patient = self._whose(one)
        if patient is not None:
            self._record(one, patient)

    def _whose(self, one: Document) -> Patient | None:
        said = one.link("patient") or one.text("number")
        if said in self._patients:
            return self._patients[said]
        carriers = [
            self._patients[other.key]
            for other in self._source.documents[Kind.PATIENT]
            if said and other.text("number") == said and other.key in self._patients
        ]
        if len(carriers) != 1:
            self.report.left(one, Why.SEVERAL_PATIENTS if carriers else Why.NO_PATIENT)
            return None
        return carriers[0]

    def _record(self, one: Document, patient: Patient) -> None:
        # The key of the record is another one than that of the patient, which may come out of the same document.
        image, said = one.text("image"), one.text("result")
        own = one.kind is not Kind.PATIENT
        if not image and not said:
            return self.report.left(one, Why.EMPTY) if own else None
        key = uuid5(_key(one), "earlier")
        if EarlierRecord.objects.filter(pk=key).exists() or _was_here(key):
            return self.report.there(one) if own else None
        picture = self._picture(one, image) if image else None
        if picture is None and not said:
            return None
        earlier = Earlier(key, SOURCE, one.happened_on, said, one.grade, picture, self._eye(one, image))
        try:
            with transaction.atomic():
                record: EarlierRecord | None = keep(patient, earlier)
        except DecodeError:
            self.report.photograph_unreadable(one)
            record = keep(patient, Earlier(key, SOURCE, one.happened_on, said, one.grade)) if said else None
        if record is not None:
            self.report.kept(record)
            if own:
                self.report.brought(one)
        return None

    def _picture(self, one: Document, image: str) -> bytes | None:
        path = next((path for path in self._places(image) if path.is_file()), None)
        if path is None:
            self.report.photograph_missing(one)
            return None
        try:
            return path.read_bytes()
        except OSError:
            self.report.photograph_missing(one)
            return None

    def _places(self, image: str) -> list[Path]:
        # `media/images/a.jpg`, `/media/images/a.jpg` and `images/a.jpg` all mean a file below the folder, and nothing
        # in the database can name a file outside of it.
        parts = [part for part in image.replace("\\", "/").split("/") if part not in ("", ".", "..")]
        places = [self._media.joinpath(*parts[first:]) for first in range(len(parts))]
        return [place for place in places if place.resolve().is_relative_to(self._media)]

    def _eye(self, one: Document, image: str) -> Eye | None:
        side = {"r": Eye.RIGHT, "l": Eye.LEFT}.get(one.text("eye").lower()[:1])
        return side or eye_by_name(image)

    def _brought(self, one: Document, clinic: Organisation, thing: str, pk: UUID) -> None:
        audit.record(audit.Action.IMPORTED, actor=None, organisation=clinic, object_type=thing, object_id=pk, detail={})
        self.report.brought(one)


def _key(one: Document) -> UUID:
    return uuid5(_KEYS, f"{one.kind.value}/{one.key}")


def _was_here(key: UUID) -> bool:
    return AuditEvent.objects.filter(object_id=key, action=audit.Action.IMPORTED).exists()
