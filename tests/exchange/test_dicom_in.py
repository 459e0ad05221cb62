"""DCMTK's programs, as cameras use them, against the listener in a process of its own."""

import random
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image

from tests import dicoms
from tests.dicoms import as_bytes, in_syntax, photograph
from tests.exchange.listening import House, house
from tests.photos import retina

# A process that starts Django, on a machine that is busy with others.
pytestmark = pytest.mark.timeout(900)

IDRID = Path(__file__).parents[1] / "idrid" / "idrid_test_012.jpg"
NOW = datetime.now(tz=UTC).strftime("%Y%m%d%H%M%S")
PROPOSED = {
    dicoms.IMPLICIT: "-xi",
    dicoms.EXPLICIT: "-xe",
    dicoms.BIG: "-xb",
    dicoms.DEFLATED: "-xd",
    dicoms.JPEG_BASELINE: "-xy",
    dicoms.JPEG_EXTENDED: "-xx",
    dicoms.JPEG_LOSSLESS_1: "-xs",
    dicoms.JPEG_LS: "-xt",
    dicoms.JPEG_LS_NEAR: "-xu",
    dicoms.JPEG_2000_LOSSLESS: "-xv",
    dicoms.JPEG_2000: "-xw",
    dicoms.RLE: "-xr",
}
"""storescu's option that proposes the transfer syntax."""


@pytest.fixture(scope="module")
def hill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("hill") / "house") as made:
        made.start()
        yield made


def made(**attributes: Any) -> pydicom.FileDataset:
    return photograph(**{"AcquisitionDateTime": NOW, **attributes})


def store(hill: House, data: bytes, tmp_path: Path, *options: str, **caller: str) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "photograph.dcm"
    path.write_bytes(data)
    return hill.call("storescu", *options, str(path), **caller)


def test_echo_is_answered(hill: House) -> None:
    assert hill.call("echoscu").returncode == 0


def test_a_title_that_is_not_known_is_turned_away(hill: House, tmp_path: Path) -> None:
    assert hill.call("echoscu", title="STRANGER").returncode != 0
    assert store(hill, as_bytes(made()), tmp_path, title="STRANGER").returncode != 0


def test_a_call_for_somebody_else_is_turned_away(hill: House) -> None:
    assert hill.call("echoscu", called="OTHER").returncode != 0


@pytest.mark.parametrize("syntax", dicoms.SYNTAXES)
def test_every_transfer_syntax_is_taken_and_filed(hill: House, syntax: str, tmp_path: Path) -> None:
    pixels = np.asarray(Image.open(IDRID).convert("RGB").resize((640, 424))).copy()
    pixels[:2, : 1 + dicoms.SYNTAXES.index(syntax)] = 9  # another picture each
    one = made(pixels=pixels)
    data = in_syntax(one, syntax, tmp_path)
    # storescu has no option for the older lossless process; with a profile of its own it proposes that too.
    options = [PROPOSED[syntax]] if syntax in PROPOSED else ["-xf", str(_profile(tmp_path, syntax)), "Default"]
    said = store(hill, data, tmp_path, *options)
    assert said.returncode == 0, said.stderr
    assert hill.settled(str(pydicom.dcmread(tmp_path / "photograph.dcm").SOPInstanceUID)) == "filed -"


def _profile(folder: Path, syntax: str) -> Path:
    path = folder / "storescu.cfg"
    path.write_text(
        "[[TransferSyntaxes]]\n[One]\n"
        f"TransferSyntax1 = {syntax}\n"
        "[[PresentationContexts]]\n[Photographs]\n"
        f"PresentationContext1 = {dicoms.OP8}\\One\n"
        "[[Profiles]]\n[Default]\nPresentationContexts = Photographs\n"
    )
    return path


@pytest.mark.parametrize("sop_class", [dicoms.OP16, dicoms.SECONDARY, dicoms.VL, dicoms.WIDE, dicoms.WIDE_3D])
def test_every_class_that_is_promised_is_taken(hill: House, sop_class: str, tmp_path: Path) -> None:
    seed = 40 + len(sop_class) + int(sop_class[-1])
    pixels = retina(seed=seed)
    one = made(
        pixels=pixels[..., 1].astype(np.uint16) * 257 if sop_class == dicoms.OP16 else pixels, sop_class=sop_class
    )
    # -R proposes the classes of the files at hand; wide fields are younger than DCMTK's list.
    assert store(hill, as_bytes(one), tmp_path, "-R").returncode == 0
    assert hill.settled(str(one.SOPInstanceUID)) == "filed -"


def test_a_tomogram_is_refused_with_a_status_and_stored_nowhere(hill: House, tmp_path: Path) -> None:
    one = made(sop_class=dicoms.OCT)
    said = store(hill, as_bytes(one), tmp_path)
    assert "SOPClassNotSupported" in said.stderr.replace(" ", "") or "0x0122" in said.stderr.lower(), said.stderr
    assert str(one.SOPInstanceUID) not in "".join(hill.arrivals())


def test_a_side_that_is_not_said_lies_in_the_tray(hill: House, tmp_path: Path) -> None:
    one = made(ImageLaterality=None, seed=77)
    assert store(hill, as_bytes(one), tmp_path).returncode == 0
    assert hill.settled(str(one.SOPInstanceUID)) == "to_assign no_eye"


def test_a_patient_who_is_not_known_lies_in_the_tray(hill: House, tmp_path: Path) -> None:
    one = made(PatientID="B-1", seed=78)
    assert store(hill, as_bytes(one), tmp_path).returncode == 0
    assert hill.settled(str(one.SOPInstanceUID)) == "to_assign no_patient"


def test_a_camera_picks_the_patient_from_the_worklist(hill: House, tmp_path: Path) -> None:
    hill.manage(
        script="""
from retineye.accounts.models import User
from retineye.clinic.exams import create_exam
from retineye.clinic.patients import create_patient
nurse = User.objects.get(email="nurse@hill.example")
create_exam(nurse, create_patient(nurse, name="María Ñandú", local_id="M-1"))
"""
    )
    query = ["-W", "-k", "ScheduledProcedureStepSequence[0].Modality=OP", "-k", "PatientName=", "-k", "PatientID=M-1"]
    folder = tmp_path / "answers"
    folder.mkdir()
    said = hill.call("findscu", "-X", "-od", str(folder), *query)
    assert said.returncode == 0, said.stderr
    answers = [pydicom.dcmread(path, force=True) for path in folder.iterdir()]
    assert [str(answer.PatientName) for answer in answers] == ["Ñandú^María"]
    assert answers[0].AccessionNumber

    one = made(
        seed=79,
        PatientID=answers[0].PatientID,
        PatientName=answers[0].PatientName,
        PatientBirthDate=None,
        AccessionNumber=answers[0].AccessionNumber,
    )
    assert store(hill, as_bytes(one), tmp_path).returncode == 0
    assert hill.settled(str(one.SOPInstanceUID)) == "filed -"


def test_the_worklist_holds_only_what_is_asked_for(hill: House, tmp_path: Path) -> None:
    for number, key in enumerate(("PatientID=NOBODY", "ScheduledProcedureStepSequence[0].Modality=CT")):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert hill.call("findscu", "-W", "-X", "-od", str(folder), "-k", key).returncode == 0
        assert not list(folder.iterdir())


def test_damage_is_answered_and_the_listener_lives(hill: House, tmp_path: Path) -> None:
    whole = as_bytes(made(seed=80))
    rng = random.Random(3)
    for _ in range(12):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 20)):
            data[rng.randrange(400, 2500)] = rng.randrange(256)
        store(hill, bytes(data), tmp_path)
    assert hill.call("echoscu").returncode == 0
