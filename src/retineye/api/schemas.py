"""What goes in and comes out: plain values, one class each."""

import re
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from ninja import Schema
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, Strict


def _no_control(value: str) -> str:
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in value):
        raise ValueError("Control characters have no place here.")
    return value


def _a_day(value: object) -> object:
    if value is not None and not isinstance(value, date):
        if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
            raise ValueError("Write the day as 2024-05-31.")
        if not "1850" < value[:4] < "2200":
            raise ValueError("Check the year.")
    return value


def _a_uuid(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value):
        raise ValueError("This is no UUID.")
    return value


_PRINTABLE = {"pattern": r"^[^\x00-\x1f\x7f]*$"}
Text = Annotated[str, Strict(), AfterValidator(_no_control), Field(json_schema_extra=_PRINTABLE)]
"""Letters without control characters."""
Prose = Annotated[str, Strict(), Field(max_length=2000, pattern=r"^[^\x00]*$")]
"""Text of several lines."""
Day = Annotated[date, BeforeValidator(_a_day)]
Id = Annotated[UUID, BeforeValidator(_a_uuid)]
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Flag = Annotated[bool, Strict()]
EyeCode = Literal["right", "left"]
FieldCode = Literal["unknown", "macula", "disc"]
QuestionCode = Literal["other_patient", "patient_named", "other_eye", "date"]
TreatmentCode = Literal["laser", "injections", "surgery"]


class Asked(Schema):
    """A body that is taken: nothing in it that is not known."""

    model_config = ConfigDict(extra="forbid")


# --- patients


class Identifier(Asked):
    """A further number of a patient."""

    system: Annotated[Text, Field(max_length=200)] = ""
    value: Annotated[Text, Field(min_length=1, max_length=100)]


class PatientIn(Asked):
    """A patient's record as it is written."""

    name: Annotated[Text, Field(min_length=1, max_length=200)]
    birth_date: Day | None = None
    birth_year: Annotated[Whole, Field(ge=1850, le=2200)] | None = None
    local_id: Annotated[Text, Field(max_length=60)] = ""
    sex: Literal["", "female", "male", "other"] = ""
    phone: Annotated[Text, Field(max_length=40)] = ""
    language: Annotated[Text, Field(max_length=8)] = ""
    diabetes_type: Literal["", "type1", "type2", "gestational", "other", "unknown"] = ""
    diabetes_year: Annotated[Whole, Field(ge=1850, le=2200)] | None = None
    deceased_on: Day | None = None
    identifiers: Annotated[list[Identifier], Field(max_length=50)] = []


class NewPatient(PatientIn):
    """A patient who is added."""

    confirm_new: Flag = False
    """Add also where somebody who may be the same person is here already."""


class PatientChange(Asked):
    """What is changed of a patient's record; what is left out stays."""

    name: Annotated[Text, Field(min_length=1, max_length=200)] = ""
    birth_date: Day | None = None
    birth_year: Annotated[Whole, Field(ge=1850, le=2200)] | None = None
    local_id: Annotated[Text, Field(max_length=60)] = ""
    sex: Literal["", "female", "male", "other"] = ""
    phone: Annotated[Text, Field(max_length=40)] = ""
    language: Annotated[Text, Field(max_length=8)] = ""
    diabetes_type: Literal["", "type1", "type2", "gestational", "other", "unknown"] = ""
    diabetes_year: Annotated[Whole, Field(ge=1850, le=2200)] | None = None
    deceased_on: Day | None = None
    identifiers: Annotated[list[Identifier], Field(max_length=50)] = []


class PatientOut(Schema):
    """A patient."""

    id: UUID
    name: str
    birth_date: date | None
    birth_year: int | None
    local_id: str
    sex: str
    phone: str
    language: str
    diabetes_type: str
    diabetes_year: int | None
    deceased_on: date | None
    identifiers: list[Identifier]
    merged_into: UUID | None
    created_at: datetime


# --- exams


class NewExam(Asked):
    """An exam that is opened."""

    taken_on: Day | None = None
    """Today where it is left out."""


class Treated(Asked):
    """What was done to each eye before."""

    right: Annotated[list[TreatmentCode], Field(max_length=3)] = []
    left: Annotated[list[TreatmentCode], Field(max_length=3)] = []


class FactsIn(Asked):
    """What is known of the patient on the day; what is left out is not known."""

    consent: Flag | None = None
    symptoms: Annotated[
        list[Literal["sudden_loss", "floaters", "curtain", "pain", "distortion", "other"]], Field(max_length=6)
    ] = []
    symptoms_other: Annotated[Text, Field(max_length=200)] = ""
    right_acuity: Annotated[Text, Field(max_length=20)] = ""
    left_acuity: Annotated[Text, Field(max_length=20)] = ""
    treated: Treated = Treated()
    pregnant: Flag | None = None
    hba1c: Annotated[Number, Field(ge=0, le=300)] | None = None
    hba1c_unit: Literal["", "percent", "mmol_mol"] = ""
    hba1c_on: Day | None = None
    last_eye_exam: Annotated[Text, Field(max_length=10)] = ""
    right_dilated: Flag | None = None
    left_dilated: Flag | None = None


class FactsOut(Schema):
    """The facts of an exam."""

    consent: bool | None
    symptoms: list[str]
    symptoms_other: str
    right_acuity: str
    left_acuity: str
    treated: dict[str, list[str]]
    pregnant: bool | None
    hba1c: float | None
    hba1c_unit: str
    hba1c_on: date | None
    last_eye_exam: str
    right_dilated: bool | None
    left_dilated: bool | None


class AbsenceIn(Asked):
    """Why there is no photograph of an eye; null takes the reason back."""

    absence: Literal["no_eye", "cataract", "small_pupil", "cooperation", "clouding", "declined", "camera"] | None


class EyeOut(Schema):
    """What is known of one eye."""

    status: str
    grade: int | None
    uncertain: bool
    dme_suspected: bool


class ResultOut(Schema):
    """The patient's result, by the worse eye and a named table."""

    conclusion: str
    headline: str
    sentence: str
    urgency: int
    human_read: bool
    due_by: date | None
    grade: int | None
    worse_eye: str | None
    rule: str
    guideline: str
    guideline_version: str
    right: EyeOut
    left: EyeOut


class PhotographOut(Schema):
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
    taken_at: datetime | None
    camera: str
    via: str
    created_at: datetime


class ExamOut(Schema):
    """An exam, as it stands in lists."""

    id: UUID
    patient: UUID
    taken_on: date
    accession: str
    standing: str | None
    """Null while the verdict is kept from whoever asks."""
    urgency: int | None
    read_state: str
    signed_at: datetime | None
    cancelled_at: datetime | None
    submitted_at: datetime | None
    created_at: datetime


class WholeExam(ExamOut):
    """An exam with all that is in it."""

    facts: FactsOut
    right_absence: str
    left_absence: str
    photographs: list[PhotographOut]
    result: ResultOut | None
    """Null while the verdict is kept from whoever asks."""
    provisional: bool
    """No doctor has signed it."""


# --- verdicts


class DecisionOut(Schema):
    """A yes or no with its probability."""

    probability: float
    decision: bool


class PackOut(Schema):
    """The model pack that spoke."""

    id: str
    sha256: str


class GradeOut(Schema):
    """A verdict: the very fields that `retineye grade` prints."""

    file: str | None
    sha256: str | None
    status: Literal["graded", "ungradable", "not_fundus", "error"]
    reasons: list[str]
    advice: str
    grade: int | None
    grade_name: str | None
    probabilities: list[float] | None
    expected_grade: float | None
    referable: DecisionOut | None
    vision_threatening: DecisionOut | None
    uncertain: bool
    quality: dict[str, float] | None
    eye: EyeCode | None
    seconds: float
    pack: PackOut
    error: str | None


class VerdictOut(GradeOut):
    """A verdict on a photograph of an exam."""

    id: UUID
    photograph: UUID
    created_at: datetime


class SingleOut(Schema):
    """A photograph that is graded alone."""

    id: UUID
    state: Literal["waiting", "done"]
    status_url: str
    verdict: GradeOut | None


# --- uploads


class NewUpload(Asked):
    """A file that is about to come piece by piece."""

    id: Id
    """Chosen by the program, so that it can ask again after a broken line."""
    bytes: Annotated[Whole, Field(ge=1, le=2**40)]
    eye: EyeCode | None = None
    field: FieldCode = "unknown"
    sha256: Annotated[str, Strict(), Field(pattern=r"^([0-9a-f]{64})?$")] = ""


class UploadOut(Schema):
    """How far a file has come."""

    id: UUID
    exam: UUID
    bytes: int
    offset: int
    photograph: UUID | None


class FinishIn(Asked):
    """What is said of a file that has come."""

    eye: EyeCode | None = None
    field: FieldCode = "unknown"
    confirmed: Annotated[list[QuestionCode], Field(max_length=4)] = []


class PieceOut(Schema):
    """A photograph that waits for somebody to say which eye it is; finish it as an upload of its own."""

    upload: UUID
    eye_guess: EyeCode | None


class FinishedOut(Schema):
    """What became of an upload."""

    photograph: PhotographOut | None
    created: bool
    pieces: list[PieceOut]


# --- reads and reports


class EyeReadIn(Asked):
    """What a doctor says of one eye."""

    quality: Literal["good", "limited", "unreadable"]
    grade: Annotated[Whole, Field(ge=0, le=4)] | None = None
    dme: Literal["", "suspected", "no_sign", "cannot_judge"] = ""
    features: Annotated[
        list[
            Literal[
                "microaneurysms", "haemorrhages", "hard_exudates", "cotton_wool", "venous_beading", "irma",
                "new_vessels", "vitreous_haemorrhage", "traction", "laser_scars",
            ]
        ],
        Field(max_length=10),
    ] = []  # fmt: skip


class ReadIn(Asked):
    """What a doctor reads from an exam; an eye without a photograph is left out."""

    right: EyeReadIn | None = None
    left: EyeReadIn | None = None
    comment: Prose = ""
    other_finding: Prose = ""
    override_reason: Prose = ""


class EyeReadOut(Schema):
    """What a doctor said of one eye."""

    quality: str
    grade: int | None
    dme: str
    features: list[str]


class ReviewOut(Schema):
    """A read."""

    id: UUID
    kind: str
    reader: str
    right: EyeReadOut | None
    left: EyeReadOut | None
    comment: str
    other_finding: str
    override_reason: str
    overrides: bool
    created_at: datetime


class SignatureOut(Schema):
    """A signature that stands."""

    id: UUID
    review: UUID
    signer: str
    signed_at: datetime
    amended: bool
    addenda: list[str]


class ReviewsOut(Schema):
    """The reads of an exam that the person may see, and the signature."""

    items: list[ReviewOut]
    signature: SignatureOut | None


class NewReport(Asked):
    """A report that is made."""

    kind: Literal["patient", "clinician"]
    language: Literal["ar", "en", "es", "fr", "hi", "pt", "sw"] = "en"


class ReportOut(Schema):
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
    superseded_at: datetime | None
    void_at: datetime | None
    void_reason: str
