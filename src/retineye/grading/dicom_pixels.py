"""Make the pixels of a DICOM picture: every syntax of `dicom.TRANSFER_SYNTAXES`, to RGB with 8 bits a sample."""

import warnings
from typing import TYPE_CHECKING, Final

import numpy as np

from retineye.grading.dicom import DicomPicture, describe_dataset, read, transfer_syntax_of
from retineye.grading.errors import DecodeError, NotAnImageError, TruncatedError
from retineye.grading.limits import DEFAULT_LIMITS, Limits

try:
    from pydicom.encaps import get_frame
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi
    from pydicom.uid import UID
except ImportError:  # the extra `dicom` is not installed: `read` says so
    pass

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom.dataset import FileDataset

_COLOUR: Final = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_GREY: Final = ("MONOCHROME1", "MONOCHROME2")
# Markers of a JPEG frame header (ISO 10918-1, B.1.1.3), and of JPEG-LS (ISO 14495-1).
_FRAME_HEADERS: Final = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}


def frame(
    data: bytes, number: int = 0, *, limits: Limits = DEFAULT_LIMITS
) -> "tuple[DicomPicture, NDArray[np.uint8], bytes]":
    """Decode one picture of a DICOM file.

    Returns
    -------
    picture
        What the file says of it.
    pixels
        RGB, shape (H, W, 3), uint8, not yet in sRGB.
    profile
        The ICC profile that the samples are in; empty where the file names none.

    Raises
    ------
    DecodeError
        The bytes hold no photograph, are beyond the limits, break off, or are of a kind that is not read.
    """
    dataset = read(data, limits=limits)
    picture = describe_dataset(dataset, limits=limits)
    if not 0 <= number < picture.frames:
        raise NotAnImageError(f"The DICOM file has {picture.frames} pictures; there is none of number {number}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            samples, kind = _decoded(dataset, picture, number)
        pixels = _coloured(dataset, samples) if kind in ("RGB", "PALETTE COLOR") else _grey(dataset, samples)
        profile = bytes(dataset.get("ICCProfile", b"") or b"")
    except DecodeError:
        raise
    except MemoryError:
        raise
    except Exception as exc:
        raise TruncatedError("The picture in the DICOM file breaks off or is damaged.") from exc
    return picture, np.ascontiguousarray(pixels), profile


def _decoded(dataset: "FileDataset", picture: DicomPicture, number: int) -> "tuple[NDArray[np.generic], str]":
    """Give the samples of one picture, (H, W) or (H, W, 3), and their photometric interpretation."""
    kind = str(dataset.PhotometricInterpretation).strip()
    samples = int(dataset.SamplesPerPixel)
    if (kind, samples) not in {*((one, 3) for one in _COLOUR), *((one, 1) for one in (*_GREY, "PALETTE COLOR"))}:
        raise NotAnImageError("The samples of the DICOM picture are of a kind that is not read.")
    if int(dataset.BitsAllocated) not in (8, 16):
        raise NotAnImageError(f"The DICOM picture has {int(dataset.BitsAllocated)} bits a sample; 8 and 16 are read.")
    if "PixelData" not in dataset:
        raise TruncatedError("The DICOM file breaks off before its picture.")
    try:
        decoder = get_decoder(UID(transfer_syntax_of(dataset)))
    except RuntimeError as exc:
        raise NotAnImageError("The DICOM picture is compressed in a way that is not read.") from exc
    if decoder.is_encapsulated:
        _check_coded(get_frame(dataset.PixelData, number, number_of_frames=picture.frames), picture, samples)
        if not decoder.is_available:
            raise NotAnImageError("The decoder for this DICOM picture is not installed.")
    array, said = decoder.as_array(dataset, index=number)
    return array, "RGB" if samples == 3 else str(said["photometric_interpretation"])


def _check_coded(coded: bytes, picture: DicomPicture, samples: int) -> None:
    """Stop a compressed picture that is larger than its attributes say, before a decoder makes room for it."""
    found = _coded_size(coded)
    if found is not None and found != (picture.width_px, picture.height_px, samples):
        raise TruncatedError("The compressed picture is not of the size that the DICOM file says.")


def _coded_size(coded: bytes) -> tuple[int, int, int] | None:
    """Give width, height and samples a pixel by the header of a JPEG, JPEG-LS or JPEG 2000 stream."""
    start = coded.find(b"\xff\x4f\xff\x51", 0, 4096)
    if start >= 0:
        right, bottom, left, top = (int.from_bytes(coded[start + at : start + at + 4], "big") for at in (8, 12, 16, 20))
        return right - left, bottom - top, int.from_bytes(coded[start + 40 : start + 42], "big")
    if not coded.startswith(b"\xff\xd8"):
        return None
    at = 2
    while at + 9 < len(coded) and coded[at] == 0xFF:
        marker, length = coded[at + 1], int.from_bytes(coded[at + 2 : at + 4], "big")
        if marker in _FRAME_HEADERS:
            height, width = int.from_bytes(coded[at + 5 : at + 7], "big"), int.from_bytes(coded[at + 7 : at + 9], "big")
            return width, height, coded[at + 9]
        at += 1 if marker == 0xFF else 2 + length
    raise TruncatedError("The compressed picture in the DICOM file has no header.")


def _coloured(dataset: "FileDataset", samples: "NDArray[np.generic]") -> "NDArray[np.uint8]":
    if samples.ndim == 2:
        samples, bits = apply_color_lut(samples, dataset), int(dataset.RedPaletteColorLookupTableDescriptor[2])
    else:
        bits = int(dataset.BitsStored)
    if samples.dtype == np.uint8:
        return samples  # type: ignore[return-value]
    shift = max(0, bits - 8)
    return np.asarray(np.clip(samples.astype(np.int64) >> shift, 0, 255), np.uint8)


def _grey(dataset: "FileDataset", samples: "NDArray[np.generic]") -> "NDArray[np.uint8]":
    """Bring grey samples to what the file wants shown: its window, its table, or the whole range."""
    bits = int(dataset.BitsStored)
    least = -(1 << (bits - 1)) if int(dataset.get("PixelRepresentation", 0)) else 0
    values = apply_modality_lut(samples, dataset).astype(np.float64)
    if "VOILUTSequence" in dataset:
        table = dataset.VOILUTSequence[0].LUTDescriptor
        shown = apply_voi(samples, dataset) / float((1 << int(table[2])) - 1)
    elif dataset.get("WindowWidth") is not None and dataset.get("WindowCenter") is not None:
        centre, width = (_first(dataset[keyword].value) for keyword in ("WindowCenter", "WindowWidth"))
        # DICOM PS3.3, C.11.2.1.2.1
        shown = (values - (centre - 0.5)) / max(width - 1, 1e-6) + 0.5
    else:
        slope, intercept = float(dataset.get("RescaleSlope", 1) or 1), float(dataset.get("RescaleIntercept", 0) or 0)
        shown = ((values - intercept) / slope - least) / float((1 << bits) - 1)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        shown = 1 - shown
    grey = np.round(np.clip(shown, 0, 1) * 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _first(value: object) -> float:
    values = value if isinstance(value, list | tuple) or hasattr(value, "__len__") else [value]
    return float(next(iter(values)))  # type: ignore[call-overload]
