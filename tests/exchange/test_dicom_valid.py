"""What we send is what the DICOM standard says it is: dciodvfy finds no error in it, whatever is told."""

import io
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image

from retineye.exchange.dicom_in.worklist import study_uid
from retineye.exchange.dicom_out.objects import Files, as_bytes, objects
from retineye.exchange.dicom_out.texts import long_string, name, short_string
from retineye.exchange.told import Standing, Told
from retineye.grading.result import Eye, Grade
from tests import dicoms
from tests.exchange.tellings import shot, told
from tests.peers import dciodvfy
from tests.photos import encode, retina

SR = "1.2.840.10008.5.1.4.1.1.88.33"
PLAIN = told(Grade.MODERATE, None, signed=True)
WORDY = {
    "patient": replace(PLAIN.patient, name="Ana " * 40 + "Ruiz", number="A" * 60),
    "clinic": "Clinic of the " + "very " * 35 + "long name",
    "pack_id": "p" * 90,
}
TOLD: Mapping[str, Told] = {
    "signed": PLAIN,
    "unsigned": told(Grade.NONE, Grade.MILD),
    "amended": told(Grade.PROLIFERATIVE, Grade.SEVERE, signed=True, standing=Standing.AMENDED),
    "long names, signed": replace(PLAIN, **WORDY, signer="Dr " + "Maria " * 30 + "Okafor"),
    "long names, unsigned": told(Grade.NONE, Grade.MILD, **WORDY),
    "little known": replace(
        PLAIN,
        patient=replace(PLAIN.patient, name="Ñandú", birth_date=None, sex="unknown", number="M-1\\2"),
        taken_at=None,
        order="",
    ),
    "other letters": replace(
        PLAIN,
        patient=replace(PLAIN.patient, name="محمد بن علي الخطيب", number="١٢"),
        clinic="عيادة العيون",
        signer="山田 太郎",
        pdf=b"%PDF-1.7 of an odd length",
    ),
}


@pytest.fixture(scope="module")
def files() -> Files:
    display = encode(retina(width_px=241, height_px=161), "JPEG", quality=90)
    overlay = io.BytesIO()
    Image.fromarray(np.full((40, 60, 4), (255, 0, 0, 90), np.uint8)).save(overlay, "PNG")
    return Files(display, display, overlay.getvalue())


def from_camera(files: Files, one: Told = PLAIN, **attributes: Any) -> tuple[pydicom.FileDataset, list[Any]]:
    """Have one photograph come by DICOM, and give it with what is made of the exam."""
    camera = dicoms.photograph(**attributes)
    came = replace(one, shots=(shot(Eye.RIGHT, Grade.MILD, mime="application/dicom"),))
    return camera, objects(came, {came.shots[0].id: replace(files, original=dicoms.as_bytes(camera))})


def faults(made: list[pydicom.FileDataset], folder: Path) -> list[str]:
    """Give what dciodvfy calls an error."""
    found = []
    for number, one in enumerate(made):
        path = folder / f"{number}.dcm"
        path.write_bytes(as_bytes(one))
        said = subprocess.run([dciodvfy(), "-new", str(path)], capture_output=True, text=True, errors="replace")
        lines = (said.stdout + said.stderr).splitlines()
        found += [f"{one.SOPClassUID.name}: {line}" for line in lines if line.startswith(("Error", "Abort"))]
        # It names the kind of object that it found; what it does not know it can not check.
        assert {"SCImage", "EncapsulatedPDF", "ComprehensiveSR"} & set(lines), lines
    return found


@pytest.mark.parametrize("what", TOLD)
def test_what_we_make_is_valid(what: str, files: Files, tmp_path: Path) -> None:
    one = TOLD[what]
    made = objects(one, {picture.id: files for picture in one.shots})
    assert len(made) == 6
    assert not faults(made, tmp_path)


SPARSE = dict.fromkeys(
    ("PatientBirthDate", "PatientSex", "StudyID", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName")
)


@pytest.mark.parametrize("left_out", [{}, SPARSE, {**SPARSE, "SpecificCharacterSet": None}])
def test_what_we_add_to_a_cameras_study_is_valid(left_out: dict[str, None], files: Files, tmp_path: Path) -> None:
    _camera, made = from_camera(
        files, TOLD["other letters"], PatientID="١٢" if "SpecificCharacterSet" not in left_out else "A-17", **left_out
    )
    assert len(made) == 3
    assert not faults(made, tmp_path)


def test_dciodvfy_sees_an_error_where_there_is_one(files: Files, tmp_path: Path) -> None:
    made = objects(PLAIN, {picture.id: files for picture in PLAIN.shots})
    for one in made:
        del one.StudyInstanceUID
    assert len({line.split(":")[0] for line in faults(made, tmp_path)}) == 3


def test_a_narrow_character_set_of_the_camera_loses_no_letter_of_ours(files: Files) -> None:
    _camera, made = from_camera(files, TOLD["other letters"], SpecificCharacterSet="ISO_IR 100")
    report = next(pydicom.dcmread(io.BytesIO(as_bytes(one))) for one in made if one.SOPClassUID == SR)
    assert report.InstitutionName == "عيادة العيون"
    assert str(report.VerifyingObserverSequence[0].VerifyingObserverName) == "太郎^山田"


def test_a_file_that_a_person_assigned_to_another_patient_draws_no_result_to_the_one_it_names(files: Files) -> None:
    camera, made = from_camera(files, PatientID="B-1", PatientName="Someone^Else")
    assert {str(one.PatientID) for one in made} == {"A-17"}
    assert {str(one.PatientName) for one in made} == {"Ruiz^Ana María"}
    assert str(camera.StudyInstanceUID) not in {str(one.StudyInstanceUID) for one in made}
    report = next(one for one in made if one.SOPClassUID == SR)
    (study,) = report.PertinentOtherEvidenceSequence
    assert study.StudyInstanceUID == camera.StudyInstanceUID
    assert "CurrentRequestedProcedureEvidenceSequence" not in report


def test_a_number_of_the_hospital_leads_into_the_cameras_study(files: Files) -> None:
    camera, made = from_camera(files, PatientID="99", IssuerOfPatientID="ST MARY", StudyDate="20261102")
    assert {(str(one.PatientID), str(one.StudyInstanceUID), str(one.StudyDate)) for one in made} == {
        ("99", str(camera.StudyInstanceUID), "20261102")
    }
    report = next(one for one in made if one.SOPClassUID == SR)
    assert "PertinentOtherEvidenceSequence" not in report


def test_the_number_of_another_hospital_is_not_the_patients(files: Files) -> None:
    camera, made = from_camera(files, PatientID="99", IssuerOfPatientID="ELSEWHERE")
    assert str(camera.StudyInstanceUID) not in {str(one.StudyInstanceUID) for one in made}


def test_the_same_state_gives_the_same_bytes(files: Files) -> None:
    first, second = ([as_bytes(one) for one in objects(PLAIN, {a.id: files for a in PLAIN.shots})] for _ in range(2))
    assert first == second


def test_the_worklist_names_the_study_in_which_results_are_sent(files: Files) -> None:
    made = objects(PLAIN, {picture.id: files for picture in PLAIN.shots})
    assert {str(one.StudyInstanceUID) for one in made} == {str(study_uid(PLAIN.exam_id))}


def test_texts_are_written_as_dicom_allows() -> None:
    assert long_string("A\\B\n C") == "A/B C"
    assert len(long_string("x" * 90)) == 64
    assert short_string("  123456789012345678 ") == "1234567890123456"
    assert name("Ana María Ruiz") == "Ruiz^Ana María"
    assert name("Ñandú") == "Ñandú^"
    assert name("") == ""
    assert len(name("Ana " * 40 + "Ruiz")) <= 64
