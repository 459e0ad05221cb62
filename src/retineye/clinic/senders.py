"""The machines that bring photographs: add one, and give it the account that it acts as."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from retineye.accounts import audit, machines
from retineye.accounts.models import Organisation, Role, User
from retineye.accounts.policy import Person, Right, allowed, membership_of, require
from retineye.clinic.models import Sender


def senders_for(user: Person) -> QuerySet[Sender]:
    """Give the machines of the person's clinic, with when something last came from each."""
    membership = membership_of(user)
    if membership is None or not allowed(user, Right.CONNECT):
        return Sender.objects.none()
    mine = Sender.objects.filter(organisation=membership.organisation_id)
    return mine.annotate(last_arrival=Max("arrivals__created_at")).order_by("name")


def add_sender(by: User, name: str, ae_title: str = "") -> Sender:
    """Add a camera, an archive or a folder to the person's clinic.

    Raises
    ------
    django.core.exceptions.ValidationError
        If the title is taken, or none that DICOM allows.
    django.core.exceptions.PermissionDenied
        If the person may not connect machines.
    """
    require(by, Right.CONNECT)
    return open_sender(by.membership.organisation, name, ae_title, by=by)


def open_sender(organisation: Organisation, name: str, ae_title: str = "", *, by: User | None = None) -> Sender:
    """Add a machine to a clinic, as whoever runs the server may."""
    title = checked_title(ae_title)
    if title and Sender.objects.filter(ae_title=title).exists():
        raise ValidationError({"ae_title": _("Another machine has this title.")})
    with transaction.atomic():
        account = machines.open_account(organisation, name=name, role=Role.TECHNICIAN).user
        sender = Sender.objects.create(organisation=organisation, name=name, ae_title=title or None, acts_as=account)
        audit.record(
            audit.Action.SENDER_ADDED,
            actor=by,
            organisation=organisation,
            object_type="sender",
            object_id=sender.pk,
        )
    return sender


def checked_title(ae_title: str) -> str:
    """Give a title without the spaces around it.

    Raises
    ------
    django.core.exceptions.ValidationError
        If it is none that DICOM allows (PS3.5, 6.2: AE).
    """
    title = ae_title.strip()
    if len(title) > 16 or "\\" in title or not title.isascii() or not title.isprintable():
        raise ValidationError({"ae_title": _("A DICOM title has up to 16 plain letters, digits and marks.")})
    return title


def allow_sender(by: User, sender: Sender, active: bool) -> None:
    """Let a machine in, or shut it out from now on."""
    require(by, Right.CONNECT)
    with transaction.atomic():
        mine = senders_for(by).get(pk=sender.pk)
        mine.active = active
        mine.save(update_fields=["active"])
        audit.record(
            audit.Action.SENDER_CHANGED,
            actor=by,
            organisation=mine.organisation_id,
            object_type="sender",
            object_id=mine.pk,
            detail={"active": active},
        )


def sender_called(ae_title: str) -> Sender | None:
    """Give the machine that calls itself so, if it may."""
    return (
        Sender.objects.select_related("acts_as__membership__organisation")
        .filter(ae_title=ae_title.strip(), active=True)
        .first()
    )


def titles() -> list[str]:
    """Give the titles of all machines that may call."""
    named = Sender.objects.filter(active=True).exclude(ae_title=None).values_list("ae_title", flat=True)
    return [title for title in named if title]
