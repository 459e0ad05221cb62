"""Call a DICOM archive: ask whether it answers, and send objects."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings

from retineye.clinic.models import Destination
from retineye.exchange.refused import DeliveryError

try:
    from pynetdicom import AE, build_context
except ImportError:  # the extra `dicom` is not installed
    AE = build_context = None  # type: ignore[assignment,misc]

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset
    from pynetdicom.association import Association

_VERIFICATION: Final = "1.2.840.10008.1.1"
_PATIENCE_S: Final = 60
_PATIENCE_OF_ECHO_S: Final = 8
# PS3.8, 9.3.4: why the service user of the other side turns a call away.
_TURNED_AWAY: Final = {3: "title_not_known", 7: "other_title"}


def outgoing_tls() -> ssl.SSLContext:
    """Give the context for calls over TLS: our certificate where we have one, and whom we trust.

    With authorities of the clinic's own, theirs alone are trusted; else those that the machine trusts.
    """
    context = ssl.create_default_context(cafile=settings.RETINEYE_DICOM_AUTHORITIES or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.RETINEYE_DICOM_CERTIFICATE:
        context.load_cert_chain(settings.RETINEYE_DICOM_CERTIFICATE, settings.RETINEYE_DICOM_KEY or None)
    return context


@contextmanager
def _called(destination: Destination, contexts: list[Any], patience_s: int) -> Iterator["Association"]:
    if AE is None:
        raise DeliveryError("not_installed")
    host, _colon, port = destination.address.rpartition(":")
    ae = AE(ae_title=settings.RETINEYE_DICOM_AE_TITLE)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = ae.connection_timeout = patience_s
    try:
        tls = (outgoing_tls(), host) if destination.tls else None
    except OSError as exc:
        raise DeliveryError("own_certificate") from exc
    association = ae.associate(
        host.strip("[]"), int(port), contexts=contexts, ae_title=destination.ae_title or "ANY-SCP", tls_args=tls
    )
    if not association.is_established:
        said = association.acceptor.primitive if association.is_rejected else None
        code = "turned_away" if association.is_rejected else "not_reached"
        raise DeliveryError(_TURNED_AWAY.get(getattr(said, "diagnostic", None) or 0, code))
    line = getattr(association.dul.socket, "socket", None)
    try:
        yield association
    finally:
        association.release()
        # Where the other side is gone already pynetdicom can not shut the line down, and then does not close it.
        if line is not None:
            line.close()


def echo(destination: Destination) -> None:
    """Ask whether the archive answers, by C-ECHO.

    Raises
    ------
    DeliveryError
        If it does not; the code says why.
    """
    with _called(destination, [_context(_VERIFICATION, "1.2.840.10008.1.2")], _PATIENCE_OF_ECHO_S) as association:
        try:
            status = association.send_c_echo().get("Status")
        except (ValueError, RuntimeError) as exc:
            raise DeliveryError("no_answer") from exc
        if status != 0:
            raise DeliveryError("no_answer" if status is None else f"status_{status:04x}")


def store(made: list["FileDataset"], destination: Destination) -> None:
    """Send objects by C-STORE, as they stand in files: see `objects.as_sent`.

    Raises
    ------
    DeliveryError
        If the archive does not answer, or refuses one of them.
    """
    kinds = sorted({(str(one.SOPClassUID), str(one.file_meta.TransferSyntaxUID)) for one in made})
    contexts = [_context(sop_class, syntax) for sop_class, syntax in kinds]
    with _called(destination, contexts, _PATIENCE_S) as association:
        for one in made:
            try:
                status = association.send_c_store(one).get("Status")
            except ValueError as exc:
                raise DeliveryError("class_not_taken") from exc
            except RuntimeError as exc:
                raise DeliveryError("no_answer") from exc
            # A warning (PS3.4, B.2.3: 0xBxxx) means stored.
            if status is None or (status != 0 and status & 0xF000 != 0xB000):
                raise DeliveryError("no_answer" if status is None else f"status_{status:04x}")


def _context(sop_class: str, syntax: str) -> Any:
    if build_context is None:
        raise DeliveryError("not_installed")
    return build_context(sop_class, syntax)
