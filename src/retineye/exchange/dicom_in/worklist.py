"""The modality worklist: which exams wait to be photographed, as DICOM asks for them (PS3.4, annex K). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from fnmatch import fnmatchcase

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from retineye.exchange.uids import uid_of

MODALITY = "OP"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An exam that waits for its photographs."""

    exam_id: str
    order: str
    patient_number: str
    issuer: str
    family_and_given: str
    """Family^Given, as DICOM writes names."""
    birth_date: date | None
    sex: str
    """F, M, O or empty."""
    on: date
    at: datetime | None
    station: str
    """Title of the machine that asks."""


def person_name(name: str) -> str:
    """Write a spoken name as DICOM does: the last word is the family name, since no record says otherwise."""
    words = name.replace("^", " ").replace("=", " ").replace("\\", " ").split()
    return "^".join([words[-1], " ".join(words[:-1])]) if len(words) > 1 else "".join(words)


def study_uid(exam_id: str) -> UID:
    """Give the study's UID of an exam: that under which results leave too, so that an archive holds one study."""
    return UID(uid_of(exam_id, "study"))


def days_asked(query: Dataset) -> tuple[date | None, date | None] | None:
    """Give the first and the last day that a query asks for; None where it asks for no day."""
    asked = _text(_step(query), "ScheduledProcedureStepStartDate")
    if not asked or asked == "*":
        return None
    first, dash, last = asked.partition("-")
    return (_date(first), _date(last)) if dash else (_date(first), _date(first))


def answers(query: Dataset, exams: Iterable[Wanted]) -> Iterable[Dataset]:
    """Give what matches the query: no more than it asks for, and the keys that identify patient and order."""
    for exam in exams:
        item = _item(exam)
        if _matches(query, item) and _matches(_step(query), item.ScheduledProcedureStepSequence[0]):
            yield item


def _item(exam: Wanted) -> Dataset:
    item = Dataset()
    item.SpecificCharacterSet = "ISO_IR 192"
    item.AccessionNumber = exam.order
    item.ReferringPhysicianName = ""
    item.PatientName = exam.family_and_given
    item.PatientID = exam.patient_number
    item.IssuerOfPatientID = exam.issuer
    item.PatientBirthDate = exam.birth_date.strftime("%Y%m%d") if exam.birth_date else ""
    item.PatientSex = exam.sex
    item.StudyInstanceUID = study_uid(exam.exam_id)
    item.RequestedProcedureID = exam.order
    item.RequestedProcedureDescription = "Diabetic retinopathy screening photographs"
    step = Dataset()
    step.Modality = MODALITY
    step.ScheduledStationAETitle = exam.station
    step.ScheduledProcedureStepStartDate = exam.on.strftime("%Y%m%d")
    step.ScheduledProcedureStepStartTime = exam.at.strftime("%H%M%S") if exam.at else "000000"
    step.ScheduledPerformingPhysicianName = ""
    step.ScheduledProcedureStepDescription = "Fundus photographs of both eyes"
    step.ScheduledProcedureStepID = exam.order
    item.ScheduledProcedureStepSequence = Sequence([step])
    return item


def _step(query: Dataset) -> Dataset:
    steps = query.get("ScheduledProcedureStepSequence")
    return steps[0] if steps else Dataset()


# The day is a range and was asked of the database; these are compared as texts, with * and ? as DICOM has them.
_COMPARED = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "AccessionNumber",
    "RequestedProcedureID",
    "StudyInstanceUID",
    "Modality",
    "ScheduledStationAETitle",
    "ScheduledProcedureStepID",
)


def _matches(query: Dataset, item: Dataset) -> bool:
    for keyword in _COMPARED:
        asked, held = _text(query, keyword), _text(item, keyword)
        if keyword not in item or not asked or asked == "*":
            continue
        if keyword == "PatientName":
            asked, held = asked.casefold().rstrip("^"), held.casefold()
        if not fnmatchcase(held, asked.replace("[", "[[]")):
            return False
    return True


def _text(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    return "" if value is None else str(value).strip()


def _date(text: str) -> date | None:
    try:
        return datetime.strptime(text.strip(), "%Y%m%d").date()
    except ValueError:
        return None
