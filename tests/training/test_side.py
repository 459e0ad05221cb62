"""Where the optic disc lies tells the eye, in training and in the exported network."""

import csv
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from tests import photos

pytestmark = pytest.mark.train


def drawn(right: bool, seed: int) -> NDArray[np.uint8]:
    return photos.retina(width_px=180, height_px=180, lesions=seed % 8, seed=seed, left=not right)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sides")
    with (folder / "photos.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "dataset", "grade", "patient", "laterality"])
        for number in range(96):
            right = number % 2 == 0
            (folder / f"{number}.png").write_bytes(photos.encode(drawn(right, number)))
            writer.writerow([f"{number}.png", "drawn", 0, f"p{number // 2}", "right" if right else "left"])
    return folder / "photos.csv"


def test_the_side_is_learned_from_where_the_disc_lies_and_a_mirrored_eye_is_the_other(
    table: Path, tmp_path: Path
) -> None:
    import torch

    from retineye.training.data import load_square
    from retineye.training.photographs import read_photographs
    from retineye.training.side import SIZE_PX, chances, learn_side, load

    torch.set_num_threads(1)
    learned = learn_side(table, tmp_path / "side.pt", tmp_path / "squares", epochs=24, batch=16)
    assert learned.evidence["sets"]["drawn"]["auc"] > 0.9
    again = load(tmp_path / "side.pt")
    squares = [load_square(row, round(SIZE_PX * 1.3)) for row in read_photographs(table)[:24:2]]
    shown = np.stack([square for square in squares if square is not None])
    right, mirrored = chances(again.network, shown), chances(again.network, np.ascontiguousarray(shown[:, :, ::-1]))
    assert len(shown) == 12
    assert (right > mirrored).mean() > 0.8
    assert right.mean() > mirrored.mean() + 0.1


def test_a_table_that_names_no_eyes_is_refused(table: Path, tmp_path: Path) -> None:
    from retineye.training.photographs import PhotographsError
    from retineye.training.side import learn_side

    bare = table.with_name("bare.csv")
    bare.write_text("path,grade\n0.png,0\n")
    with pytest.raises(PhotographsError, match="names the eye of 0"):
        learn_side(bare, tmp_path / "side.pt", tmp_path / "squares")


def test_the_exported_network_tells_the_eye_as_torch_does() -> None:
    import torch

    from retineye.training.export import to_onnx
    from retineye.training.network import build
    from retineye.training.side import SideNetwork

    torch.manual_seed(6)
    side = SideNetwork().eval()
    model = to_onnx(build("test_efficientnet", "none").eval(), 128, 2, fine=True, side=side)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    picture = np.random.default_rng(4).normal(0, 0.5, (1, 3, 128, 128)).astype(np.float32)
    said = session.run(["side"], {"photograph": picture})[0]
    with torch.inference_mode():
        wanted = side(torch.from_numpy(picture))[0].numpy()
    assert said.shape == (1, 1)
    assert np.abs(said - wanted).max() < 1e-4
