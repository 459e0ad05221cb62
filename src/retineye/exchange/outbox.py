"""The outbox: each signed state of an exam goes to each destination once, and is tried again until it is taken.

Nothing has to be remembered when a doctor signs: what is signed and has no row here is found by looking. A destination
may get the same state twice, after a crash between sending and writing down; UIDs and ids are the same, so it holds it
once.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx  # noqa: TID251  results leave the service here, to addresses that whoever runs the server has named
import structlog
from django.db import transaction
from django.db.models import F, Q
from pydicom.dataset import FileDataset

from retineye.accounts import audit
from retineye.clinic.models import Delivery, Destination, Exam, Report, Signature
from retineye.clinic.signed import Signed, signed_of
from retineye.exchange import fhir, hl7
from retineye.exchange.dicom_out.objects import Files, as_bytes, as_sent, objects
from retineye.exchange.dicom_out.scu import store
from retineye.exchange.refused import DeliveryError
from retineye.exchange.report_pdf import issue_report
from retineye.exchange.told import Told, standing_pdf, stored, told_of

log = structlog.get_logger(__name__)

TRIES = 12
"""With pauses that double from one minute, a destination may be away for almost three days."""
LOOK_BACK = timedelta(days=30)
_BACK = "-back"
"""A revision that ends so is not a signed state: it says that one was taken back."""
_LEASE = timedelta(minutes=5)
_TIMEOUT_S = 60.0


def find_due(now: datetime) -> int:
    """Open a row for each signed state that has none, and give how many."""
    opened = 0
    for destination in Destination.objects.filter(active=True):
        recent = Signature.objects.filter(
            Q(signed_at__gte=now - LOOK_BACK) | Q(addenda__at__gte=now - LOOK_BACK),
            exam__patient__organisation=destination.organisation_id,
            signed_at__gte=destination.created_at,
            withdrawn_at=None,
        )
        for exam in Exam.objects.filter(pk__in=recent.values("exam")):
            signed = signed_of(exam)
            if signed is not None:
                _row, created = Delivery.objects.get_or_create(
                    destination=destination, exam=exam, revision=signed.revision, defaults={"next_at": now}
                )
                opened += created
        opened += _find_taken_back(destination, now)
    return opened


def _find_taken_back(destination: Destination, now: datetime) -> int:
    """Open a row where a signed state was sent, its signature was taken back, and nobody has signed anew."""
    if destination.kind != Destination.Kind.FHIR:
        # The others have no word for it: an archive keeps what it holds, and is told with the next signature.
        return 0
    sent = Delivery.objects.filter(destination=destination, state=Delivery.State.SENT, exam__signed_at=None)
    back = Signature.objects.filter(withdrawn_at__gte=now - LOOK_BACK, exam__in=sent.values("exam"))
    opened = 0
    for signature in back:
        if sent.filter(exam=signature.exam_id, revision__startswith=str(signature.pk)).exists():
            _row, created = Delivery.objects.get_or_create(
                destination=destination,
                exam_id=signature.exam_id,
                revision=f"{signature.pk}{_BACK}",
                defaults={"next_at": now},
            )
            opened += created
    return opened


def deliver_next(now: datetime) -> bool:
    """Send what is due; False where nothing is. Of two processes the count lets one send it."""
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    due = Delivery.objects.filter(
        free, state=Delivery.State.WAITING, next_at__lte=now, destination__active=True
    ).order_by("next_at")
    first = due.first()
    if first is None:
        return False
    mine = Delivery.objects.filter(free, pk=first.pk, state=Delivery.State.WAITING)
    if mine.update(lease_until=now + _LEASE, tries=F("tries") + 1):
        deliver(Delivery.objects.select_related("destination", "exam__patient__organisation").get(pk=first.pk), now)
    return True


def deliver(delivery: Delivery, now: datetime) -> None:
    """Send one signed state, and write down how it went."""
    signed = signed_of(delivery.exam)
    back = delivery.revision.endswith(_BACK)
    if (signed is not None) if back else (signed is None or signed.revision != delivery.revision):
        # Withdrawn or added to since: the newer state has a row of its own, and an older one is never sent late.
        _settle(delivery, now, state=Delivery.State.FAILED, error="superseded")
        return
    try:
        _send(delivery.destination, _told(delivery.exam, signed, now))
    except DeliveryError as exc:
        _try_later(delivery, now, exc.code)
    except httpx.HTTPError:
        _try_later(delivery, now, "no_answer")
    except OSError:
        _try_later(delivery, now, "not_reached")
    except Exception:
        log.exception("delivery_broke", delivery=str(delivery.pk))
        _try_later(delivery, now, "broke")
    else:
        _settle(delivery, now, state=Delivery.State.SENT, error="")


def _told(exam: Exam, signed: Signed | None, now: datetime) -> Told:
    if signed is None:
        return told_of(exam, now=now)
    pdf = standing_pdf(exam)
    if not pdf:
        issue_report(signed.review.reader, exam, Report.Kind.CLINICIAN, "en")
        pdf = standing_pdf(exam)
    return told_of(exam, now=signed.signed_at, pdf=pdf)


def _try_later(delivery: Delivery, now: datetime, code: str) -> None:
    if delivery.tries >= TRIES:
        _settle(delivery, now, state=Delivery.State.FAILED, error=code)
        return
    pause = timedelta(minutes=2 ** max(0, delivery.tries - 1))
    Delivery.objects.filter(pk=delivery.pk).update(lease_until=None, next_at=now + pause, error=code)
    log.warning("delivery_waits", delivery=str(delivery.pk), code=code)


def _settle(delivery: Delivery, now: datetime, *, state: Delivery.State, error: str) -> None:
    sent = state == Delivery.State.SENT
    with transaction.atomic():
        Delivery.objects.filter(pk=delivery.pk).update(
            state=state, error=error, lease_until=None, sent_at=now if sent else None
        )
        audit.record(
            audit.Action.DELIVERED if sent else audit.Action.DELIVERY_FAILED,
            actor=None,
            organisation=delivery.destination.organisation_id,
            object_type="exam",
            object_id=delivery.exam_id,
            detail={"destination": str(delivery.destination_id), "kind": delivery.destination.kind, "code": error},
        )


def _send(destination: Destination, told: Told) -> None:
    match Destination.Kind(destination.kind):
        case Destination.Kind.DICOM:
            store(as_sent(objects(told, _files(told))), destination)
        case Destination.Kind.STOW:
            stow(objects(told, _files(told)), destination)
        case Destination.Kind.FHIR:
            put_bundle(fhir.bundle(told, base=destination.address, kind="transaction"), destination)
        case Destination.Kind.HL7_MLLP:
            host, _colon, port = destination.address.rpartition(":")
            hl7.send(hl7.oru(told), host, int(port))
        case Destination.Kind.HL7_FILE:
            _write(hl7.oru(told), Path(destination.address), told)


def _files(told: Told) -> Mapping[str, Files]:
    return {
        shot.id: Files(
            original=stored(shot.original) if shot.mime == "application/dicom" else b"",
            display=stored(shot.display),
            heatmap=stored(shot.heatmap) if shot.heatmap else b"",
        )
        for shot in told.shots
        if shot.display
    }


def stow(made: list[FileDataset], destination: Destination) -> None:
    """Send objects by STOW-RS (PS3.18, 10.5).

    Raises
    ------
    DeliveryError
        If the archive refuses one of them.
    """
    boundary = uuid4().hex
    part = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode("ascii")
    body = b"".join(part + as_bytes(one) + b"\r\n" for one in made) + f"--{boundary}--\r\n".encode("ascii")
    headers = {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        "Accept": "application/dicom+json",
    }
    _post(destination, destination.address.rstrip("/") + "/studies", body, headers)


def put_bundle(bundle: fhir.Resource, destination: Destination) -> None:
    """Send a transaction to a FHIR server.

    Raises
    ------
    DeliveryError
        If the server refuses it.
    """
    request = httpx.Request("POST", destination.address, json=bundle)
    headers = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}
    _post(destination, destination.address, request.content, headers)


def _post(destination: Destination, address: str, body: bytes, headers: dict[str, str]) -> None:
    if destination.token_file:
        headers = {**headers, "Authorization": Path(destination.token_file).read_text(encoding="ascii").strip()}
    with httpx.Client(timeout=_TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
        answer = client.post(address, content=body, headers=headers)
    # 202 is how STOW-RS says that only some were stored.
    if answer.status_code not in (200, 201):
        raise DeliveryError(f"http_{answer.status_code}")


def _write(message: str, folder: Path, told: Told) -> None:
    name = f"{told.exam_id}-{told.revision.replace('+', '-')}"
    aside = folder / f".{name}.part"
    aside.write_text(message, encoding="utf-8", newline="")
    # Whoever watches the folder sees whole files alone.
    aside.rename(folder / f"{name}.hl7")
