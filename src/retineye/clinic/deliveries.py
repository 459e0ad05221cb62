"""What is sent to other systems: whom results go to, what waits or failed and why; send it again, or no more."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Person, Right, allowed, membership_of, require
from retineye.clinic.models import Delivery, Destination
from retineye.clinic.senders import checked_title

LATE: Final = timedelta(minutes=15)
"""What is due for so long shows that nobody sends."""

_HOST = re.compile(r"(?!-)[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:]{2,45}\]")

REASONS: Final[Mapping[str, str | Promise]] = {
    "not_reached": gettext_lazy("Nobody answers at this address. Is the system switched on, and the port open?"),
    "no_answer": gettext_lazy("The connection broke off before an answer came."),
    "turned_away": gettext_lazy("The system turned the call away."),
    "title_not_known": gettext_lazy("The system does not know our title. Enter it there as a permitted sender."),
    "other_title": gettext_lazy("The system has another title than the one entered here."),
    "class_not_taken": gettext_lazy("The archive does not take one of the kinds of objects: PDF, report or picture."),
    "own_certificate": gettext_lazy("Our own certificate or its key can not be read."),
    "not_installed": gettext_lazy("This server has no DICOM: install retineye[dicom]."),
    "superseded": gettext_lazy("Signed anew, added to or withdrawn since: only the newest state is sent."),
    "broke": gettext_lazy("Something went wrong on our side; the log of the service says what."),
    "nak_ae": gettext_lazy("The record system found an error in the message (AE)."),
    "nak_ce": gettext_lazy("The record system found an error in the message (CE)."),
    "nak_ar": gettext_lazy("The record system rejects the message (AR)."),
    "nak_cr": gettext_lazy("The record system rejects the message (CR)."),
    "no_ack": gettext_lazy("The record system hung up without an answer."),
    "ack_unread": gettext_lazy("The record system's answer can not be read."),
    "ack_of_another": gettext_lazy("The record system answered to another message."),
    "http_401": gettext_lazy("The system wants another token or password (401)."),
    "http_403": gettext_lazy("The system does not let us send there (403)."),
    "http_404": gettext_lazy("There is nothing at this address (404)."),
}
"""What the codes of `Delivery.error` and of a trial mean."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand with the sending as a whole."""

    waiting: int
    given_up: int
    idle: bool
    """Something is due for long: nobody sends."""


def reason(code: str) -> str:
    """Say what a code means, and give the code where nobody wrote a sentence for it."""
    if code in REASONS:
        return str(REASONS[code])
    kind, _dash, number = code.partition("_")
    if kind == "status":
        return _("The archive refused an object with status %(number)s.") % {"number": number.upper()}
    if kind == "http":
        return _("The system answered with an error (%(number)s).") % {"number": number}
    return code


def destinations_for(user: Person) -> QuerySet[Destination]:
    """Give the systems that take the results of the person's clinic, with how much waits, is given up and was sent."""
    membership = membership_of(user)
    if membership is None or not allowed(user, Right.CONNECT):
        return Destination.objects.none()
    counted = {
        state.value: Count("deliveries", filter=Q(deliveries__state=state))
        for state in (Delivery.State.WAITING, Delivery.State.FAILED, Delivery.State.SENT)
    }
    mine = Destination.objects.filter(organisation=membership.organisation_id)
    return mine.annotate(**counted, last_sent=Max("deliveries__sent_at")).order_by("name", "created_at")


def deliveries_for(user: Person) -> QuerySet[Delivery]:
    """Give what was, is or was to be sent for the person's clinic, the newest first."""
    membership = membership_of(user)
    if membership is None or not allowed(user, Right.CONNECT):
        return Delivery.objects.none()
    mine = Delivery.objects.filter(destination__organisation=membership.organisation_id)
    return mine.select_related("destination", "exam").order_by("-created_at", "-id")


def standing_of(user: Person, now: datetime) -> Standing:
    """Say how much waits and was given up, and whether anybody sends."""
    counted = deliveries_for(user).aggregate(
        waiting=Count("id", filter=Q(state=Delivery.State.WAITING)),
        given_up=Count("id", filter=Q(state=Delivery.State.FAILED) & ~Q(error="superseded")),
        late=Count("id", filter=Q(state=Delivery.State.WAITING, destination__active=True, next_at__lt=now - LATE)),
    )
    return Standing(counted["waiting"], counted["given_up"], counted["late"] > 0)


def add_archive(user: User, name: str, address: str, ae_title: str, *, tls: bool = False) -> Destination:
    """Name a DICOM archive that takes the results of what is signed from now on.

    Systems of other kinds need a folder or a file of the server: whoever runs it names them.

    Raises
    ------
    django.core.exceptions.ValidationError
        If the address or the title is none.
    django.core.exceptions.PermissionDenied
        If the person may not connect systems.
    """
    require(user, Right.CONNECT)
    title = checked_title(ae_title)
    if not title:
        raise ValidationError({"ae_title": _("Say how the archive calls itself.")})
    place = _checked_address(address)
    with transaction.atomic():
        made = Destination.objects.create(
            organisation=user.membership.organisation,
            name=name.strip()[:100],
            kind=Destination.Kind.DICOM,
            address=place,
            ae_title=title,
            tls=tls,
        )
        _remember(audit.Action.DESTINATION_ADDED, user, made)
    return made


def allow_destination(user: User, destination: Destination, active: bool) -> None:
    """Send results there from now on, or hold back what waits."""
    require(user, Right.CONNECT)
    with transaction.atomic():
        mine = destinations_for(user).get(pk=destination.pk)
        Destination.objects.filter(pk=mine.pk).update(active=active)
        _remember(audit.Action.DESTINATION_CHANGED, user, mine, active=active)


def send_again(user: User, delivery: Delivery) -> bool:
    """Have something that waits, was given up or was cancelled tried at once; False where it was sent meanwhile.

    What is superseded stays so: its exam has a newer state, which is sent by itself.
    """
    require(user, Right.CONNECT)
    free = Q(lease_until=None) | Q(lease_until__lt=timezone.now())
    mine = Delivery.objects.filter(free, pk__in=deliveries_for(user).filter(pk=delivery.pk).values("pk"))
    with transaction.atomic():
        changed = mine.exclude(state=Delivery.State.SENT).exclude(error="superseded")
        done = changed.update(state=Delivery.State.WAITING, tries=0, next_at=timezone.now(), lease_until=None)
        if done:
            _remember(
                audit.Action.DESTINATION_CHANGED, user, delivery.destination, delivery=str(delivery.pk), do="again"
            )
    return bool(done)


def cancel(user: User, delivery: Delivery) -> bool:
    """Have something that waits never sent; False where it is being sent or was."""
    require(user, Right.CONNECT)
    free = Q(lease_until=None) | Q(lease_until__lt=timezone.now())
    mine = Delivery.objects.filter(free, pk__in=deliveries_for(user).filter(pk=delivery.pk).values("pk"))
    with transaction.atomic():
        done = mine.filter(state__in=(Delivery.State.WAITING, Delivery.State.FAILED)).update(
            state=Delivery.State.STOPPED, lease_until=None
        )
        if done:
            _remember(
                audit.Action.DESTINATION_CHANGED, user, delivery.destination, delivery=str(delivery.pk), do="cancel"
            )
    return bool(done)


def _checked_address(address: str) -> str:
    place = address.strip()
    host, _colon, port = place.rpartition(":")
    if not _HOST.fullmatch(host) or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValidationError({"address": _("Write the address as name:port, such as archive.example.org:104.")})
    return place


def _remember(action: audit.Action, user: User, destination: Destination, **detail: str | bool) -> None:
    audit.record(
        action,
        actor=user,
        organisation=destination.organisation_id,
        object_type="destination",
        object_id=destination.pk,
        detail={"kind": destination.kind, **detail},
    )
