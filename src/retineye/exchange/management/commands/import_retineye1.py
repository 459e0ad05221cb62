"""`retineye manage import_retineye1`: bring everything over from the first RetinEye."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retineye.accounts.models import Organisation
from retineye.exchange.retineye1.importing import Importer
from retineye.exchange.retineye1.report import Report
from retineye.exchange.retineye1.rows import FIELDS, Kind
from retineye.exchange.retineye1.source import Source, SourceError, read


class Command(BaseCommand):
    """Read the first RetinEye's MongoDB and its pictures, and bring them into the clinics here."""

    help = (
        "Bring hospitals, staff (invited anew, without their passwords), patients, photographs and results over from "
        "the first RetinEye. It may be run again: each thing comes but once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add where to read, and what a copy of the first code calls otherwise."""
        parser.add_argument("--mongo-uri", default=os.environ.get("RETINEYE1_MONGO_URI", ""), help="mongodb://...")
        parser.add_argument("--database", default="", help="Name of the database, where the server has several.")
        parser.add_argument("--media", required=True, type=Path, help="The folder of the pictures.")
        parser.add_argument("--clinic", default="", help="Bring everything into this clinic (name or id).")
        parser.add_argument("--links", type=Path, help="Write the invitations' links into this file.")
        parser.add_argument("--site", default="", help="Address of the service in those links: https://...")
        parser.add_argument(
            "--collection",
            action="append",
            default=[],
            metavar="NAME=KIND",
            help=f"What a collection holds: {', '.join(Kind)}.",
        )
        parser.add_argument(
            "--field",
            action="append",
            default=[],
            metavar="KIND.FIELD=NAME",
            help=f"What a field is called. Fields: {', '.join(FIELDS)}.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, bring, and say what became of each document."""
        media: Path = options["media"]
        if not media.is_dir():
            raise CommandError(f"There is no folder {media}. Name the first RetinEye's media folder with --media.")
        source = self._read(options)
        importer = Importer(source, media, self._clinic(options["clinic"]), Report())
        try:
            importer.run()
        finally:
            # Also where a run breaks off: an invitation's link can not be shown again.
            self._write_links(importer, options["links"], options["site"])
        for line in importer.report.lines():
            self.stdout.write(line)

    def _read(self, options: dict[str, Any]) -> Source:
        if not options["mongo_uri"]:
            raise CommandError("Name the server with --mongo-uri, or in RETINEYE1_MONGO_URI.")
        named = dict(_pairs(options["collection"], "--collection"))
        renamed = dict(_pairs(options["field"], "--field"))
        unknown = [kind for kind in named.values() if kind not in Kind.__members__.values()]
        unknown += [name for name in renamed if name.partition(".")[2] not in FIELDS]
        if unknown:
            raise CommandError(f"Not known: {', '.join(unknown)}. See --help.")
        try:
            return read(options["mongo_uri"], options["database"], named=named, renamed=renamed)
        except SourceError as exc:
            raise CommandError(str(exc)) from exc

    def _clinic(self, asked: str) -> Organisation | None:
        if not asked:
            return None
        found = [one for one in Organisation.objects.all() if asked in (one.name, str(one.pk))]
        if len(found) != 1:
            raise CommandError(f"There is no single clinic named {asked}.")
        return found[0]

    def _write_links(self, importer: Importer, path: Path | None, site: str) -> None:
        if not importer.links:
            return
        lines = [f"{email}\t{role}\t{site.rstrip('/')}{link}\n" for email, role, link in importer.links]
        if path is None:
            self.stdout.write("Give each person their link yourself; it is shown only now, and works once:")
            self.stdout.writelines(lines)
            return
        # For the eyes of whoever runs the server alone: who has a link can join.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as file:
            file.writelines(lines)
        self.stdout.write(f"{len(lines)} invitations are in {path}. Give each person their link yourself.")


def _pairs(given: list[str], option: str) -> list[tuple[str, str]]:
    pairs = [one.partition("=") for one in given]
    if not all(separator and left and right for left, separator, right in pairs):
        raise CommandError(f"Write {option} as two names with = between them. See --help.")
    return [(left, right) for left, _, right in pairs]
