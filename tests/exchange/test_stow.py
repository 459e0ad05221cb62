"""A body of DICOM objects is taken apart whatever its pieces, and its answer says of each object what became of it."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retineye.exchange.stow import MOST_OBJECTS, Stored, StowError, answer, boundary_of, parts, status_of

KIND = 'multipart/related; type="application/dicom"; boundary="a b"'


class Line:
    """Gives a body in pieces of a size, as a network does."""

    def __init__(self, body: bytes, size: int) -> None:
        self.body, self.size = body, size

    def read(self, size: int = -1, /) -> bytes:
        """Give the next piece."""
        taken, self.body = self.body[: min(self.size, size)], self.body[min(self.size, size) :]
        return taken


def written(objects: list[bytes], boundary: bytes = b"mark", head: bytes = b"Content-Type: application/dicom") -> bytes:
    made = b"".join(b"--" + boundary + b"\r\n" + head + b"\r\n\r\n" + one + b"\r\n" for one in objects)
    return made + b"--" + boundary + b"--\r\n"


def taken(body: bytes, size: int = 7, most: int = 1000) -> list[bytes | None]:
    return list(parts(Line(body, size), b"mark", most_bytes=most))


@given(st.lists(st.binary(max_size=300).filter(lambda one: b"--mark" not in one), max_size=4), st.integers(1, 400))
def test_what_was_put_together_is_taken_apart(objects: list[bytes], size: int) -> None:
    assert taken(written(objects), size) == objects


def test_a_beginning_blanks_and_parts_without_headers_are_allowed() -> None:
    body = (
        b"preamble\r\n--mark \t\r\n\r\nab\r\n--mark\r\ncontent-type:application/dicom; x=1\r\nX: y\r\n\r\n\r\n--mark--"
    )
    assert taken(body) == [b"ab", b""]


def test_a_part_that_is_too_large_is_left_out_and_the_others_are_taken() -> None:
    assert taken(written([b"x" * 5000, b"small"])) == [None, b"small"]


@given(st.integers(0, 200))
def test_a_body_that_breaks_off_is_refused(length: int) -> None:
    body = written([b"first object", b"second object"])[:-4]
    with pytest.raises(StowError) as caught:
        taken(body[:length])
    assert caught.value.status == 400


@given(st.binary(max_size=400))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    try:
        taken(b"--mark" + body, 11, 100)
    except StowError as exc:
        assert exc.status in (400, 413, 415)


@pytest.mark.parametrize("head", [b"Content-Type: application/dicom+xml", b"Content-Type: image/jpeg"])
def test_parts_of_another_kind_are_refused(head: bytes) -> None:
    with pytest.raises(StowError) as caught:
        taken(written([b"x"], head=head))
    assert caught.value.status == 415


def test_more_objects_than_may_be_are_refused() -> None:
    with pytest.raises(StowError) as caught:
        taken(written([b"x"] * (MOST_OBJECTS + 2)), 4096)
    assert caught.value.status == 413


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/dicom", 415),
        ("multipart/form-data; boundary=x", 415),
        ('multipart/related; type="application/dicom+json"; boundary=x', 415),
        ("multipart/related; type=application/dicom", 400),
        (f"multipart/related; boundary={'x' * 201}", 400),
        ("", 415),
    ],
)
def test_another_kind_of_body_is_refused(content_type: str, status: int) -> None:
    with pytest.raises(StowError) as caught:
        boundary_of(content_type)
    assert caught.value.status == status


def test_a_boundary_may_stand_between_quotes() -> None:
    assert boundary_of(KIND) == b"a b"


def _mixed() -> Iterator[tuple[list[Stored], int]]:
    good, bad = Stored("1.2", "1.2.3"), Stored("1.2", "1.2.4", 0xC000)
    yield [good, good], 200
    yield [good, bad], 202
    yield [bad], 409


@pytest.mark.parametrize(("stored", "status"), list(_mixed()))
def test_the_status_says_whether_all_some_or_none_were_stored(stored: list[Stored], status: int) -> None:
    assert status_of(stored) == status


def test_the_answer_names_each_object_and_why_it_failed() -> None:
    made = answer([Stored("1.2", "1.2.3"), Stored("1.2", "1.2.4", 0x0122), Stored("", "", 0xC000)])
    assert made == {
        "00081190": {"vr": "UR"},
        "00081198": {
            "vr": "SQ",
            "Value": [
                {
                    "00081150": {"vr": "UI", "Value": ["1.2"]},
                    "00081155": {"vr": "UI", "Value": ["1.2.4"]},
                    "00081197": {"vr": "US", "Value": [290]},
                },
                {"00081150": {"vr": "UI"}, "00081155": {"vr": "UI"}, "00081197": {"vr": "US", "Value": [49152]}},
            ],
        },
        "00081199": {
            "vr": "SQ",
            "Value": [
                {
                    "00081150": {"vr": "UI", "Value": ["1.2"]},
                    "00081155": {"vr": "UI", "Value": ["1.2.3"]},
                    "00081190": {"vr": "UR"},
                }
            ],
        },
    }
