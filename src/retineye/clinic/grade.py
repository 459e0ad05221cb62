"""Grade one photograph: claim, read, grade, record.

The claim is one conditional UPDATE, and the record happens only while the row still carries the claim's attempt
number. So a message that comes twice, two workers with one id and a worker that wakes up late do no harm.
"""

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection, transaction
from django.db.models import F
from django.utils import timezone

from retineye.accounts import audit
from retineye.clinic import standing, webhooks
from retineye.clinic.failures import DIED, FILE_CHANGED, FILE_MISSING
from retineye.clinic.models import Photograph, State, Verdict
from retineye.clinic.models.exam import display_place, thumbnail_place
from retineye.clinic.models.verdict import heatmap_place
from retineye.grading import result
from retineye.grading.batch import Outcome
from retineye.grading.decode import Header, decode, display_jpeg, probe
from retineye.grading.errors import DecodeError, OutsideTriedError, PackError
from retineye.grading.explain import render_heatmap
from retineye.grading.grader import Grader
from retineye.grading.limits import Limits

log = structlog.get_logger(__name__)

DEATHS = 3
"""After so many claims whose worker died, a photograph is tried once more, in a process of its own."""

THUMBNAIL_PX = 360
HEATMAP_PX = 1024

_grader: Grader | None = None
_opening = threading.Lock()


class Graded(StrEnum):
    """How it went with one message."""

    RECORDED = "recorded"
    TAKEN = "taken"
    """Nothing to claim: another worker has the photograph, or it is done."""
    OVERTAKEN = "overtaken"
    """The lease had lapsed and a successor has the photograph; nothing was written."""
    FAILED = "failed"
    """The photograph can not be graded, for good."""
    WAITS = "waits"
    """Pack or storage is out of order: the photograph waits for a person to mend it."""
    BROKE = "broke"
    """Something unforeseen: the photograph is tried again, as if the worker had died."""


class _OvertakenError(Exception):
    """The row no longer carries this claim."""


class _ShownOnlyError(Exception):
    """The network was never tried on such a picture: people see its copies, and it gets no verdict."""

    def __init__(self, copies: "_Copies") -> None:
        super().__init__()
        self.copies = copies


class _FileError(Exception):
    """The original is not what was stored; carries a code of `failures`."""


def limits() -> Limits:
    """Give the bounds that the settings set on a photograph."""
    return Limits(max_bytes=settings.RETINEYE_MAX_UPLOAD_BYTES, max_pixels=settings.RETINEYE_MAX_PIXELS)


def look_at(data: bytes) -> Header:
    """Read the header of a picture file, within the bounds of the settings.

    Raises
    ------
    retineye.grading.errors.DecodeError
        If it is no picture that is read, or too large.
    """
    return probe(data, limits=limits())


def upright_copy(data: bytes, max_side_px: int, *, quality: int = 90) -> bytes:
    """Make an upright sRGB JPEG of a picture file, without metadata, no larger than is asked for.

    Raises
    ------
    retineye.grading.errors.DecodeError
        If it is no picture that is read.
    """
    photo = decode(data, limits=limits(), reduce_to_px=max_side_px)
    return display_jpeg(photo, max_side_px=max_side_px, quality=quality)


def line_of(
    name: str, sha256: str, pack: result.PackId, seconds: float, verdict: result.Verdict | None, error: str | None,
    advice: str,
) -> dict[str, Any]:  # fmt: skip
    """Give the line that `retineye grade` prints of a file."""
    return Outcome(name, sha256, pack, seconds, verdict, error, advice).row()


def open_grader() -> Grader:
    """Open the model pack of the settings: once a process, and only when it is verified.

    Raises
    ------
    PackError
        If the pack can not be trusted. Nothing stands in for it.
    """
    global _grader
    with _opening:
        if _grader is None:
            _grader = Grader.from_pack(
                settings.RETINEYE_PACK or None,
                threads=settings.RETINEYE_THREADS,
                limits=limits(),
                allow_test=settings.RETINEYE_ALLOW_TEST_PACK,
            )
        return _grader


def close_grader() -> None:
    """Let go of the model pack; the next photograph opens it anew."""
    global _grader
    with _opening:
        _grader = None


def grade_photograph(photograph_id: UUID, *, alone: bool = False) -> Graded:
    """Bring one waiting photograph to its verdict.

    Parameters
    ----------
    alone
        This process exists for this photograph, which has killed its workers before.
    """
    bound = log.bind(photograph=str(photograph_id))
    try:
        grader = open_grader()
    except PackError as exc:
        bound.error("pack_refused", code=exc.code)
        return Graded.WAITS
    claimed = claim(photograph_id, alone=alone)
    if claimed is None:
        return Graded.TAKEN
    bound = bound.bind(exam=str(claimed.exam_id))
    try:
        with _lease_kept(claimed):
            made = _grade(claimed, grader)
        _record(claimed, made)
    except _ShownOnlyError as exc:
        return _fail(claimed, OutsideTriedError.code, exc.copies)
    except _OvertakenError:
        bound.warning("overtaken", attempt=claimed.attempt)
        return Graded.OVERTAKEN
    except DecodeError as exc:
        return _fail(claimed, exc.code)
    except _FileError as exc:
        return _fail(claimed, str(exc))
    except (PackError, OSError):
        bound.exception("waits", attempt=claimed.attempt)
        return _give_back(claimed, Graded.WAITS)
    except Exception:
        bound.exception("broke", attempt=claimed.attempt)
        return _fail(claimed, DIED) if alone else _give_back(claimed, Graded.BROKE)
    bound.info("graded", attempt=claimed.attempt, status=made.verdict.status.value, seconds=made.verdict.seconds)
    return Graded.RECORDED


def claim(photograph_id: UUID, *, alone: bool = False) -> Photograph | None:
    """Take a waiting photograph for this process; None where another has it or nothing is to do."""
    waiting = Photograph.objects.filter(pk=photograph_id, state=State.WAITING)
    if not alone:
        waiting = waiting.filter(lapses__lt=DEATHS)
    taken = waiting.update(state=State.GRADING, attempt=F("attempt") + 1, lease_until=_lease_end())
    return Photograph.objects.select_related("exam__patient").get(pk=photograph_id) if taken else None


def _lease_end() -> Any:
    return timezone.now() + timedelta(seconds=settings.RETINEYE_LEASE_S)


def _claimed(photograph: Photograph) -> Any:
    return Photograph.objects.filter(pk=photograph.pk, state=State.GRADING, attempt=photograph.attempt)


@contextmanager
def _lease_kept(photograph: Photograph) -> Iterator[None]:
    """Renew the lease from a thread for as long as this process works on the photograph."""
    done = threading.Event()

    def renew() -> None:
        try:
            while not done.wait(settings.RETINEYE_LEASE_S / 3):
                # A database that does not answer now may answer at the next turn, before the lease has run out.
                with suppress(DatabaseError):
                    _claimed(photograph).update(lease_until=_lease_end())
        finally:
            connection.close()

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@dataclass(frozen=True, slots=True)
class _Copies:
    """Names of the display copies in the store."""

    display: str
    thumbnail: str


@dataclass(frozen=True, slots=True)
class _Made:
    """All that goes into the record."""

    verdict: result.Verdict
    copies: _Copies
    heatmap: str


def _grade(photograph: Photograph, grader: Grader) -> _Made:
    data = _read(photograph)

    def write_quality(quality: result.Quality) -> None:
        if not _claimed(photograph).update(quality=quality_as_json(quality)):
            raise _OvertakenError

    # The copies are made beside the grading: both spend their time in C code that lets the other run.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="copies") as pool:
        copies: Future[_Copies] = pool.submit(_make_copies, photograph, data)
        try:
            verdict = grader.grade(data, on_quality=write_quality)
        except OutsideTriedError as exc:
            raise _ShownOnlyError(copies.result()) from exc
        heatmap = _keep_heatmap(photograph, verdict)
        return _Made(verdict, copies.result(), heatmap)


def _read(photograph: Photograph) -> bytes:
    try:
        with photograph.original.open("rb") as file:
            data: bytes = file.read()
    except FileNotFoundError as exc:
        raise _FileError(FILE_MISSING) from exc
    if hashlib.sha256(data).hexdigest() != photograph.sha256:
        raise _FileError(FILE_CHANGED)
    return data


def _make_copies(photograph: Photograph, data: bytes) -> _Copies:
    photo = decode(data, limits=limits())
    return _Copies(
        display=_keep(display_place(photograph, ""), display_jpeg(photo)),
        thumbnail=_keep(thumbnail_place(photograph, ""), display_jpeg(photo, max_side_px=THUMBNAIL_PX, quality=82)),
    )


def _keep_heatmap(photograph: Photograph, verdict: result.Verdict) -> str:
    if verdict.heatmap is None:
        return ""
    scale = min(1.0, HEATMAP_PX / max(photograph.width_px, photograph.height_px))
    width, height = (max(1, round(side * scale)) for side in (photograph.width_px, photograph.height_px))
    place = heatmap_place(Verdict(photograph=photograph, attempt=photograph.attempt), "")
    return _keep(place, render_heatmap(verdict.heatmap, width, height))


def _keep(place: str, content: bytes) -> str:
    return default_storage.save(place, ContentFile(content))


def _record(photograph: Photograph, made: _Made) -> None:
    verdict = made.verdict
    state = State.GRADED if verdict.status is result.Status.GRADED else State.UNGRADABLE
    with transaction.atomic():
        exam = standing.lock(photograph.exam_id)
        mine = _claimed(photograph).update(
            state=state,
            lease_until=None,
            lapses=0,
            failure="",
            quality=quality_as_json(verdict.quality),
            display=made.copies.display,
            thumbnail=made.copies.thumbnail,
        )
        if not mine:
            raise _OvertakenError
        row = _verdict_row(photograph, made)
        row.save(force_insert=True)
        standing.refresh(exam)
        audit.record(
            audit.Action.GRADED,
            actor=None,
            organisation=photograph.exam.patient.organisation_id,
            object_type="photograph",
            object_id=photograph.pk,
            detail={"verdict": str(row.pk), "pack": row.pack_sha256, "status": row.status},
        )
        webhooks.announce(
            photograph.exam.patient.organisation_id,
            webhooks.Event.VERDICT_READY,
            exam=photograph.exam_id,
            photograph=photograph.pk,
            verdict=row.pk,
        )


def _verdict_row(photograph: Photograph, made: _Made) -> Verdict:
    verdict = made.verdict
    referable, threatening = verdict.referable, verdict.vision_threatening
    return Verdict(
        photograph=photograph,
        attempt=photograph.attempt,
        pack_id=verdict.pack.id,
        pack_sha256=verdict.pack.sha256,
        status=verdict.status.value,
        grade=None if verdict.grade is None else int(verdict.grade),
        probabilities=None if verdict.probabilities is None else [float(one) for one in verdict.probabilities],
        expected_grade=verdict.expected_grade,
        referable_probability=referable.probability if referable else None,
        referable=referable.decision if referable else None,
        vision_threatening_probability=threatening.probability if threatening else None,
        vision_threatening=threatening.decision if threatening else None,
        dme_probability=verdict.macula.suspected.probability if verdict.macula else None,
        dme_suspected=verdict.macula.suspected.decision if verdict.macula else None,
        eye_guess=verdict.eye_guess.eye.value if verdict.eye_guess and verdict.eye_guess.sure else "",
        uncertain=verdict.uncertain,
        quality=quality_as_json(verdict.quality),
        reasons=[reason.value for reason in verdict.reasons],
        heatmap=made.heatmap,
        heatmap_inside=verdict.heatmap.inside if verdict.heatmap else None,
        lesions=None if verdict.lesions is None else [asdict(lesion) for lesion in verdict.lesions],
        timings={**{stage: float(seconds) for stage, seconds in verdict.timings.items()}, "total": verdict.seconds},
    )


def quality_as_json(quality: result.Quality) -> dict[str, Any]:
    """Give the quality as it is kept on the photograph and the verdict."""
    return {
        "gradable": bool(quality.gradable),
        "score": float(quality.score),
        "scores": {code: float(score) for code, score in quality.scores.items()},
        "reasons": [reason.value for reason in quality.reasons],
    }


def _fail(photograph: Photograph, code: str, copies: _Copies | None = None) -> Graded:
    shown = {"display": copies.display, "thumbnail": copies.thumbnail} if copies else {}
    with transaction.atomic():
        exam = standing.lock(photograph.exam_id)
        if not _claimed(photograph).update(state=State.FAILED, failure=code, lease_until=None, **shown):
            return Graded.OVERTAKEN
        standing.refresh(exam)
        remember_failure(photograph, code)
    log.warning("failed", photograph=str(photograph.pk), exam=str(photograph.exam_id), code=code)
    return Graded.FAILED


def remember_failure(photograph: Photograph, code: str) -> None:
    """Put into the audit that a photograph has failed."""
    audit.record(
        audit.Action.GRADING_FAILED,
        actor=None,
        organisation=photograph.exam.patient.organisation_id,
        object_type="photograph",
        object_id=photograph.pk,
        detail={"code": code},
    )


def _give_back(photograph: Photograph, how: Graded) -> Graded:
    # The sweep tells the queue of it again after a while: at once would be a loop that eats the machine.
    died = 1 if how is Graded.BROKE else 0
    _claimed(photograph).update(
        state=State.WAITING, lease_until=None, lapses=F("lapses") + died, nudged_at=timezone.now()
    )
    return how
