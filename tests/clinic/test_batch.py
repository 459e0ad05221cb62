"""A whole archive is taken in from a table, line by line, and goes on where it stopped."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import load_workbook

from retineye.clinic import batch
from retineye.clinic.batch_results import COLUMNS, results_of
from retineye.clinic.grade import grade_photograph
from retineye.clinic.models import BatchRow, ClinicSettings, Exam, Patient, Photograph
from retineye.exchange.table import table
from tests.cast import Clinic, picture

HEAD = "path,patient,eye,date,name,birth_date\n"


@pytest.fixture()
def folder(settings: Any, tmp_path: Path) -> Path:
    """Give the server's folder for archives, with three photographs in it."""
    place = tmp_path / "archive"
    (place / "ana").mkdir(parents=True)
    for number in (1, 2, 3):
        (place / "ana" / f"{number}.jpg").write_bytes(picture(number))
    settings.RETINEYE_BATCH_DIR = str(place)
    return place


def begin(clinic: Clinic, lines: str) -> Any:
    """Hand a table in as the doctor does."""
    return batch.begin(clinic.doctor, name="Old camera", table=(HEAD + lines).encode())


def take_all() -> None:
    """Take every line in, as a worker does that has nothing else to do."""
    while batch.take_line():
        for waiting in Photograph.objects.filter(state="waiting"):
            grade_photograph(waiting.pk)


def test_lines_become_patients_exams_and_photographs(hill: Clinic, folder: Path) -> None:
    begun = begin(
        hill,
        "ana/1.jpg,H-1,right,2024-05-31,Ana Ruiz,1968-03-05\nana/2.jpg,H-1,OS,2024-05-31,Ana Ruiz,\n"
        "ana/3.jpg,H-1,left,2023-01-02,,\n",
    )
    take_all()
    patient = Patient.objects.get()
    assert (patient.name, patient.local_id) == ("Ana Ruiz", "H-1")
    assert sorted(str(day) for day in Exam.objects.values_list("taken_on", flat=True)) == ["2023-01-02", "2024-05-31"]
    assert Photograph.objects.filter(via="batch").count() == 3
    begun.refresh_from_db()
    assert begun.state == "done" and begun.finished_at


def test_it_goes_on_where_it_stopped_and_takes_nothing_twice(hill: Clinic, folder: Path) -> None:
    begun = begin(hill, "ana/1.jpg,H-1,right,2024-05-31,Ana Ruiz,\nana/2.jpg,H-1,left,2024-05-31,,\n")
    assert batch.take_line()
    batch.pause(hill.doctor, begun)
    assert not batch.take_line()
    batch.resume(hill.doctor, begun)
    take_all()
    BatchRow.objects.update(state="waiting", photograph=None)
    batch.resume(hill.doctor, begun)
    take_all()
    assert Photograph.objects.count() == 2 and BatchRow.objects.filter(state="taken").count() == 2


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("ana/9.jpg,H-1,right,2024-05-31,Ana Ruiz,", "no_file"),
        ("ana/1.jpg,H-9,right,2024-05-31,,", "no_patient"),
        ("ana/1.jpg,H-1,right,2024-05-31,Bea Other,", "other_name"),
        ("ana/1.jpg,H-1,right,2024-05-31,,1970-01-01", "other_birth_date"),
        ("text.jpg,H-1,right,2024-05-31,,", "not_an_image"),
        ("link.jpg,H-1,right,2024-05-31,,", "no_file"),
    ],
)
def test_a_line_that_does_not_fit_is_not_taken_and_says_why(hill: Clinic, folder: Path, line: str, why: str) -> None:
    from datetime import date

    from retineye.clinic.patients import create_patient

    create_patient(hill.technician, name="Ana Ruiz", birth_date=date(1968, 3, 5), local_id="H-1")
    (folder / "text.jpg").write_bytes(b"no picture at all")
    (folder.parent / "secret.jpg").write_bytes(picture())
    (folder / "link.jpg").symlink_to(folder.parent / "secret.jpg")
    begin(hill, line + "\n")
    take_all()
    row = BatchRow.objects.get()
    assert (row.state, row.error) == ("refused", why)
    assert not Photograph.objects.exists()


@pytest.mark.parametrize(
    "lines",
    [
        "/etc/passwd,H-1,right,2024-05-31,,\n", "../a.jpg,H-1,right,2024-05-31,,\n", "a.jpg,,right,2024-05-31,,\n",
        "a.jpg,H-1,middle,2024-05-31,,\n", "a.jpg,H-1,right,31.5.2024,,\n", "a.jpg,H-1,right,2924-05-31,,\n", "",
        "C:\\a.jpg,H-1,right,2024-05-31,,\n",
    ],
)  # fmt: skip
def test_a_table_with_a_wrong_line_is_not_begun(hill: Clinic, folder: Path, lines: str) -> None:
    with pytest.raises(ValidationError):
        begin(hill, lines)


def test_a_table_of_a_spreadsheet_is_read_with_its_mark_and_its_semicolons(hill: Clinic) -> None:
    lines = batch.read_table("\ufeffPath;Patient;Eye;Date\r\na.jpg;H-1;R;2024-05-31\r\n\r\n".encode())
    assert [(one.line, one.path, one.eye.value) for one in lines] == [(2, "a.jpg", "right")]


def test_without_a_folder_the_pictures_must_come_along_as_a_zip_file(hill: Clinic) -> None:
    line = (HEAD + "a.jpg,H-1,right,2024-05-31,Ana,\n").encode()
    with pytest.raises(ValidationError):
        batch.begin(hill.doctor, name="x", table=line)
    with pytest.raises(ValidationError):
        batch.begin(hill.doctor, name="x", table=line, pictures=SimpleUploadedFile("a.zip", b"no zip"))


def test_a_technician_may_not_and_a_stranger_sees_nothing(hill: Clinic, lake: Clinic, folder: Path) -> None:
    with pytest.raises(PermissionDenied):
        batch.begin(hill.technician, name="x", table=(HEAD + "a.jpg,H-1,right,2024-05-31,Ana,\n").encode())
    begin(hill, "ana/1.jpg,H-1,right,2024-05-31,Ana,\n")
    assert not batch.batches_for(lake.administrator).exists()


def test_patients_who_sit_there_come_first(hill: Clinic, folder: Path) -> None:
    begin(hill, "".join(f"ana/{n}.jpg,H-{n},right,2024-05-31,Ana {n},\n" for n in (1, 2, 3)))
    assert batch.take_line()
    Photograph.objects.update(state="waiting")
    for _ in range(batch._AHEAD):
        batch.take_line()
    assert Photograph.objects.filter(state="waiting").count() <= batch._AHEAD


def test_results_come_as_csv_excel_and_json_and_hide_in_shadow_mode(hill: Clinic, folder: Path) -> None:
    begun = begin(hill, "ana/1.jpg,=H-1,right,2024-05-31,Ana Ruiz,\nana/9.jpg,=H-1,left,2024-05-31,,\n")
    take_all()
    rows = list(results_of(hill.doctor, begun))
    assert [row["outcome"] for row in rows] == ["taken", "refused"] and rows[0]["status"]
    assert b"'=H-1" in table("csv", COLUMNS, rows)
    sheet = load_workbook(BytesIO(table("xlsx", COLUMNS, rows))).active
    assert sheet is not None and sheet["C2"].value == "=H-1" and sheet["C2"].data_type == "s"
    assert json.loads(table("json", COLUMNS, rows))[1]["why_not"] == "no_file"
    ClinicSettings.objects.create(organisation=hill.organisation, shadow_mode=True)
    assert all("status" not in row for row in results_of(hill.doctor, begun))
    with pytest.raises(PermissionDenied):
        results_of(hill.technician, begun)
