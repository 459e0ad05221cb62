"""The network loads what it should and nothing else, and ONNX says what torch says."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

pytestmark = pytest.mark.train


def test_the_packaged_weights_fit_key_by_key_and_move_the_output() -> None:
    import torch

    from retineye.training.network import build

    torch.manual_seed(0)
    loaded, empty = build("tf_efficientnet_lite0", "imagenet"), build("tf_efficientnet_lite0", "none")
    picture = torch.zeros(1, 3, 64, 64)
    assert loaded.eval()(picture)[1].shape == (1, 1280, 2, 2)
    stem = loaded.backbone.conv_stem.weight.detach()
    assert not torch.equal(stem, empty.backbone.conv_stem.weight)
    assert float(stem.abs().max()) > 0.5


def test_a_backbone_without_packaged_weights_is_refused_not_guessed() -> None:
    from retineye.training.network import WeightsError, build

    with pytest.raises(WeightsError, match="weights = 'timm'"):
        build("resnet18", "imagenet")
    with pytest.raises(WeightsError, match="not there"):
        build("test_efficientnet", "/nowhere/checkpoint.pt")


def test_altered_packaged_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from retineye.training import network

    (tmp_path / "fake_weights").mkdir()
    (tmp_path / "fake_weights" / "__init__.py").touch()
    (tmp_path / "fake_weights" / "efficientnet-lite0-57934424.pth").write_bytes(b"altered")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(network.PACKAGED, "tf_efficientnet_lite0", ("fake_weights", "efficientnet-lite0-*.pth"))
    with pytest.raises(network.WeightsError, match="SHA-256"):
        network.build("tf_efficientnet_lite0", "imagenet")


@pytest.mark.parametrize("backbone", ["test_efficientnet", "tf_efficientnet_lite0"])
def test_onnx_says_what_torch_says(backbone: str) -> None:
    import torch

    from retineye.training.export import to_onnx
    from retineye.training.network import build

    torch.manual_seed(1)
    network = build(backbone, "none").eval()
    session = onnxruntime.InferenceSession(to_onnx(network, 96), providers=["CPUExecutionProvider"])
    picture = np.random.default_rng(3).normal(0, 0.5, (1, 3, 96, 96)).astype(np.float32)
    logits, features = session.run(["logits", "features"], {"photograph": picture})
    with torch.inference_mode():
        wanted_logits, wanted_features, _ = network(torch.from_numpy(picture))
    assert np.abs(logits - wanted_logits.numpy()).max() < 1e-4
    assert np.abs(features - wanted_features.numpy()).max() < 1e-3


@pytest.mark.parametrize("views", [2, 4])
def test_several_views_give_the_same_logits_for_a_mirrored_picture(views: int) -> None:
    import torch

    from retineye.training.export import to_onnx
    from retineye.training.network import build

    torch.manual_seed(4)
    network = build("test_efficientnet", "none").eval()
    session = onnxruntime.InferenceSession(to_onnx(network, 64, views), providers=["CPUExecutionProvider"])
    picture = np.random.default_rng(5).normal(0, 0.5, (1, 3, 64, 64)).astype(np.float32)
    mirrored = np.ascontiguousarray(picture[:, :, ::-1, ::-1] if views == 4 else picture[:, :, :, ::-1])
    first, second = (session.run(["logits"], {"photograph": one})[0] for one in (picture, mirrored))
    assert first.shape == (1, 5)
    assert np.abs(first - second).max() < 1e-4
    with torch.inference_mode():
        assert np.abs(first - network(torch.from_numpy(picture))[0].numpy()).max() > 1e-6


def test_one_number_becomes_five_logits_with_the_same_grade() -> None:
    import torch

    from retineye.training.export import as_classes
    from retineye.training.network import build

    torch.manual_seed(2)
    network = build("test_efficientnet", "none", outputs=1).eval()
    pictures = torch.randn(16, 3, 48, 48)
    with torch.inference_mode():
        network.head.bias.fill_(1.7)
        network.head.weight.mul_(30)
        number = network(pictures)[0][:, 0]
        grades = as_classes(network)(pictures)[0].argmax(dim=1)
    assert torch.equal(grades, number.round().clamp(0, 4).long())


def test_a_far_miss_costs_more_than_a_near_one() -> None:
    import torch

    from retineye.training.loss import class_loss, expected_grade

    near, far = torch.tensor([[0.0, 0, 0, 5, 0]]), torch.tensor([[5.0, 0, 0, 0, 0]])
    truth = torch.tensor([4])
    assert class_loss(near, truth, 0.0, 0.5) < class_loss(far, truth, 0.0, 0.5)
    assert float(expected_grade(near)[0]) == pytest.approx(2.97, abs=0.05)


def test_a_set_with_few_grades_is_not_drawn_more_for_its_size() -> None:
    from retineye.training.loop import sampling_weights
    from retineye.training.photographs import Photograph

    def rows(dataset: str, grade: int, count: int) -> list[Photograph]:
        return [Photograph(path=Path("x"), name="x", dataset=dataset, grade=grade)] * count

    photographs = [*rows("wide", 0, 80), *rows("wide", 4, 20), *rows("narrow", 4, 400)]
    weights = sampling_weights(photographs, {"narrow": 0.5})
    assert weights.sum() == pytest.approx(1)
    assert weights[:80].sum() == pytest.approx(2 * weights[80:100].sum())
    assert weights[100:].sum() == pytest.approx(weights[:100].sum())


def test_a_network_goes_a_share_of_the_way_back_to_where_it_started() -> None:
    import torch

    from retineye.training.network import blend, build

    torch.manual_seed(8)
    start, learned = (build("tf_efficientnet_lite0", "none", lesions=True) for _ in range(2))
    before = {key: value.clone() for key, value in learned.state_dict().items()}
    blend(learned, start, 0.25)
    for key, value in learned.state_dict().items():
        if not value.dtype.is_floating_point or key.startswith("lesions."):
            assert torch.equal(value, before[key]), key
        else:
            assert torch.allclose(value, 0.75 * before[key] + 0.25 * start.state_dict()[key], atol=1e-6), key
