"""Say of each part that the service stands on whether it is in order: database, storage, queue, pack.

Ready is a process whose database answers and whose store takes files: it can show, sign and receive. Without a pack or
with a broken queue photographs wait, which people must know of, and nothing is lost, so traffic still comes.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import Error, connection
from django.utils import timezone

from retineye.clinic import queue
from retineye.clinic.checks import pack_status
from retineye.clinic.models import Photograph, State

log = structlog.get_logger(__name__)

LATE_AFTER: Final = timedelta(minutes=5)
"""A photograph that waits longer says that nobody grades, or far too few."""
NEEDED: Final = frozenset({"database", "storage"})
"""Parts without which a process gets no traffic."""
_PROBES: Final = "probes"
_FRESH_S: Final = 3.0


class _Fault(Exception):
    """A part is out of order; `str()` is a code."""


@dataclass(frozen=True, slots=True)
class Health:
    """How each part is: `ok`, or a code of what is wrong."""

    parts: Mapping[str, str]

    @property
    def ready(self) -> bool:
        """Say whether pages can be shown and photographs received."""
        return all(self.parts[name] == "ok" for name in NEEDED)

    @property
    def whole(self) -> bool:
        """Say whether everything is in order."""
        return all(state == "ok" for state in self.parts.values())


_seen: tuple[float, Health] | None = None


def health(*, fresh: bool = False) -> Health:
    """Say how each part is. An answer holds for three seconds, so that many who ask cost no more than one."""
    global _seen
    if fresh or _seen is None or time.monotonic() - _seen[0] > _FRESH_S:
        _seen = (time.monotonic(), _look())
    return _seen[1]


def forget() -> None:
    """Have the next question looked into anew."""
    global _seen
    _seen = None


def _look() -> Health:
    parts = {"database": _state("database", _database)}
    if parts["database"] == "ok":
        parts["queue"] = _state("queue", _queue)
    else:
        parts["queue"] = "unknown"
    parts["storage"] = _state("storage", _storage)
    parts["pack"] = _state("pack", _pack)
    return Health(parts)


def _state(name: str, look: Callable[[], None]) -> str:
    try:
        look()
    except _Fault as exc:
        return str(exc)
    except Exception as exc:
        # Each backend has errors of its own; none of their texts goes out, for they name addresses.
        log.warning("part_failed", part=name, error=type(exc).__qualname__)
        return "unreachable"
    return "ok"


def _database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except Error:
        connection.close()
        raise


def _storage() -> None:
    wanted = secrets.token_bytes(16)
    name = default_storage.save(f"{_PROBES}/{secrets.token_hex(8)}", ContentFile(wanted))
    try:
        with default_storage.open(name) as file:
            found = file.read()
    finally:
        default_storage.delete(name)
    if found != wanted:
        raise _Fault("altered")


def _queue() -> None:
    if not queue.reachable():
        raise _Fault("unreachable")
    late = Photograph.objects.filter(state=State.WAITING, created_at__lt=timezone.now() - LATE_AFTER)
    if late.filter(lapses=0, attempt=0).exists():
        raise _Fault("late")


def _pack() -> None:
    if not pack_status().ok:
        raise _Fault("refused")
