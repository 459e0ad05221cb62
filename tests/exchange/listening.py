"""A listener in a process of its own, on a database of its own, and DCMTK's programs that speak to it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.peers import dcmtk

TITLE = "CAMERA2"


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class House:
    """A data folder with its own SQLite database, and the listener that works on it."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    def manage(self, *arguments: str, script: str = "") -> str:
        """Run a management command, or a script inside the service, and give what it prints."""
        command = ["manage", *arguments] if not script else ["manage", "shell", "--no-imports", "-c", script]
        done = subprocess.run(self._command(*command), env=self.environ(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, *options: str) -> None:
        """Start the listener and wait until it listens."""
        log = (self.folder / "listener.log").open("ab")
        self._process = subprocess.Popen(
            self._command("listen-dicom", "--port", str(self.port), *options), env=self.environ(), stdout=log, stderr=log
        )
        log.close()
        until = time.monotonic() + 120
        while time.monotonic() < until:
            assert self._process.poll() is None, (self.folder / "listener.log").read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("the listener does not listen")

    def kill(self) -> None:
        """Kill the listener as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End the listener as an administrator would."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            assert self._process.wait(60) == 0, (self.folder / "listener.log").read_text()

    def call(
        self, tool: str, *arguments: str, title: str = TITLE, called: str = "RETINEYE"
    ) -> subprocess.CompletedProcess[str]:
        """Run one of DCMTK's programs against the listener."""
        command = [dcmtk(tool), "-v", "-aet", title, "-aec", called, "-to", "20", "127.0.0.1", str(self.port)]
        return subprocess.run(
            [*command, *arguments], capture_output=True, text=True, errors="replace", check=False, timeout=120
        )

    def arrivals(self) -> list[str]:
        """Give state, reason and identifier of each arrival, in words with spaces between."""
        script = (
            "from retineye.clinic.models import Arrival\n"
            "for a in Arrival.objects.order_by('created_at'): print(a.state, a.reason or '-', a.sop_instance_uid)"
        )
        return self.manage(script=script).splitlines()

    def _command(self, *arguments: str) -> Sequence[str]:
        return [sys.executable, "-m", "retineye.cli", *arguments]

    def environ(self) -> dict[str, str]:
        """Give the environment of its processes."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RETINEYE_")}
        kept.pop("DATABASE_URL", None)
        kept.pop("DJANGO_SETTINGS_MODULE", None)
        return {**kept, "RETINEYE_DATA_DIR": str(self.folder), **self.environment}


@contextmanager
def house(folder: Path, **environment: str) -> Iterator[House]:
    """Set up a service with a clinic, a camera and a patient (Ana Ruiz, A-17), and end its listener afterwards."""
    made = House(folder, environment)
    made.manage("migrate", "--verbosity", "0")
    made.manage(
        script="""
from datetime import date
from retineye.accounts.models import Membership, Organisation, Role, User
from retineye.clinic.patients import create_patient
hill = Organisation.objects.create(name="Hill Clinic")
nurse = User.objects.create_user("nurse@hill.example", "a quiet walk by the lake", full_name="Nurse")
Membership.objects.create(user=nurse, organisation=hill, role=Role.TECHNICIAN)
create_patient(nurse, name="Ana Ruiz", birth_date=date(1968, 3, 5), local_id="A-17")
"""
    )
    made.manage("sender", "Camera in room 2", "--ae-title", TITLE)
    try:
        yield made
    finally:
        made.stop()
