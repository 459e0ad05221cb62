"""What a zip archive may hold: photographs, and neither bombs nor paths."""

import io
import struct
import zipfile
from pathlib import Path

import pytest

from retineye.clinic import archive
from retineye.clinic.archive import Damaged, TooMuch
from tests.cast import picture

MEBIBYTE = 1024 * 1024


def packed(folder: Path, *files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Make an archive of files."""
    path = folder / "export.zip"
    with zipfile.ZipFile(path, "w", method) as made:
        for name, data in files:
            made.writestr(name, data)
    return path


def names(path: Path, max_bytes: int = 8 * MEBIBYTE) -> list[str]:
    """Read an archive as a whole."""
    return [member.name for member in archive.members(path, max_bytes=max_bytes)]


def test_the_files_of_an_archive_come_one_by_one_without_folders_and_litter(tmp_path: Path) -> None:
    path = packed(
        tmp_path,
        ("visit/", b""),
        ("visit/OD/1.jpg", picture(1)),
        ("visit/OS/1.jpg", picture(2)),
        ("__MACOSX/visit/._1.jpg", b"litter"),
        ("visit/Thumbs.db", b"litter"),
        ("visit/.hidden", b"litter"),
        ("DICOMDIR", b"litter"),
    )
    found = list(archive.members(path, max_bytes=8 * MEBIBYTE))
    assert [member.name for member in found] == ["visit/OD/1.jpg", "visit/OS/1.jpg"]
    assert [member.data for member in found] == [picture(1), picture(2)]


def test_a_path_that_leads_out_of_the_archive_is_nothing_but_a_name(tmp_path: Path) -> None:
    path = packed(
        tmp_path, ("../../../evil.jpg", picture(1)), ("/etc/evil.jpg", picture(2)), ("C:\\evil.jpg", picture(3))
    )
    before = sorted(tmp_path.rglob("*"))
    assert len(names(path)) == 3
    assert sorted(tmp_path.rglob("*")) == before


def test_a_bomb_is_refused_by_what_it_claims(tmp_path: Path) -> None:
    with pytest.raises(TooMuch):
        names(packed(tmp_path, ("bomb.bmp", bytes(6 * MEBIBYTE))))


def test_a_bomb_that_claims_to_be_small_is_refused_by_what_comes_out(tmp_path: Path) -> None:
    path = packed(tmp_path, ("bomb.bmp", bytes(6 * MEBIBYTE)))
    data = bytearray(path.read_bytes())
    # The size before compression, in the central directory and in the local header: both lie.
    central = data.index(b"PK\x01\x02")
    data[central + 24 : central + 28] = struct.pack("<I", 1000)
    data[22:26] = struct.pack("<I", 1000)
    path.write_bytes(bytes(data))
    with pytest.raises((TooMuch, Damaged)):
        names(path)


def test_a_bomb_of_many_files_is_refused(tmp_path: Path) -> None:
    many = [(f"{number}.jpg", b"x") for number in range(archive.MAX_FILES + 1)]
    with pytest.raises(TooMuch):
        names(packed(tmp_path, *many, method=zipfile.ZIP_STORED))
    together = [(f"{number}.jpg", bytes(range(256)) * 3900) for number in range(10)]
    with pytest.raises(TooMuch):
        names(packed(tmp_path, *together, method=zipfile.ZIP_STORED), max_bytes=MEBIBYTE)


def test_a_bomb_whose_files_lie_over_each_other_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path, ("1.jpg", picture(1)), method=zipfile.ZIP_STORED)
    data = path.read_bytes()
    central, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entry = data[central:end]
    tail = bytearray(data[end:])
    tail[8:12] = struct.pack("<HH", 40, 40)
    tail[12:16] = struct.pack("<I", len(entry) * 40)
    path.write_bytes(data[:central] + entry * 40 + bytes(tail))
    with pytest.raises((TooMuch, Damaged)):
        names(path)


def test_what_is_larger_than_a_photograph_may_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TooMuch):
        names(packed(tmp_path, ("1.jpg", picture(1)), method=zipfile.ZIP_STORED), max_bytes=1000)


def test_an_archive_inside_an_archive_is_given_closed(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as made:
        made.writestr("1.jpg", picture(1))
    [member] = archive.members(packed(tmp_path, ("inner.zip", inner.getvalue())), max_bytes=8 * MEBIBYTE)
    assert archive.is_archive(member.data)


def test_a_damaged_archive_is_said_to_be_so(tmp_path: Path) -> None:
    path = packed(tmp_path, ("1.jpg", picture(1)), ("2.jpg", picture(2)))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Damaged):
        names(path)
    path.write_bytes(whole[:200] + bytes(100) + whole[300:])
    with pytest.raises(Damaged):
        names(path)
    path.write_bytes(b"PK\x03\x04 no archive at all")
    with pytest.raises(Damaged):
        names(path)


def test_a_locked_file_is_given_without_its_bytes(tmp_path: Path) -> None:
    path = packed(tmp_path, ("1.jpg", picture(1)))
    data = bytearray(path.read_bytes())
    central = data.index(b"PK\x01\x02")
    data[central + 8] |= 1
    data[6] |= 1
    path.write_bytes(bytes(data))
    [member] = archive.members(path, max_bytes=8 * MEBIBYTE)
    assert member.data == b""
