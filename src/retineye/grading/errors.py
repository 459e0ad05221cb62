"""What can go wrong while a photograph is graded.

GradingError
├── DecodeError            the bytes are no picture that can be graded; sending the same bytes again will not help
│   ├── EmptyFileError     no bytes at all
│   ├── NotAnImageError    not JPEG, PNG, TIFF, BMP, WebP or DICOM
│   │   ├── NotAPhotographError    a DICOM file of something else, such as a tomogram
│   │   └── DicomUnavailableError  a DICOM file, and pydicom is not installed
│   ├── OutsideTriedError  a wide-field picture: to be shown, never graded
│   ├── TooLargeError      more bytes or pixels than the limits allow
│   └── TruncatedError     the picture breaks off before its end
└── PackError              the model pack can not be trusted; nothing is graded until a person mends it
    ├── PackMissingError   the folder or one of its files is not there
    ├── BadChecksumError   a file is not the one that was packed
    └── BadCardError       card and network do not fit this program or each other
"""

from typing import ClassVar


class GradingError(Exception):
    """Base of all errors that `retineye.grading` raises on purpose."""

    code: ClassVar[str] = "grading_error"


class DecodeError(GradingError):
    """The bytes can not be read as a photograph. `advice` is a sentence for the person who sent them."""

    code = "unreadable"
    advice: ClassVar[str] = "Export the photograph again from the camera, as JPEG or PNG."


class EmptyFileError(DecodeError):
    """The file has no bytes."""

    code = "empty_file"
    advice = "The file is empty. Export the photograph again from the camera."


class NotAnImageError(DecodeError):
    """The bytes are not a picture of a kind that is read."""

    code = "not_an_image"
    advice = "Send the photograph as JPEG, PNG, TIFF, BMP, WebP or DICOM."


class NotAPhotographError(NotAnImageError):
    """A DICOM file that holds no photograph."""

    code = "not_a_photograph"
    advice = "Send the colour photograph of the back of the eye; tomograms and documents are not taken."


class DicomUnavailableError(NotAnImageError):
    """A DICOM file, where DICOM is not installed."""

    code = "dicom_unavailable"
    advice = "Install retineye[dicom], or send the photograph as JPEG or PNG."


class OutsideTriedError(DecodeError):
    """A picture of a kind that the network was never tried on: it is shown to people and gets no grade."""

    code = "outside_tried"
    advice = "A wide-field photograph is outside what the network was tried on. Have a clinician read it."


class TooLargeError(DecodeError):
    """The file or its picture is beyond the limits, seen before any pixel was made."""

    code = "too_large"
    advice = "The file is larger than this service accepts. Export the photograph at a smaller size."


class TruncatedError(DecodeError):
    """The picture breaks off: the transfer or the disk lost its end."""

    code = "truncated"
    advice = "The file is incomplete. Copy it from the camera again."


class PackError(GradingError):
    """The model pack can not be trusted, so nothing is graded."""

    code = "pack_error"


class PackMissingError(PackError):
    """The pack's folder, or one of its files, is not there."""

    code = "pack_missing"


class BadChecksumError(PackError):
    """A file of the pack is not the file that was packed."""

    code = "pack_checksum"


class BadCardError(PackError):
    """The card is unreadable, of an unknown schema, or does not fit the network."""

    code = "pack_card"
