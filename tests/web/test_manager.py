"""The manager's pages: recall, referrals, numbers, settings, keeping and erasing, research."""

import csv
import io
import zipfile
from typing import Any

import pydicom
import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook
from PIL import Image

from retineye.clinic.grade import grade_photograph
from retineye.clinic.models import ClinicSettings, Patient, Reminder, State
from retineye.clinic.retention import set_research_consent
from retineye.exchange.deidentify import NotDeidentified, deidentify
from retineye.grading.result import Grade
from tests.cast import Clinic, add_exam, add_patient, picture, send
from tests.clinic.test_worklist import exam_with
from tests.dicoms import photograph as dicom_photograph

PAGES = ("recall", "referrals", "statistics", "clinic_settings", "data_care")


def signed_in(user: object) -> Client:
    client = Client()
    client.force_login(user)  # type: ignore[arg-type]
    return client


def test_each_page_opens_for_the_administrator_and_stays_shut_where_the_role_may_not(hill: Clinic) -> None:
    exam_with(hill, Grade.MODERATE, State.UNGRADABLE)
    for name in PAGES:
        assert signed_in(hill.administrator).get(reverse(name)).status_code == 200, name
    shut = {"technician": PAGES[2:], "doctor": PAGES[3:], "manager": ("clinic_settings",)}
    for role, names in shut.items():
        for name in PAGES:
            wanted = 403 if name in names else 200
            assert signed_in(hill.people[role]).get(reverse(name)).status_code == wanted, (role, name)


def test_a_stranger_gets_404_for_a_case_and_for_the_care_of_a_patient(hill: Clinic, lake: Clinic) -> None:
    exam = exam_with(hill, Grade.MODERATE, Grade.NONE)
    client = signed_in(lake.administrator)
    assert client.get(reverse("recall_case", args=[exam.pk])).status_code == 404
    assert client.get(reverse("patient_care", args=[exam.patient_id])).status_code == 404
    for name in ("recall_remind", "recall_follow", "recall_day", "recall_end"):
        assert client.post(reverse(name, args=[exam.pk])).status_code == 404
    for name in ("patient_consent", "patient_hold", "patient_release", "patient_erase"):
        assert client.post(reverse(name, args=[exam.patient_id])).status_code == 404
    assert Patient.objects.filter(pk=exam.patient_id).exists()


def test_the_overdue_list_goes_out_as_tables_in_which_no_name_is_a_formula(hill: Clinic) -> None:
    exam = exam_with(hill, Grade.NONE, Grade.NONE)
    Patient.objects.filter(pk=exam.patient_id).update(name="=HYPERLINK(1)")
    with time_machine.travel("2028-01-01T00:00:00+00:00", tick=True):
        client = signed_in(hill.manager)
        assert "=HYPERLINK(1)" in client.get(reverse("recall")).content.decode()
        got = client.get(reverse("recall_export", args=["csv"]), {"show": "overdue"}).content.decode("utf-8-sig")
        book = client.get(reverse("recall_export", args=["xlsx"]), {"show": "overdue"}).content
    (row,) = csv.DictReader(io.StringIO(got))
    assert row["patient"] == "'=HYPERLINK(1)"
    assert row["basis"].startswith("provisional")
    cell = load_workbook(io.BytesIO(book)).active["A2"]
    assert (cell.value, cell.data_type) == ("=HYPERLINK(1)", "s")


def test_a_call_is_written_down_on_the_page(hill: Clinic) -> None:
    exam = exam_with(hill, Grade.MODERATE, Grade.NONE)
    client = signed_in(hill.technician)
    client.post(reverse("recall_remind", args=[exam.pk]), {"how": "refused", "note": "no fare"})
    assert Reminder.objects.get().how == "refused"
    assert "no fare" in client.get(reverse("recall_case", args=[exam.pk])).content.decode()


def test_the_numbers_count_what_could_not_be_graded_and_say_the_same_in_chart_and_table(hill: Clinic) -> None:
    exam_with(hill, Grade.MODERATE, State.UNGRADABLE)
    client = signed_in(hill.manager)
    page = client.get(reverse("statistics")).content.decode()
    assert "50 %" in page
    assert page.count('role="img"') >= 3
    assert 'aria-labelledby="chart-cameras-title chart-cameras-desc"' in page
    for which in ("operators", "cameras", "weeks", "waits"):
        assert client.get(reverse("statistics_export", args=[which, "csv"])).status_code == 200


def test_settings_are_saved_on_the_page_and_a_wrong_one_is_not(hill: Clinic) -> None:
    client = signed_in(hill.administrator)
    form: dict[str, Any] = {
        "guideline": "ada-2017",
        "time_zone": "Africa/Nairobi",
        "language": "sw",
        "report_contact": "Sister Ana",
        "second_read_percent": 5,
        "escalate_after_hours": 12,
        "low_acuity_logmar": 0.5,
        "capture_warn_days": 30,
        "retention_years": 10,
        "blind_first": "on",
    }
    assert client.post(reverse("clinic_settings"), form).status_code == 302
    decided = ClinicSettings.objects.get()
    assert (decided.time_zone, decided.blind_first, decided.retention_years) == ("Africa/Nairobi", True, 10)
    hill.organisation.refresh_from_db()
    assert hill.organisation.guideline == "ada-2017"
    assert client.post(reverse("clinic_settings"), form | {"time_zone": "Moon/Sea"}).status_code == 200
    assert ClinicSettings.objects.get().time_zone == "Africa/Nairobi"


def test_the_research_zip_holds_those_who_agreed_without_name_day_or_metadata(hill: Clinic) -> None:
    agreed, silent = add_patient(hill, "Ana Ruiz"), add_patient(hill, "Ben Ito")
    set_research_consent(hill.technician, agreed, True)
    for number, patient in enumerate((agreed, silent)):
        grade_photograph(send(hill, add_exam(hill, patient), picture(number + 5)).pk)
    got = b"".join(signed_in(hill.manager).post(reverse("research_export")).streaming_content)  # type: ignore[arg-type]
    with zipfile.ZipFile(io.BytesIO(got)) as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        (row,) = csv.DictReader(io.StringIO(archive.read("photographs.csv").decode("utf-8-sig")))
        with Image.open(io.BytesIO(archive.read(names[0]))) as image:
            assert not image.getexif()
    assert len(names) == 1
    assert row["file"] == names[0]
    exam = agreed.exams.get()
    assert row["exam_date_moved"] != exam.taken_on.isoformat()
    for secret in ("Ana", "Ruiz", "Ben", str(agreed.pk), str(exam.pk), "1968"):
        assert secret not in str(row)


def test_a_dicom_photograph_is_given_without_the_person() -> None:
    made = dicom_photograph(
        PatientName="RUIZ^ANA", PatientID="A-77", AcquisitionDateTime="20260110", InstitutionName="Hill"
    )
    made.add_new((0x0009, 0x0010), "LO", "VENDOR")
    made.add_new((0x0009, 0x1001), "LO", "RUIZ ANA")
    out = io.BytesIO()
    pydicom.dcmwrite(out, made, enforce_file_format=True)
    data = deidentify(out.getvalue(), pseudonym="RABC", days=-10)
    for secret in (b"RUIZ", b"A-77", b"Hill", b"VENDOR", made.SOPInstanceUID.encode(), b"20260110"):
        assert secret not in data
    read = pydicom.dcmread(io.BytesIO(data))
    assert (str(read.PatientID), read.PatientIdentityRemoved, read.StudyDate) == ("RABC", "YES", "20251231")
    assert [item.CodeValue for item in read.DeidentificationMethodCodeSequence] == ["113100", "113107"]
    assert read.PixelData == made.PixelData
    assert not [element for element in read.iterall() if element.tag.is_private]


def test_letters_burned_into_the_picture_keep_it_in_the_clinic() -> None:
    out = io.BytesIO()
    pydicom.dcmwrite(out, dicom_photograph(BurnedInAnnotation="YES"), enforce_file_format=True)
    with pytest.raises(NotDeidentified, match="burned_in"):
        deidentify(out.getvalue(), pseudonym="R", days=1)
