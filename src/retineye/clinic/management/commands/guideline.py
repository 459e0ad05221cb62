"""`retineye manage guideline`: choose the referral table that a clinic's new exams are read by."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from retineye.accounts.models import Organisation
from retineye.clinic.guidelines import GUIDELINES


class Command(BaseCommand):
    """Show or choose the table."""

    help = "Choose the referral table for new exams; without one, show the tables and what is chosen."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the table's key and the clinic."""
        parser.add_argument("key", nargs="?", choices=sorted(GUIDELINES), help="Key of the table.")
        parser.add_argument("--clinic", help="Id of one clinic; all of them if left out.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Choose; exams that are there keep the table they were opened with."""
        clinics = Organisation.objects.order_by("created_at")
        if options["clinic"]:
            clinics = clinics.filter(pk=options["clinic"])
        if options["key"]:
            clinics.update(guideline=options["key"])
        for guideline in GUIDELINES.values():
            self.stdout.write(f"{guideline.key}: {guideline.title}")
        for clinic in clinics:
            self.stdout.write(f"clinic {clinic.pk}: {clinic.guideline}")
