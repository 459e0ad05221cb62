"""`retineye listen-dicom`: C-ECHO, C-STORE and the modality worklist for the cameras that are known.

The listener only reads headers and makes bytes safe; decoding, which a damaged picture may break, happens in the filing
process that it keeps beside it.
"""

import shutil
import signal
import ssl
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from pydicom.dataset import Dataset
from pynetdicom import AE, AllStoragePresentationContexts, _config, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made when the module is loaded
    ModalityWorklistInformationFind,
    Verification,
)

from retineye.clinic.arrivals import ArrivalLost, keep
from retineye.clinic.grade import limits
from retineye.clinic.models import Sender
from retineye.clinic.senders import sender_called, titles
from retineye.exchange.dicom_in.answers import Answer
from retineye.exchange.dicom_in.door import Door, message_ended
from retineye.exchange.dicom_in.waiting import waiting_exams
from retineye.exchange.dicom_in.worklist import answers, days_asked
from retineye.exchange.filing import Filing
from retineye.grading.dicom import GRADED_CLASSES, SHOWN_CLASSES, TRANSFER_SYNTAXES
from retineye.grading.errors import DecodeError, NotAPhotographError, TooLargeError

log = structlog.get_logger(__name__)

_TAKEN = frozenset({*GRADED_CLASSES, *SHOWN_CLASSES})
_REFRESH_S = 2.0
_PENDING, _DONE, _CANCELLED, _NO_ANSWER = 0xFF00, 0x0000, 0xFE00, 0xC001


@dataclass(frozen=True, slots=True)
class Listening:
    """Where and how to listen."""

    host: str
    port: int
    ae_title: str
    certificate: str = ""
    """PEM file of the service's own certificate; empty: without TLS."""
    key: str = ""
    authorities: str = ""
    """PEM file of the authorities whose clients are let in; empty: no client certificate is asked for."""

    def tls(self) -> ssl.SSLContext | None:
        """Give the context for TLS 1.2 and up, or None where there is no certificate."""
        if not self.certificate:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key or None)
        if self.authorities:
            context.load_verify_locations(self.authorities)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def take(data: bytes, announced: str, sender: Sender | None) -> Answer:
    """Make one object safe, or say why not."""
    if sender is None:
        return Answer.NOT_ALLOWED
    if announced not in _TAKEN:
        return Answer.CLASS_NOT_TAKEN
    try:
        kept = keep(data, by=sender.acts_as, via="dicom", sender=sender)
    except NotAPhotographError:
        return Answer.MISMATCH
    except TooLargeError:
        return Answer.TOO_LARGE
    except DecodeError:
        return Answer.DAMAGED
    except (ArrivalLost, DatabaseError):
        log.exception("arrival_refused")
        return Answer.NO_ROOM
    log.info("arrived", arrival=str(kept.arrival.pk), sender=str(sender.pk), new=kept.created)
    return Answer.SAFE


def _on_store(event: Any) -> Dataset:
    announced = str(event.request.AffectedSOPClassUID)
    try:
        sender = sender_called(event.assoc.requestor.ae_title)
        path = Path(event.dataset_path)
        if sender is not None and announced in _TAKEN and path.stat().st_size > limits().max_bytes:
            return Answer.TOO_LARGE.dataset()
        data = path.read_bytes() if sender is not None and announced in _TAKEN else b""
        answer = take(data, announced, sender)
    except (DatabaseError, OSError):
        log.exception("arrival_refused")
        answer = Answer.NO_ROOM
    except Exception:
        # Whatever a sender may send, the listener goes on, and what is not understood is not kept.
        log.exception("arrival_not_understood")
        answer = Answer.DAMAGED
    finally:
        connection.close()
    if answer is not Answer.SAFE:
        log.warning("answered", answer=answer.name)
    return answer.dataset()


def _on_find(event: Any) -> Iterator[tuple[int, Dataset | None]]:
    try:
        sender = sender_called(event.assoc.requestor.ae_title)
        if sender is None:
            yield Answer.NOT_ALLOWED.value[0], None
            return
        query = event.identifier
        for item in answers(query, waiting_exams(sender, days_asked(query))):
            if event.is_cancelled:
                yield _CANCELLED, None
                return
            yield _PENDING, item
        yield _DONE, None
    except Exception:
        log.exception("worklist_not_answered")
        yield _NO_ANSWER, None
    finally:
        connection.close()


def _on_echo(event: Any) -> int:
    return _DONE


def entity(listening: Listening) -> AE:
    """Make the application entity: it answers to its own title, and to no title that is not known."""
    ae = AE(ae_title=listening.ae_title)
    ae.require_called_aet = True
    # A caller that says nothing keeps its place for half a minute.
    ae.maximum_associations = 100
    ae.network_timeout, ae.acse_timeout, ae.dimse_timeout = 60, 30, 60
    ae.add_supported_context(Verification)
    ae.add_supported_context(ModalityWorklistInformationFind)
    # What is not taken is accepted too, so that it can be refused with a status that says why.
    syntaxes = list(TRANSFER_SYNTAXES)
    for context in AllStoragePresentationContexts:
        if context.abstract_syntax is not None:
            ae.add_supported_context(context.abstract_syntax, syntaxes)
    for uid in _TAKEN:
        ae.add_supported_context(uid, syntaxes)
    admit(ae)
    return ae


def admit(ae: AE) -> None:
    """Read anew which titles may call. An empty list would let everybody in, so a title that nobody has stands in."""
    ae.require_calling_aet = titles() or [uuid.uuid4().hex[:16]]


def listen(listening: Listening, *, parent: int, say: Callable[[str], None], stopping: threading.Event) -> None:
    """Listen until told to stop; an association in hand is finished."""
    # Objects go to a file as they come in, so that a large one does not fill the memory.
    _config.STORE_RECV_CHUNKED_DATASET = True
    tempfile.tempdir = _emptied(Path(settings.FILE_UPLOAD_TEMP_DIR) / f"dicom-{listening.port}")
    _config.LOG_HANDLER_LEVEL = "none"
    ae = entity(listening)
    connection.close()
    handlers: list[Any] = [
        (evt.EVT_C_STORE, _on_store),
        (evt.EVT_C_FIND, _on_find),
        (evt.EVT_C_ECHO, _on_echo),
        (evt.EVT_DIMSE_RECV, message_ended),
    ]
    server = ae.make_server(
        (listening.host, listening.port),
        ssl_context=listening.tls(),
        evt_handlers=handlers,
        server_class=Door,
        # What is a little too large is read to its end, and answered with a status that says so.
        most_bytes=2 * limits().max_bytes,
    )
    threading.Thread(target=server.serve_forever, name="door", daemon=True).start()
    filing = Filing()
    filing.start(parent)
    say(f"RetinEye listens as {listening.ae_title} on {listening.host} port {listening.port}")
    try:
        while not stopping.wait(_REFRESH_S):
            filing.keep(parent)
            try:
                admit(ae)
            except DatabaseError:
                log.exception("database_refused")
            finally:
                connection.close()
    finally:
        cast(Door, server).close()
        ae.shutdown()
        filing.stop()


def _emptied(folder: Path) -> str:
    """Give a folder for what is on its way in, without what a killed listener left there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    return str(folder)


def until_signal() -> threading.Event:
    """Give an event that is set when the process is told to end."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping
