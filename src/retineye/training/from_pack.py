"""Start training from a model pack: read its ONNX network back into torch.

An exported network has its batch normalisations folded into its convolutions. They are unfolded again by what the
convolutions give on photographs of the new set: the network says the same as before, and can go on learning.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from retineye.grading.network import Network
from retineye.training.network import GradingNetwork, WeightsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from retineye.grading.pack import ModelPack

    Held = list[NDArray[np.float32]]

SETTLED_ON: Final = 64
"""Photographs that the normalisations are unfolded on."""
LARGEST_DIFFERENCE: Final = 1e-3


def load_pack(network: GradingNetwork, pack: "ModelPack") -> None:
    """Put a pack's weights into a network of the same backbone, and compare what the two say.

    Raises
    ------
    WeightsError
        The pack holds another backbone, or torch does not say what the pack's network says.
    """
    graph = onnx.load_model_from_string(pack.model).graph
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes: list[Held] = [
        [held[name] for name in node.input if name in held] for node in graph.node if node.op_type == "Conv"
    ]
    pairs = list(_pairs(network))
    own = _run_of(nodes, [tuple(conv.weight.shape) for conv, _ in pairs])
    if own is None:
        raise WeightsError(f"The pack {pack.card.id} holds another network than the config's backbone.")
    with torch.no_grad():
        for (conv, norm), node in zip(pairs, own, strict=True):
            conv.weight.copy_(torch.from_numpy(node[0].copy()))
            norm.reset_running_stats()
            norm.weight.fill_(float((1 + norm.eps) ** 0.5))
            norm.bias.copy_(torch.from_numpy(node[1].copy()) if len(node) > 1 else torch.zeros_like(norm.bias))
        for node in (one for one in graph.node if one.op_type == "Gemm"):
            weight, bias = (held[name] for name in node.input[1:3])
            for layer in (network.head, network.macula):
                if weight.shape == tuple(layer.weight.shape):
                    layer.weight.copy_(torch.from_numpy(weight.copy()))
                    layer.bias.copy_(torch.from_numpy(bias.copy()))
    _compare(network, pack)


def _run_of(nodes: "list[Held]", shapes: list[tuple[int, ...]]) -> "list[Held] | None":
    """Find the backbone's convolutions in a row; a view's own filters, and networks of other outputs, lie around."""
    own = [tuple(node[0].shape) for node in nodes]
    for start in range(len(own) - len(shapes) + 1):
        if own[start : start + len(shapes)] == shapes:
            return nodes[start : start + len(shapes)]
    return None


def settle(network: GradingNetwork, pictures: "NDArray[np.float32]") -> None:
    """Unfold the normalisations on photographs, shape (n, 3, S, S), without changing what the network says."""
    given: dict[nn.Module, list[torch.Tensor]] = {}
    pairs = list(_pairs(network))
    network.eval()
    with torch.inference_mode(), _listening([conv for conv, _ in pairs], given):
        for start in range(0, len(pictures), 8):
            network(torch.from_numpy(pictures[start : start + 8]))
    with torch.no_grad():
        for conv, norm in pairs:
            mean = torch.stack([part[0] for part in given[conv]]).mean(dim=0)
            variance = torch.stack([part[1] for part in given[conv]]).mean(dim=0) - mean**2
            spread = (variance.clamp_min(0) + norm.eps).sqrt()
            assert norm.running_mean is not None  # noqa: S101  a fresh batch normalisation has both
            assert norm.running_var is not None  # noqa: S101
            norm.bias.add_(mean)
            norm.weight.copy_(spread)
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance.clamp_min(0))


def _pairs(network: GradingNetwork) -> Iterator[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Give each convolution with the normalisation after it, in the order in which they run."""
    order: list[nn.Module] = []
    layers = [one for one in network.backbone.modules() if isinstance(one, nn.Conv2d | nn.BatchNorm2d)]
    handles = [layer.register_forward_hook(lambda module, *_: order.append(module)) for layer in layers]
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        network(torch.zeros(1, 3, 64, 64))
    network.train(was_training)
    for handle in handles:
        handle.remove()
    for conv, norm in zip(order[::2], order[1::2], strict=True):
        if not isinstance(conv, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d) or conv.bias is not None:
            raise WeightsError("Only backbones of convolutions with a batch normalisation each start from a pack.")
        yield conv, norm


@contextmanager
def _listening(layers: list[nn.Conv2d], given: dict[nn.Module, list[torch.Tensor]]) -> Iterator[None]:
    def listen(module: nn.Module, _: Any, output: torch.Tensor) -> None:
        means = torch.stack([output.mean(dim=(0, 2, 3)), output.square().mean(dim=(0, 2, 3))])
        given.setdefault(module, []).append(means)

    handles = [layer.register_forward_hook(listen) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _compare(network: GradingNetwork, pack: "ModelPack") -> None:
    """Run one picture through both; of several views only the pack's first is known here, so features are compared."""
    card = pack.card
    served = Network(pack.model, logits=card.outputs.logits, features=card.outputs.features, macula=card.outputs.macula)
    picture = np.random.default_rng(1).normal(0, 0.4, (1, 3, served.size_px, served.size_px)).astype(np.float32)
    wanted = served.run(picture).features
    network.eval()
    with torch.inference_mode():
        found = network(torch.from_numpy(picture))[1][0].numpy()
    difference = float(np.abs(found - wanted).max() / max(1.0, float(np.abs(wanted).max())))
    if not difference <= LARGEST_DIFFERENCE:
        raise WeightsError(f"The network read from {card.id} differs from the pack's by {difference:.1e}.")
