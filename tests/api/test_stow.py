"""Archives and cameras send photographs over the web: real clients, and every way in which it can fail."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx  # noqa: TID251  speaks with the archive
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from django.test import Client as Browser
from django.utils import timezone
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from retineye.accounts.tokens import Scope
from retineye.clinic import arrivals
from retineye.clinic.models import Arrival, Eye, Patient, Photograph
from retineye.clinic.patients import create_patient
from retineye.exchange import stow
from tests import dicoms
from tests.api.conftest import token_for
from tests.cast import Clinic
from tests.dicoms import as_bytes, photograph
from tests.exchange.archives import Archive, running
from tests.exchange.listening import House, free_port, house

NOW = datetime.now(tz=UTC).strftime("%Y%m%d%H%M%S")
STUDY = "1.2.826.0.1.3680043.8.498.1"


def made(**attributes: Any) -> bytes:
    return as_bytes(photograph(**{"AcquisitionDateTime": NOW, "StudyInstanceUID": STUDY, **attributes}))


@pytest.fixture()
def ana(hill: Clinic) -> Patient:
    return create_patient(hill.technician, name="Ana Ruiz", birth_date=date(1968, 3, 5), local_id="A-17")


@pytest.fixture()
def archive(tmp_path: Path) -> Iterator[Archive]:
    with running(tmp_path) as made:
        yield made


def post(token: str, *objects: bytes, place: str = "studies", **headers: str) -> Any:
    body = b"".join(b"--mark\r\nContent-Type: application/dicom\r\n\r\n" + one + b"\r\n" for one in objects)
    given = {"Accept": "application/dicom+json", **headers}
    if token:
        given["Authorization"] = f"Bearer {token}"
    kind = given.pop("Content-Type", 'multipart/related; type="application/dicom"; boundary=mark')
    return Browser(raise_request_exception=False).post(
        f"/dicom-web/{place}", body + b"--mark--\r\n", content_type=kind, headers=given
    )


def failures(answer: Any) -> list[int]:
    assert answer["Content-Type"] == "application/dicom+json"
    sequence = Dataset.from_json(answer.content).get("FailedSOPSequence", [])
    return [int(item.FailureReason) for item in sequence]


def test_what_comes_is_safe_and_filed_as_by_c_store(hill: Clinic, ana: Patient) -> None:
    answer = post(token_for(hill.technician), made(eye="R"), made(eye="L", seed=2))
    assert (answer.status_code, failures(answer)) == (200, [])
    assert len(Dataset.from_json(answer.content).ReferencedSOPSequence) == 2
    assert answer["RateLimit-Remaining"]
    while arrivals.file_next(timezone.now()):
        continue
    assert {(one.eye, one.via, one.exam.patient) for one in Photograph.objects.all()} == {
        (Eye.RIGHT, "stow", ana), (Eye.LEFT, "stow", ana),
    }  # fmt: skip


def test_some_stored_and_none_stored_are_told_apart(hill: Clinic) -> None:
    token = token_for(hill.technician)
    good, oct_ = made(), made(sop_class=dicoms.OCT)
    some = post(token, good, oct_, b"no DICOM at all")
    assert (some.status_code, failures(some)) == (202, [0x0122, 0xC000])
    none = post(token, oct_)
    assert (none.status_code, failures(none)) == (409, [0x0122])
    assert Arrival.objects.count() == 1
    again = post(token, good)
    assert again.status_code == 200 and Arrival.objects.count() == 1


def test_an_object_of_another_study_is_not_stored(hill: Clinic) -> None:
    token = token_for(hill.technician)
    answer = post(token, made(), made(StudyInstanceUID="1.2.3", seed=2), place=f"studies/{STUDY}")
    assert (answer.status_code, failures(answer)) == (202, [0xA900])
    assert post(token, made(), place="studies/x").status_code == 400


def test_an_object_that_is_too_large_is_left_out(hill: Clinic, settings: Any) -> None:
    settings.RETINEYE_MAX_UPLOAD_BYTES = 2000
    answer = post(token_for(hill.technician), made())
    assert (answer.status_code, failures(answer)) == (409, [0xA700])


def test_where_the_store_does_not_answer_the_sender_may_try_again(
    hill: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any, **_options: Any) -> None:
        raise arrivals.ArrivalLost("full")

    monkeypatch.setattr(stow, "keep", fail)
    assert failures(post(token_for(hill.technician), made())) == [0xA700]


def test_who_may_not_send_sends_nothing(hill: Clinic) -> None:
    assert post("", made()).status_code == 401
    assert post(token_for(hill.technician, Scope.PHOTOGRAPHS_READ), made()).json()["code"] == "missing_scope"
    assert post(token_for(hill.manager), made()).status_code == 403
    assert not Arrival.objects.exists()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/dicom"}, 415),
        ({"Content-Type": 'multipart/related; type="application/dicom+xml"; boundary=mark'}, 415),
        ({"Content-Type": "multipart/related; boundary=other"}, 400),
        ({"Accept": "application/dicom+xml"}, 406),
    ],
)
def test_what_is_not_spoken_is_refused(hill: Clinic, headers: dict[str, str], status: int) -> None:
    assert post(token_for(hill.technician), made(), **headers).status_code == status


def test_a_request_without_an_object_is_refused_and_nothing_is_given_back(hill: Clinic) -> None:
    token = token_for(hill.technician)
    assert post(token).status_code == 400
    got = Browser().get("/dicom-web/studies", headers={"Authorization": f"Bearer {token}"})
    assert (got.status_code, got["Allow"]) == (405, "POST")


@dataclass
class Service:
    """The service in a process of its own, and the token of a person who may send."""

    house: House
    address: str
    token: str

    def photographs(self) -> list[tuple[str, str]]:
        """File what came, and give eye and door of each photograph."""
        self.house.manage("file_arrivals", "--once")
        script = "from retineye.clinic.models import Photograph\nfor p in Photograph.objects.all(): print(p.eye, p.via)"
        return sorted((eye, via) for eye, via in map(str.split, self.house.manage(script=script).splitlines()))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    # For developers: static files are not compressed, which takes longer than all the rest.
    with house(tmp_path_factory.mktemp("stow") / "house", RETINEYE_DEBUG="true") as made_house:
        token = made_house.manage(
            script="""
from retineye.accounts import tokens
from retineye.accounts.models import User
nurse = User.objects.get(email="nurse@hill.example")
print(tokens.make(nurse, name="archive", scopes=["photographs:write"], days=1).text)
"""
        ).strip()
        port = free_port()
        log = (made_house.folder / "serve.log").open("wb")
        command = [sys.executable, "-m", "retineye.cli", "serve", "--no-worker", "--port", str(port)]
        process = subprocess.Popen(command, env=made_house.environ(), stdout=log, stderr=log)
        log.close()
        try:
            until = time.monotonic() + 240
            while time.monotonic() < until:
                assert process.poll() is None, (made_house.folder / "serve.log").read_text()
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield Service(made_house, f"http://127.0.0.1:{port}/dicom-web", token)
        finally:
            process.terminate()
            process.wait(120)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("syntax", [dicoms.EXPLICIT, dicoms.JPEG_BASELINE, dicoms.RLE])
def test_a_client_of_others_stores_its_objects(service: Service, syntax: str, tmp_path: Path) -> None:
    client = DICOMwebClient(service.address, headers={"Authorization": f"Bearer {service.token}"})
    seed = 20 + dicoms.SYNTAXES.index(syntax)
    path = tmp_path / "one.dcm"
    path.write_bytes(dicoms.in_syntax(photograph(AcquisitionDateTime=NOW, seed=seed), syntax, tmp_path))
    sent = pydicom.dcmread(path)
    said = client.store_instances([sent], study_instance_uid=str(sent.StudyInstanceUID))
    assert [one.ReferencedSOPInstanceUID for one in said.ReferencedSOPSequence] == [sent.SOPInstanceUID]
    assert "FailedSOPSequence" not in said
    before = service.photographs()
    client.store_instances([sent])
    assert service.photographs() == before and ("right", "stow") in before


@pytest.mark.timeout(900)
def test_orthanc_sends_an_exam_over_the_web(service: Service, archive: Archive) -> None:
    before = len(service.photographs())
    server = {"Url": f"{service.address}/", "HttpHeaders": {"Authorization": f"Bearer {service.token}"}}
    httpx.put(f"{archive.web}/dicom-web/servers/retineye", json=server, timeout=60).raise_for_status()
    study, instances = generate_uid(), []
    for seed, eye in enumerate("RL", 61):
        one = made(eye=eye, seed=seed, StudyInstanceUID=study)
        instances.append(httpx.post(f"{archive.web}/instances", content=one, timeout=60).json()["ID"])
    body = {"Resources": instances, "Synchronous": True}
    sent = httpx.post(f"{archive.web}/dicom-web/servers/retineye/stow", json=body, timeout=240)
    assert sent.status_code == 200, sent.text
    found = service.photographs()
    assert len(found) == before + 2 and ("left", "stow") in found
