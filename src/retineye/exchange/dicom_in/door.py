"""The door of the listener: whoever says nothing, lies about a length or never ends holds nobody else up."""

import socket
from collections.abc import Callable
from socketserver import TCPServer
from typing import Any, Final, cast

from pynetdicom.association import Association
from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

PATIENCE_S: Final = 30.0
"""So long one read or write may wait for the other side."""
MOST_BYTES_OF_PDU: Final = 4 * 1024 * 1024
"""Far more than the 16 KiB that are announced: some senders do not listen."""


class Door(ThreadedAssociationServer):
    """Lets each caller in at once; the TLS handshake follows in the caller's own thread."""

    def __init__(self, *arguments: Any, most_bytes: int, **named: Any) -> None:
        """Keep the bound: so many bytes of one message are read."""
        self.most_bytes = most_bytes
        super().__init__(*arguments, request_handler=_Caller, **named)  # type: ignore[misc]  # it is not among them

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a connection. Without a time limit a silent caller would have its thread for ever."""
        caller, address = cast(socket.socket, self.socket).accept()
        caller.settimeout(PATIENCE_S)
        if self.ssl_context is not None:
            # A handshake at this place would be waited for by everybody who calls after.
            caller = self.ssl_context.wrap_socket(caller, server_side=True, do_handshake_on_connect=False)
        return caller, address

    def close(self) -> None:
        """Take no more callers."""
        TCPServer.shutdown(self)
        self.server_close()


class Bound:
    """Reads for an association, no more than one message may have: what is announced is not believed."""

    def __init__(self, read: Callable[[int], bytearray], most_bytes: int) -> None:
        """Wrap the function that reads."""
        self._read = read
        self.most_bytes = most_bytes
        self.received = 0
        """Bytes since the last whole message."""

    def __call__(self, nr_bytes: int) -> bytearray:
        """Read, or break off."""
        self.received += nr_bytes
        if nr_bytes > MOST_BYTES_OF_PDU or self.received > self.most_bytes:
            raise OSError("More is announced than is taken.")
        return self._read(nr_bytes)


class _Caller(RequestHandler):
    server: Door

    def _create_association(self) -> Association:
        association = super()._create_association()
        held = cast(AssociationSocket, association.dul.socket)
        held.recv = Bound(held.recv, self.server.most_bytes)  # type: ignore[method-assign]
        return association


def message_ended(event: Any) -> None:
    """Begin to count anew: for `evt.EVT_DIMSE_RECV`."""
    read = getattr(event.assoc.dul.socket, "recv", None)
    if isinstance(read, Bound):
        read.received = 0
