"""What a file says besides the picture is held against the exam, and where it does not fit a person decides."""

from datetime import date, datetime, timedelta
from io import BytesIO
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.utils import timezone
from PIL import ExifTags, Image

from retineye.accounts.models import AuditEvent
from retineye.clinic import intake
from retineye.clinic.capture import Said, names_another, said_by
from retineye.clinic.corrections import cancel_exam
from retineye.clinic.intake import (
    ExamClosed,
    HoldsSeveral,
    NamesOtherPatient,
    OddDate,
    Question,
    SaysOtherEye,
)
from retineye.clinic.models import ClinicSettings, Exam, Eye, Field, Patient, Photograph
from tests.cast import Clinic, add_exam, add_patient, picture
from tests.dicoms import as_bytes, photograph, view
from tests.photos import retina


def dated(moment: datetime, offset: str = "", **notes: str) -> bytes:
    """Give a photograph whose camera says when it was taken."""
    exif = Image.Exif()
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.DateTimeOriginal] = moment.strftime("%Y:%m:%d %H:%M:%S")
    if offset:
        details[ExifTags.Base.OffsetTimeOriginal] = offset
    for name, value in notes.items():
        exif[ExifTags.Base[name]] = value
    out = BytesIO()
    Image.fromarray(retina(seed=5)).save(out, "JPEG", quality=92, exif=exif)
    return out.getvalue()


def receive(clinic: Clinic, exam: Exam, data: bytes, eye: Eye = Eye.RIGHT, *confirmed: Question) -> Photograph:
    """Send a photograph as the technician does."""
    return intake.receive(exam, BytesIO(data), eye=eye, by=clinic.technician, via="web", confirmed=confirmed).photograph


def test_a_photograph_of_this_morning_is_taken_with_its_moment_and_its_camera(hill: Clinic) -> None:
    ClinicSettings.objects.create(organisation=hill.organisation, time_zone="Africa/Nairobi")
    nairobi = ZoneInfo("Africa/Nairobi")
    moment = datetime.now(nairobi).replace(microsecond=0)
    kept = receive(hill, add_exam(hill), dated(moment, Make="Acme", Model="Acme Fundus 45"))
    assert kept.taken_at == moment
    assert kept.camera == "Acme Fundus 45"


def test_a_camera_that_names_its_zone_is_believed(hill: Clinic) -> None:
    moment = timezone.now().replace(microsecond=0)
    there = moment.astimezone(ZoneInfo("Asia/Kolkata"))
    assert receive(hill, add_exam(hill), dated(there, "+05:30")).taken_at == moment


def test_when_a_program_touched_the_file_is_not_when_it_was_taken(hill: Clinic) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.DateTime] = "2003:01:01 00:00:00"
    out = BytesIO()
    Image.fromarray(retina(seed=5)).save(out, "JPEG", exif=exif)
    assert receive(hill, add_exam(hill), out.getvalue()).taken_at is None


@pytest.mark.parametrize(
    ("days_ago", "doubt"),
    [(9_000, "before_2005"), (31, "another_day"), (-2, "future")],
    ids=["a clock that was lost", "a month ago", "the day after tomorrow"],
)
def test_an_odd_date_asks_a_person_and_is_taken_when_the_person_says_so(
    hill: Clinic, days_ago: int, doubt: str
) -> None:
    exam, data = add_exam(hill), dated(timezone.localtime() - timedelta(days=days_ago))
    with pytest.raises(OddDate) as asked:
        receive(hill, exam, data)
    assert asked.value.doubt == doubt
    assert not Photograph.objects.exists()
    receive(hill, exam, data, Eye.RIGHT, Question.DATE)
    said = AuditEvent.objects.get(action="photograph_received").detail
    assert said["confirmed"] == "date"


def test_an_older_photograph_of_an_exam_of_that_day_asks_nothing(hill: Clinic) -> None:
    day = timezone.localdate() - timedelta(days=200)
    exam = add_exam(hill, taken_on=day)
    receive(hill, exam, dated(timezone.localtime() - timedelta(days=200)))
    with pytest.raises(OddDate):
        receive(hill, exam, dated(timezone.localtime()))


def test_a_clinic_says_how_old_a_photograph_may_be(hill: Clinic) -> None:
    ClinicSettings.objects.create(organisation=hill.organisation, capture_warn_days=3)
    with pytest.raises(OddDate):
        receive(hill, add_exam(hill), dated(timezone.localtime() - timedelta(days=4)))


def today_by_dicom(**attributes: object) -> bytes:
    """Give a DICOM file of a photograph of today."""
    now = timezone.localtime()
    return as_bytes(photograph(AcquisitionDateTime=now.strftime("%Y%m%d%H%M%S"), **attributes))


def patient_of_the_file(clinic: Clinic) -> Patient:
    """Add the patient whom the DICOM files of the tests name."""
    return add_patient(clinic, "Ana Ruiz", date(1968, 3, 5))


def test_a_dicom_file_of_the_right_patient_and_eye_is_taken_with_all_that_it_says(hill: Clinic) -> None:
    exam = add_exam(hill, patient_of_the_file(hill))
    data = today_by_dicom(eye="L", ViewCodeSequence=view("111900"))
    kept = receive(hill, exam, data, Eye.LEFT)
    assert (kept.mime, kept.field, kept.camera) == ("application/dicom", Field.MACULA, "Acme Optics Fundus 45")
    assert kept.original.name.endswith("original.dcm")
    with kept.original.open("rb") as stored:
        assert stored.read() == data


def test_a_dicom_file_of_the_other_eye_blocks_until_a_person_decides(hill: Clinic) -> None:
    exam, data = add_exam(hill, patient_of_the_file(hill)), today_by_dicom(eye="L")
    with pytest.raises(SaysOtherEye) as asked:
        receive(hill, exam, data, Eye.RIGHT)
    assert asked.value.eye is Eye.LEFT
    assert receive(hill, exam, data, Eye.RIGHT, Question.OTHER_EYE).eye == Eye.RIGHT


def test_a_dicom_file_that_names_somebody_else_asks_and_its_message_holds_no_name(hill: Clinic) -> None:
    exam, data = add_exam(hill, add_patient(hill, "Ben Okoro", date(1950, 1, 1))), today_by_dicom()
    with pytest.raises(NamesOtherPatient) as asked:
        receive(hill, exam, data)
    assert asked.value.said.patient_name == "Ana Ruiz"
    assert "Ana" not in str(asked.value)
    receive(hill, exam, data, Eye.RIGHT, Question.PATIENT_NAMED)


@pytest.mark.parametrize(
    ("said", "another"),
    [
        (Said(patient_name="Ana Ruiz"), False),
        (Said(patient_name="RUIZ ANA"), False),
        (Said(patient_name="Ana María Ruíz"), False),
        (Said(patient_name="Anna Ruiz"), False),
        (Said(patient_name="Ana"), False),
        (Said(patient_name="ANONYMOUS", patient_id=""), False),
        (Said(), False),
        (Said(patient_name="Ben Okoro"), True),
        (Said(patient_name="Ana Ruiz", birth_date=date(1971, 3, 5)), True),
        (Said(patient_id="A-17"), False),
        (Said(patient_id="a-17", patient_name="Ana Ruiz"), False),
        (Said(patient_id="B-99"), True),
        (Said(patient_id="B-99", patient_name="Ana Ruiz"), True),
        (Said(patient_id="0001", patient_name="Ana Ruiz", birth_date=date(1968, 3, 5)), False),
        (Said(patient_id="A-17", patient_name="Ben Okoro"), True),
    ],
    ids=str,
)
def test_a_name_a_number_or_a_birth_date_tells_patients_apart(said: Said, another: bool) -> None:
    patient = Patient(name="Ana Ruiz", birth_date=date(1968, 3, 5))
    assert names_another(said, patient, ["A-17", ""]) is another


def test_a_number_says_nothing_where_the_patient_has_none() -> None:
    assert names_another(Said(patient_id="B-99"), Patient(name="Ana Ruiz"), [""]) is False


def test_a_file_with_several_photographs_is_not_taken_as_one(hill: Clinic) -> None:
    two = [retina(seed=1), retina(seed=2)]
    data = as_bytes(photograph(pixels=np.stack(two)))
    assert said_by(data).photographs == 2
    with pytest.raises(HoldsSeveral):
        receive(hill, add_exam(hill), data)


def test_damaged_notes_are_no_reason_to_refuse_a_picture(hill: Clinic) -> None:
    data = dated(timezone.localtime())
    broken = data.replace(b"Exif\x00\x00MM\x00*", b"Exif\x00\x00MM\xff\xff").replace(
        b"Exif\x00\x00II*", b"Exif\x00\x00II\xff"
    )
    assert receive(hill, add_exam(hill), broken).taken_at is None


def test_a_cancelled_exam_takes_no_photograph(hill: Clinic) -> None:
    exam = add_exam(hill)
    cancel_exam(hill.technician, exam, "opened for the wrong person")
    with pytest.raises(ExamClosed):
        receive(hill, exam, picture())
    assert not Photograph.objects.exists()
