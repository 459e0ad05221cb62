"""The objects for an archive: codes pinned, the side the same everywhere, all referring to the source."""

import io
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from retineye.exchange.dicom_out.objects import Files, as_bytes, objects
from retineye.exchange.told import Told
from retineye.grading.result import Eye, Grade
from tests import dicoms
from tests.exchange.tellings import shot, told
from tests.exchange.test_fhir import UNSAFE
from tests.peers import dcmtk
from tests.photos import encode, retina

SECONDARY, PDF, SR = (f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("7", "104.1", "88.33"))


@pytest.fixture(scope="module")
def files() -> Files:
    display = encode(retina(width_px=240, height_px=160), "JPEG", quality=90)
    overlay = io.BytesIO()
    Image.fromarray(np.full((40, 60, 4), (255, 0, 0, 90), np.uint8)).save(overlay, "PNG")
    return Files(display, display, overlay.getvalue())


def made(one: Told, files: Files) -> list[pydicom.FileDataset]:
    return objects(one, {picture.id: files for picture in one.shots})


def of(sop_class: str, found: list[pydicom.FileDataset]) -> list[pydicom.FileDataset]:
    return [one for one in found if one.SOPClassUID == sop_class]


def coded(report: pydicom.Dataset, question: str) -> list[str]:
    values = []
    for item in report.get("ContentSequence", []):
        name = item.get("ConceptNameCodeSequence")
        if name and name[0].CodeValue == question and item.ValueType == "CODE":
            values.append(item.ConceptCodeSequence[0].CodeValue)
        values += coded(item, question)
    return values


@pytest.mark.parametrize(
    ("grade", "code"),
    [
        (Grade.NONE, ["LA18643-9"]),
        (Grade.MILD, ["312903003"]),
        (Grade.MODERATE, ["312904009"]),
        (Grade.SEVERE, ["312905005"]),
        (Grade.PROLIFERATIVE, ["59276001"]),
        (None, []),
    ],
)
def test_the_report_says_the_grade_of_each_eye(grade: Grade | None, code: list[str], files: Files) -> None:
    report = of(SR, made(told(grade, Grade.MILD, signed=True), files))[0]
    assert coded(report, "71491-5") == code
    assert coded(report, "71490-7") == ["312903003"]
    text = str(report)
    assert not [unsafe for unsafe in UNSAFE if unsafe in text]


def test_a_report_is_verified_only_when_it_is_signed(files: Files) -> None:
    signed = of(SR, made(told(Grade.MILD, Grade.MILD, signed=True), files))[0]
    assert (signed.VerificationFlag, signed.CompletionFlag) == ("VERIFIED", "COMPLETE")
    assert of(SR, made(told(Grade.MILD, Grade.MILD), files))[0].VerificationFlag == "UNVERIFIED"


def test_every_object_is_of_the_patient_and_refers_to_its_source(files: Files) -> None:
    found = made(told(Grade.MILD, Grade.MILD, signed=True), files)
    assert [len(of(kind, found)) for kind in (SECONDARY, PDF, SR)] == [4, 1, 1]
    assert {str(one.PatientID) for one in found} == {"A-17"}
    assert len({one.StudyInstanceUID for one in found}) == 1
    photographs = {one.SOPInstanceUID: one for one in of(SECONDARY, found) if "SourceImageSequence" not in one}
    for attention in of(SECONDARY, found):
        if "SourceImageSequence" in attention:
            source = photographs[attention.SourceImageSequence[0].ReferencedSOPInstanceUID]
            assert source.ImageLaterality == attention.ImageLaterality
    assert of(PDF, found)[0].EncapsulatedDocument.startswith(b"%PDF")


def test_a_photograph_that_came_by_dicom_is_referred_to_and_not_sent_again(files: Files) -> None:
    camera = dicoms.photograph()
    plain = told(Grade.MILD, Grade.MILD, signed=True, shots=(shot(Eye.RIGHT, Grade.MILD, mime="application/dicom"),))
    found = objects(plain, {plain.shots[0].id: Files(dicoms.as_bytes(camera), files.display, files.heatmap)})
    assert str(camera.SOPInstanceUID) not in {str(one.SOPInstanceUID) for one in found}
    assert {str(one.StudyInstanceUID) for one in found} == {str(camera.StudyInstanceUID)}
    assert str(camera.SOPInstanceUID) in str(of(SR, found)[0])


def test_the_same_state_gives_the_same_objects(files: Files) -> None:
    one = told(Grade.MILD, Grade.MILD, signed=True)
    first, second = ([each.SOPInstanceUID for each in made(one, files)] for _ in range(2))
    assert first == second


def test_dcmtk_reads_every_object(files: Files, tmp_path: Path) -> None:
    for number, one in enumerate(made(told(Grade.MODERATE, None, signed=True), files)):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(as_bytes(one))
        tool = "dsrdump" if one.SOPClassUID == SR else "dcmdump"
        done = subprocess.run([dcmtk(tool), str(path)], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
