"""Where a person is signed in, and the way out of each place."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import membership_of

_BROWSERS = (
    ("Edg", "Edge"),
    ("EdgA", "Edge"),
    ("EdgiOS", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True, slots=True)
class Device:
    """A browser in which a person is signed in."""

    id: int
    name: str
    """Browser and system, in plain words."""
    address: str
    """The network address that it was last seen at."""
    since: datetime
    seen: datetime
    here: bool
    """It is the one that asks."""


def devices_of(user: User, session_key: str | None) -> list[Device]:
    """Give where the person is signed in, this browser first; sessions that have ended are forgotten on the way."""
    found = [
        Device(
            id=one.pk,
            name=device_name(one.user_agent),
            address=one.ip,
            since=one.created_at,
            seen=one.last_seen_at,
            here=one.session_key == session_key,
        )
        for one in UserSession.objects.purge_and_list(user)
    ]
    return sorted(found, key=lambda device: (not device.here, -device.seen.timestamp()))


def sign_out(user: User, device_id: int) -> bool:
    """End one session of the person's own, and say whether there was one."""
    session = UserSession.objects.filter(user=user, pk=device_id).first()
    if session is not None:
        session.end()
        _remember(user, 1)
    return session is not None


def sign_out_others(user: User, but: str) -> int:
    """End every session of the person's own but the one with the given key, and give how many."""
    ended = _end(user, but)
    _remember(user, ended)
    return ended


def sign_out_everywhere(user: User) -> int:
    """End every session of somebody's, as whoever closes an account does, and give how many."""
    return _end(user, "")


def _end(user: User, but: str) -> int:
    sessions = list(UserSession.objects.filter(user=user).exclude(session_key=but))
    for session in sessions:
        session.end()
    return len(sessions)


def _remember(user: User, ended: int) -> None:
    membership = membership_of(user)
    audit.record(
        audit.Action.SESSION_ENDED,
        actor=user,
        organisation=membership.organisation_id if membership else None,
        object_type="user",
        object_id=user.pk,
        detail={"sessions": ended},
    )


def seen(request: HttpRequest, address: str) -> None:
    """Note that a browser was used just now, and from where; one that is new to the list gets on it."""
    known = UserSession.objects.filter(session_key=request.session.session_key)
    if not known.update(last_seen_at=timezone.now(), ip=address):
        UserSession.objects.create_from_request(request)


def device_name(user_agent: str) -> str:
    """Say in plain words which browser it is, and on what."""
    browser = _first(_BROWSERS, user_agent)
    system = _first(_SYSTEMS, user_agent)
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("Another program")


def _first(table: Sequence[tuple[str, str]], text: str) -> str:
    # In order: nearly every browser also names the others.
    return next((name for mark, name in table if re.search(rf"\b{mark}\b", text)), "")
