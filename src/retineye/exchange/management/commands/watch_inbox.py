"""`retineye watch-inbox`: take photographs from the folders that cameras and vendors' programs write into."""

import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from retineye.exchange.inbox.looking import look_into
from retineye.exchange.inbox.patterns import Reading, read
from retineye.exchange.inbox.rules import Rules, RulesError, rules_of
from retineye.exchange.inbox.taking import IN
from retineye.exchange.inbox.watch import WatchError, open_inboxes, take_all, watch

_SHOWN = 200


class Command(BaseCommand):
    """Watch inboxes, or say how names are read."""

    help = "Take photographs and zip files from folders, until SIGTERM; the one in hand is finished first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the folders, the tester, and the options for processes that keep this one beside them."""
        parser.add_argument("folder", nargs="*", type=Path, help="Inboxes; those of RETINEYE_INBOXES if left out.")
        parser.add_argument("--try", dest="names", action="append", metavar="NAME", help="Say how a name is read.")
        parser.add_argument("--try-all", action="store_true", help="Say how each name in the inbox is read.")
        parser.add_argument("--once", action="store_true", help="Take what is there, and end.")
        parser.add_argument("--parent", type=int, help="End when this process, which started the watch, is gone.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do as asked."""
        folders = options["folder"] or [Path(one) for one in settings.RETINEYE_INBOXES]
        if not folders:
            raise CommandError("Name a folder, or set RETINEYE_INBOXES.", returncode=2)
        try:
            if options["names"] or options["try_all"]:
                for folder in folders:
                    self._try(folder, options["names"] or [one.relative for one in look_into(folder / IN)][:_SHOWN])
                return
            inboxes = open_inboxes(folders, self._say)
        except (WatchError, RulesError) as exc:
            raise CommandError(str(exc), returncode=2) from exc
        if options["once"]:
            self._say(f"{take_all(inboxes)} files were taken or laid aside")
            return
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        watch(inboxes, parent=options["parent"], stopping=stopping)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _try(self, folder: Path, names: list[str]) -> None:
        rules: Rules = rules_of(folder)
        for name in names:
            said = read(name, rules.patterns)
            if said.reading is not None:
                self._say(f"{name}\n  {said.pattern}: {in_words(said.reading)}")
            elif said.several:
                self._say(f"{name}\n  can be read in several ways: it would wait for a person")
            else:
                self._say(f"{name}\n  fits no pattern: it would wait for a person, unless it is a DICOM file")


def in_words(reading: Reading) -> str:
    """Write what was read of a name for the person who sets the patterns."""
    said = {
        "patient": reading.patient, "order": reading.order, "name": reading.name, "born": reading.birth,
        "eye": reading.eye.value if reading.eye else "not said, so a person is asked", "on": reading.on,
        "at": reading.at, "field": reading.field,
    }  # fmt: skip
    return ", ".join(f"{what} {value}" for what, value in said.items() if value)
