"""Why a photograph failed: every code with what it means and what a person can do."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

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


@dataclass(frozen=True, slots=True)
class Failure:
    """What one code means."""

    label: str
    advice: str


FILE_MISSING = "file_missing"
FILE_CHANGED = "file_changed"
DIED = "died"

FAILURES: Mapping[str, Failure] = MappingProxyType(
    {
        EmptyFileError.code: Failure("The file is empty", EmptyFileError.advice),
        NotAnImageError.code: Failure("Not a picture", NotAnImageError.advice),
        NotAPhotographError.code: Failure("Not a photograph", NotAPhotographError.advice),
        DicomUnavailableError.code: Failure("DICOM is not installed", DicomUnavailableError.advice),
        OutsideTriedError.code: Failure("Wide field: shown, and not graded", OutsideTriedError.advice),
        TooLargeError.code: Failure("Too large", TooLargeError.advice),
        TruncatedError.code: Failure("The file breaks off", TruncatedError.advice),
        DecodeError.code: Failure("The picture can not be read", DecodeError.advice),
        FILE_MISSING: Failure(
            "The stored file is gone", "Send the photograph again, and tell whoever runs the server."
        ),
        FILE_CHANGED: Failure(
            "The stored file is not the one that was sent",
            "Send the photograph again, and tell whoever runs the server.",
        ),
        DIED: Failure(
            "Grading broke off each time",
            "Have a clinician read the photograph, and tell whoever runs the server.",
        ),
    }
)


def failure_text(code: str) -> Failure:
    """Give what the code means; a code of a later version is named as it stands."""
    return FAILURES.get(code, Failure(code.replace("_", " "), "Send the photograph again."))
