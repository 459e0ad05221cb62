"""`retineye manage verify_audit`: walk the sealed audit trail."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retineye.accounts import audit
from retineye.accounts.models import AuditBlock


class Command(BaseCommand):
    """Verify the chain and print its head."""

    help = "Check that no sealed audit event was changed, added or taken away. Note the head: it proves the rest later."

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify."""
        wrong = list(audit.verify())
        if wrong:
            raise CommandError("\n".join(wrong))
        head = AuditBlock.objects.order_by("-number").first()
        if head is None:
            self.stdout.write("Nothing is sealed yet.")
        else:
            self.stdout.write(
                f"All {head.number} blocks are as they were sealed. Head: block {head.number}, {head.hash}"
            )
