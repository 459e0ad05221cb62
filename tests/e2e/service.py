"""The whole service as `retineye serve` runs it: web server, worker, database and store of its own."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.request import urlopen

from retineye.grading.pack import default_pack_path
from tests.packs import write_tiny_pack

START_S = 600.0
PHOTOGRAPHS = Path(__file__).parents[1] / "idrid"


class Service:
    """A service in a folder; it is up inside the `with` block."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.environment = environment
        self.lines: list[str] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        command = [str(Path(sys.executable).with_name("retineye")), "serve", "--port", str(self.port)]
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("RETINEYE_", "DATABASE_URL"))}
        self._process = subprocess.Popen(
            command,
            env=kept | self.settings | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        deadline = time.monotonic() + START_S
        while not self._up():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("The service did not start:\n" + "".join(self.lines))
            time.sleep(0.2)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(40)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        if self._process.stdout:
            self._process.stdout.close()

    @property
    def link(self) -> str:
        """Give the one-time link of the first run, as it was printed."""
        found = re.search(rf"{self.url}/setup/\S+", "".join(self.lines))
        assert found, "".join(self.lines)
        return found.group()

    @property
    def settings(self) -> dict[str, str]:
        """Give the settings that the service runs with; the shipped pack is used where there is one."""
        ours = {
            "RETINEYE_DATA_DIR": str(self.folder / "data"),
            "DJANGO_SETTINGS_MODULE": "retineye.config.settings",
            "PYTHONUNBUFFERED": "1",
        }
        if not (default_pack_path() / "model.onnx").exists():
            pack = self.folder / "tiny"
            if not pack.exists():
                write_tiny_pack(pack)
            ours |= {
                "RETINEYE_PACK": str(pack),
                "DJANGO_SETTINGS_MODULE": "tests.e2e.settings",
                "PYTHONPATH": str(Path(__file__).parents[2]),
            }
        return ours

    def _read(self) -> None:
        assert self._process.stdout
        self.lines.extend(self._process.stdout)

    def _up(self) -> bool:
        try:
            with urlopen(f"{self.url}/health/", timeout=1) as answer:  # noqa: S310  our own address
                return bool(answer.status == 200)
        except OSError:
            return False


def fresh(folder: Path, name: str | Path) -> Path:
    """Copy a photograph, or one of IDRiD's by its name, with a comment of its own: the same picture, other bytes."""
    source = PHOTOGRAPHS / name
    data = source.read_bytes()
    comment = os.urandom(12).hex().encode()
    made = folder / f"{comment.decode()}-{source.name}"
    # After JPEG's first two bytes comes any segment: marker, length (itself included), content.
    made.write_bytes(data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:])
    return made
