"""Grade one photograph of the retina: bytes in, a verdict out. Knows no web framework and no training.

>>> from retineye.grading import Grader
>>> verdict = Grader.from_pack().grade(data)
"""

from retineye.grading.calibrate import Calibrated, calibrate, probabilities
from retineye.grading.decode import Header, decode, display_jpeg, probe
from retineye.grading.dicom import DicomPicture
from retineye.grading.errors import (
    BadCardError,
    BadChecksumError,
    DecodeError,
    DicomUnavailableError,
    EmptyFileError,
    GradingError,
    NotAnImageError,
    NotAPhotographError,
    OutsideTriedError,
    PackError,
    PackMissingError,
    TooLargeError,
    TruncatedError,
)
from retineye.grading.explain import explain, render_heatmap
from retineye.grading.grader import Grader
from retineye.grading.limits import Limits
from retineye.grading.network import Network, RawOutputs
from retineye.grading.pack import Card, ModelPack, default_pack_path, write_pack
from retineye.grading.preprocess import InputSpec, crop, normalise, preprocess, square_box
from retineye.grading.quality import Gradability, assess
from retineye.grading.result import (
    GRADE_NAMES,
    REASONS,
    Decision,
    Eye,
    Grade,
    Heatmap,
    PackId,
    Photo,
    Quality,
    Reason,
    Retina,
    Status,
    Verdict,
)
from retineye.grading.retina import find_retina

__all__ = [
    "GRADE_NAMES",
    "REASONS",
    "BadCardError",
    "BadChecksumError",
    "Calibrated",
    "Card",
    "Decision",
    "DecodeError",
    "DicomPicture",
    "DicomUnavailableError",
    "EmptyFileError",
    "Eye",
    "Gradability",
    "Grade",
    "Grader",
    "GradingError",
    "Header",
    "Heatmap",
    "InputSpec",
    "Limits",
    "ModelPack",
    "Network",
    "NotAPhotographError",
    "NotAnImageError",
    "OutsideTriedError",
    "PackError",
    "PackId",
    "PackMissingError",
    "Photo",
    "Quality",
    "RawOutputs",
    "Reason",
    "Retina",
    "Status",
    "TooLargeError",
    "TruncatedError",
    "Verdict",
    "assess",
    "calibrate",
    "crop",
    "decode",
    "default_pack_path",
    "display_jpeg",
    "explain",
    "find_retina",
    "normalise",
    "preprocess",
    "probabilities",
    "probe",
    "render_heatmap",
    "square_box",
    "write_pack",
]
