"""A model pack on disk: a network, its card, and the checksums of both. What does not fit is refused."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from retineye.grading.errors import BadCardError, BadChecksumError, PackError, PackMissingError
from retineye.grading.preprocess import InputSpec
from retineye.grading.quality import Gradability
from retineye.grading.result import GRADE_NAMES, PackId

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCHEMA: Final = "retineye.pack/1"
PURPOSES: Final = ("screening-support", "test")
MODEL_NAME: Final = "model.onnx"
CARD_NAME: Final = "card.json"
SUMS_NAME: Final = "SHA256SUMS"
MACULA_RISKS: Final = 3
"""None, hard exudates far from the fovea, and near it, as IDRiD tells them apart."""
CLASSES: Final = tuple(GRADE_NAMES.values())

# Distribution names, as the card's `versions` part spells them.
_PIXEL_LIBRARIES: Final = {
    "numpy": "numpy",
    "pillow": "pillow",
    "opencv": "opencv-python-headless",
    "onnxruntime": "onnxruntime",
}


@dataclass(frozen=True, slots=True)
class Outputs:
    """The network's outputs, and the weights that join the first two."""

    logits: str
    features: str
    feature_channels: int
    class_weights: "NDArray[np.float32]"
    """Shape (5, feature_channels), float32: the last layer, for the heatmap."""
    side: str = ""
    """Name of the output with the logit of the right eye; empty where the network has none."""
    macula: str = ""
    """Name of the output with the three logits of macular oedema; empty where the network has none."""
    lesions: str = ""
    """Name of the output with the four maps of lesions; empty where the network has none."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How logits become probabilities and a grade."""

    scale: tuple[float, ...]
    """One factor a class, positive."""
    bias: tuple[float, ...]
    """One offset a class, in logits."""
    cut_points: tuple[float, ...] | None
    """Four rising numbers on the expected grade (0-4), or None: then the tallest probability decides alone."""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """From which probability on a finding is called, and where that is too close to tell."""

    threshold: float
    """0-1."""
    band: tuple[float, float]
    """Low and high end, 0-1, of the probabilities that a person must look at."""


@dataclass(frozen=True, slots=True)
class Macula:
    """How the logits of macular oedema become probabilities, and from which one on it is suspected."""

    scale: tuple[float, ...]
    """One factor a risk, positive."""
    bias: tuple[float, ...]
    """One offset a risk, in logits."""
    point: OperatingPoint
    """Of the probability of risk 2."""


@dataclass(frozen=True, slots=True)
class Card:
    """The checked content of card.json."""

    id: str
    purpose: str
    """`screening-support`, or `test` for packs that only tests may grade with."""
    input: InputSpec
    outputs: Outputs
    calibration: Calibration
    referable: OperatingPoint
    vision_threatening: OperatingPoint
    gradability: Gradability
    content: Mapping[str, Any]
    """The whole card, as it was read: intended use, limits, training, evaluation, versions ..."""
    macula: Macula | None = None
    """None where the pack says nothing of macular oedema."""
    sure_of_side: float | None = None
    """Probability, 0.5-1, from which on a guessed eye is worth a warning; None where the pack guesses none."""
    lesion_thresholds: tuple[float, ...] | None = None
    """From which value on a place is shown as a possible lesion, for each kind; None where the pack looks for none."""

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Check a card and give it typed.

        Raises
        ------
        BadCardError
            The schema is unknown, or a part is missing or out of range.
        """
        if content.get("schema") != SCHEMA:
            raise BadCardError(f"The card's schema is {content.get('schema')!r}; this program reads {SCHEMA!r}.")
        try:
            if tuple(content["classes"]) != CLASSES:
                raise BadCardError(f"The card's classes are {content['classes']!r}, not {list(CLASSES)!r}.")
            if content["purpose"] not in PURPOSES:
                raise BadCardError(f"The card's purpose is {content['purpose']!r}, not one of {PURPOSES}.")
            points = content["operating_points"]
            return cls(
                id=_text(content["id"], "id"),
                purpose=content["purpose"],
                input=InputSpec.from_card(content["input"]),
                outputs=_outputs(content["outputs"]),
                calibration=_calibration(content["calibration"]),
                referable=_operating_point(points["referable"], "referable"),
                vision_threatening=_operating_point(points["vision_threatening"], "vision_threatening"),
                gradability=Gradability.from_card(content["gradability"]),
                content=MappingProxyType(dict(content)),
                macula=_macula(content),
                sure_of_side=_sure_of_side(content),
                lesion_thresholds=_lesion_thresholds(content),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise BadCardError(f"The card can not be read: {exc!r}.") from exc

    def version_differences(self) -> tuple[str, ...]:
        """Name the installed libraries whose major version is not the one that the card was made with."""
        found = []
        for name, distribution in _PIXEL_LIBRARIES.items():
            made_with = str(self.content.get("versions", {}).get(name, ""))
            try:
                installed = metadata.version(distribution)
            except metadata.PackageNotFoundError:
                continue
            if made_with and made_with.split(".")[0] != installed.split(".")[0]:
                found.append(f"{name} is {installed}; the model pack was made with {made_with}")
        return tuple(found)


@dataclass(frozen=True, slots=True)
class ModelPack:
    """A verified model pack."""

    folder: Path
    id: PackId
    card: Card
    model: bytes
    """The network, as it was checked: opening it from here leaves no time for the file to change."""

    @property
    def model_path(self) -> Path:
        """Say where the network's file lies."""
        return self.folder / MODEL_NAME

    @classmethod
    def load(cls, path: Path | str | None = None) -> Self:
        """Read a pack and verify it; None stands for the pack that is shipped.

        Raises
        ------
        PackError
            A file is missing, is not the one that was packed, or the card does not fit this program.
        """
        folder = default_pack_path() if path is None else Path(path)
        sums = _read(folder, SUMS_NAME)
        expected = _parse_sums(sums)
        files = {}
        for name in (CARD_NAME, MODEL_NAME):
            files[name] = _read(folder, name)
            if hashlib.sha256(files[name]).hexdigest() != expected[name]:
                raise BadChecksumError(f"{folder / name} is not the file that was packed. Install the pack again.")
        try:
            content = json.loads(files[CARD_NAME])
        except ValueError as exc:
            raise BadCardError(f"{folder / CARD_NAME} is not JSON: {exc}") from exc
        if not isinstance(content, dict):
            raise BadCardError(f"{folder / CARD_NAME} holds no JSON object.")
        card = Card.from_dict(content)
        return cls(folder, PackId(card.id, hashlib.sha256(sums).hexdigest()), card, files[MODEL_NAME])


def default_pack_path() -> Path:
    """Say where the pack lies that comes with the program."""
    return Path(str(resources.files("retineye"))) / "packs" / "default"


def write_pack(folder: Path, model: bytes, card: Mapping[str, Any]) -> PackId:
    """Write a new pack and read it back.

    Raises
    ------
    BadCardError
        The card would be refused; nothing is written.
    PackError
        The folder already holds a pack: packs are never edited.
    """
    checked = Card.from_dict(card)
    if (folder / SUMS_NAME).exists():
        raise PackError(f"{folder} already holds a pack. A change is a new pack: choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    files = {CARD_NAME: (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode(), MODEL_NAME: model}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items()))
    # The checksums come last: a folder without them is no pack yet.
    (folder / SUMS_NAME).write_text(sums, encoding="ascii")
    return PackId(checked.id, hashlib.sha256(sums.encode("ascii")).hexdigest())


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as exc:
        raise PackMissingError(f"The model pack's {name} can not be read from {folder}: {exc.strerror}.") from exc


def _parse_sums(sums: bytes) -> dict[str, str]:
    pairs = [line.split("  ", 1) for line in sums.decode("ascii", "replace").splitlines() if line]
    expected = {pair[1]: pair[0] for pair in pairs if len(pair) == 2}
    if set(expected) != {CARD_NAME, MODEL_NAME} or len(pairs) != 2:
        raise BadChecksumError(f"{SUMS_NAME} must list {CARD_NAME} and {MODEL_NAME}, and nothing else.")
    return expected


def _text(value: object, key: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadCardError(f"The card's {key} is {value!r}, not a text.")
    return value


def _numbers(values: Sequence[object], count: int, key: str) -> tuple[float, ...]:
    numbers = tuple(float(str(value)) for value in values)
    if len(numbers) != count or not all(math.isfinite(number) for number in numbers):
        raise BadCardError(f"The card's {key} must be {count} finite numbers, not {list(values)!r}.")
    return numbers


def _outputs(part: Mapping[str, Any]) -> Outputs:
    channels = int(part["feature_channels"])
    weights = np.asarray(part["class_weights"], dtype=np.float32)
    if weights.shape != (len(CLASSES), channels) or not np.isfinite(weights).all():
        raise BadCardError(
            f"The card's class_weights must be finite and of the shape {(len(CLASSES), channels)}, not {weights.shape}."
        )
    weights.setflags(write=False)
    return Outputs(
        _text(part["logits"], "outputs.logits"),
        _text(part["features"], "outputs.features"),
        channels,
        weights,
        macula=_text(part["macula"], "outputs.macula") if part.get("macula") else "",
        side=_text(part["side"], "outputs.side") if part.get("side") else "",
        lesions=_text(part["lesions"], "outputs.lesions") if part.get("lesions") else "",
    )


def _sure_of_side(content: Mapping[str, Any]) -> float | None:
    if not content["outputs"].get("side"):
        return None
    sure = float(content["side"]["sure_from"])
    if not 0.5 < sure < 1:
        raise BadCardError(f"The card's side.sure_from must lie between 0.5 and 1, not {sure}.")
    return sure


def _lesion_thresholds(content: Mapping[str, Any]) -> tuple[float, ...] | None:
    if not content["outputs"].get("lesions"):
        return None
    thresholds = _numbers(content["lesions"]["thresholds"], 4, "lesions.thresholds")
    if not 0 < min(thresholds) <= max(thresholds) < 1:
        raise BadCardError(f"The card's lesions.thresholds must lie between 0 and 1, not {thresholds}.")
    return thresholds


def _macula(content: Mapping[str, Any]) -> Macula | None:
    if not content["outputs"].get("macula"):
        return None
    part = content["macula"]
    scale = _numbers(part["scale"], MACULA_RISKS, "macula.scale")
    if min(scale) <= 0:
        raise BadCardError(f"The card's macula.scale must be positive, not {scale}.")
    return Macula(scale, _numbers(part["bias"], MACULA_RISKS, "macula.bias"), _operating_point(part, "macula"))


def _calibration(part: Mapping[str, Any]) -> Calibration:
    scale = _numbers(part["scale"], len(CLASSES), "calibration.scale")
    if min(scale) <= 0:
        raise BadCardError(f"The card's calibration.scale must be positive, not {scale}.")
    bias = _numbers(part["bias"], len(CLASSES), "calibration.bias")
    cuts = part.get("cut_points")
    if cuts is None:
        return Calibration(scale, bias, None)
    cut_points = _numbers(cuts, len(CLASSES) - 1, "calibration.cut_points")
    if list(cut_points) != sorted(cut_points):
        raise BadCardError(f"The card's calibration.cut_points must rise, not {cut_points}.")
    return Calibration(scale, bias, cut_points)


def _operating_point(part: Mapping[str, Any], name: str) -> OperatingPoint:
    threshold = float(part["threshold"])
    low, high = _numbers(part["band"], 2, f"operating_points.{name}.band")
    if not (0 < threshold < 1 and 0 <= low <= threshold <= high <= 1):
        raise BadCardError(f"The card's operating point {name} is out of range: {threshold} in [{low}, {high}].")
    return OperatingPoint(threshold, (low, high))
