"""`retineye manage destination`: say which systems take the results of signed exams."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retineye.accounts import audit
from retineye.accounts.models import Organisation
from retineye.clinic.models import Delivery, Destination


class Command(BaseCommand):
    """List the destinations and what waits for them, or add one."""

    help = "List the systems that take results; with a name, add one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add name, kind, address and what goes with them."""
        parser.add_argument("name", nargs="?", help="What people call the system.")
        parser.add_argument("--kind", choices=Destination.Kind.values)
        parser.add_argument("--address", default="", help="host:port, an address, or a folder.")
        parser.add_argument("--ae-title", default="", help="The archive's title.")
        parser.add_argument("--token-file", default="", help="File that holds the Authorization header.")
        parser.add_argument("--tls", action="store_true", help="Speak DICOM over TLS.")
        parser.add_argument("--clinic", default="", help="The clinic's name, where there are several.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do as asked."""
        if options["name"] is None:
            for one in Destination.objects.select_related("organisation").order_by("organisation__name", "name"):
                states = one.deliveries.values_list("state", flat=True)
                counts = ", ".join(f"{list(states).count(state)} {state}" for state in Delivery.State.values)
                self.stdout.write(f"{one.name} ({one.kind}, {one.organisation.name}): {counts}")
            return
        clinics = Organisation.objects.all()
        if options["clinic"]:
            clinics = clinics.filter(name=options["clinic"])
        found = list(clinics[:2])
        if len(found) != 1:
            raise CommandError("Name the clinic with --clinic.")
        if not options["kind"] or not options["address"]:
            raise CommandError("A destination needs --kind and --address.")
        made = Destination.objects.create(
            organisation=found[0],
            name=options["name"],
            kind=options["kind"],
            address=options["address"],
            ae_title=options["ae_title"],
            token_file=options["token_file"],
            tls=options["tls"],
        )
        audit.record(
            audit.Action.DESTINATION_ADDED,
            actor=None,
            organisation=found[0],
            object_type="destination",
            object_id=made.pk,
        )
        self.stdout.write(f"What is signed from now on in {found[0].name} goes to {made.name}.")
