"""The whole round with an archive: Orthanc sends an exam to us, it is signed, and the results lie beside its source."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx  # noqa: TID251  the archive is told over the web what to do
import pytest

from retineye.grading.dicom import describe
from tests import dicoms
from tests.dicoms import in_syntax, photograph
from tests.exchange.archives import Archive, running
from tests.exchange.listening import House, house
from tests.packs import write_tiny_pack
from tests.peers import dciodvfy
from tests.photos import retina

# A process that starts Django, on a machine that is busy with others.
pytestmark = pytest.mark.timeout(900)

SECONDARY, PDF, SR = (f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("7", "104.1", "88.33"))
_SIGN_AND_SEND = """
from django.utils import timezone
from retineye.accounts.models import Organisation, User
from retineye.clinic.grade import grade_photograph
from retineye.clinic.models import Delivery, Destination, Exam, Photograph, Signature
from retineye.clinic.outcome import outcome_of
from retineye.clinic.reviews import read, sign
from retineye.exchange.outbox import deliver_next, find_due
from retineye.grading.result import Grade
from tests.clinic.test_reviews import both
exam = Exam.objects.get()
for photograph in Photograph.objects.all():
    grade_photograph(photograph.pk)
doctor = User.objects.get(email="doctor@hill.example")
Destination.objects.create(
    organisation=Organisation.objects.get(), name="Archive", kind="dicom", address="127.0.0.1:{port}", ae_title="TEST"
)
outcome_of(exam)
read(doctor, exam, both(Grade.MODERATE, Grade.MILD, reason="Seen so."))
sign(doctor, exam, Signature.How.PASSWORD)
now = timezone.now()
find_due(now)
deliver_next(now)
print("DELIVERED", Delivery.objects.get().state, Delivery.objects.get().error)
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with running(tmp_path_factory.mktemp("orthanc")) as made:
        yield made


@pytest.fixture(scope="module")
def hill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("round")
    pack = write_tiny_pack(folder / "pack")
    with house(folder / "house", RETINEYE_PACK=str(pack), RETINEYE_DEBUG="true") as made:
        made.manage("sender", "Archive", "--ae-title", "ORTHANC")
        made.start()
        yield made


def test_an_exam_comes_from_orthanc_and_its_results_lie_beside_it(
    archive: Archive, hill: House, tmp_path: Path
) -> None:
    taken = datetime.now(tz=UTC).strftime("%Y%m%d%H%M%S")
    study = dicoms.generate_uid()
    uids = []
    for eye, syntax in (("R", dicoms.JPEG_BASELINE), ("L", dicoms.EXPLICIT)):
        one = photograph(retina(seed=21 + len(uids)), eye=eye, AcquisitionDateTime=taken, StudyInstanceUID=study)
        data = in_syntax(one, syntax, tmp_path)
        uids.append(describe(data).sop_instance_uid)  # a lossy copy is another object
        httpx.post(f"{archive.web}/instances", content=data, timeout=60).raise_for_status()
    here = {"AET": "RETINEYE", "Host": "127.0.0.1", "Port": hill.port}
    httpx.put(f"{archive.web}/modalities/retineye", json=here).raise_for_status()
    httpx.post(f"{archive.web}/modalities/retineye/echo", json={}, timeout=120).raise_for_status()
    (held,) = httpx.get(f"{archive.web}/studies").json()
    httpx.post(f"{archive.web}/modalities/retineye/store", content=held, timeout=240).raise_for_status()
    for uid in uids:
        assert hill.settled(uid) == "filed -"

    said = hill.manage(script=_SIGN_AND_SEND.replace("{port}", str(archive.dicom)))
    assert "DELIVERED sent" in said
    # One patient and one study, before as after, with the results in it.
    assert len(httpx.get(f"{archive.web}/patients").json()) == 1
    assert httpx.get(f"{archive.web}/studies").json() == [held]
    classes = archive.classes()
    assert (classes.count(PDF), classes.count(SR), classes.count(SECONDARY)) == (1, 1, 2)
    assert classes.count(dicoms.OP8) == 2
    for number, instance in enumerate(httpx.get(f"{archive.web}/instances").json()):
        if httpx.get(f"{archive.web}/instances/{instance}/metadata/SopClassUid").text == dicoms.OP8:
            continue
        path = tmp_path / f"held-{number}.dcm"
        path.write_bytes(httpx.get(f"{archive.web}/instances/{instance}/file").content)
        found = subprocess.run([dciodvfy(), "-new", str(path)], capture_output=True, text=True, errors="replace")
        assert not [line for line in (found.stdout + found.stderr).splitlines() if line.startswith("Error")]
