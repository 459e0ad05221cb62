"""Turn the bytes of a picture file into an upright sRGB photograph, or say why that is not possible."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageCms, ImageFile

from retineye.grading import dicom, dicom_pixels
from retineye.grading.errors import DecodeError, EmptyFileError, NotAnImageError, TooLargeError, TruncatedError
from retineye.grading.limits import DEFAULT_LIMITS, Limits
from retineye.grading.result import Photo

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIME_TYPES: Final = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
    "WEBP": "image/webp",
    "DICOM": dicom.MIME,
}

_MAGIC: Final = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"BM", "BMP"),
)

# By EXIF orientation: whether to mirror left-right, after how many quarter turns anticlockwise.
_UPRIGHT: Final = {2: (True, 0), 3: (False, 2), 4: (True, 2), 5: (True, 3), 6: (False, 3), 7: (True, 1), 8: (False, 1)}
_ORIENTATION_TAG: Final = 0x0112
_TILE_WIDTH_TAG: Final = 322
_TILE_LENGTH_TAG: Final = 323

_SRGB: Final = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))

# The bounds below are ours, come from the caller and are checked before any pixel is made; Pillow's own are one
# number for the whole process and would warn of photographs that the limits allow.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of its picture before any pixel is made."""

    format: str
    """JPEG, PNG, TIFF, BMP, WEBP or DICOM."""
    width_px: int
    """Upright width."""
    height_px: int
    """Upright height."""
    mime: str


def probe(data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> Header:
    """Read the header of a picture file without making its pixels.

    Raises
    ------
    DecodeError
        The bytes are empty, no picture that is read, or beyond the limits.
    """
    with _foreign_errors_stopped():
        if dicom.is_dicom(data):
            picture = dicom.describe(data, limits=limits)
            return Header("DICOM", picture.width_px, picture.height_px, dicom.MIME)
        image, kind = _open(data, limits)
        width_px, height_px = image.size
        if _UPRIGHT.get(_orientation(image, kind), (False, 0))[1] % 2:
            width_px, height_px = height_px, width_px
        return Header(kind, width_px, height_px, MIME_TYPES[kind])


def decode(data: bytes, *, limits: Limits = DEFAULT_LIMITS, reduce_to_px: int | None = None) -> Photo:
    """Decode a picture file to upright sRGB pixels.

    Of files with several pictures the first counts. Transparent parts become black, as the surround of a retina is.

    Parameters
    ----------
    data
        A whole JPEG, PNG, TIFF, BMP, WebP or DICOM file.
    limits
        Checked against the header, before any pixel is made.
    reduce_to_px
        If given, the picture is halved, quartered or eighthed as long as its short side keeps this many pixels;
        JPEGs then cost only a part of their decoding time.

    Returns
    -------
    Photo
        Pixels of shape (H, W, 3), uint8, and the size of the file's own picture.

    Raises
    ------
    DecodeError
        The bytes are empty, no picture that is read, beyond the limits, or break off.
    """
    with _foreign_errors_stopped():
        if dicom.is_dicom(data):
            return _decode_dicom(data, limits, reduce_to_px)
        image, kind = _open(data, limits)
        width_px, height_px = image.size
        factor = _reduction(image.size, reduce_to_px)
        if kind == "JPEG" and factor > 1:
            image.draft(None, (width_px // factor, height_px // factor))
        # Another library in the process may have told Pillow to fill up what is missing (WeasyPrint does): for a
        # photograph that breaks off, a grey half would be graded.
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        image.load()
        orientation = _orientation(image, kind)
        profile = image.info.get("icc_profile")
        eight_bits = _to_eight_bits(image)
        if factor > 1 and eight_bits.width == width_px:
            eight_bits = eight_bits.reduce(factor)
        rgb = _to_srgb(eight_bits, profile)
        mirrored, quarter_turns = _UPRIGHT.get(orientation, (False, 0))
        if quarter_turns % 2:
            width_px, height_px = height_px, width_px
        pixels = _turn(np.asarray(rgb), mirrored=mirrored, quarter_turns=quarter_turns)
        return Photo(pixels=pixels, width_px=width_px, height_px=height_px, format=kind)


def _decode_dicom(data: bytes, limits: Limits, reduce_to_px: int | None) -> Photo:
    picture, pixels, profile = dicom_pixels.frame(data, limits=limits)
    image = Image.fromarray(pixels)
    factor = _reduction(image.size, reduce_to_px)
    if factor > 1:
        image = image.reduce(factor)
    rgb = np.ascontiguousarray(np.asarray(_to_srgb(image, profile)))
    return Photo(
        pixels=rgb,
        width_px=picture.width_px,
        height_px=picture.height_px,
        format="DICOM",
        eye=picture.eye,
        outside_tried=not picture.gradable_class,
    )


def display_jpeg(photo: Photo, max_side_px: int | None = None, quality: int = 90) -> bytes:
    """Make an upright sRGB JPEG without metadata, for people to look at.

    Parameters
    ----------
    photo
        The decoded photograph.
    max_side_px
        The longest side of the copy; a smaller photograph is not enlarged.
    quality
        JPEG quality, 1-95.
    """
    image = Image.fromarray(photo.pixels)
    if max_side_px is not None:
        image.thumbnail((max_side_px, max_side_px), Image.Resampling.LANCZOS, reducing_gap=3.0)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


@contextmanager
def _foreign_errors_stopped() -> Iterator[None]:
    # Pillow and its codecs raise nearly anything on damaged files: OSError, SyntaxError, struct.error, ValueError ...
    try:
        yield
    except DecodeError:
        raise
    except MemoryError as exc:
        raise TooLargeError("There is not enough memory for this picture.") from exc
    except Exception as exc:
        raise TruncatedError(f"The picture breaks off or is damaged: {exc}") from exc


def _open(data: bytes, limits: Limits) -> tuple[Image.Image, str]:
    if not data:
        raise EmptyFileError("The file is empty.")
    if len(data) > limits.max_bytes:
        raise TooLargeError(f"The file has {len(data)} bytes; at most {limits.max_bytes} are read.")
    kind = _kind(data)
    if kind is None:
        raise NotAnImageError("The file is not a JPEG, PNG, TIFF, BMP, WebP or DICOM picture.")
    if kind == "WEBP":
        # Pillow makes the canvas of a WebP file as soon as it opens it.
        _check_pixels(_webp_size(data), limits)
    image: Image.Image = Image.open(io.BytesIO(data), formats=(kind, "MPO") if kind == "JPEG" else (kind,))
    _check_pixels(image.size, limits)
    tags = getattr(image, "tag_v2", None)
    if kind == "TIFF" and tags is not None:
        _check_pixels((tags.get(_TILE_WIDTH_TAG, 1), tags.get(_TILE_LENGTH_TAG, 1)), limits)
    return image, kind


def _kind(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)


def _check_pixels(size: tuple[int, int], limits: Limits) -> None:
    width_px, height_px = size
    if width_px * height_px > limits.max_pixels:
        raise TooLargeError(
            f"The picture has {width_px} x {height_px} pixels; at most {limits.max_pixels:,} pixels are read."
        )


def _webp_size(data: bytes) -> tuple[int, int]:
    """Read the canvas size from the first chunk of a WebP file (RFC 9649)."""
    if int.from_bytes(data[4:8], "little") + 8 > len(data) or len(data) < 30:
        raise TruncatedError("The WebP file is shorter than it says.")
    chunk = data[12:16]
    if chunk == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if chunk == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    raise NotAnImageError("The WebP file holds no picture.")


def _orientation(image: Image.Image, kind: str) -> int:
    # Pillow turns TIFF files itself.
    if kind == "TIFF":
        return 1
    try:
        # PNG's own getexif would decode all pixels to look for a late chunk.
        return int(Image.Image.getexif(image).get(_ORIENTATION_TAG, 1))
    except Exception:
        # A damaged note about the picture is no reason to refuse the picture.
        return 1


def _reduction(size: tuple[int, int], reduce_to_px: int | None) -> int:
    if reduce_to_px is None:
        return 1
    return next((factor for factor in (8, 4, 2) if min(size) // factor >= reduce_to_px), 1)


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Bring any sample kind to L, RGB or CMYK with 8 bits a sample; what is transparent becomes black."""
    if image.mode.startswith("I;16"):
        samples = np.asarray(image)
        return Image.fromarray((samples >> 8).astype(np.uint8))
    if image.mode in ("L", "RGB", "CMYK"):
        if "transparency" not in image.info:
            return image
        return _flatten(image.convert("RGBA"))
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA", "P"):
        return _flatten(image.convert("RGBA")) if image.has_transparency_data else image.convert("RGB")
    if image.mode in ("1", "RGBX", "YCbCr", "HSV"):
        return image.convert("L" if image.mode == "1" else "RGB")
    raise NotAnImageError(f"The picture's samples ({image.mode}) are of a kind that is not read.")


def _flatten(image: Image.Image) -> Image.Image:
    if image.getchannel("A").getextrema() == (255, 255):
        return image.convert("RGB")
    black = Image.new("RGB", image.size)
    black.paste(image, mask=image.getchannel("A"))
    return black


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "srgb" not in ImageCms.getProfileDescription(source).lower():
                converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
                if converted is not None:
                    return converted
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            # A profile that is damaged or made for other channels says nothing; the plain samples stand.
            pass
    return image if image.mode == "RGB" else image.convert("RGB")


def _turn(pixels: "NDArray[np.uint8]", *, mirrored: bool, quarter_turns: int) -> "NDArray[np.uint8]":
    turned = np.rot90(pixels, quarter_turns)
    if mirrored:
        turned = turned[:, ::-1]
    return np.ascontiguousarray(turned)
