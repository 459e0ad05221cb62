"""Tell a clinic's own systems that something happened: signed, tried again, logged, and with ids only.

A message is written with what it tells of, in one transaction. The worker's sender takes what is due.

``verdict.ready``   A photograph was graded, or can not be.
``exam.signed``     A doctor signed an exam.
``ping``            Somebody tries the address.
"""

import hashlib
import hmac
import json
import socket
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import httpx  # noqa: TID251  this is the one file of the clinic's that calls out
import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, allowed, membership_of, require
from retineye.clinic.models import Webhook, WebhookDelivery

log = structlog.get_logger(__name__)

WAITS: Final = tuple(timedelta(seconds=pause) for pause in (10, 60, 300, 1800, 7200, 21600, 43200))
"""How long each try waits for the next; after the last one it is given up, about a day later."""
TIMEOUT_S: Final = 10.0
KEPT_FOR: Final = timedelta(days=30)
MAX_WEBHOOKS: Final = 20
_LEASE: Final = timedelta(seconds=60)
_BATCH: Final = 20


class Event(StrEnum):
    """What may be told."""

    VERDICT_READY = "verdict.ready"
    EXAM_SIGNED = "exam.signed"


PING: Final = "ping"


class Unreachable(Exception):
    """The address may not or can not be called; `str()` is a code."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message goes: the host's own address, so that no second look-up can lead elsewhere."""

    url: httpx.URL
    host: str
    """As the Host header and the certificate have it."""


def webhooks_for(user: User) -> QuerySet[Webhook]:
    """Give the webhooks of the person's clinic, for who may connect systems."""
    membership = membership_of(user)
    if membership is None or not allowed(user, Right.CONNECT):
        return Webhook.objects.none()
    return Webhook.objects.filter(organisation=membership.organisation_id).order_by("created_at", "id")


def add(user: User, *, url: str, events: Collection[str]) -> Webhook:
    """Have an address of the clinic's be told of events.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not connect systems.
    django.core.exceptions.ValidationError
        If it is no address that may be called, or no event.
    """
    require(user, Right.CONNECT)
    if webhooks_for(user).count() >= MAX_WEBHOOKS:
        raise ValidationError({"url": _("The clinic has many webhooks already. Remove one that is not needed.")})
    with transaction.atomic():
        webhook = Webhook.objects.create(
            organisation=user.membership.organisation, url=_checked(url), events=_events(events), created_by=user
        )
        _remember(audit.Action.WEBHOOK_ADDED, user, webhook)
    return webhook


def change(
    user: User,
    webhook: Webhook,
    *,
    url: str | None = None,
    events: Collection[str] | None = None,
    active: bool | None = None,
    new_secret: bool = False,
) -> Webhook:
    """Change what is given of a webhook."""
    require(user, Right.CONNECT)
    with transaction.atomic():
        mine = webhooks_for(user).select_for_update().get(pk=webhook.pk)
        mine.url = mine.url if url is None else _checked(url)
        mine.events = mine.events if events is None else _events(events)
        mine.active = mine.active if active is None else active
        mine.secret_version += new_secret
        mine.save()
        _remember(audit.Action.WEBHOOK_CHANGED, user, mine)
    return mine


def remove(user: User, webhook: Webhook) -> None:
    """Forget a webhook with its log."""
    require(user, Right.CONNECT)
    with transaction.atomic():
        mine = webhooks_for(user).get(pk=webhook.pk)
        _remember(audit.Action.WEBHOOK_CHANGED, user, mine)
        mine.delete()


def secret_of(webhook: Webhook) -> str:
    """Give the secret that the webhook's messages are signed with: from the service's own, kept nowhere."""
    key = f"{webhook.pk}.{webhook.secret_version}"
    return "whsec_" + salted_hmac("retineye.clinic.webhooks", key, algorithm="sha256").hexdigest()


def announce(organisation_id: UUID, event: Event, **ids: UUID | str) -> None:
    """Write a message for each address that listens, in the caller's transaction."""
    listening = Webhook.objects.filter(organisation=organisation_id, active=True)
    WebhookDelivery.objects.bulk_create(
        _message(webhook, event.value, ids) for webhook in listening if event.value in webhook.events
    )


def ping(user: User, webhook: Webhook) -> WebhookDelivery:
    """Have a message that means nothing sent to the address."""
    require(user, Right.CONNECT)
    message = _message(webhooks_for(user).get(pk=webhook.pk), PING, {})
    message.save(force_insert=True)
    return message


def deliveries_for(user: User, webhook: Webhook) -> QuerySet[WebhookDelivery]:
    """Give the log of one webhook, the newest first."""
    return WebhookDelivery.objects.filter(webhook__in=webhooks_for(user).filter(pk=webhook.pk)).order_by(
        "-created_at", "-id"
    )


def send_again(user: User, delivery: WebhookDelivery) -> None:
    """Have a message that was given up tried anew."""
    require(user, Right.CONNECT)
    mine = WebhookDelivery.objects.filter(pk=delivery.pk, webhook__in=webhooks_for(user))
    mine.exclude(state=WebhookDelivery.State.SENT).update(
        state=WebhookDelivery.State.WAITING, tries=0, next_at=timezone.now(), lease_until=None
    )


def _message(webhook: Webhook, event: str, ids: dict[str, Any]) -> WebhookDelivery:
    message = WebhookDelivery(webhook=webhook, event=event)
    message.body = {
        "id": str(message.pk),
        "event": event,
        "created_at": message.created_at.isoformat(timespec="seconds"),
        "data": {name: str(value) for name, value in ids.items()},
    }
    return message


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Give the signature's header: HMAC-SHA256 over the time, a dot and the body."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def deliver_due(now: datetime, *, send: "Callable[[WebhookDelivery], int] | None" = None) -> int:
    """Try every message that is due, and give how many were tried; of two senders one gets each."""
    due = WebhookDelivery.objects.filter(
        Q(lease_until=None) | Q(lease_until__lt=now), state=WebhookDelivery.State.WAITING, next_at__lte=now
    )
    tried = 0
    for pk in list(due.order_by("next_at").values_list("pk", flat=True)[:_BATCH]):
        if due.filter(pk=pk).update(lease_until=now + _LEASE, tries=F("tries") + 1):
            _try(WebhookDelivery.objects.select_related("webhook").get(pk=pk), send or post)
            tried += 1
    return tried


def forget(now: datetime) -> int:
    """Drop the part of the log that is older than a month."""
    done = WebhookDelivery.objects.exclude(state=WebhookDelivery.State.WAITING)
    return done.filter(created_at__lt=now - KEPT_FOR).delete()[0]


def _try(delivery: WebhookDelivery, send: Callable[[WebhookDelivery], int]) -> None:
    status, error = None, ""
    if not delivery.webhook.active:
        error = "switched_off"
    else:
        try:
            status = send(delivery)
        except Unreachable as exc:
            error = str(exc)
    now = timezone.now()
    changes: dict[str, Any] = {"status": status, "error": error, "lease_until": None}
    if status is not None and 200 <= status < 300:
        changes |= {"state": WebhookDelivery.State.SENT, "sent_at": now}
    elif delivery.tries > len(WAITS):
        changes |= {"state": WebhookDelivery.State.FAILED}
    else:
        changes |= {"next_at": now + WAITS[delivery.tries - 1]}
    WebhookDelivery.objects.filter(pk=delivery.pk, tries=delivery.tries).update(**changes)
    log.info("webhook_tried", delivery=str(delivery.pk), tries=delivery.tries, status=status, error=error)


def post(delivery: WebhookDelivery) -> int:
    """Send one message and give the status that the address answered; what else it says is not read.

    Raises
    ------
    Unreachable
        With a code: `bad_address`, `no_such_host`, `private_address`, `timeout`, `tls`, `no_connection`.
    """
    place = place_of(delivery.webhook.url)
    body = json.dumps(delivery.body, separators=(",", ":")).encode()
    headers = {
        "Host": place.host,
        "Content-Type": "application/json",
        "User-Agent": "RetinEye",
        "RetinEye-Event": delivery.event,
        "RetinEye-Delivery": str(delivery.pk),
        "RetinEye-Signature": sign(secret_of(delivery.webhook), int(timezone.now().timestamp()), body),
    }
    name = place.host.rsplit(":", 1)[0].strip("[]")
    try:
        # Neither a proxy of the environment nor a redirect may lead it elsewhere.
        with (
            httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client,
            client.stream(
                "POST", place.url, content=body, headers=headers, extensions={"sni_hostname": name}
            ) as response,
        ):
            return response.status_code
    except httpx.TimeoutException as exc:
        raise Unreachable("timeout") from exc
    except httpx.HTTPError as exc:
        raise Unreachable("tls" if "SSL" in str(exc) or "certificate" in str(exc) else "no_connection") from exc


def place_of(url: str) -> Place:
    """Look the host up and give the address to call: only a public one, unless the setting allows the clinic's own.

    Raises
    ------
    Unreachable
        If there is no such host, or it lies where the service must not call.
    """
    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        if parts.scheme not in _schemes() or not host or parts.username or parts.password:
            raise Unreachable("bad_address")
        found = sorted({str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})
    except ValueError as exc:
        raise Unreachable("bad_address") from exc
    except OSError as exc:
        raise Unreachable("no_such_host") from exc
    if not settings.RETINEYE_WEBHOOK_PRIVATE and not all(_public(address) for address in found):
        raise Unreachable("private_address")
    return Place(httpx.URL(url).copy_with(host=found[0], port=port), parts.netloc)


def _public(address: str) -> bool:
    ip = ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    ip = mapped or ip
    return ip.is_global and not ip.is_multicast


def _schemes() -> Iterable[str]:
    return ("https", "http") if settings.RETINEYE_WEBHOOK_PRIVATE else ("https",)


def _checked(url: str) -> str:
    url = url.strip()
    sentence = _("Give an https address that can be reached from the internet.")
    if settings.RETINEYE_WEBHOOK_PRIVATE:
        sentence = _("Give an http or https address.")
    try:
        parts = urlsplit(url)
        plain = parts.scheme in _schemes() and parts.hostname and not parts.username and not parts.password
        if not plain or len(url) > 500 or parts.fragment:
            raise ValidationError({"url": sentence})
        try:
            public = _public(parts.hostname or "")
        except ValueError:
            public = (parts.hostname or "") != "localhost" and not (parts.hostname or "").endswith(".local")
            if not settings.RETINEYE_WEBHOOK_PRIVATE:
                URLValidator(schemes=["https"])(url)
    except (ValueError, ValidationError) as exc:
        raise ValidationError({"url": sentence}) from exc
    if not public and not settings.RETINEYE_WEBHOOK_PRIVATE:
        raise ValidationError({"url": sentence})
    return url


def _events(events: Collection[str]) -> list[str]:
    known = [event.value for event in Event if event.value in events]
    if not known or set(events) - set(known):
        raise ValidationError({"events": _("Choose what the address is told of.")})
    return known


def _remember(action: audit.Action, user: User, webhook: Webhook) -> None:
    audit.record(
        action,
        actor=user,
        organisation=webhook.organisation_id,
        object_type="webhook",
        object_id=webhook.pk,
        detail={"active": webhook.active},
    )
