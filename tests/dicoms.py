"""Make DICOM files as fundus cameras send them: every kind of samples and every transfer syntax."""

import io
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, generate_uid

from tests.peers import dcmtk
from tests.photos import retina

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASS = "1.2.840.10008.5.1.4.1.1."
OP8, OP16, SECONDARY, VL = CLASS + "77.1.5.1", CLASS + "77.1.5.2", CLASS + "7", CLASS + "77.1.4"
WIDE, WIDE_3D, OCT = CLASS + "77.1.5.5", CLASS + "77.1.5.6", CLASS + "77.1.5.4"

IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
DEFLATED, RLE = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"
JPEG_BASELINE, JPEG_EXTENDED = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS, JPEG_LOSSLESS_1 = "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"
JPEG_LS, JPEG_LS_NEAR = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"
JPEG_2000_LOSSLESS, JPEG_2000 = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"

_BY_DCMTK = {
    JPEG_BASELINE: ("dcmcjpeg", "+eb", "+q", "97"),
    JPEG_EXTENDED: ("dcmcjpeg", "+ee", "+q", "97"),
    JPEG_LOSSLESS: ("dcmcjpeg", "+el"),
    JPEG_LOSSLESS_1: ("dcmcjpeg", "+e1"),
    JPEG_LS: ("dcmcjpls",),
    JPEG_LS_NEAR: ("dcmcjpls", "+en", "+md", "1"),
    RLE: ("dcmcrle",),
    DEFLATED: ("dcmconv", "+td"),
    BIG: ("dcmconv", "+tb"),
    IMPLICIT: ("dcmconv", "+ti"),
}
SYNTAXES = (EXPLICIT, *_BY_DCMTK, JPEG_2000_LOSSLESS, JPEG_2000)
"""Every transfer syntax that is promised."""
LOSSY = {JPEG_BASELINE, JPEG_EXTENDED, JPEG_LS_NEAR, JPEG_2000}


def photograph(
    pixels: "NDArray[Any] | None" = None, *, sop_class: str = OP8, eye: str = "R", seed: int = 1, **attributes: Any
) -> FileDataset:
    """Make a colour photograph; explicit little endian. `None` as an attribute's value takes it away."""
    pixels = retina(seed=seed) if pixels is None else pixels
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = UID(EXPLICIT)
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID, made.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.PatientName, made.PatientID, made.PatientBirthDate, made.PatientSex = "Ruiz^Ana", "A-17", "19680305", "F"
    made.StudyDate, made.StudyTime, made.StudyID = "20261103", "101500", "1"
    made.AcquisitionDateTime = "20261103101723"
    made.ContentDate, made.ContentTime = "20261103", "101723"
    made.AccessionNumber, made.ReferringPhysicianName = "", ""
    made.Modality = "OP" if sop_class != SECONDARY else "OT"
    made.ConversionType = "DI"
    made.Manufacturer, made.ManufacturerModelName = "Acme Optics", "Fundus 45"
    made.SeriesNumber = made.InstanceNumber = 1
    made.ImageType = ["ORIGINAL", "PRIMARY", "", "COLOR"]
    made.ImageLaterality = eye
    made.BurnedInAnnotation, made.LossyImageCompression = "NO", "00"
    set_pixels(made, pixels)
    for keyword, value in attributes.items():
        if value is None:
            made.pop(keyword, None)
        else:
            setattr(made, keyword, value)
    return made


def set_pixels(made: Dataset, pixels: "NDArray[Any]", kind: str = "") -> None:
    """Put samples into a dataset: (H, W), (H, W, 3), or with a number of frames before."""
    colour = pixels.shape[-1] == 3
    shape = pixels.shape[:-1] if colour else pixels.shape
    if len(shape) == 3:
        made.NumberOfFrames = shape[0]
    made.Rows, made.Columns = shape[-2:]
    made.SamplesPerPixel = 3 if colour else 1
    made.PhotometricInterpretation = kind or ("RGB" if colour else "MONOCHROME2")
    if colour:
        made.PlanarConfiguration = 0
    bits = 8 * pixels.dtype.itemsize
    made.BitsAllocated = made.BitsStored = bits
    made.HighBit, made.PixelRepresentation = bits - 1, 0
    data = pixels.tobytes()
    made.PixelData = data + b"\0" * (len(data) % 2)
    made["PixelData"].VR = "OB" if bits == 8 else "OW"


def as_bytes(made: FileDataset) -> bytes:
    """Give the file."""
    out = io.BytesIO()
    pydicom.dcmwrite(out, made, enforce_file_format=True)
    return out.getvalue()


def in_syntax(made: FileDataset, syntax: str, folder: Path) -> bytes:
    """Give the file in another transfer syntax: by DCMTK, JPEG 2000 by pydicom."""
    if syntax == EXPLICIT:
        return as_bytes(made)
    if syntax in (JPEG_2000, JPEG_2000_LOSSLESS):
        copy = pydicom.dcmread(io.BytesIO(as_bytes(made)))
        options = {"j2k_psnr": [45.0]} if syntax == JPEG_2000 else {}
        copy.compress(UID(syntax), generate_instance_uid=False, **options)
        return as_bytes(copy)
    tool, *arguments = _BY_DCMTK[syntax]
    plain, coded = folder / "plain.dcm", folder / "coded.dcm"
    plain.write_bytes(as_bytes(made))
    done = subprocess.run([dcmtk(tool), *arguments, str(plain), str(coded)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return coded.read_bytes()


def palette(pixels: "NDArray[np.uint8]") -> FileDataset:
    """Make a picture whose samples are places in a table of 256 colours."""
    small = Image.fromarray(pixels).quantize(256)
    colours = np.zeros((256, 3), np.uint8)
    table = np.array(small.getpalette(), np.uint8).reshape(-1, 3)
    colours[: len(table)] = table
    made = photograph(np.asarray(small), sop_class=SECONDARY)
    made.PhotometricInterpretation = "PALETTE COLOR"
    for name, channel in zip(("Red", "Green", "Blue"), colours.T, strict=True):
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 8])
        setattr(made, f"{name}PaletteColorLookupTableData", channel.tobytes())
        made[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
    return made


def view(code: str) -> Sequence:
    """Give a View Code Sequence (CID 4207)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "DCM", "view"
    return Sequence([item])
