"""A pack's network can go on learning: it says the same before it does, and its normalisations work again."""

from pathlib import Path

import numpy as np
import pytest

from retineye.grading import ModelPack, write_pack
from tests.packs import tiny_card

pytestmark = pytest.mark.train


def packed(folder: Path, views: int = 2) -> ModelPack:
    import torch

    from retineye.training.export import class_weights, to_onnx
    from retineye.training.network import build

    torch.manual_seed(3)
    network = build("tf_efficientnet_lite0", "none").train()
    with torch.no_grad():
        for _ in range(4):
            network(torch.randn(8, 3, 64, 64) * 0.5)
    card = tiny_card()
    outputs = {"logits": "logits", "features": "features", "macula": "macula", "feature_channels": network.channels}
    card["outputs"] = outputs | {"class_weights": class_weights(network)}
    card["input"]["size_px"] = 64
    write_pack(folder, to_onnx(network.eval(), 64, views, fine=True), card)
    return ModelPack.load(folder)


def test_a_pack_read_back_says_the_same_and_still_does_when_it_may_learn(tmp_path: Path) -> None:
    import torch

    from retineye.training.from_pack import load_pack, settle
    from retineye.training.network import build

    pack = packed(tmp_path / "pack")
    network = build("tf_efficientnet_lite0", str(tmp_path / "pack"))
    load_pack(network, pack)
    pictures = np.random.default_rng(2).normal(0, 0.5, (32, 3, 64, 64)).astype(np.float32)
    batch = torch.from_numpy(pictures)
    with torch.inference_mode():
        before = network.eval()(batch)[0]
    settle(network, pictures)
    network.dropout.p = 0.0
    with torch.inference_mode():
        after, learning = network.eval()(batch)[0], network.train()(batch)[0]
    assert torch.allclose(before, after, atol=1e-3)
    assert float((learning - before).abs().mean()) < 0.1 * float(before.std()) + 0.02


def test_a_backbone_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    from retineye.training.from_pack import load_pack
    from retineye.training.network import WeightsError, build

    pack = packed(tmp_path / "pack")
    with pytest.raises(WeightsError, match="normalisation each"):
        load_pack(build("test_efficientnet", "none"), pack)


def test_the_shipped_pack_can_be_gone_on_from() -> None:
    from retineye.training.from_pack import load_pack
    from retineye.training.network import build

    pack = ModelPack.load()
    network = build(str(pack.card.content["training"]["backbone"]), "none")
    load_pack(network, pack)  # compares the two, and raises where they differ
