"""Write a trained network as ONNX, and all that is known of it as a card."""

import datetime as dt
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnxruntime
import torch
from torch import nn

from retineye.grading.pack import CLASSES, SCHEMA
from retineye.grading.preprocess import InputSpec
from retineye.training.config import TrainingConfig
from retineye.training.fine import SERVED, fine_structure
from retineye.training.network import GradingNetwork
from retineye.training.photographs import Photograph
from retineye.training.side import SideNetwork

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST_DIFFERENCE: Final = 1e-4
"""By how much a logit may differ between torch and ONNX Runtime, relative to the largest logit."""
MACULA: Final = "macula"
"""Name of the output with the logits of macular oedema."""
SIDE: Final = "side"
"""Name of the output with the logit of the right eye."""
LESIONS: Final = "lesions"
"""Name of the output with the maps of lesions."""
SOURCES: Final[Mapping[str, str]] = {
    "idrid": "IDRiD, Porwal et al., Data 2018, 3, 25",
    "srahim": "S. S. Rahim et al., Coventry University",
    "eyepacs": "EyePACS, Kaggle Diabetic Retinopathy Detection 2015; quality labels of EyeQ",
    "eyepacs_equalised": "EyePACS, Kaggle Diabetic Retinopathy Detection 2015, histogram-equalised",
    "aptos_colour": "APTOS 2019 Blindness Detection, Kaggle",
    "aptos_gaussian": "APTOS 2019 Blindness Detection, Kaggle, Gaussian-subtracted",
    "unam": "UNAM, Mexico",
}
_LIBRARIES: Final = {
    "numpy": "numpy",
    "pillow": "pillow",
    "opencv": "opencv-python-headless",
    "onnxruntime": "onnxruntime",
    "torch": "torch",
    "timm": "timm",
    "retineye": "retineye",
}


class ExportError(Exception):
    """The exported network does not say what the trained one says."""


def as_classes(network: GradingNetwork) -> GradingNetwork:
    """Turn a network with one number v into one with five logits that mean the same.

    Up to what all classes share, -(v - k)^2 is 2 k v - k^2: linear in v, and so one linear layer as well.
    """
    if network.head.out_features == len(CLASSES):
        return network
    steps = torch.arange(len(CLASSES), dtype=torch.float32)
    head = nn.Linear(network.channels, len(CLASSES))
    with torch.no_grad():
        head.weight.copy_(2 * steps[:, None] * network.head.weight)
        head.bias.copy_(2 * steps * network.head.bias - steps**2)
    network.head = head
    return network


class Views(nn.Module):
    """A network that looks at a photograph in several views and takes the mean of their logits.

    A retina has no up and down that its grade depends on, and the network is trained on all turns and mirrored; what
    still differs between views is noise. Where the network has learned from fine structure alone too, every second
    view is that.
    """

    def __init__(
        self, network: GradingNetwork, views: int, *, spec: InputSpec, fine: bool = False,
        side: SideNetwork | None = None,
    ) -> None:  # fmt: skip
        """Look once (1), mirrored too (2), or both also upside down (4)."""
        super().__init__()
        self.network, self.views, self.spec, self.fine, self.side = network, views, spec, fine, side

    def forward(self, picture: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Look at a picture (1, 3, S, S).

        Gives logits (1, 5), the feature map (1, C, h, w) of the first view, logits of macular oedema (1, 3), and,
        where there is a network for it, the logit of the right eye (1, 1) and the maps of lesions (1, 4, S / 8, S / 8).
        """
        seen = [picture]
        if self.views >= 2:
            other = picture.flip(3)
            if self.fine:
                other = fine_structure(other, SERVED, self.spec.gain, self.spec.clip)
            seen.append(other)
        if self.views >= 4:
            seen += [one.flip(2) for one in seen]
        logits, features, macula, maps = self.network.everything(torch.cat(seen))
        given = [logits.mean(dim=0, keepdim=True), features[:1], macula.mean(dim=0, keepdim=True)]
        if self.side is not None:
            given.append(self.side(picture)[0])
        if maps is not None:
            other = maps[:1] if self.views < 2 else maps[1:2].flip(3)
            given.append(((maps[:1] + other) / 2).sigmoid())
        return tuple(given)


def to_onnx(
    network: GradingNetwork, size_px: int, views: int = 1, *, fine: bool = False, side: SideNetwork | None = None
) -> bytes:
    """Export a network with the outputs `logits`, `features` and `macula` (see `Views`), and compare it with torch.

    Parameters
    ----------
    size_px
        Side of the square that it is served.
    views
        How many views the logits are the mean of: 1, 2 or 4.
    fine
        Whether every second view is of the fine structure alone.
    side
        The network that tells the eye, if there is to be one.

    Raises
    ------
    ExportError
        ONNX Runtime's logits differ from torch's by more than 1e-4 of the largest.
    """
    views_of = Views(as_classes(network), views, spec=InputSpec(size_px), fine=fine, side=side)
    exported = views_of.eval().to(memory_format=torch.contiguous_format)
    example = torch.randn(1, 3, size_px, size_px, generator=torch.Generator().manual_seed(1)) * 0.5
    with torch.inference_mode():
        wanted = exported(example)[0].numpy()
    program = torch.onnx.export(
        exported,
        (example,),
        input_names=["photograph"],
        output_names=["logits", "features", MACULA, *([SIDE] if side else []), *([LESIONS] if network.lesions else [])],
        dynamo=True,
        verbose=False,
    )
    if program is None:
        raise ExportError("torch exported nothing.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        program.save(path, external_data=False)
        data = path.read_bytes()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    found = session.run(["logits"], {"photograph": example.numpy()})[0]
    difference = float(np.abs(found - wanted).max() / max(1.0, float(np.abs(wanted).max())))
    if difference > LARGEST_DIFFERENCE:
        raise ExportError(f"ONNX Runtime differs from torch by {difference:.2e}; {LARGEST_DIFFERENCE:.0e} is allowed.")
    return data


def class_weights(network: GradingNetwork) -> list[list[float]]:
    """Give the last layer's weights, 5 x C, rounded for the card: they only shape the heatmap."""
    weights: NDArray[np.float32] = as_classes(network).head.weight.detach().numpy()
    return [[round(float(value), 5) for value in row] for row in weights]


def make_card(
    config: TrainingConfig,
    network: GradingNetwork,
    input_part: Mapping[str, Any],
    *,
    calibration: Mapping[str, Any],
    operating_points: Mapping[str, Any],
    gradability: Mapping[str, Any],
    trained_on: Sequence[Photograph],
    held: Sequence[Photograph],
    barred: int,
    evaluation: Sequence[Mapping[str, Any]],
    macula: Mapping[str, Any] | None = None,
    side: Mapping[str, Any] | None = None,
    lesions: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Put together the content of card.json."""
    return {
        "schema": SCHEMA,
        "id": config.id,
        "created": dt.datetime.now(dt.UTC).date().isoformat(),
        "licence": config.licence,
        "purpose": config.purpose,
        "intended_use": config.intended_use,
        "limits": list(config.limits),
        "input": dict(input_part),
        "outputs": {
            "logits": "logits",
            "features": "features",
            "feature_channels": network.channels,
            "class_weights": class_weights(network),
            **({"macula": MACULA} if macula else {}),
            **({"side": SIDE} if side else {}),
            **({"lesions": LESIONS} if lesions else {}),
        },
        "classes": list(CLASSES),
        "calibration": dict(calibration),
        "operating_points": dict(operating_points),
        **({"macula": dict(macula)} if macula else {}),
        **({"side": dict(side)} if side else {}),
        **({"lesions": dict(lesions)} if lesions else {}),
        "gradability": dict(gradability),
        "training": {
            "data_sets": [data_set(name, trained_on) for name in config.sets],
            "held_out": [data_set(name, held) for name in config.sets],
            "split": (
                "By patient, group of duplicates and likeness of the pictures themselves. Official test photographs, "
                f"and {barred} that share a person or a picture with one, were never trained on."
            ),
            "seed": config.seed,
            "config_sha256": config.sha256,
            "backbone": config.backbone,
            "views": config.views,
            "schedule": [list(part) for part in config.schedule],
            "fine": config.fine,
            "start": {"imagenet": "ImageNet weights", "timm": "ImageNet weights", "none": "random weights"}.get(
                config.weights, "the weights of an earlier run"
            ),
        },
        "evaluation": [dict(row) for row in evaluation],
        "versions": {name: metadata.version(library) for name, library in _LIBRARIES.items()},
        "commit": commit(),
    }


def data_set(name: str, photographs: Sequence[Photograph]) -> dict[str, Any]:
    """Describe the photographs of one set: source, terms, and count for each grade 0-4."""
    own = [one for one in photographs if one.dataset == name]
    return {
        "name": name,
        "source": SOURCES.get(name, "the clinic's own photographs"),
        "licence": "; ".join(sorted({one.licence for one in own if one.licence})) or "not stated",
        "counts": [sum(one.grade == grade for one in own) for grade in range(len(CLASSES))],
    }


def commit() -> str:
    """Name the git commit that the code is at; `-dirty` is added when files were changed, `unknown` without git."""
    here = Path(__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(  # noqa: S603 - fixed words
            ["git", "-C", str(here), *words],  # noqa: S607 - git is looked up on the PATH, as everywhere
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
