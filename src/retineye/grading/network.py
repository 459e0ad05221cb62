"""Run the network of a model pack with ONNX Runtime."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import onnxruntime

from retineye.grading.errors import BadCardError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CLASSES: Final = 5
_MACULA_RISKS: Final = 3
_LESIONS: Final = 4
_ERRORS_ONLY: Final = 3


@dataclass(frozen=True, slots=True)
class RawOutputs:
    """What the network says of one photograph."""

    logits: "NDArray[np.float32]"
    """Shape (5,), float32, not calibrated."""
    features: "NDArray[np.float32]"
    """Shape (C, h, w), float32: the map that the logits are pooled from."""
    macula: "NDArray[np.float32] | None" = None
    """Shape (3,), float32, not calibrated: logits of macular oedema; None where the network gives none."""
    side: float | None = None
    """Logit of the right eye; None where the network gives none."""
    lesions: "NDArray[np.float32] | None" = None
    """Shape (4, h, w), float32, 0-1: microaneurysms, haemorrhages, hard and soft exudates; None where not given."""


class Network:
    """One ONNX Runtime session; it may be used by several threads."""

    def __init__(
        self,
        model: bytes | Path | str,
        *,
        threads: int = 2,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        logits: str = "logits",
        features: str = "features",
        macula: str = "",
        side: str = "",
        lesions: str = "",
    ) -> None:
        """Open the network and try it once on a black picture.

        Parameters
        ----------
        model
            The ONNX file, or its bytes.
        threads
            Threads for one run; never more than there are cores.
        providers
            ONNX Runtime's execution providers, the preferred first.
        logits, features, macula, side, lesions
            Names of the outputs; none of the last three where empty.

        Raises
        ------
        BadCardError
            The file is no network, or its input or outputs are not what is expected.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        try:
            self._session = onnxruntime.InferenceSession(
                model if isinstance(model, bytes) else str(model), options, providers=list(providers)
            )
        except Exception as exc:  # ONNX Runtime's errors have no common base of their own
            raise BadCardError(f"The network can not be opened: {exc}") from exc
        inputs = self._session.get_inputs()
        shape = inputs[0].shape if len(inputs) == 1 else None
        if not shape or len(shape) != 4 or shape[1] != 3 or shape[2] != shape[3] or not isinstance(shape[2], int):
            raise BadCardError(f"The network's input must have the shape (1, 3, S, S), not {shape}.")
        self._input = inputs[0].name
        self._outputs = {"logits": logits, "features": features, "macula": macula, "side": side, "lesions": lesions}
        self.size_px: int = shape[2]
        """Side of the square picture that the network takes."""
        blank = self.run(np.zeros((1, 3, self.size_px, self.size_px), np.float32))
        if blank.logits.shape != (_CLASSES,) or blank.features.ndim != 3:
            raise BadCardError(
                f"The network's outputs have the shapes {blank.logits.shape} and {blank.features.shape}, "
                f"not ({_CLASSES},) and (C, h, w)."
            )
        if blank.macula is not None and blank.macula.shape != (_MACULA_RISKS,):
            raise BadCardError(f"The network's output {macula!r} has the shape {blank.macula.shape}, not (3,).")
        if blank.lesions is not None and (blank.lesions.ndim != 3 or blank.lesions.shape[0] != _LESIONS):
            raise BadCardError(f"The network's output {lesions!r} has the shape {blank.lesions.shape}, not (4, h, w).")
        self.feature_channels: int = blank.features.shape[0]

    def run(self, tensor: "NDArray[np.float32]") -> RawOutputs:
        """Run one photograph through the network.

        Parameters
        ----------
        tensor
            Shape (1, 3, S, S), float32, as `preprocess` gives it.

        Raises
        ------
        BadCardError
            The network does not run, or gives numbers that are not finite.
        """
        try:
            asked = {key: name for key, name in self._outputs.items() if name}
            given = dict(zip(asked, self._session.run(list(asked.values()), {self._input: tensor}), strict=True))
        except Exception as exc:  # ONNX Runtime's errors have no common base of their own
            raise BadCardError(f"The network does not run: {exc}") from exc
        if not all(np.isfinite(output).all() for output in given.values()):
            raise BadCardError("The network gives numbers that are not finite.")
        side = float(given["side"].reshape(-1)[0]) if "side" in given else None
        macula = given["macula"][0] if "macula" in given else None
        lesions = given["lesions"][0] if "lesions" in given else None
        return RawOutputs(given["logits"][0], given["features"][0], macula, side, lesions)
