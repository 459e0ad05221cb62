"""DICOM pictures become the photographs that they are, in every syntax and kind of samples that is promised."""

import io
import zlib
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from pydicom.pixels import convert_color_space

from retineye.grading import DecodeError, Grader, OutsideTriedError, TooLargeError, TruncatedError, decode, dicom, probe
from retineye.grading.dicom import describe, frames_of
from retineye.grading.errors import NotAnImageError, NotAPhotographError
from retineye.grading.limits import Limits
from retineye.grading.result import Eye
from tests import dicoms
from tests.dicoms import as_bytes, in_syntax, photograph, set_pixels, view
from tests.photos import retina

IDRID = Path(__file__).parents[1] / "idrid" / "idrid_test_012.jpg"


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.asarray(Image.open(IDRID).convert("RGB").resize((640, 424)))


@pytest.mark.parametrize("syntax", dicoms.SYNTAXES)
def test_a_photograph_is_the_same_in_every_transfer_syntax(syntax: str, pixels: np.ndarray, tmp_path: Path) -> None:
    data = in_syntax(photograph(pixels), syntax, tmp_path)
    assert describe(data).transfer_syntax == syntax
    assert syntax in dicom.TRANSFER_SYNTAXES
    photo = decode(data)
    assert photo.format == "DICOM"
    assert photo.eye is Eye.RIGHT
    assert photo.pixels.shape == pixels.shape
    difference = np.abs(photo.pixels.astype(int) - pixels)
    if syntax in dicoms.LOSSY:
        assert difference.mean() < 2.5
    else:
        assert not difference.any()


@pytest.mark.parametrize("syntax", [dicoms.EXPLICIT, dicoms.RLE, dicoms.JPEG_LOSSLESS_1, dicoms.JPEG_LS])
def test_sixteen_bits_lose_only_what_the_eye_can_not_see(syntax: str, pixels: np.ndarray, tmp_path: Path) -> None:
    grey = pixels[..., 1]
    made = photograph(grey.astype(np.uint16) * 257, sop_class=dicoms.OP16)
    photo = decode(in_syntax(made, syntax, tmp_path))
    assert np.array_equal(photo.pixels, np.repeat(grey[..., None], 3, axis=2))


def test_twelve_stored_bits_fill_the_range(pixels: np.ndarray) -> None:
    made = photograph(pixels[..., 1].astype(np.uint16) * 16, sop_class=dicoms.OP16)
    made.BitsStored, made.HighBit = 12, 11
    assert abs(int(decode(as_bytes(made)).pixels[..., 0].max()) - int(pixels[..., 1].max())) <= 1


def test_monochrome1_is_turned_over(pixels: np.ndarray) -> None:
    made = photograph(255 - pixels[..., 1])
    made.PhotometricInterpretation = "MONOCHROME1"
    assert np.array_equal(decode(as_bytes(made)).pixels[..., 0], pixels[..., 1])


def test_the_window_of_the_file_is_applied(pixels: np.ndarray) -> None:
    made = photograph(pixels[..., 1], WindowCenter=64, WindowWidth=128)
    seen = decode(as_bytes(made)).pixels[..., 0]
    assert seen[pixels[..., 1] >= 128].min() == 255


def test_ybr_becomes_rgb(pixels: np.ndarray) -> None:
    made = photograph()
    set_pixels(made, convert_color_space(pixels, "RGB", "YBR_FULL"), "YBR_FULL")
    assert np.abs(decode(as_bytes(made)).pixels.astype(int) - pixels).max() <= 3


def test_planes_one_after_another_are_put_together(pixels: np.ndarray) -> None:
    made = photograph(pixels)
    made.PlanarConfiguration = 1
    made.PixelData = np.ascontiguousarray(np.moveaxis(pixels, -1, 0)).tobytes()
    assert np.array_equal(decode(as_bytes(made)).pixels, pixels)


def test_a_palette_is_looked_up(pixels: np.ndarray) -> None:
    photo = decode(as_bytes(dicoms.palette(pixels)))
    assert np.abs(photo.pixels.astype(int) - pixels).mean() < 8


def test_a_colour_profile_is_applied(pixels: np.ndarray) -> None:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile = profile.replace(b"rXYZ", b"tXYZ").replace(b"gXYZ", b"rXYZ").replace(b"tXYZ", b"gXYZ")
    profile = profile.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    seen = decode(as_bytes(photograph(pixels, ICCProfile=bytes(profile)))).pixels
    assert np.abs(seen.astype(int) - pixels[..., [1, 0, 2]]).max() <= 2


def test_each_frame_is_a_file_of_its_own(pixels: np.ndarray, tmp_path: Path) -> None:
    other = pixels[::-1].copy()
    made = photograph(np.stack([pixels, other]), FrameIncrementPointer=(0x0018, 0x1063), FrameTime=1)
    for syntax in (dicoms.EXPLICIT, dicoms.JPEG_LOSSLESS_1, dicoms.RLE):
        whole = in_syntax(made, syntax, tmp_path)
        assert describe(whole).frames == 2
        first, second = frames_of(whole)
        assert np.array_equal(decode(first).pixels, pixels)
        assert np.array_equal(decode(second).pixels, other)
        assert len({describe(one).sop_instance_uid for one in (whole, first, second)}) == 3
        assert [describe(one).sop_instance_uid for one in frames_of(whole)] == [
            describe(one).sop_instance_uid for one in (first, second)
        ]


def test_a_file_with_one_picture_stays_as_it_came() -> None:
    data = as_bytes(photograph())
    assert frames_of(data) == [data]


def test_the_header_is_read_without_pixels(pixels: np.ndarray) -> None:
    header = probe(as_bytes(photograph(pixels)))
    assert (header.format, header.width_px, header.height_px, header.mime) == ("DICOM", 640, 424, "application/dicom")


def test_what_the_file_says_is_read() -> None:
    picture = describe(
        as_bytes(
            photograph(
                eye="L",
                IssuerOfPatientID="HILL",
                AccessionNumber="ACC1",
                PupilDilated="YES",
                HorizontalFieldOfView=45.0,
                ViewCodeSequence=view("111900"),
                TimezoneOffsetFromUTC="+0300",
                AcquisitionDateTime=None,
                AcquisitionDate="20261103",
                AcquisitionTime="101723.5",
            )
        )
    )
    assert (picture.eye, picture.field) == (Eye.LEFT, "macula")
    assert (picture.patient_name, picture.patient_id, picture.issuer) == ("Ana Ruiz", "A-17", "HILL")
    assert (picture.birth_date, picture.sex, picture.accession) == (date(1968, 3, 5), "F", "ACC1")
    assert picture.camera == "Acme Optics Fundus 45"
    assert (picture.dilated, picture.fov_deg, picture.gradable_class) == (True, 45.0, True)
    assert picture.taken_at is not None
    assert picture.taken_at.astimezone(UTC) == datetime(2026, 11, 3, 7, 17, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("image", "series", "eye"),
    [
        ("R", None, Eye.RIGHT),
        (None, "L", Eye.LEFT),
        ("R", "R", Eye.RIGHT),
        ("R", "L", None),
        ("B", None, None),
        (None, None, None),
        ("X", None, None),
    ],
)
def test_the_side_is_never_guessed(image: str | None, series: str | None, eye: Eye | None) -> None:
    assert describe(as_bytes(photograph(ImageLaterality=image, Laterality=series))).eye is eye


@pytest.mark.parametrize("keyword", ["PatientBirthDate", "AcquisitionDateTime", "HorizontalFieldOfView", "PatientName"])
def test_a_damaged_note_is_no_reason_to_refuse_the_picture(keyword: str) -> None:
    made = photograph(HorizontalFieldOfView=45.0)
    data = as_bytes(made)
    value = {"HorizontalFieldOfView": b"\x00\x00\x34\x42"}.get(keyword, str(made[keyword].value).encode())
    assert value in data
    assert describe(data.replace(value, b"\xff" * len(value))).width_px == 720


@pytest.mark.parametrize("sop_class", [dicoms.OCT, "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.104.1"])
def test_what_is_no_photograph_is_refused(sop_class: str) -> None:
    with pytest.raises(NotAPhotographError):
        describe(as_bytes(photograph(sop_class=sop_class)))


@pytest.mark.parametrize("sop_class", [dicoms.WIDE, dicoms.WIDE_3D])
def test_a_wide_field_is_shown_and_never_graded(sop_class: str, tiny_pack: Path) -> None:
    data = as_bytes(photograph(sop_class=sop_class))
    assert decode(data).outside_tried
    with pytest.raises(OutsideTriedError):
        Grader.from_pack(tiny_pack, allow_test=True).grade(data)


def test_the_same_picture_gets_the_same_grade_as_a_png(tiny_pack: Path) -> None:
    pixels = retina(seed=4)
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, "PNG")
    grader = Grader.from_pack(tiny_pack, allow_test=True)
    plain, coded = grader.grade(png.getvalue()), grader.grade(as_bytes(photograph(pixels)))
    assert coded.eye is Eye.RIGHT
    assert (plain.grade, plain.probabilities) == (coded.grade, coded.probabilities)


def test_bounds_hold_before_any_pixel_is_made() -> None:
    data = as_bytes(photograph())
    with pytest.raises(TooLargeError):
        probe(data, limits=Limits(max_pixels=1000))
    with pytest.raises(TooLargeError):
        probe(as_bytes(photograph(Rows=60000, Columns=60000)))
    with pytest.raises(TooLargeError):
        probe(as_bytes(photograph(NumberOfFrames=10_000)))


def test_a_deflated_bomb_is_not_blown_up(tmp_path: Path) -> None:
    data = in_syntax(photograph(), dicoms.DEFLATED, tmp_path)
    end = 144 + int.from_bytes(data[140:144], "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = packer.compress(bytes(50_000_000)) + packer.flush()
    with pytest.raises(TooLargeError):
        decode(data[:end] + bomb, limits=Limits(max_bytes=1_000_000, max_pixels=1_000_000))


@pytest.mark.parametrize("syntax", [dicoms.JPEG_BASELINE, dicoms.JPEG_LOSSLESS_1, dicoms.JPEG_LS, dicoms.JPEG_2000])
def test_a_stream_that_is_larger_than_the_file_says_is_refused(syntax: str, tmp_path: Path) -> None:
    made = pydicom.dcmread(io.BytesIO(in_syntax(photograph(), syntax, tmp_path)))
    made.Rows = made.Columns = 16
    with pytest.raises(TruncatedError):
        decode(as_bytes(made))


@pytest.mark.parametrize("syntax", dicoms.SYNTAXES)
def test_a_file_that_breaks_off_is_refused(syntax: str, pixels: np.ndarray, tmp_path: Path) -> None:
    data = in_syntax(photograph(pixels), syntax, tmp_path)
    for share in (0.05, 0.5, 0.98):
        with pytest.raises(DecodeError):
            decode(data[: int(len(data) * share)])


def test_bytes_that_are_not_dicom_are_refused() -> None:
    with pytest.raises(NotAnImageError):
        describe(b"\0" * 200)


_SMALL = as_bytes(photograph(retina(width_px=96, height_px=64)))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    edits=st.lists(st.tuples(st.integers(128, 3000), st.binary(min_size=1, max_size=6)), max_size=8),
    end=st.integers(0, len(_SMALL)),
)
def test_no_damage_does_more_than_a_refusal(edits: list[tuple[int, bytes]], end: int) -> None:
    data = bytearray(_SMALL[:end])
    for at, value in edits:
        data[at : at + len(value)] = value
    try:
        decode(bytes(data), limits=Limits(max_bytes=5_000_000, max_pixels=1_000_000))
    except DecodeError:
        return


@settings(max_examples=100, deadline=None)
@given(
    keyword=st.sampled_from(["Rows", "Columns", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel"]),
    value=st.integers(0, 65535),
)
def test_no_lie_about_the_picture_does_more_than_a_refusal(keyword: str, value: int) -> None:
    made = pydicom.dcmread(io.BytesIO(_SMALL))
    setattr(made, keyword, value)
    try:
        decode(as_bytes(made), limits=Limits(max_pixels=1_000_000))
    except DecodeError:
        return
