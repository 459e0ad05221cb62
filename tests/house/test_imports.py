"""Each way of starting RetinEye loads only what it needs."""

import subprocess
import sys
from pathlib import Path

import pytest

PROBE = """
import sys
from pathlib import Path
{code}
print(" ".join(sorted({{name.partition(".")[0] for name in sys.modules}} & set({names!r}))))
"""

TRAINING = ["torch", "torchvision", "timm", "onnx", "onnxscript"]
FRAMEWORK = ["django", "allauth", "granian"]
EVALUATION = ["sklearn", "scipy"]


def loaded(code: str, names: list[str], **environment: str) -> list[str]:
    """Run code in a process of its own, and give which of the named packages it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(code=code, names=names)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return done.stdout.split("\n")[-2].split()


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import retineye.cli", TRAINING + FRAMEWORK + EVALUATION),
        ("import retineye.grading", TRAINING + FRAMEWORK + EVALUATION),
        ("import retineye.training.evaluate", TRAINING + FRAMEWORK),
    ],
    ids=["the command line", "grading", "evaluation"],
)
def test_a_room_starts_without_what_it_does_not_need(code: str, absent: list[str]) -> None:
    assert loaded(code, absent) == []


def test_serving_never_loads_torch(tmp_path: Path) -> None:
    code = "\n".join(
        [
            "from retineye.config.asgi import application",
            "from django.urls import get_resolver",
            "get_resolver().url_patterns",
            "import retineye.clinic.grade, retineye.clinic.sweep, retineye.clinic.queue, retineye.clinic.intake",
        ]
    )
    environment = {"RETINEYE_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "retineye.config.settings"}
    assert loaded(code, [*TRAINING, "django"], **environment) == ["django"]
