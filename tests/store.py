"""An object store that speaks S3, as a program of its own: rclone's, over a folder of this machine."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.peers import missing

KEY, SECRET, BUCKET = "clinic", "words-of-a-test-only", "eyes"


def rclone() -> str:
    """Give the path of rclone, which a package brings."""
    beside = Path(sys.executable).with_name("rclone")
    path = str(beside) if beside.exists() else shutil.which("rclone")
    if path is None:
        missing("rclone")
    return path


class Store:
    """A store that can be killed and started again; its bucket is a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / BUCKET
        self.folder.mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self._process = subprocess.Popen(
            [rclone(), "serve", "s3", "--addr", f"127.0.0.1:{self.port}", "--auth-key", f"{KEY},{SECRET}",
             "--vfs-cache-mode", "off", "--config", os.devnull, str(self.folder.parent)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert self._process.poll() is None, "rclone does not start"
                assert time.monotonic() < end, "rclone does not listen"
                time.sleep(0.05)

    def kill(self) -> None:
        """Kill it: kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def settings(self) -> dict[str, Any]:
        """Give Django's settings of it."""
        return {
            "BACKEND": "retineye.clinic.bucket.BucketStorage",
            "OPTIONS": {
                "bucket_name": BUCKET,
                "endpoint_url": f"http://127.0.0.1:{self.port}",
                "access_key": KEY,
                "secret_key": SECRET,
                "region_name": "us-east-1",
                "path_style": True,
                "location": "",
            },
        }
