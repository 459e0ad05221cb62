"""The process that files what machines brought, kept beside whoever takes it in."""

import subprocess
import sys
from dataclasses import dataclass

import structlog

log = structlog.get_logger(__name__)


@dataclass
class Filing:
    """A picture that kills its decoder kills this process alone; it is started again when it ends by itself."""

    _process: subprocess.Popen[bytes] | None = None

    def start(self, parent: int) -> None:
        """Start it."""
        self._process = subprocess.Popen(  # noqa: S603  our own program
            [sys.executable, "-m", "django", "file_arrivals", "--parent", str(parent)], stdin=subprocess.DEVNULL
        )

    def keep(self, parent: int) -> None:
        """Start it again if it has ended."""
        if self._process is not None and self._process.poll() is not None:
            log.warning("filing_ended", status=self._process.returncode)
            self.start(parent)

    def stop(self) -> None:
        """Let it finish the file in hand, and end it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
