"""Tokens of programs: who made one, what it may, until when. A token never does more than its person.

The text of a token is shown once, and only its SHA-256 is kept: random text can not be turned back from a plain hash.
"""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from retineye.accounts import audit
from retineye.accounts.links import token_hash
from retineye.accounts.models import ApiToken, User
from retineye.accounts.policy import Right, allowed, membership_of, require

START: Final = "rtn_"
"""With it every token begins, so that a scanner for lost secrets knows one."""
SHOWN: Final = 12
"""So many letters of a token are kept, to know it by."""
LONGEST_DAYS: Final = 366
MAX_TOKENS: Final = 50
"""So many live tokens may a person have."""


class Scope(StrEnum):
    """A part of the API that a token may be good for."""

    PATIENTS_READ = "patients:read"
    PATIENTS_WRITE = "patients:write"
    EXAMS_READ = "exams:read"
    EXAMS_WRITE = "exams:write"
    PHOTOGRAPHS_READ = "photographs:read"
    PHOTOGRAPHS_WRITE = "photographs:write"
    GRADE = "grade"
    REVIEWS_READ = "reviews:read"
    REVIEWS_WRITE = "reviews:write"
    REPORTS_READ = "reports:read"
    REPORTS_WRITE = "reports:write"
    RECALL_READ = "recall:read"
    RECALL_WRITE = "recall:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    TOKENS_READ = "tokens:read"
    TOKENS_WRITE = "tokens:write"


SCOPE_WORDS: Final[Mapping[Scope, object]] = MappingProxyType(
    {
        Scope.PATIENTS_READ: gettext_lazy("Find and read patients"),
        Scope.PATIENTS_WRITE: gettext_lazy("Add and change patients"),
        Scope.EXAMS_READ: gettext_lazy("Read exams, results, verdicts and the worklist"),
        Scope.EXAMS_WRITE: gettext_lazy("Open exams and write down their facts"),
        Scope.PHOTOGRAPHS_READ: gettext_lazy("Fetch pictures and heatmaps"),
        Scope.PHOTOGRAPHS_WRITE: gettext_lazy("Send photographs"),
        Scope.GRADE: gettext_lazy("Have a photograph graded alone, without a patient"),
        Scope.REVIEWS_READ: gettext_lazy("See what doctors read"),
        Scope.REVIEWS_WRITE: gettext_lazy("Hand in a read; signing stays on the page"),
        Scope.REPORTS_READ: gettext_lazy("Fetch reports"),
        Scope.REPORTS_WRITE: gettext_lazy("Make reports"),
        Scope.RECALL_READ: gettext_lazy("See who is due"),
        Scope.RECALL_WRITE: gettext_lazy("Write down reminders and what came of them"),
        Scope.WEBHOOKS_READ: gettext_lazy("See webhooks and what they were sent"),
        Scope.WEBHOOKS_WRITE: gettext_lazy("Add and change webhooks"),
        Scope.TOKENS_READ: gettext_lazy("List your tokens"),
        Scope.TOKENS_WRITE: gettext_lazy("Make and revoke your tokens"),
    }
)
"""What each scope is good for, in words."""


@dataclass(frozen=True, slots=True)
class Made:
    """A new token, and its text, which is nowhere else."""

    token: ApiToken
    text: str


@dataclass(frozen=True, slots=True)
class Counted:
    """How many calls a token has left in this minute."""

    limit: int
    left: int
    """Negative once there were more than may be."""
    reset_s: int
    """Seconds until it counts anew."""


def make(
    user: User,
    *,
    name: str,
    scopes: Collection[str],
    days: int,
    within: ApiToken | None = None,
    by: User | None = None,
) -> Made:
    """Make a token in the person's name.

    Parameters
    ----------
    days
        How long it is good, 1 to 366.
    within
        The token that asks for it, where it is a program that asks: the new one is no stronger and lives no longer.
    by
        Who makes it, where that is not the person: an administrator for one of the clinic's programs.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person's role may not.
    django.core.exceptions.ValidationError
        If something of it can not be.
    """
    require(user, Right.USE_API)
    name = " ".join(name.split())
    known = [scope.value for scope in Scope if scope.value in scopes]
    wrong: dict[str, str] = {}
    if not name or len(name) > 100 or not name.isprintable():
        wrong["name"] = _("Name the program that uses the token, in at most 100 letters.")
    if not known or set(scopes) - set(known):
        wrong["scopes"] = _("Choose what the token is good for.")
    if not 1 <= days <= LONGEST_DAYS:
        wrong["days"] = _("A token is good for 1 to 366 days.")
    if within is not None and not set(known) <= set(within.scopes):
        wrong["scopes"] = _("A token can not make one that may more than itself.")
    if live(user).count() >= MAX_TOKENS:
        wrong["name"] = _("You have many tokens already. Revoke those that nothing uses.")
    if wrong:
        raise ValidationError(wrong)
    text = START + secrets.token_urlsafe(32)
    now = timezone.now()
    ends = now + timedelta(days=days)
    with transaction.atomic():
        token = ApiToken.objects.create(
            user=user,
            name=name,
            prefix=text[:SHOWN],
            token_hash=token_hash(text),
            scopes=known,
            created_at=now,
            expires_at=ends if within is None else min(ends, within.expires_at),
        )
        _remember(audit.Action.TOKEN_MADE, by or user, token)
    return Made(token, text)


def tokens_for(user: User) -> QuerySet[ApiToken]:
    """Give the person's own tokens, the newest first; those that are revoked or too old too."""
    return ApiToken.objects.filter(user=user).order_by("-created_at", "-id")


def live(user: User) -> QuerySet[ApiToken]:
    """Give those of the person's tokens that still open something."""
    return tokens_for(user).filter(revoked_at=None, expires_at__gt=timezone.now())


def revoke(user: User, token: ApiToken, by: User | None = None) -> None:
    """Have one of the person's tokens open nothing any more; twice does no harm."""
    with transaction.atomic():
        if tokens_for(user).filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
            _remember(audit.Action.TOKEN_REVOKED, by or user, token)


def revoke_all(user: User, by: User) -> int:
    """Have none of the person's tokens open anything any more, and give how many did."""
    found = list(live(user))
    for token in found:
        revoke(user, token, by)
    return len(found)


def find(text: str) -> ApiToken | None:
    """Give the token of this text, with its person, where both still count; None else."""
    if not text.startswith(START) or len(text) > 100:
        return None
    token = (
        ApiToken.objects.select_related("user__membership__organisation")
        .filter(token_hash=token_hash(text), revoked_at=None, expires_at__gt=timezone.now())
        .first()
    )
    if token is None or membership_of(token.user) is None or not allowed(token.user, Right.USE_API):
        return None
    return token


def count_call(token: ApiToken, limit: int) -> Counted:
    """Note that the token is used, and how often in this minute: in one UPDATE, so that no call goes uncounted."""
    now = timezone.now()
    minute = int(now.timestamp()) // 60
    mine = ApiToken.objects.filter(pk=token.pk)
    if not mine.filter(minute=minute).update(calls=F("calls") + 1, last_used_at=now):
        mine.exclude(minute=minute).update(minute=minute, calls=1, last_used_at=now)
    calls = mine.values_list("calls", flat=True).get()
    return Counted(limit, limit - calls, 60 - int(now.timestamp()) % 60)


def _remember(action: audit.Action, user: User, token: ApiToken) -> None:
    audit.record(
        action,
        actor=user,
        organisation=user.membership.organisation_id,
        object_type="token",
        object_id=token.pk,
        detail={"scopes": len(token.scopes)},
    )
