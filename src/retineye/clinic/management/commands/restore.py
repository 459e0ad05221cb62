"""`retineye restore FOLDER`: bring a backup back onto an empty machine, and compare everything."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retineye.accounts import audit
from retineye.clinic.backup import BackupError, bring_back, decrypt_by


class Command(BaseCommand):
    """Restore."""

    help = "Bring a backup back onto an empty machine: each checksum, each count of rows and the audit are looked at."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the folder, which backup, and the key."""
        parser.add_argument("folder", type=Path, help="Folder of backups.")
        parser.add_argument(
            "--name", default="", help="Name of a backup, as it was printed; the latest where left out."
        )
        parser.add_argument("--identity", type=Path, help="File with the age key that it was encrypted for.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Bring it back."""
        decrypt = decrypt_by(options["identity"]) if options["identity"] else None
        try:
            done = bring_back(options["folder"], name=options["name"], decrypt=decrypt)
        except (BackupError, OSError) as exc:
            raise CommandError(f"The backup was not brought back: {exc}") from exc
        broken = list(audit.verify())
        if broken:
            raise CommandError(f"The audit that was brought back does not hold: {len(broken)} faults.")
        self.stdout.write(f"{done.name}: {done.rows} rows and {done.files} files are back, each as it was")
