"""Why a photograph failed: every code with what it means and what a person can do."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from retineye.grading.errors import (
    DecodeError,
    DicomUnavailableError,
    EmptyFileError,
    NotAnImageError,
    NotAPhotographError,
    OutsideTriedError,
    TooLargeError,
    TruncatedError,
)

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise


@dataclass(frozen=True, slots=True)
class Failure:
    """What one code means."""

    label: "_StrOrPromise"
    advice: "_StrOrPromise"


FILE_MISSING = "file_missing"
FILE_CHANGED = "file_changed"
DIED = "died"

FAILURES: Mapping[str, Failure] = MappingProxyType(
    {
        # The advice of a DecodeError, word for word: `retineye.grading` says it in English alone.
        EmptyFileError.code: Failure(
            _("The file is empty"), _("The file is empty. Export the photograph again from the camera.")
        ),
        NotAnImageError.code: Failure(
            _("Not a picture"), _("Send the photograph as JPEG, PNG, TIFF, BMP, WebP or DICOM.")
        ),
        NotAPhotographError.code: Failure(
            _("Not a photograph"),
            _("Send the colour photograph of the back of the eye; tomograms and documents are not taken."),
        ),
        DicomUnavailableError.code: Failure(
            _("DICOM is not installed"), _("Install retineye[dicom], or send the photograph as JPEG or PNG.")
        ),
        OutsideTriedError.code: Failure(
            _("Wide field: shown, and not graded"),
            _("A wide-field photograph is outside what the network was tried on. Have a clinician read it."),
        ),
        TooLargeError.code: Failure(
            _("Too large"),
            _("The file is larger than this service accepts. Export the photograph at a smaller size."),
        ),
        TruncatedError.code: Failure(
            _("The file breaks off"), _("The file is incomplete. Copy it from the camera again.")
        ),
        DecodeError.code: Failure(
            _("The picture can not be read"), _("Export the photograph again from the camera, as JPEG or PNG.")
        ),
        FILE_MISSING: Failure(
            _("The stored file is gone"), _("Send the photograph again, and tell whoever runs the server.")
        ),
        FILE_CHANGED: Failure(
            _("The stored file is not the one that was sent"),
            _("Send the photograph again, and tell whoever runs the server."),
        ),
        DIED: Failure(
            _("Grading broke off each time"),
            _("Have a clinician read the photograph, and tell whoever runs the server."),
        ),
    }
)


def failure_text(code: str) -> Failure:
    """Give what the code means; a code of a later version is named as it stands."""
    return FAILURES.get(code, Failure(code.replace("_", " "), _("Send the photograph again.")))
