"""What calls an archive lets go of the line, however the archive ends it."""

import gc
import socket
import struct
from collections.abc import Iterator

import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import Verification

from retineye.clinic.models import Destination
from retineye.exchange.dicom_out.scu import echo
from retineye.exchange.refused import DeliveryError
from tests.exchange.listening import free_port


def break_off(event: evt.Event) -> int:
    """End the line in the middle of an answer, as a cable that is pulled does: no farewell."""
    held = event.assoc.dul.socket.socket
    held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    held.close()
    return 0x0000


@pytest.fixture()
def rude() -> Iterator[Destination]:
    """Have an archive that takes the call and breaks off."""
    ae = AE(ae_title="RUDE")
    ae.add_supported_context(Verification)
    port = free_port()
    server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_ECHO, break_off)])
    yield Destination(kind=Destination.Kind.DICOM, address=f"127.0.0.1:{port}", ae_title="RUDE")
    assert server is not None
    server.shutdown()


def open_sockets() -> list[str]:
    """Give the sockets of this process that are open and that nobody is at the other end of."""
    gc.collect()
    held = [one for one in gc.get_objects() if type(one) is socket.socket and one.fileno() >= 0]
    return [repr(one) for one in held if one.type == socket.SOCK_STREAM and "raddr" not in repr(one)]


@pytest.mark.parametrize("_", range(5))
def test_an_archive_that_breaks_off_leaves_no_socket_behind(rude: Destination, _: int) -> None:
    before = len(open_sockets())
    with pytest.raises(DeliveryError, match="no_answer"):
        echo(rude)
    assert len(open_sockets()) <= before
