"""Whatever a caller sends, the listener goes on, and what is not understood is not kept."""

import io
import socket
import struct
import time
import zlib
from collections.abc import Iterator

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import UID, generate_uid
from pynetdicom import AE
from pynetdicom.dimse_primitives import C_STORE

from tests import dicoms
from tests.dicoms import as_bytes, photograph
from tests.exchange.listening import TITLE, House, house
from tests.photos import retina

# A process that starts Django, on a machine that is busy with others.
pytestmark = pytest.mark.timeout(900)

_SMALL = photograph(retina(width_px=96, height_px=64))
_WHOLE = as_bytes(_SMALL)
_BODY_AT = 144 + int.from_bytes(_WHOLE[140:144], "little")
_BODY = _WHOLE[_BODY_AT:]
_SLOW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
_GROUPS = st.sampled_from([0x0008, 0x0010, 0x0018, 0x0020, 0x0022, 0x0028, 0x5200, 0x7FE0, 0xFFFE])
_TAGS = st.tuples(_GROUPS, st.integers(0, 0xFFFF))
_REPRESENTATIONS = st.sampled_from([b"UI", b"PN", b"DA", b"SQ", b"OB", b"OW", b"US", b"UN", b"DS", b"??"])


ANSWERS = {0x0000, 0xA701, 0xA900, 0xC000}
"""Taken, too large, not what was announced, damaged."""


@pytest.fixture(scope="module")
def hill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("bombs") / "house", RETINEYE_MAX_UPLOAD_MB="2") as made:
        made.start()
        yield made
        assert made.lives()
        assert made.call("echoscu").returncode == 0


def send(hill: House, body: bytes, sop_class: str = dicoms.OP8, syntax: str = dicoms.EXPLICIT) -> int | None:
    """Send bytes as the data set of a C-STORE, unread and unmended, and give the status; None where it hung up."""
    ae = AE(ae_title=TITLE)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 120
    ae.add_requested_context(sop_class, [syntax])
    association = ae.associate("127.0.0.1", hill.port, ae_title="RETINEYE")
    assert association.is_established
    line = association.dul.socket.socket
    request = C_STORE()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = UID(sop_class), generate_uid()
    request.DataSet = io.BytesIO(body)
    # As its own `send_c_store` does, but for the bytes, which it would not send.
    association._reactor_checkpoint.clear()
    while not association._is_paused:
        time.sleep(0.001)
    association.dimse.send_msg(request, association.accepted_contexts[0].context_id)
    _context, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    if association.is_established:
        association.release()
    line.close()  # pynetdicom does not, where the listener has hung up
    return None if answer is None else int(answer.Status)


def kept(hill: House) -> int:
    """Count what was taken."""
    return len(hill.arrivals())


@_SLOW
@given(
    edits=st.lists(st.tuples(st.integers(0, 900), st.binary(min_size=1, max_size=6)), min_size=1, max_size=8),
    end=st.integers(0, len(_BODY)),
)
def test_damaged_data_sets_are_answered(hill: House, edits: list[tuple[int, bytes]], end: int) -> None:
    body = bytearray(_BODY[:end])
    for at, value in edits:
        body[at : at + len(value)] = value
    assert send(hill, bytes(body)) in ANSWERS


@_SLOW
@given(tag=_TAGS, vr=_REPRESENTATIONS, length=st.integers(0, 2**32 - 1), value=st.binary(max_size=40))
def test_elements_whose_lengths_lie_are_answered(
    hill: House, tag: tuple[int, int], vr: bytes, length: int, value: bytes
) -> None:
    long = vr in (b"SQ", b"OB", b"OW", b"UN")
    head = struct.pack("<HH", *tag) + vr
    head += b"\0\0" + struct.pack("<I", length) if long else struct.pack("<H", length & 0xFFFF)
    assert send(hill, head + value + _BODY) in ANSWERS


def test_sequences_in_sequences_are_answered(hill: House) -> None:
    begin = (
        struct.pack("<HH", 0x0008, 0x1140) + b"SQ\0\0" + b"\xff" * 4 + struct.pack("<HHI", 0xFFFE, 0xE000, 2**32 - 1)
    )
    assert send(hill, begin * 20_000) in ANSWERS


def test_a_deflated_bomb_is_answered_and_not_kept(hill: House) -> None:
    before = kept(hill)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(1_500)) + packer.flush()
    assert len(bomb) < 2_000_000
    assert send(hill, bomb, syntax=dicoms.DEFLATED) in (0xA701, 0xC000, 0xA900)
    assert kept(hill) == before


def test_a_picture_that_claims_to_be_huge_is_refused(hill: House) -> None:
    before = kept(hill)
    one = pydicom.dcmread(io.BytesIO(_WHOLE))
    one.Rows = one.Columns = 65535
    assert send(hill, as_bytes(one)[_BODY_AT:]) == 0xA701
    assert kept(hill) == before


def test_a_file_that_is_too_large_is_told_so_and_one_without_end_is_cut_off(hill: House) -> None:
    before = kept(hill)
    assert send(hill, _BODY + bytes(3_000_000)) == 0xA701
    assert send(hill, _BODY + bytes(30_000_000)) is None
    assert kept(hill) == before


def test_other_classes_are_refused_with_a_status(hill: House) -> None:
    before = kept(hill)
    for sop_class in (dicoms.OCT, "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.104.1"):
        assert send(hill, _BODY, sop_class) == 0x0122
    # Announced as a photograph, and a tomogram inside.
    other = as_bytes(photograph(retina(width_px=96, height_px=64), sop_class=dicoms.OCT))
    assert send(hill, other[_BODY_AT:]) == 0xA900
    assert kept(hill) == before


@pytest.mark.parametrize(
    "data",
    [
        b"\x01\x00\xff\xff\xff\xff" + bytes(1000),
        b"\x04\x00\x00\x00\x00\x00",
        b"\xff" * 4096,
        b"\x01\x00\x00\x00\x00\x44\x00\x01",
        b"GET / HTTP/1.1\r\n\r\n",
        b"",
    ],
)
def test_callers_that_do_not_speak_dicom_hold_nobody_up(hill: House, data: bytes) -> None:
    silent = [socket.create_connection(("127.0.0.1", hill.port)) for _ in range(5)]
    try:
        for one in silent:
            one.sendall(data)
        assert hill.call("echoscu").returncode == 0
    finally:
        for one in silent:
            one.close()
