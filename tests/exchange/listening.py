"""A listener in a process of its own, on a database of its own, and DCMTK's programs that speak to it."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.peers import dcmtk

TITLE = "CAMERA2"

# One process makes it all: starting Django is what takes long here.
_OPEN = f"""
from datetime import date
from django.core.management import call_command
call_command("migrate", verbosity=0)
from retineye.accounts.models import Membership, Organisation, Role, User
from retineye.clinic.patients import create_patient
hill = Organisation.objects.create(name="Hill Clinic")
for name, role in (("doctor", Role.DOCTOR), ("nurse", Role.TECHNICIAN)):
    user = User.objects.create_user(f"{{name}}@hill.example", "a quiet walk by the lake", full_name=name.title())
    Membership.objects.create(user=user, organisation=hill, role=role)
nurse = User.objects.get(email="nurse@hill.example")
create_patient(nurse, name="Ana Ruiz", birth_date=date(1968, 3, 5), local_id="A-17")
call_command("sender", "Camera in room 2", ae_title="{TITLE}")
"""


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
            self._command("listen-dicom", "--port", str(self.port), *options),
            env=self.environ(),
            stdout=log,
            stderr=log,
        )
        log.close()
        until = time.monotonic() + 240
        while time.monotonic() < until:
            assert self._process.poll() is None, self.log()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("the listener does not listen")

    def log(self) -> str:
        """Give what the listener wrote."""
        return (self.folder / "listener.log").read_text()

    def kill(self) -> None:
        """Kill the listener as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def lives(self) -> bool:
        """Say whether the listener is still the process that was started."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End the listener as an administrator would."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            assert self._process.wait(120) == 0, self.log()

    def call(
        self, tool: str, *arguments: str, title: str = TITLE, called: str = "RETINEYE"
    ) -> subprocess.CompletedProcess[str]:
        """Run one of DCMTK's programs against the listener."""
        command = [dcmtk(tool), "-v", "-aet", title, "-aec", called, "-to", "60", "127.0.0.1", str(self.port)]
        return subprocess.run(
            [*command, *arguments], capture_output=True, text=True, errors="replace", check=False, timeout=240
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the database, past the service."""
        held = sqlite3.connect(f"file:{self.folder / 'retineye.sqlite3'}?mode=ro", uri=True, timeout=30)
        try:
            return held.execute(sql).fetchall()
        finally:
            held.close()

    def arrivals(self) -> list[str]:
        """Give state, reason and identifier of each arrival, in words with spaces between."""
        found = self.rows("select state, reason, sop_instance_uid from clinic_arrival order by created_at")
        return [f"{state} {reason or '-'} {uid}" for state, reason, uid in found]

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Wait until something holds."""
        until = time.monotonic() + 240
        while not done():
            assert time.monotonic() < until, f"never: {what}\n{self.arrivals()}\n{self.log()[-2000:]}"
            time.sleep(0.1)

    def settled(self, uid: str) -> str:
        """Wait until the arrival is filed or lies in the tray, and give state and reason."""

        def lines() -> list[str]:
            return [line for line in self.arrivals() if line.endswith(f" {uid}") and not line.startswith("waiting")]

        self.until(lambda: bool(lines()), f"{uid} is filed")
        return lines()[0].removesuffix(f" {uid}")

    def _command(self, *arguments: str) -> Sequence[str]:
        return [sys.executable, "-m", "retineye.cli", *arguments]

    def environ(self) -> dict[str, str]:
        """Give the environment of its processes."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RETINEYE_")}
        kept.pop("DATABASE_URL", None)
        kept.pop("DJANGO_SETTINGS_MODULE", None)
        return {**kept, "RETINEYE_DATA_DIR": str(self.folder), **self.environment}


_ready: list[Path] = []


@contextmanager
def house(folder: Path, **environment: str) -> Iterator[House]:
    """Set up a service with a clinic, a camera and a patient (Ana Ruiz, A-17), and end its listener afterwards."""
    if not _ready:
        first = folder.with_name(f"{folder.name}-ready")
        House(first).manage(script=_OPEN)
        _ready.append(first)
    shutil.copytree(_ready[0], folder)
    made = House(folder, environment)
    try:
        yield made
    finally:
        made.stop()
