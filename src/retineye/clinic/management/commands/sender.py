"""`retineye manage sender`: say which machines may bring photographs."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from retineye.accounts.models import Organisation
from retineye.clinic.models import Sender
from retineye.clinic.senders import open_sender


class Command(BaseCommand):
    """List the machines, or add one."""

    help = "List the machines that may bring photographs; with a name, add one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the name, the title and the clinic."""
        parser.add_argument("name", nargs="?", help="What people call the machine.")
        parser.add_argument("--ae-title", default="", help="How it calls itself by DICOM; none for a folder.")
        parser.add_argument("--clinic", default="", help="The clinic's name, where there are several.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do as asked."""
        if options["name"] is None:
            for sender in Sender.objects.select_related("organisation").order_by("organisation__name", "name"):
                standing = "" if sender.active else " (shut out)"
                self.stdout.write(f"{sender.ae_title or '-':16}  {sender.name}, {sender.organisation.name}{standing}")
            return
        clinics = Organisation.objects.all()
        if options["clinic"]:
            clinics = clinics.filter(name=options["clinic"])
        found = list(clinics[:2])
        if len(found) != 1:
            raise CommandError("Name the clinic with --clinic: " + ", ".join(clinics.values_list("name", flat=True)))
        try:
            sender = open_sender(found[0], options["name"], options["ae_title"])
        except ValidationError as exc:
            raise CommandError(" ".join(exc.messages)) from exc
        self.stdout.write(f"{sender.name} may bring photographs to {found[0].name}; its id is {sender.pk}")
