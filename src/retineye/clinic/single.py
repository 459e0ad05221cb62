"""Grade a photograph for a program, without a patient: the answer is the line that `retineye grade` prints.

The file waits in the store for a worker, like any other photograph, and goes as soon as it is graded. The web service
itself opens no network: a call that asks for the answer waits for the worker.
"""

import hashlib
import shutil
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, membership_of, require
from retineye.clinic.checks import pack_status
from retineye.clinic.grade import limits, line_of, look_at, open_grader
from retineye.clinic.models import Photograph, SingleGrade, State
from retineye.clinic.settings import settings_of
from retineye.grading.errors import DecodeError, GradingError, PackError, TooLargeError

log = structlog.get_logger(__name__)

KEPT_FOR: Final = timedelta(days=1)
TRIES: Final = 3
"""After so many workers died of it, it is answered with an error."""
_FREE_BYTES: Final = 512 * 1024 * 1024


class SingleError(Exception):
    """The photograph is not taken; `str()` is a sentence."""

    code = "refused"


class Unreadable(SingleError):
    """It is no picture that can be graded; `code` is the decoder's."""

    def __init__(self, cause: DecodeError) -> None:
        super().__init__(f"{cause} {cause.advice}")
        self.code = cause.code


class Busy(SingleError):
    """Too much waits already; after `retry_after_s` there may be room."""

    code = "queue_full"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("Too many photographs wait to be graded. Try again later.")
        self.retry_after_s = retry_after_s


class NoPack(SingleError):
    """There is no model pack that can be trusted."""

    code = "no_pack"


class Hidden(SingleError):
    """The clinic tries the software out in shadow mode: nobody is shown a verdict."""

    code = "shadow_mode"


def singles_for(user: User) -> QuerySet[SingleGrade]:
    """Give what the person had graded alone: nobody else sees it."""
    membership = membership_of(user)
    if membership is None:
        return SingleGrade.objects.none()
    return SingleGrade.objects.filter(user=user, organisation=membership.organisation_id)


def send(user: User, data: bytes, name: str) -> SingleGrade:
    """Take a photograph in to be graded alone.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not send photographs.
    SingleError
        Unreadable, Busy, NoPack, Hidden.
    """
    require(user, Right.SEND_PHOTOGRAPH)
    clinic = user.membership.organisation
    if settings_of(clinic).shadow_mode:
        raise Hidden("The clinic is in shadow mode: verdicts are kept and not shown.")
    if not pack_status().ok:
        raise NoPack("Nothing can be graded at the moment: the model pack is missing or altered.")
    _refuse_when_busy(user)
    try:
        if len(data) > limits().max_bytes:
            raise TooLargeError(f"The file has more than {limits().max_bytes} bytes.")
        look_at(data)
    except DecodeError as exc:
        raise Unreadable(exc) from exc
    single = SingleGrade(organisation=clinic, user=user, name=_plain(name), sha256=hashlib.sha256(data).hexdigest())
    single.original.save("", ContentFile(data), save=False)
    try:
        with transaction.atomic():
            single.save(force_insert=True)
            audit.record(
                audit.Action.GRADED_ALONE,
                actor=user,
                organisation=clinic,
                object_type="single",
                object_id=single.pk,
                detail={"sha256": single.sha256},
            )
    except BaseException:
        _drop(single.original.name)
        raise
    return single


def _plain(name: str) -> str:
    return "".join(letter for letter in name if letter.isprintable())[:255]


def _refuse_when_busy(user: User) -> None:
    waiting = Photograph.objects.filter(state__in=(State.WAITING, State.GRADING)).count()
    waiting += SingleGrade.objects.exclude(state=SingleGrade.State.DONE).count()
    most = settings.RETINEYE_API_QUEUE
    if waiting >= most or shutil.disk_usage(settings.FILE_UPLOAD_TEMP_DIR).free < _FREE_BYTES:
        raise Busy(max(5, min(300, waiting // 2)))


def wait(single: SingleGrade, seconds: float, *, pause: Callable[[float], None] = time.sleep) -> SingleGrade:
    """Look at it until it is done, or the time is up; give it as it is then."""
    ends = time.monotonic() + seconds
    step = 0.05
    while single.state != SingleGrade.State.DONE and time.monotonic() < ends:
        pause(step)
        step = min(0.4, step * 1.5)
        single = SingleGrade.objects.get(pk=single.pk)
    return single


def take_one() -> bool:
    """Grade the one that has waited longest; False where there is none to take."""
    now = timezone.now()
    free = Q(state=SingleGrade.State.WAITING) | Q(state=SingleGrade.State.GRADING, lease_until__lt=now)
    pk = SingleGrade.objects.filter(free).order_by("created_at").values_list("pk", flat=True).first()
    if pk is None:
        return False
    lease = now + timedelta(seconds=max(120, settings.RETINEYE_LEASE_S))
    taken = SingleGrade.objects.filter(free, pk=pk).update(
        state=SingleGrade.State.GRADING, attempt=F("attempt") + 1, lease_until=lease
    )
    try:
        return bool(taken) and _grade(SingleGrade.objects.get(pk=pk))
    except (OSError, MemoryError):
        # Its lease runs out, and it is tried again.
        log.exception("single_broke", single=str(pk))
        return False


def _grade(single: SingleGrade) -> bool:
    """Grade one that is claimed; False where there is no pack to do it with."""
    start = time.perf_counter()
    try:
        grader = open_grader()
    except PackError as exc:
        log.error("pack_refused", code=exc.code)
        SingleGrade.objects.filter(pk=single.pk, attempt=single.attempt).update(
            state=SingleGrade.State.WAITING, attempt=F("attempt") - 1, lease_until=None
        )
        return False
    verdict, error, advice = None, None, ""
    try:
        if single.attempt > TRIES:
            error, advice = "died: Grading broke off each time.", "Have a clinician read the photograph."
        else:
            with single.original.open("rb") as file:
                verdict = grader.grade(file.read())
    except GradingError as exc:
        error, advice = f"{exc.code}: {exc}", exc.advice if isinstance(exc, DecodeError) else ""
    except FileNotFoundError:
        error, advice = "file_missing: The stored file is gone.", "Send the photograph again."
    seconds = verdict.seconds if verdict else time.perf_counter() - start
    answer = line_of(single.name, single.sha256, grader.pack_id, seconds, verdict, error, advice)
    done = SingleGrade.objects.filter(pk=single.pk, attempt=single.attempt).update(
        state=SingleGrade.State.DONE, answer=answer, lease_until=None, original=""
    )
    if done:
        _drop(single.original.name)
        log.info("graded_alone", single=str(single.pk), status=answer["status"])
    return True


def _drop(place: str | None) -> None:
    if place:
        default_storage.delete(place)


def forget(now: datetime) -> int:
    """Drop what is older than a day, file and verdict; give how many."""
    old = SingleGrade.objects.filter(created_at__lt=now - KEPT_FOR)
    count = 0
    for single in old[:500]:
        _drop(single.original.name)
        single.delete()
        count += 1
    _forget_files(now)
    return count


def _forget_files(now: datetime) -> None:
    """Delete files whose row was never written."""
    if not default_storage.exists(""):
        return
    for organisation in default_storage.listdir("")[0]:
        folder = f"{organisation}/single"
        if not default_storage.exists(folder):
            continue
        for name in default_storage.listdir(folder)[1]:
            place = f"{folder}/{Path(name).name}"
            if default_storage.get_modified_time(place) < now - KEPT_FOR and not _known(name):
                default_storage.delete(place)


def _known(name: str) -> bool:
    try:
        return SingleGrade.objects.filter(pk=UUID(name)).exists()
    except ValueError:
        return True
