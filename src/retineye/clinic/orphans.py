"""Delete files that no row names: left by an upload or a worker that died between file and row."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from shutil import rmtree
from uuid import UUID

import structlog
from django.conf import settings
from django.core.files.storage import default_storage

from retineye.clinic.models import Photograph, Report, Verdict

log = structlog.get_logger(__name__)

SAFE_AFTER = timedelta(hours=1)
"""A file may lie so long before its row is written."""


def remove_orphans(now: datetime) -> int:
    """Delete what lies in the store for an hour without a row, and what uploads left aside; give how many files."""
    removed = sum(_clear(organisation, photograph, now) for organisation, photograph in _folders())
    for left in Path(settings.FILE_UPLOAD_TEMP_DIR).glob("photograph-*"):
        if left.is_dir() and left.stat().st_mtime < (now - SAFE_AFTER).timestamp():
            rmtree(left, ignore_errors=True)
            removed += 1
    if removed:
        log.info("orphans_removed", files=removed)
    return removed


def _folders() -> Iterator[tuple[str, str]]:
    if not default_storage.exists(""):
        return
    for organisation in default_storage.listdir("")[0]:
        for photograph in default_storage.listdir(organisation)[0]:
            yield organisation, photograph


def _clear(organisation: str, photograph: str, now: datetime) -> int:
    try:
        named = _named(UUID(photograph))
    except ValueError:
        # Not ours: whoever put it there may want it.
        return 0
    removed = 0
    for name in default_storage.listdir(f"{organisation}/{photograph}")[1]:
        place = f"{organisation}/{photograph}/{name}"
        if place not in named and default_storage.get_modified_time(place) < now - SAFE_AFTER:
            default_storage.delete(place)
            removed += 1
    return removed


def _named(photograph_id: UUID) -> set[str]:
    rows = Photograph.objects.filter(pk=photograph_id).values_list("original", "display", "thumbnail")
    heatmaps = Verdict.objects.filter(photograph=photograph_id).values_list("heatmap", flat=True)
    # An exam's folder holds its reports.
    reports = Report.objects.filter(exam=photograph_id).values_list("file", flat=True)
    return {name for row in rows for name in row} | set(heatmaps) | set(reports)
