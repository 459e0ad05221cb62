"""`retineye watch-inbox`: look into the folders round after round, until told to stop.

WatchError    it can not begin; `str()` says why
"""

import fcntl
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import IO, Final

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection
from django.utils import timezone

from retineye.clinic.arrivals import ArrivalLost
from retineye.clinic.models import Sender
from retineye.exchange.filing import Filing
from retineye.exchange.inbox.looking import Found, Stamp, Watch, breaks_off, look_into
from retineye.exchange.inbox.rules import FILE, Rules, RulesError, rules_of
from retineye.exchange.inbox.taking import DONE, IN, QUARANTINE, Inbox

log = structlog.get_logger(__name__)

POLL_S: Final = 1.0
PAUSE_S: Final = 5.0
"""After the store or the database did not answer."""

Say = Callable[[str], None]


class WatchError(Exception):
    """It can not begin."""


@dataclass
class Watched:
    """One inbox: its rules, and what is known of its files."""

    folder: Path
    say: Say
    rules: Rules
    watch: Watch = field(default_factory=Watch)
    _stuck: dict[Path, Stamp] = field(default_factory=dict)
    _lock: IO[str] | None = None
    _rules_at: int = 0
    _wrong: str = ""

    def round(self, now_s: float, now: datetime) -> int:
        """Take what is whole; give how many files left the inbox.

        Raises
        ------
        OSError, django.db.DatabaseError
            If the store or the database does not answer: what is left stays where it is.
        """
        sender = self._sender()
        if sender is None:
            return 0
        inbox = Inbox(self.folder, sender, self.rules.patterns)
        today = timezone.localdate(now)
        gone = 0
        for found, still_s in self.watch.settled(look_into(self.folder / IN), now_s, self.rules.settle_s):
            gone += self._one(inbox, found, still_s, today)
        return gone

    def _one(self, inbox: Inbox, found: Found, still_s: float, today: date) -> int:
        try:
            if found.plain and still_s < self.rules.give_up_s and breaks_off(found):
                return 0
            inbox.take(found, today)
        except (ArrivalLost, PermissionDenied):
            raise
        except OSError as exc:
            # Changed, taken away, or not to be read or moved: the others do not wait for it.
            if self._stuck.get(found.path) != found.stamp:
                log.warning("inbox_file_stays", errno=exc.errno)
            self._stuck[found.path] = found.stamp
            return 0
        self._stuck.pop(found.path, None)
        return 1

    def _sender(self) -> Sender | None:
        """Read the rules anew where they changed; while they can not be used, nothing is taken."""
        wrong = ""
        sender = None
        try:
            changed = (self.folder / FILE).stat().st_mtime_ns
            if changed != self._rules_at:
                self.rules, self._rules_at = rules_of(self.folder), changed
            sender = sender_of(self.rules)
        except (OSError, RulesError) as exc:
            self._rules_at = 0
            wrong = str(exc)
        if wrong != self._wrong:
            self._wrong = wrong
            self.say(f"Nothing is taken from {self.folder}: {wrong}" if wrong else f"{self.folder} is watched again.")
        return sender

    def forget(self, today: date) -> None:
        """Delete what was taken in so long ago that nobody needs a second copy."""
        if self.rules.keep_done is None:
            return
        for folder in (self.folder / DONE).glob("????-??-??"):
            if date.fromisoformat(folder.name) < today - self.rules.keep_done:
                shutil.rmtree(folder, ignore_errors=True)

    def lock(self) -> None:
        """Hold the inbox for this process.

        Raises
        ------
        WatchError
            If another one holds it.
        """
        # In the data folder: a lock on a share holds on this machine alone, or not at all.
        name = hashlib.sha256(str(self.folder).encode()).hexdigest()[:16]
        lock = (Path(settings.DATA_DIR) / f"inbox-{name}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            lock.close()
            raise WatchError(f"{self.folder} is watched by another process already.") from exc
        self._lock = lock

    def release(self) -> None:
        """Let another process have the inbox."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def sender_of(rules: Rules) -> Sender:
    """Give the machine in whose name files are taken.

    Raises
    ------
    RulesError
        If nobody knows it, or it is shut out.
    """
    sender = Sender.objects.select_related("acts_as__membership__organisation").filter(pk=rules.sender).first()
    if sender is None:
        raise RulesError(f"no machine has the id {rules.sender}. `retineye manage sender NAME` makes one.")
    if not sender.active:
        raise RulesError("the machine of this inbox is shut out.")
    return sender


def open_inbox(folder: Path, say: Say) -> Watched:
    """Look whether a folder can be an inbox, and make what is missing in it.

    Raises
    ------
    WatchError
        If it can not.
    """
    folder = folder.expanduser().resolve()
    if not folder.is_dir():
        raise WatchError(f"{folder} is no folder.")
    try:
        rules = rules_of(folder)
        sender = sender_of(rules)
        parts = [folder / name for name in (IN, DONE, QUARANTINE)]
        for part in parts:
            if part.is_symlink():
                raise WatchError(f"{part} is a link: it must be a folder of its own.")
            part.mkdir(exist_ok=True, mode=0o700)
        if len({part.stat().st_dev for part in parts}) > 1:
            raise WatchError(f"{IN}, {DONE} and {QUARANTINE} of {folder} must lie on one disk, so that files can move.")
    except RulesError as exc:
        raise WatchError(str(exc)) from exc
    except OSError as exc:
        raise WatchError(f"{folder} can not be used: {exc.strerror}.") from exc
    say(f"RetinEye watches {folder / IN} for {sender.organisation.name}")
    return Watched(folder, say, rules)


def open_inboxes(folders: Sequence[Path], say: Say) -> list[Watched]:
    """Open several, each for one clinic, none inside another.

    Raises
    ------
    WatchError
        If one of them can not be one.
    """
    opened = [open_inbox(folder, say) for folder in folders]
    for one in opened:
        if any(other is not one and one.folder.is_relative_to(other.folder) for other in opened):
            raise WatchError(f"{one.folder} lies in another inbox, or is named twice.")
    for one in opened:
        try:
            one.lock()
        except WatchError:
            for other in opened:
                other.release()
            raise
    return opened


def watch(inboxes: Sequence[Watched], *, parent: int | None, stopping: threading.Event) -> None:
    """Watch until told to stop; the file in hand is finished first."""
    filing = Filing()
    filing.start(os.getpid())
    day: date | None = None
    try:
        while not stopping.is_set() and (parent is None or os.getppid() == parent):
            pause = POLL_S
            try:
                today = timezone.localdate()
                for one in inboxes:
                    if one.round(time.monotonic(), timezone.now()):
                        pause = 0.0
                    if day != today:
                        one.forget(today)
                day = today
            except (DatabaseError, OSError, PermissionDenied):
                log.exception("inbox_waits")
                connection.close()
                pause = PAUSE_S
            filing.keep(os.getpid())
            stopping.wait(pause)
    finally:
        filing.stop()
        for one in inboxes:
            one.release()


def take_all(inboxes: Sequence[Watched]) -> int:
    """Take what is there and stands still, once; give how many files left. For a timer of the system."""
    settle = max((one.rules.settle_s for one in inboxes), default=0.0)
    for one in inboxes:
        one.round(time.monotonic(), timezone.now())
    time.sleep(settle)
    gone = sum(one.round(time.monotonic() + 0.001, timezone.now()) for one in inboxes)
    for one in inboxes:
        one.release()
    return gone
