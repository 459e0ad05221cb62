"""The wheel holds what runs, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.repository import ROOT, below


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Build the wheel, and give the names of its files."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


def test_the_wheel_holds_every_file_of_the_package(names: list[str]) -> None:
    wanted = [str(path.relative_to("src")) for path in below("src/retineye")]
    assert [name for name in wanted if name not in names] == []


def test_the_wheel_holds_the_pack_pages_and_licence(names: list[str]) -> None:
    for part in ("card.json", "model.onnx", "SHA256SUMS"):
        assert f"retineye/packs/default/{part}" in names
    assert any(name.startswith("retineye/web/templates/") for name in names)
    assert any(name.startswith("retineye/web/static/vendor/") for name in names)
    assert any(Path(name).name == "LICENSE" for name in names if ".dist-info/" in name)


def test_the_wheel_holds_no_tests_and_no_data(names: list[str]) -> None:
    assert [name for name in names if not name.startswith(("retineye/", "retineye-"))] == []
