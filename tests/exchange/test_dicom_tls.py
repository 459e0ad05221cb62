"""DICOM over TLS, both ways, with DCMTK on the other side: who shows the wrong certificate is turned away."""

import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pydicom
import pytest

from retineye.clinic.models import Destination
from retineye.exchange.dicom_out.scu import echo, store
from retineye.exchange.refused import DeliveryError
from tests.dicoms import as_bytes, photograph
from tests.exchange.certificates import Authority, Held
from tests.exchange.listening import House, free_port, house
from tests.peers import dcmtk

# A process that starts Django, on a machine that is busy with others.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def hospital(folder: Path) -> Authority:
    return Authority("hospital", folder)


@pytest.fixture(scope="module")
def elsewhere(folder: Path) -> Authority:
    return Authority("elsewhere", folder)


@pytest.fixture(scope="module")
def own(hospital: Authority) -> Held:
    return hospital.issue("retineye")


@pytest.fixture(scope="module")
def mutual(folder: Path, hospital: Authority, own: Held) -> Iterator[House]:
    """A listener that wants to see a certificate of the hospital's."""
    with house(
        folder / "house",
        RETINEYE_DICOM_CERTIFICATE=str(own.certificate),
        RETINEYE_DICOM_KEY=str(own.key),
        RETINEYE_DICOM_AUTHORITIES=str(hospital.certificate),
    ) as made:
        made.start()
        yield made


def shown(held: Held, trusts: Authority) -> list[str]:
    return ["+tls", str(held.key), str(held.certificate), "+cf", str(trusts.certificate)]


def test_a_camera_with_a_certificate_of_the_hospital_sends(mutual: House, hospital: Authority, tmp_path: Path) -> None:
    camera = shown(hospital.issue("camera"), hospital)
    assert mutual.call("echoscu", *camera).returncode == 0
    one = photograph()
    path = tmp_path / "photograph.dcm"
    path.write_bytes(as_bytes(one))
    said = mutual.call("storescu", *camera, str(path))
    assert said.returncode == 0, said.stderr
    assert any(line.endswith(str(one.SOPInstanceUID)) for line in mutual.arrivals())


def test_a_certificate_of_somebody_else_is_refused(mutual: House, hospital: Authority, elsewhere: Authority) -> None:
    assert mutual.call("echoscu", *shown(elsewhere.issue("stranger"), hospital)).returncode != 0


def test_who_shows_no_certificate_is_refused(mutual: House, hospital: Authority) -> None:
    assert mutual.call("echoscu", "+tla", "+cf", str(hospital.certificate)).returncode != 0


def test_who_speaks_without_tls_is_refused(mutual: House) -> None:
    assert mutual.call("echoscu").returncode != 0


def test_a_camera_that_does_not_trust_us_sends_nothing(
    mutual: House, hospital: Authority, elsewhere: Authority
) -> None:
    assert mutual.call("echoscu", *shown(hospital.issue("wary"), elsewhere)).returncode != 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_old_version_of_tls_is_not_spoken(mutual: House, own: Held) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(own.certificate, own.key)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", mutual.port)) as plain, pytest.raises(OSError):
        context.wrap_socket(plain).recv(1)


def test_callers_that_say_nothing_hold_nobody_up(mutual: House, hospital: Authority) -> None:
    silent = [socket.create_connection(("127.0.0.1", mutual.port)) for _ in range(5)]
    try:
        assert mutual.call("echoscu", *shown(hospital.issue("patient"), hospital)).returncode == 0
    finally:
        for one in silent:
            one.close()
    assert mutual.lives()


def test_without_authorities_no_certificate_is_asked_for(mutual: House, own: Held, hospital: Authority) -> None:
    environment = {"RETINEYE_DICOM_CERTIFICATE": str(own.certificate), "RETINEYE_DICOM_KEY": str(own.key)}
    other = House(mutual.folder, environment)
    other.start()
    try:
        assert other.call("echoscu", "+tla", "+cf", str(hospital.certificate)).returncode == 0
        assert other.call("echoscu").returncode != 0
    finally:
        other.stop()


@contextmanager
def archive(held: Held, trusts: Authority, folder: Path) -> Iterator[Destination]:
    """Have DCMTK's storescp listen over TLS."""
    port = free_port()
    command = [dcmtk("storescp"), "-v", *shown(held, trusts), "-od", str(folder), "+xa", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            assert process.poll() is None
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield Destination(kind="dicom", address=f"127.0.0.1:{port}", ae_title="STORESCP", tls=True)
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture()
def with_own(settings: Any, own: Held, hospital: Authority) -> None:
    settings.RETINEYE_DICOM_CERTIFICATE, settings.RETINEYE_DICOM_KEY = str(own.certificate), str(own.key)
    settings.RETINEYE_DICOM_AUTHORITIES = str(hospital.certificate)


@pytest.mark.usefixtures("with_own")
def test_an_archive_of_the_hospital_is_sent_to(hospital: Authority, tmp_path: Path) -> None:
    one = photograph()
    with archive(hospital.issue("archive"), hospital, tmp_path) as there:
        echo(there)
        store([one], there)
    (kept,) = tmp_path.iterdir()
    assert pydicom.dcmread(kept).SOPInstanceUID == one.SOPInstanceUID


@pytest.mark.usefixtures("with_own")
def test_an_archive_with_a_certificate_of_somebody_else_is_sent_nothing(
    hospital: Authority, elsewhere: Authority, tmp_path: Path
) -> None:
    with archive(elsewhere.issue("impostor"), hospital, tmp_path) as there, pytest.raises(DeliveryError):
        store([photograph()], there)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("with_own")
def test_a_certificate_that_can_not_be_read_is_told(settings: Any, hospital: Authority, tmp_path: Path) -> None:
    settings.RETINEYE_DICOM_KEY = str(tmp_path / "missing.key")
    with pytest.raises(DeliveryError, match="own_certificate"):
        echo(Destination(kind="dicom", address="127.0.0.1:9", tls=True))
