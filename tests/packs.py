"""Write a tiny model pack that really runs: for tests alone, without torch."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from retineye.grading import write_pack

SIZE_PX = 96
"""Side of the square that the tiny network takes."""
GRADABILITY: dict[str, Any] = json.loads(Path(__file__).with_name("gradability.json").read_text(encoding="utf-8"))
"""The gate of the shipped pack, so that real photographs pass it in tests."""

# Per class: weight of what is darker and of what is brighter than most of the retina.
_CLASS_WEIGHTS = [[-2.0, -1.0], [-0.5, -0.2], [0.5, 0.3], [1.0, 0.6], [1.6, 0.8]]
_CLASS_BIAS = [1.1, 0.4, 0.2, -0.4, -0.9]
# Dark places look like haemorrhages, bright ones like hard exudates.
_LESION_WEIGHTS = np.array([[0, 0], [12, 0], [0, 12], [0, 0]], np.float32)[:, :, None, None]


def tiny_model(*, size_px: int = SIZE_PX, classes: int = 5, features: str = "features", finite: bool = True) -> bytes:
    """Give the bytes of a network that sees dark and bright places; its logits depend on the picture.

    Its feature map has two channels, each an eighth of the size: how dark and how bright a place is.
    """
    weights = np.array([[[[0.0]], [[-1.0]], [[0.0]]], [[[0.0]], [[1.0]], [[0.0]]]], np.float32)
    head = np.array([(_CLASS_WEIGHTS * 2)[i] for i in range(classes)], np.float32) * 6
    bias = np.array([(_CLASS_BIAS * 2)[i] for i in range(classes)], np.float32)
    if not finite:
        bias[0] = np.inf
    graph = helper.make_graph(
        [
            helper.make_node("AveragePool", ["picture"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]),
            helper.make_node("Conv", ["pooled", "weights", "offset"], ["signed"]),
            helper.make_node("Relu", ["signed"], [features]),
            helper.make_node("GlobalAveragePool", [features], ["mean"]),
            helper.make_node("Flatten", ["mean"], ["flat"]),
            helper.make_node("Gemm", ["flat", "head", "bias"], ["logits"], transB=1),
            helper.make_node("Gemm", ["flat", "macula_head", "macula_bias"], ["macula"], transB=1),
            helper.make_node("Conv", [features, "lesion_weights", "lesion_offset"], ["lesion_logits"]),
            helper.make_node("Sigmoid", ["lesion_logits"], ["lesions"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, size_px, size_px])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, classes]),
            helper.make_tensor_value_info("macula", TensorProto.FLOAT, [1, 3]),
            helper.make_tensor_value_info("lesions", TensorProto.FLOAT, [1, 4, size_px // 8, size_px // 8]),
            helper.make_tensor_value_info(features, TensorProto.FLOAT, [1, 2, size_px // 8, size_px // 8]),
        ],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array([-0.4, -0.4], np.float32), "offset"),
            numpy_helper.from_array(head, "head"),
            numpy_helper.from_array(bias, "bias"),
            numpy_helper.from_array(np.array([[-1.0, -2.0], [0.0, 0.5], [0.5, 2.0]], np.float32) * 6, "macula_head"),
            numpy_helper.from_array(np.array([1.0, 0.0, -1.0], np.float32), "macula_bias"),
            numpy_helper.from_array(_LESION_WEIGHTS, "lesion_weights"),
            numpy_helper.from_array(np.array([-6, -3, -3, -6], np.float32), "lesion_offset"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def tiny_card(**changes: Any) -> dict[str, Any]:
    """Give a card that fits `tiny_model`; `changes` replace whole parts."""
    operating_point = {
        "sensitivity": {"value": 0.9, "low": 0.8, "high": 0.95},
        "specificity": {"value": 0.9, "low": 0.8, "high": 0.95},
        "n": 100,
        "how": "set by hand for tests",
    }
    card: dict[str, Any] = {
        "schema": "retineye.pack/1",
        "id": "tiny-test",
        "created": "2026-01-01T00:00:00Z",
        "licence": "Apache-2.0",
        "purpose": "test",
        "intended_use": "Tests of this program. It knows nothing of eyes.",
        "limits": ["Never for people."],
        "input": {
            "size_px": SIZE_PX,
            "colour": "RGB",
            "normalisation": "retina",
            "gain": 0.5,
            "clip": 4.0,
            "mask": 0.97,
        },
        "outputs": {
            "logits": "logits",
            "features": "features",
            "feature_channels": 2,
            "class_weights": [[weight * 6 for weight in row] for row in _CLASS_WEIGHTS],
            "macula": "macula",
            "lesions": "lesions",
        },
        "classes": ["No DR", "Mild NPDR", "Moderate NPDR", "Severe NPDR", "Proliferative DR"],
        "calibration": {
            "method": "vector",
            "scale": [1.0] * 5,
            "bias": [0.0] * 5,
            "data": "none",
            "n": 0,
            "ece_before": 0.0,
            "ece_after": 0.0,
            "cut_points": None,
        },
        "operating_points": {
            "referable": {"threshold": 0.5, "band": [0.48, 0.52], **operating_point},
            "vision_threatening": {"threshold": 0.4, "band": [0.38, 0.42], **operating_point},
        },
        "macula": {"scale": [1.0] * 3, "bias": [0.0] * 3, "threshold": 0.4, "band": [0.32, 0.4], "n": 0},
        "lesions": {"codes": ["MA", "HE", "EX", "SE"], "thresholds": [0.5] * 4},
        "gradability": GRADABILITY,
        "training": {"data_sets": [], "split": "none", "seed": 0, "config_sha256": ""},
        "evaluation": [],
        "versions": {},
        "commit": "",
    }
    return copy.deepcopy(card | changes)


def write_tiny_pack(folder: Path, **changes: Any) -> Path:
    """Write a pack for tests into a folder of its own, and give the folder."""
    write_pack(folder, tiny_model(), tiny_card(**changes))
    return folder
