"""The frozen values that grading hands on: Photo, Quality, Grade, Heatmap, Verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Grade(IntEnum):
    """Severity of diabetic retinopathy in one eye, by the International Clinical DR scale (0-4)."""

    NONE = 0
    MILD = 1
    MODERATE = 2
    SEVERE = 3
    PROLIFERATIVE = 4

    @property
    def label(self) -> str:
        """Name the grade as clinicians write it."""
        return GRADE_NAMES[self]


GRADE_NAMES: Mapping[Grade, str] = MappingProxyType(
    {
        Grade.NONE: "No DR",
        Grade.MILD: "Mild NPDR",
        Grade.MODERATE: "Moderate NPDR",
        Grade.SEVERE: "Severe NPDR",
        Grade.PROLIFERATIVE: "Proliferative DR",
    }
)


class Eye(StrEnum):
    """The patient's own right or left eye."""

    RIGHT = "right"
    LEFT = "left"


class Status(StrEnum):
    """How grading one readable photograph ended."""

    GRADED = "graded"
    UNGRADABLE = "ungradable"
    NOT_FUNDUS = "not_fundus"


class Reason(StrEnum):
    """Why a photograph can not be graded."""

    OUT_OF_FOCUS = "out_of_focus"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    UNEVEN_LIGHT = "uneven_light"
    CUT_OFF = "cut_off"
    NOT_A_RETINA = "not_a_retina"

    @property
    def label(self) -> str:
        """Name the reason in words."""
        return REASONS[self][0]

    @property
    def advice(self) -> str:
        """Say in one sentence what the photographer can do about it."""
        return REASONS[self][1]


REASONS: Mapping[Reason, tuple[str, str]] = MappingProxyType(
    {
        Reason.OUT_OF_FOCUS: (
            "Out of focus",
            "Ask the patient to look steadily at the fixation light, refocus, and take it again.",
        ),
        Reason.TOO_DARK: (
            "Too dark",
            "Raise the flash, darken the room so that the pupil widens, and take it again.",
        ),
        Reason.TOO_BRIGHT: (
            "Too bright",
            "Lower the flash, check the distance to the eye, and take it again.",
        ),
        Reason.UNEVEN_LIGHT: (
            "Unevenly lit",
            "Centre the camera on the pupil, wait for the lids to open wide, and take it again.",
        ),
        Reason.CUT_OFF: (
            "Retina cut off",
            "Centre the camera so that the whole round picture shows, and take it again.",
        ),
        Reason.NOT_A_RETINA: (
            "Not a photograph of the retina",
            "Send a colour photograph of the back of the eye, taken with a fundus camera.",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Photo:
    """A decoded photograph, upright and in sRGB."""

    pixels: "NDArray[np.uint8]"
    """RGB, shape (H, W, 3), uint8. May be smaller than the file's own picture."""
    width_px: int
    """Width of the file's own picture, upright, before any reduction."""
    height_px: int
    """Height of the file's own picture, upright, before any reduction."""
    format: str
    """JPEG, PNG, TIFF, BMP, WEBP or DICOM."""
    eye: Eye | None = None
    """The eye, where the file itself says it (DICOM laterality); else None."""
    outside_tried: bool = False
    """A kind of picture that the network was never tried on, such as a wide field: shown, and never graded."""


@dataclass(frozen=True, slots=True)
class Retina:
    """Where the bright disc of the retina lies in a photograph, in pixels of `Photo.pixels`."""

    x_px: float
    """Centre, from the left edge."""
    y_px: float
    """Centre, from the top edge."""
    radius_px: float
    """Radius of the circle that the field of view's arc lies on."""
    visible: float
    """Share of that circle that lies inside the photograph and is lit, 0-1."""
    fit: float = 1.0
    """How well the circle and what is lit agree inside the photograph (intersection over union), 0-1."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Whether a photograph can be graded, and how far it is from not being so."""

    gradable: bool
    score: float
    """The weakest of `scores` and of all faults together, 0 (unusable) to 1 (good); gradable from 0.5 on."""
    scores: Mapping[str, float]
    """A score 0-1 for each `Reason`, by its value; 1 is best. The card's threshold always lies at 0.5."""
    reasons: tuple[Reason, ...] = ()
    """Why not gradable, the gravest first; empty when gradable."""

    @property
    def advice(self) -> str:
        """Say what to do about the gravest reason; empty when gradable."""
        return self.reasons[0].advice if self.reasons else ""


@dataclass(frozen=True, slots=True)
class Decision:
    """A yes or no with its calibrated probability."""

    probability: float
    """0-1, calibrated."""
    decision: bool
    """True when the probability reaches the card's operating point, or the grade says so."""


@dataclass(frozen=True, slots=True)
class MaculaSign:
    """What a flat photograph lets suspect of macular oedema; thickness, and so oedema itself, it never shows."""

    probabilities: tuple[float, float, float]
    """Calibrated: no hard exudates, some far from the fovea, some within a disc diameter of it; they sum to 1."""
    risk: int
    """The likeliest of the three, 0-2."""
    suspected: Decision
    """Of hard exudates within a disc diameter of the fovea."""
    uncertain: bool
    """Not suspected, but too close to the operating point to tell."""


@dataclass(frozen=True, slots=True)
class EyeGuess:
    """Which eye a photograph seems to show, by where the optic disc lies. It warns; it never decides."""

    eye: Eye
    probability: float
    """0.5-1."""
    sure: bool
    """Sure enough that a person should be asked where the photograph was filed under the other eye."""


@dataclass(frozen=True, slots=True)
class Lesion:
    """A place that looks like a lesion. It is shown to a person; nothing is decided by it."""

    code: str
    """MA (microaneurysm), HE (haemorrhage), EX (hard exudate) or SE (soft exudate)."""
    score: float
    """0-1, not calibrated: the highest value of the network's map inside."""
    outline: tuple[tuple[float, float], ...]
    """Corners (x, y), each as a share of the photograph's width or height."""


@dataclass(frozen=True, slots=True)
class Heatmap:
    """Where the network looked: attention, not an outline of lesions."""

    values: "NDArray[np.float32]"
    """Shape (h, w), float32, 0-1; a coarse map that is stretched over `box`."""
    box: tuple[float, float, float, float]
    """Left, top, right, bottom of the map in the photograph, each as a share of its width or height; may reach
    beyond 0-1, where the square round the retina reaches beyond the photograph."""
    inside: float
    """Share of the attention that falls inside the retina, 0-1."""


@dataclass(frozen=True, slots=True)
class PackId:
    """Which model pack spoke."""

    id: str
    sha256: str
    """SHA-256 of the pack's SHA256SUMS file, hex: it stands for every byte of the pack."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What grading says of one photograph. Only a GRADED one holds a grade."""

    status: Status
    quality: Quality
    pack: PackId
    seconds: float
    """From the bytes in memory to this value, heatmap included."""
    grade: Grade | None = None
    probabilities: tuple[float, float, float, float, float] | None = None
    """Calibrated, for the grades 0-4; they sum to 1."""
    expected_grade: float | None = None
    """Mean of the grades under `probabilities`, 0-4."""
    referable: Decision | None = None
    """Grade 2 or more."""
    vision_threatening: Decision | None = None
    """Grade 3 or more."""
    uncertain: bool = False
    """A person must look: close to an operating point, or grade, tallest probability and decisions disagree."""
    macula: MaculaSign | None = None
    """None where not graded, or where the pack says nothing of the macula."""
    eye_guess: EyeGuess | None = None
    """None where not graded, or where the pack guesses no eye."""
    heatmap: Heatmap | None = None
    lesions: tuple[Lesion, ...] | None = None
    """Places that look like lesions; None where not graded, or where the pack looks for none."""
    eye: Eye | None = None
    """The eye, where the file itself says it."""
    timings: Mapping[str, float] = field(default_factory=dict)
    """Seconds of each stage: decode, retina, quality, preprocess, network, calibrate, explain."""

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Say why there is no grade, the gravest reason first."""
        return self.quality.reasons

    @property
    def advice(self) -> str:
        """Say what the photographer can do; empty when graded."""
        return self.quality.advice
