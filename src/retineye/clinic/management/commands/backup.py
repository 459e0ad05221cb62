"""`retineye backup FOLDER`: database, photographs and secret key, in one consistent copy."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retineye.clinic.backup import BackupError, back_up, encrypt_for


class Command(BaseCommand):
    """Back up, while people go on working."""

    help = "Copy database and files into a folder of backups; what an earlier backup holds is not written again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the folder, and for whom it is encrypted."""
        parser.add_argument("folder", type=Path, help="Folder of backups, best on another disk or machine.")
        parser.add_argument("--recipient", action="append", default=[], help="Encrypt by age, for this public key.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Back up."""
        encrypt = encrypt_for(options["recipient"]) if options["recipient"] else None
        try:
            done = back_up(options["folder"], encrypt=encrypt)
        except (BackupError, OSError) as exc:
            raise CommandError(f"Nothing was backed up: {exc}") from exc
        self.stdout.write(f"{done.name}: {done.rows} rows, {done.files} files, {done.written} of them new")
        if encrypt is None:
            self.stdout.write("It is not encrypted: whoever has the folder has the patients. See --recipient.")
