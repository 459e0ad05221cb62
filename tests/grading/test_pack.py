"""A pack is whole and fits this program, or nothing is graded with it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retineye.grading import (
    BadCardError,
    BadChecksumError,
    Card,
    Grader,
    ModelPack,
    Network,
    PackError,
    PackMissingError,
    write_pack,
)
from tests.packs import SIZE_PX, tiny_card, tiny_model, write_tiny_pack


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_pack(tmp_path / "pack")


def test_a_written_pack_is_read_back(tmp_path: Path) -> None:
    written = write_pack(tmp_path / "pack", tiny_model(), tiny_card())
    pack = ModelPack.load(tmp_path / "pack")
    assert pack.id == written
    assert pack.card.id == "tiny-test"
    assert pack.model == pack.model_path.read_bytes()
    assert pack.card.outputs.class_weights.shape == (5, 2)
    assert pack.card.content["licence"] == "Apache-2.0"


def test_the_pack_is_named_by_the_checksum_of_its_checksums(folder: Path) -> None:
    first = ModelPack.load(folder).id
    other = write_tiny_pack(folder.parent / "other", intended_use="Something else.")
    assert len(first.sha256) == 64
    assert ModelPack.load(other).id.sha256 != first.sha256


@pytest.mark.parametrize("name", ["model.onnx", "card.json"])
def test_a_pack_altered_by_one_byte_is_refused(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(BadChecksumError, match=name):
        ModelPack.load(folder)


@pytest.mark.parametrize("name", ["model.onnx", "card.json", "SHA256SUMS"])
def test_a_pack_without_one_of_its_files_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(PackMissingError, match=name):
        ModelPack.load(folder)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackMissingError):
        Grader.from_pack(tmp_path / "nowhere")


@pytest.mark.parametrize("sums", ["", "abc", "00  model.onnx\n", "00  model.onnx\n00  card.json\n00  more.bin\n"])
def test_checksums_must_name_both_files_and_no_other(folder: Path, sums: str) -> None:
    (folder / "SHA256SUMS").write_text(sums)
    with pytest.raises(BadChecksumError):
        ModelPack.load(folder)


def test_a_pack_is_never_written_over(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(PackError, match="another folder"):
        write_pack(folder, tiny_model(), tiny_card(id="new"))
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_bad_card_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadCardError):
        write_pack(tmp_path / "pack", tiny_model(), tiny_card(classes=["a", "b"]))
    assert not (tmp_path / "pack").exists()


def without(part: str, key: str) -> dict[str, Any]:
    card = tiny_card()
    del card[part][key]
    return card


def with_part(part: str, **changes: Any) -> dict[str, Any]:
    card = tiny_card()
    card[part] |= changes
    return card


BAD_CARDS = {
    "unknown schema": tiny_card(schema="retineye.pack/2"),
    "no schema": {key: value for key, value in tiny_card().items() if key != "schema"},
    "unknown purpose": tiny_card(purpose="diagnosis"),
    "four classes": tiny_card(classes=["No DR", "Mild NPDR", "Moderate NPDR", "Severe NPDR"]),
    "classes in another order": tiny_card(classes=list(reversed(tiny_card()["classes"]))),
    "no id": tiny_card(id=""),
    "unknown normalisation": with_part("input", normalisation="imagenet"),
    "BGR": with_part("input", colour="BGR"),
    "size of nothing": with_part("input", size_px=0),
    "weights of another shape": with_part("outputs", feature_channels=7),
    "weights that are no numbers": with_part("outputs", class_weights=[["a", "b"]] * 5),
    "weights that are not finite": with_part("outputs", class_weights=[[float("nan"), 0.0]] * 5),
    "negative scale": with_part("calibration", scale=[1, 1, -1, 1, 1]),
    "four biases": with_part("calibration", bias=[0, 0, 0, 0]),
    "falling cut points": with_part("calibration", cut_points=[0.5, 2.5, 1.5, 3.5]),
    "no scale": without("calibration", "scale"),
    "no referable point": without("operating_points", "referable"),
    "threshold beyond its band": with_part("operating_points", referable={"threshold": 0.5, "band": [0.6, 0.7]}),
    "threshold of two": with_part("operating_points", referable={"threshold": 2, "band": [0.6, 3]}),
    "no gradability": {key: value for key, value in tiny_card().items() if key != "gradability"},
    "a lesion shown at nothing": with_part("lesions", thresholds=[0.5, 0.0, 0.5, 0.5]),
    "three thresholds of lesions": with_part("lesions", thresholds=[0.5] * 3),
    "a measure unknown here": with_part(
        "gradability",
        fitness={"measures": ["beauty"], "centre": [0], "spread": [1], "weights": [1], "intercept": 0},
    ),
    "a measure without a spread": with_part(
        "gradability",
        likeness={"measures": ["glare"], "centre": [0], "spread": [0], "weights": [1], "intercept": 0},
    ),
}


@pytest.mark.parametrize("name", BAD_CARDS)
def test_a_card_that_does_not_fit_is_refused(name: str) -> None:
    with pytest.raises(BadCardError):
        Card.from_dict(BAD_CARDS[name])


@pytest.mark.parametrize("text", ["not JSON", "[1, 2]", "\xff"])
def test_a_card_that_is_no_json_object_is_refused(folder: Path, text: str) -> None:
    write_raw(folder, text.encode("latin-1"), tiny_model())
    with pytest.raises(BadCardError):
        ModelPack.load(folder)


def write_raw(folder: Path, card: bytes, model: bytes) -> None:
    """Write a pack whose checksums are right, whatever is in it."""
    (folder / "card.json").write_bytes(card)
    (folder / "model.onnx").write_bytes(model)
    sums = [
        f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in (("card.json", card), ("model.onnx", model))
    ]
    (folder / "SHA256SUMS").write_text("".join(sums))


BAD_MODELS = {
    "no network": b"not a network",
    "nothing": b"",
    "of another size": tiny_model(size_px=64),
    "with six classes": tiny_model(classes=6),
    "without features": tiny_model(features="something"),
    "that gives infinity": tiny_model(finite=False),
}


@pytest.mark.parametrize("name", BAD_MODELS)
def test_a_network_that_does_not_fit_its_card_is_refused(folder: Path, name: str) -> None:
    write_raw(folder, json.dumps(tiny_card()).encode(), BAD_MODELS[name])
    with pytest.raises(BadCardError):
        Grader.from_pack(folder, allow_test=True)


def test_a_pack_for_tests_grades_only_where_that_is_allowed(folder: Path) -> None:
    with pytest.raises(PackError, match="for tests alone"):
        Grader.from_pack(folder)
    assert Grader.from_pack(folder, allow_test=True).pack_id.id == "tiny-test"


def test_libraries_of_another_major_version_are_named() -> None:
    card = Card.from_dict(tiny_card(versions={"numpy": "1.26.0", "onnxruntime": "1.0.0", "pillow": ""}))
    (difference,) = card.version_differences()
    assert difference.startswith("numpy is ")


def test_the_network_gives_logits_and_features_that_belong_together(folder: Path) -> None:
    pack = ModelPack.load(folder)
    network = Network(pack.model)
    assert (network.size_px, network.feature_channels) == (SIZE_PX, 2)
    picture = np.random.default_rng(1).normal(0, 0.5, (1, 3, SIZE_PX, SIZE_PX)).astype(np.float32)
    outputs = network.run(picture)
    assert outputs.logits.shape == (5,)
    assert outputs.features.shape == (2, SIZE_PX // 8, SIZE_PX // 8)
    differences = pack.card.outputs.class_weights @ outputs.features.mean(axis=(1, 2))
    blank = network.run(np.zeros_like(picture))
    assert np.allclose(outputs.logits - blank.logits, differences, atol=1e-4)
