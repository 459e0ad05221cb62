"""An Orthanc of our own, with its plug-in for DICOM over the web."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx  # noqa: TID251  the archive says over the web what it holds

from tests.exchange.listening import free_port
from tests.peers import orthanc


@dataclass
class Archive:
    """An Orthanc of our own."""

    dicom: int
    web: str

    def classes(self) -> list[str]:
        """Give the SOP classes of what it holds."""
        ids = httpx.get(f"{self.web}/instances").json()
        return sorted(httpx.get(f"{self.web}/instances/{one}/metadata/SopClassUid").text for one in ids)


@contextmanager
def running(folder: Path) -> Iterator[Archive]:
    """Run an Orthanc that keeps everything in a folder, and end it afterwards."""
    made = Archive(free_port(), f"http://127.0.0.1:{free_port()}")
    plugins = [str(one) for one in Path("/usr/share/orthanc/plugins").glob("libOrthancDicomWeb*")]
    config = {
        "Name": "TEST",
        "StorageDirectory": str(folder / "orthanc"),
        "IndexDirectory": str(folder / "orthanc"),
        "DicomPort": made.dicom,
        "HttpPort": int(made.web.rpartition(":")[2]),
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": plugins,
        "DicomAlwaysAllowStore": True,
        "DicomWeb": {"Enable": True},
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(config))
    log = (folder / "orthanc.log").open("wb")
    process = subprocess.Popen([orthanc(), str(path)], stdout=log, stderr=log)
    try:
        until = time.monotonic() + 90
        while time.monotonic() < until:
            try:
                httpx.get(f"{made.web}/system").raise_for_status()
                break
            except httpx.HTTPError:
                assert process.poll() is None, (folder / "orthanc.log").read_text()
                time.sleep(0.2)
        yield made
    finally:
        process.terminate()
        process.wait(30)
        log.close()
