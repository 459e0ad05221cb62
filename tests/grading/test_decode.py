"""Any picture file becomes upright sRGB pixels, or is refused with a clear reason."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile, ImageOps

from retineye.grading.decode import Limits, decode, display_jpeg, probe
from retineye.grading.errors import (
    DecodeError,
    EmptyFileError,
    NotAnImageError,
    TooLargeError,
    TruncatedError,
)
from tests import photos

KINDS = {"JPEG": {"quality": 95}, "PNG": {}, "TIFF": {}, "BMP": {}, "WEBP": {"lossless": True}}
EXACT = ("PNG", "TIFF", "BMP", "WEBP")
PLAIN = photos.retina(width_px=180, height_px=120)


def with_orientation(kind: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return photos.encode(PLAIN, kind, exif=exif, **KINDS[kind])


@pytest.mark.parametrize("kind", EXACT)
def test_lossless_kinds_give_back_the_pixels(kind: str) -> None:
    photo = decode(photos.encode(PLAIN, kind, **KINDS[kind]))
    assert np.array_equal(photo.pixels, PLAIN)
    assert (photo.width_px, photo.height_px, photo.format, photo.eye) == (180, 120, kind, None)
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.flags.c_contiguous


def test_a_jpeg_comes_close_to_the_pixels() -> None:
    photo = decode(photos.encode(PLAIN, "JPEG", quality=95))
    assert np.abs(photo.pixels.astype(int) - PLAIN).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    data = with_orientation(kind, orientation)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    photo = decode(data)
    assert np.array_equal(photo.pixels, upright)
    assert (photo.height_px, photo.width_px) == upright.shape[:2]
    header = probe(data)
    assert (header.width_px, header.height_px) == (photo.width_px, photo.height_px)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_turned_photograph_is_reduced_upright(kind: str) -> None:
    data = with_orientation(kind, 6)
    photo = decode(data, reduce_to_px=50)
    assert photo.pixels.shape == (90, 60, 3)
    assert (photo.width_px, photo.height_px) == (120, 180)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("least_px", "short_side_px"), [(121, 120), (60, 60), (59, 60), (30, 30), (16, 30), (15, 15)])
def test_a_reduced_picture_keeps_at_least_the_pixels_asked_for(kind: str, least_px: int, short_side_px: int) -> None:
    photo = decode(photos.encode(PLAIN, kind, **KINDS[kind]), reduce_to_px=least_px)
    assert min(photo.pixels.shape[:2]) == short_side_px
    assert (photo.width_px, photo.height_px) == (180, 120)


def test_all_kinds_are_reduced_alike() -> None:
    reduced = [decode(photos.encode(PLAIN, kind, **KINDS[kind]), reduce_to_px=60).pixels.astype(int) for kind in KINDS]
    for other in reduced[1:]:
        assert np.abs(other - reduced[0]).mean() < 3


def grey() -> Image.Image:
    return Image.fromarray(PLAIN).convert("L")


def png(side_px: tuple[int, int], bits: int, rows: bytes) -> bytes:
    """A PNG of RGB rows, made by hand: Pillow does not write 16 bits of colour, or headers that lie."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", *side_px, bits, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def sixteen_bit_png() -> bytes:
    return png((180, 120), 16, b"".join(b"\0" + row.astype(">u2").tobytes() for row in PLAIN.astype(np.uint16) * 257))


def sixteen_bit_tiff(*more: tuple[int, int, int, int]) -> bytes:
    """A 16-bit RGB TIFF in one strip, which Pillow reads but does not write; with `more` entries in its directory."""
    pixels = (PLAIN.astype("<u2") * 257).tobytes()
    bits_at = 8 + len(pixels)
    entries = [
        (256, 3, 1, 180),
        (257, 3, 1, 120),
        (258, 3, 3, bits_at),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 8),
        (277, 3, 1, 3),
        (278, 3, 1, 120),
        (279, 4, 1, len(pixels)),
        *more,
    ]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", bits_at + 6) + pixels + struct.pack("<HHH", 16, 16, 16) + directory + b"\0" * 4


def test_sixteen_bit_colour_is_brought_to_eight() -> None:
    assert np.array_equal(decode(sixteen_bit_png()).pixels, PLAIN)
    assert np.array_equal(decode(sixteen_bit_tiff()).pixels, PLAIN)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_brought_to_eight(kind: str) -> None:
    levels = np.asarray(grey()).astype(np.uint16) * 257
    out = io.BytesIO()
    Image.fromarray(levels).save(out, kind)
    assert np.array_equal(decode(out.getvalue()).pixels, np.repeat(np.asarray(grey())[..., None], 3, axis=2))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "WEBP"])
def test_grey_becomes_rgb(kind: str) -> None:
    out = io.BytesIO()
    grey().save(out, kind, **KINDS[kind])
    assert np.array_equal(decode(out.getvalue()).pixels, np.repeat(np.asarray(grey())[..., None], 3, axis=2))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_an_opaque_alpha_channel_changes_nothing(kind: str) -> None:
    with_alpha = np.dstack([PLAIN, np.full(PLAIN.shape[:2], 255, np.uint8)])
    assert np.array_equal(decode(photos.encode(with_alpha, kind, **KINDS[kind])).pixels, PLAIN)


def test_transparent_parts_become_black() -> None:
    white = np.full((40, 40, 4), 255, np.uint8)
    white[:20, :, 3] = 0
    pixels = decode(photos.encode(white)).pixels
    assert pixels[:20].max() == 0
    assert pixels[20:].min() == 255


def test_palettes_and_bilevel_pictures_become_rgb() -> None:
    for image in (Image.fromarray(PLAIN).quantize(64), grey().convert("1")):
        out = io.BytesIO()
        image.save(out, "PNG")
        assert np.array_equal(decode(out.getvalue()).pixels, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(kind: str) -> None:
    out = io.BytesIO()
    Image.fromarray(PLAIN).convert("CMYK").save(out, kind, **KINDS[kind])
    photo = decode(out.getvalue())
    assert np.abs(photo.pixels.astype(int) - PLAIN).mean() < 4


def test_a_colour_profile_is_converted_to_srgb() -> None:
    """A profile that swaps red and green shows whether it is obeyed: colours come back swapped."""
    srgb = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    at = {
        bytes(srgb[128 + 4 + 12 * i :][:4]): struct.unpack(">I", srgb[128 + 4 + 12 * i + 4 :][:4])[0] for i in range(20)
    }
    red, green = at[b"rXYZ"], at[b"gXYZ"]
    srgb[red : red + 20], srgb[green : green + 20] = srgb[green : green + 20], srgb[red : red + 20]
    named = bytes(srgb).replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    plain = np.full((20, 20, 3), (200, 90, 40), np.uint8)
    pixels = decode(photos.encode(plain, icc_profile=named)).pixels
    assert np.abs(pixels.reshape(-1, 3).mean(axis=0) - (90, 200, 40)).max() < 4


@pytest.mark.parametrize("profile", [b"no profile at all", b"\0" * 200])
def test_a_broken_colour_profile_is_left_aside(profile: bytes) -> None:
    assert np.array_equal(decode(photos.encode(PLAIN, icc_profile=profile)).pixels, PLAIN)


def test_a_profile_for_other_channels_is_left_aside() -> None:
    grey_profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert np.array_equal(decode(photos.encode(PLAIN, icc_profile=grey_profile)).pixels, PLAIN)


@pytest.mark.parametrize("kind", ["TIFF", "WEBP", "PNG"])
def test_of_several_pictures_the_first_counts(kind: str) -> None:
    out = io.BytesIO()
    first, second = Image.fromarray(PLAIN), Image.fromarray(PLAIN[:, ::-1])
    first.save(out, kind, save_all=True, append_images=[second], **KINDS[kind])
    assert np.array_equal(decode(out.getvalue()).pixels, PLAIN)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(EmptyFileError):
        decode(b"")
    with pytest.raises(EmptyFileError):
        probe(b"")


@pytest.mark.parametrize("data", [b"hello", b"%PDF-1.7 ...", b"GIF89a" + b"\0" * 50, b"\0" * 500, b"DICM" * 40])
def test_other_kinds_of_file_are_refused(data: bytes) -> None:
    with pytest.raises(NotAnImageError):
        decode(data)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.98])
def test_a_truncated_file_is_refused(kind: str, share: float) -> None:
    data = photos.encode(PLAIN, kind, **KINDS[kind])
    with pytest.raises(TruncatedError):
        decode(data[: int(len(data) * share)])


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_truncated_file_is_refused_also_where_another_library_told_pillow_to_fill_it_up(
    share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    whole = photos.encode(PLAIN, "JPEG")
    with pytest.raises(TruncatedError):
        decode(whole[: int(len(whole) * share)])


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_jpeg_is_refused_at_reduced_scale_too(share: float) -> None:
    for options in ({"quality": 95}, {"quality": 95, "progressive": True}):
        data = photos.encode(PLAIN, "JPEG", **options)
        with pytest.raises(TruncatedError):
            decode(data[: int(len(data) * share)], reduce_to_px=30)


def bomb(kind: str) -> bytes:
    """A small file whose header announces a gigantic picture."""
    side = 60_000 if kind != "WEBP" else 16_384
    if kind == "PNG":
        return png((side, side), 8, b"\0" * 1000)
    if kind == "BMP":
        return (
            b"BM" + struct.pack("<IHHI", 1000, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, *(0,) * 6)
        )
    if kind == "JPEG":
        data = bytearray(photos.encode(PLAIN, "JPEG"))
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", side, side)
        return bytes(data)
    if kind == "TIFF":
        data = bytearray(sixteen_bit_tiff())
        at = struct.unpack("<I", data[4:8])[0]
        data[at + 2 : at + 26] = struct.pack("<HHII", 256, 4, 1, side) + struct.pack("<HHII", 257, 4, 1, side)
        return bytes(data)
    body = b"VP8X" + struct.pack("<I", 10) + b"\0" * 4 + (side - 1).to_bytes(3, "little") * 2 + b"\0" * 20
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_is_refused_by_its_header(kind: str) -> None:
    for door in (decode, probe):
        with pytest.raises(TooLargeError, match="pixels"):
            door(bomb(kind))


def test_the_limits_are_the_callers() -> None:
    data = photos.encode(PLAIN)
    with pytest.raises(TooLargeError):
        decode(data, limits=Limits(max_pixels=180 * 120 - 1))
    with pytest.raises(TooLargeError):
        probe(data, limits=Limits(max_bytes=len(data) - 1))
    assert decode(data, limits=Limits(max_bytes=len(data), max_pixels=180 * 120)).width_px == 180


def test_a_tiff_of_gigantic_tiles_is_refused() -> None:
    with pytest.raises(TooLargeError):
        decode(sixteen_bit_tiff((322, 4, 1, 60_000), (323, 4, 1, 60_000)))


def test_samples_of_an_unknown_kind_are_refused() -> None:
    out = io.BytesIO()
    Image.fromarray(np.zeros((40, 40), np.float32)).save(out, "TIFF")
    with pytest.raises(NotAnImageError):
        decode(out.getvalue())


def test_every_refusal_carries_advice() -> None:
    for error in (EmptyFileError, NotAnImageError, TooLargeError, TruncatedError):
        assert error.advice.endswith(".")
        assert error.code


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"BM", b"RIFF"]))
def test_arbitrary_bytes_raise_nothing_but_a_decode_error(data: bytes, magic: bytes) -> None:
    for door in (decode, probe):
        try:
            door(magic + data)
        except DecodeError:
            continue


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(sorted(KINDS)), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8)
)
def test_damaged_files_raise_nothing_but_a_decode_error(kind: str, damage: list[tuple[float, int]]) -> None:
    data = bytearray(photos.encode(PLAIN, kind, **KINDS[kind]))
    for place, value in damage:
        data[min(len(data) - 1, int(place * len(data)))] = value
    try:
        photo = decode(bytes(data), limits=Limits(max_pixels=1_000_000))
    except DecodeError:
        return
    assert photo.pixels.ndim == 3


def test_the_display_copy_is_small_and_without_metadata() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "Mr Example"
    copy = display_jpeg(decode(photos.encode(PLAIN, "PNG", exif=exif)), max_side_px=90)
    image = Image.open(io.BytesIO(copy))
    assert (image.format, image.size, image.mode) == ("JPEG", (60, 90), "RGB")
    assert not image.getexif()
    assert b"Example" not in copy


def test_a_display_copy_is_never_enlarged() -> None:
    copy = display_jpeg(decode(photos.encode(PLAIN)), max_side_px=4000)
    assert Image.open(io.BytesIO(copy)).size == (180, 120)
