"""What an exam says to other systems, as one frozen value: every format out is a pure function of it."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from importlib.metadata import version

from django.core.files.storage import default_storage
from django.utils import translation

from retineye.clinic.eye import EyeResult, EyeStatus
from retineye.clinic.matching import number_of, order_of
from retineye.clinic.models import Exam, Patient, Report
from retineye.clinic.outcome import Pictured, outcome, pictures_of
from retineye.clinic.referral import Conclusion, PatientResult
from retineye.clinic.settings import settings_of, zone_of
from retineye.clinic.signed import Signed, SignedEye, final_result, signed_of, withdrawn_of
from retineye.grading.result import Eye, Grade

ADVICE_OF_USE = "Assistive and research use. Not a cleared medical device. The final diagnosis is made by a clinician."
METHOD = "Colour fundus photographs read by software; a clinician confirms"


class Standing(StrEnum):
    """How firm the report is (FHIR R4, diagnostic-report-status)."""

    PRELIMINARY = "preliminary"
    FINAL = "final"
    AMENDED = "amended"
    APPENDED = "appended"
    WITHDRAWN = "entered-in-error"
    """It was signed, and the signature was taken back: what others hold of it is not to be used."""


class Dme(StrEnum):
    """What a flat photograph lets say of macular oedema."""

    SUSPECTED = "suspected"
    NO_SIGN = "no sign seen"
    CANNOT_JUDGE = "cannot judge"


@dataclass(frozen=True, slots=True)
class Person:
    """The patient."""

    id: str
    number: str
    """By which the clinic, or a camera of it, knows the patient."""
    identifiers: tuple[tuple[str, str], ...]
    """System and value of further numbers."""
    name: str
    birth_date: date | None
    birth_year: int | None
    sex: str
    """female, male, other or empty."""
    deceased_on: date | None


@dataclass(frozen=True, slots=True)
class Shot:
    """One photograph."""

    id: str
    eye: Eye
    field: str
    sha256: str
    mime: str
    width_px: int
    height_px: int
    bytes: int
    taken_at: datetime | None
    camera: str
    graded: bool
    reasons: tuple[str, ...]
    grade: Grade | None
    probabilities: tuple[float, ...]
    original: str
    """Its place in the store."""
    display: str
    heatmap: str


@dataclass(frozen=True, slots=True)
class EyeTold:
    """What is known of one eye by one reader: the software, or the doctor who signed."""

    eye: Eye
    photographed: bool
    grade: Grade | None
    """None where nothing may be said: not readable, unsure whether healthy, not photographed."""
    why_not: str
    """Why there is no grade, in words."""
    readable: bool
    dme: Dme
    probabilities: tuple[float, ...] = ()
    """Of the photograph with the worst grade."""
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What was signed once, and taken back."""

    revision: str
    signer_id: str
    signer: str
    signed_at: datetime
    eyes: tuple[EyeTold, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """An exam, as it is told to other systems."""

    exam_id: str
    order: str
    taken_on: date
    taken_at: datetime | None
    clinic_id: str
    clinic: str
    patient: Person
    shots: tuple[Shot, ...]
    machine: tuple[EyeTold, ...]
    """Right and left; empty where the clinic does not show what the software says."""
    human: tuple[EyeTold, ...]
    """Right and left; empty until somebody signs."""
    standing: Standing
    revision: str
    signer_id: str
    signer: str
    signed_at: datetime | None
    addenda: tuple[tuple[datetime, str, str], ...]
    """When, who, and what."""
    conclusion: str
    refer: bool
    urgent: bool
    due_by: date | None
    worse_eye: Eye | None
    grade: Grade | None
    guideline: str
    rule: str
    pack_id: str
    pack_sha256: str
    version: str
    made_at: datetime
    pdf: bytes
    taken_back: tuple[TakenBack, ...] = ()
    """The oldest first."""

    @property
    def eyes(self) -> tuple[EyeTold, ...]:
        """Give what holds of each eye: as signed, else as the software says."""
        return self.human or self.machine


@translation.override("en")
def told_of(exam: Exam, *, now: datetime, pdf: bytes = b"", hidden: bool = False) -> Told:
    """Read the rows of an exam into what is told of it.

    Parameters
    ----------
    pdf
        The clinician's report; see `standing_pdf`.
    hidden
        What the software says is kept from whoever asks, until a signature stands.
    """
    pictures = pictures_of(exam)
    signed = signed_of(exam)
    patient = exam.patient
    hidden = (hidden or settings_of(patient.organisation_id).shadow_mode) and signed is None
    back = withdrawn_of(exam)
    machine = outcome(exam, pictures)
    result = final_result(exam)
    latest = next((one.verdict for one in reversed(pictures) if one.verdict is not None), None)
    zone = zone_of(patient.organisation_id)
    taken = [one.photograph.taken_at for one in pictures if one.photograph.taken_at]
    return Told(
        exam_id=str(exam.pk),
        order=order_of(exam),
        taken_on=exam.taken_on,
        taken_at=(exam.taken_at or min(taken)).astimezone(zone) if exam.taken_at or taken else None,
        clinic_id=str(patient.organisation_id),
        clinic=patient.organisation.name,
        patient=person_of(patient),
        shots=tuple(_shot(one, hidden=hidden) for one in pictures),
        machine=() if hidden else tuple(_machine(eye, pictures) for eye in (machine.right, machine.left)),
        human=tuple(_human(eye) for eye in signed.eyes) if signed else (),
        standing=_standing(signed, taken_back=bool(back)),
        revision=signed.revision if signed else "unsigned",
        signer_id=str(signed.signer_id) if signed else "",
        signer=signed.signer if signed else "",
        signed_at=signed.signed_at.astimezone(zone) if signed else None,
        addenda=tuple((one.at.astimezone(zone), one.by.full_name, one.text) for one in signed.addenda)
        if signed
        else (),
        conclusion="" if hidden else result.sentence,
        refer=not hidden and result.conclusion in (Conclusion.REFER, Conclusion.EXAMINATION),
        urgent=not hidden and result.urgency >= 5,
        due_by=None if hidden else result.due_by,
        worse_eye=None if hidden else _worse(result),
        grade=None if hidden else result.grade,
        guideline=result.guideline.title,
        rule="" if hidden else result.rule,
        pack_id=latest.pack_id if latest else "",
        pack_sha256=latest.pack_sha256 if latest else "",
        version=version("retineye"),
        made_at=now.astimezone(zone),
        pdf=pdf,
        taken_back=tuple(
            TakenBack(
                revision=one.revision,
                signer_id=str(one.signer_id),
                signer=one.signer,
                signed_at=one.signed_at.astimezone(zone),
                eyes=tuple(_human(eye) for eye in one.eyes),
            )
            for one in back
        ),
    )


def person_of(patient: Patient) -> Person:
    """Read a patient's record into what is told of it."""
    return Person(
        id=str(patient.pk),
        number=number_of(patient),
        identifiers=tuple(patient.identifiers.order_by("system", "value").values_list("system", "value")),
        name=patient.name,
        birth_date=patient.birth_date,
        birth_year=patient.birth_year,
        sex=patient.sex,
        deceased_on=patient.deceased_on,
    )


def standing_pdf(exam: Exam) -> bytes:
    """Give the bytes of the clinician's report that holds now; empty where none was made."""
    report = (
        Report.objects.filter(exam=exam, kind=Report.Kind.CLINICIAN, superseded_at=None, void_at=None)
        .order_by("-number")
        .first()
    )
    if report is None:
        return b""
    with report.file.open("rb") as file:
        data: bytes = file.read()
    return data


def stored(place: str) -> bytes:
    """Give the bytes of a file of the store."""
    with default_storage.open(place) as file:
        data: bytes = file.read()
    return data


def _standing(signed: Signed | None, *, taken_back: bool) -> Standing:
    if signed is None:
        return Standing.WITHDRAWN if taken_back else Standing.PRELIMINARY
    if signed.amended:
        return Standing.AMENDED
    return Standing.APPENDED if signed.addenda else Standing.FINAL


def _worse(result: PatientResult) -> Eye | None:
    return Eye(result.worse_eye.value) if result.worse_eye else None


def _shot(one: Pictured, *, hidden: bool) -> Shot:
    photograph, verdict = one.photograph, one.verdict
    said = None if hidden else verdict
    return Shot(
        id=str(photograph.pk),
        eye=Eye(photograph.eye),
        field=photograph.field,
        sha256=photograph.sha256,
        mime=photograph.mime,
        width_px=photograph.width_px,
        height_px=photograph.height_px,
        bytes=photograph.bytes,
        taken_at=photograph.taken_at,
        camera=photograph.camera,
        graded=bool(verdict and verdict.grade is not None),
        reasons=tuple(verdict.reasons) if verdict else (),
        grade=Grade(said.grade) if said and said.grade is not None else None,
        probabilities=tuple(said.probabilities or ()) if said else (),
        original=photograph.original.name or "",
        display=photograph.display.name or "",
        heatmap=(said.heatmap.name or "") if said else "",
    )


def _machine(eye: EyeResult, pictures: list[Pictured]) -> EyeTold:
    # Doubt never reads as health: a healthy grade that is unsure, or does not show the macula, is not told as one.
    doubtful = eye.grade is Grade.NONE and (eye.uncertain or eye.referable or eye.status is not EyeStatus.GRADED)
    told = None if eye.grade is None or doubtful or eye.status is EyeStatus.PENDING else eye.grade
    worst = max(
        (
            one.verdict
            for one in pictures
            if one.photograph.eye == eye.eye.value and one.verdict and one.verdict.grade is not None
        ),
        key=lambda verdict: (verdict.grade or 0, verdict.expected_grade or 0.0),
        default=None,
    )
    return EyeTold(
        eye=eye.eye,
        photographed=eye.status not in (EyeStatus.MISSING, EyeStatus.ABSENT),
        grade=told,
        why_not="" if told is not None else (eye.reasons[0].label if eye.reasons else eye.name),
        readable=eye.grade is not None,
        dme=Dme.SUSPECTED if eye.dme_suspected else Dme.NO_SIGN if eye.macula_judged else Dme.CANNOT_JUDGE,
        probabilities=tuple(worst.probabilities or ()) if worst else (),
        unsure=eye.uncertain,
    )


_DME = {"suspected": Dme.SUSPECTED, "no_sign": Dme.NO_SIGN}


def _human(eye: SignedEye) -> EyeTold:
    return EyeTold(
        eye=Eye(eye.eye.value),
        photographed=eye.photographed,
        grade=eye.grade,
        why_not="" if eye.grade is not None else "Not readable" if eye.photographed else "No photograph",
        readable=eye.readable,
        dme=_DME.get(eye.dme, Dme.CANNOT_JUDGE),
    )
