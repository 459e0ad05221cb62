"""Collect the static files under hashed names, once for each state that they are in."""

import hashlib
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

_STAMP = "collected.sha256"


def collect() -> bool:
    """Collect and compress what has changed since the last start; False where nothing has. It takes seconds."""
    stamp = Path(settings.STATIC_ROOT) / _STAMP
    now = _state()
    if stamp.exists() and stamp.read_text(encoding="ascii") == now:
        return False
    call_command("collectstatic", interactive=False, verbosity=0)
    # Last, so that a start that broke off in the middle collects again.
    stamp.write_text(now, encoding="ascii")
    return True


def _state() -> str:
    digest = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for name, storage in sorted(finder.list([]), key=lambda found: str(found[0])):
            found = Path(storage.path(name)).stat()
            digest.update(f"\n{name} {found.st_size} {found.st_mtime_ns}".encode())
    return digest.hexdigest()
