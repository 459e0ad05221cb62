"""Give an answer again where a program sends the same request again: one key, one effect."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from retineye.accounts.models import ApiToken, StoredAnswer

KEPT_FOR: Final = timedelta(days=1)
AT_WORK: Final = timedelta(minutes=2)
"""After so long a request without an answer counts as dead, and the next one with its key takes its place."""


class AnswerError(Exception):
    """The key can not be used now."""


class OtherRequest(AnswerError):
    """The key was used for something else."""


class StillAtWork(AnswerError):
    """The first request with the key has not been answered yet."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def fingerprint(*parts: bytes) -> str:
    """Give the SHA-256 (hex) over the parts of a request, each with its length."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def begin(token: ApiToken, key: str, request_sha256: str) -> tuple[StoredAnswer, Answer | None]:
    """Note that a request is at work, or give what was answered to the first one with its key.

    Raises
    ------
    OtherRequest
        If the key came with another request.
    StillAtWork
        If the first one is not answered yet.
    """
    now = timezone.now()
    StoredAnswer.objects.filter(token=token, key=key, created_at__lt=now - KEPT_FOR).delete()
    try:
        with transaction.atomic():
            return StoredAnswer.objects.create(token=token, key=key, request_sha256=request_sha256), None
    except IntegrityError:
        there = StoredAnswer.objects.filter(token=token, key=key).first()
    if there is None:
        raise StillAtWork
    if there.request_sha256 != request_sha256:
        raise OtherRequest
    if there.status is not None:
        return there, Answer(there.status, there.headers, bytes(there.body))
    dead = StoredAnswer.objects.filter(pk=there.pk, status=None, created_at__lt=now - AT_WORK)
    if dead.update(created_at=now):
        return there, None
    raise StillAtWork


def keep(there: StoredAnswer, answer: Answer) -> None:
    """Keep what was answered."""
    StoredAnswer.objects.filter(pk=there.pk).update(
        status=answer.status, headers=dict(answer.headers), body=answer.body
    )


def drop(there: StoredAnswer) -> None:
    """Forget a request that came to nothing, so that it may be tried again."""
    StoredAnswer.objects.filter(pk=there.pk).delete()


def forget(now: datetime) -> int:
    """Drop the answers that are too old, and give how many."""
    return StoredAnswer.objects.filter(created_at__lt=now - KEPT_FOR).delete()[0]
