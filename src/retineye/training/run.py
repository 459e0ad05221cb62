"""Make a pack from one config file: data, training, calibration, evaluation, export, card.

The run folder keeps config.toml, split.csv, metrics.jsonl, checkpoint.pt and the pack; a run that was stopped goes on
from its last checkpoint.
"""

import csv
import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
import torch

from retineye.grading.decode import decode
from retineye.grading.explain import LESION_CODES, highest_inside
from retineye.grading.grader import Grader
from retineye.grading.network import Network
from retineye.grading.pack import ModelPack, write_pack
from retineye.grading.preprocess import InputSpec, preprocess
from retineye.grading.quality import Gradability
from retineye.grading.retina import find_retina
from retineye.training import calibration, lesion_marks, macula
from retineye.training.augment import plain
from retineye.training.config import ConfigError, TrainingConfig
from retineye.training.data import (
    FILTERED,
    STRETCHED,
    KeptSquares,
    groups_of,
    keep_squares,
    same_pictures,
    signatures,
    split,
    split_again,
    unstretch,
)
from retineye.training.evaluate import evaluate, write_folder
from retineye.training.export import LESIONS, MACULA, ExportError, make_card, to_onnx
from retineye.training.from_pack import SETTLED_ON, load_pack, settle
from retineye.training.lesions import Outlines, keep_outlines, read_lesions
from retineye.training.loop import Trainer
from retineye.training.macula import risk_of
from retineye.training.memory import keep_freed_memory
from retineye.training.model_card import render
from retineye.training.network import GradingNetwork, WeightsError, blend, build
from retineye.training.photographs import Photograph, PhotographsError, read_photographs, threefold_sets
from retineye.training.progress import TrainingProgress
from retineye.training.side import Learned
from retineye.training.side import load as load_side
from retineye.training.team import Team

if TYPE_CHECKING:
    from numpy.typing import NDArray

SQUARE_FACTOR: Final = 1.2
"""Side of the kept squares as a multiple of the largest size trained at: the margin, and a little more."""

LEAST_SET: Final = 50
"""Photographs from which on a set counts in full."""

RUN_ERRORS: Final = (ConfigError, PhotographsError, WeightsError, ExportError, FileExistsError, ValueError)
"""What `train` raises when a run can not be made from what was given; the message says why."""


@dataclass(frozen=True, slots=True)
class Material:
    """The photographs of a run."""

    rows: list[Photograph]
    squares: KeptSquares
    train: "NDArray[np.int64]"
    held: "NDArray[np.int64]"
    judged: "NDArray[np.int64]"
    """Held-out rows whose macula somebody judged."""
    outlines: Outlines
    """The lesions of the training rows that somebody outlined."""
    barred: int
    """Rows that share a person or a picture with a test photograph, and so were left out."""


def prepare(
    config: TrainingConfig, table: Path, cache: Path, say: Callable[[str], None] = lambda _: None, *,
    lesions: Path | None = None, held_before: frozenset[str] = frozenset(),
) -> Material:  # fmt: skip
    """Choose the photographs, make their squares, and part them so that no person or picture is on both sides.

    Photographs that another table tests lesions on are test photographs here too.

    Raises
    ------
    ValueError
        The table has a wrong column or grade, or holds no graded photograph of the config's sets.
    """
    rows = [row for row in read_photographs(table) if row.dataset in config.sets or row.split == "test"]
    if not any(row.grade is not None and row.split != "test" for row in rows):
        raise ValueError(f"{table} holds no graded photograph of {', '.join(config.sets)}.")
    if lesions is not None:
        rows += read_lesions(lesions)
    side = round(SQUARE_FACTOR * max(part[1] for part in config.schedule) / 32) * 32
    say(f"Making squares of {len(rows)} photographs, {side} px")
    squares, found = keep_squares(rows, side, cache)
    vectors = signatures(squares)
    # Without its local mean every picture is like every other: those are known by patient and file name alone.
    vectors[[row.dataset in FILTERED for row in rows]] = 0
    groups = groups_of(rows, same_pictures(vectors))
    if held_before:
        train, held = split_again(rows, groups, held_before, config.processed_sets)
    else:
        train, held = split(rows, groups, config.holdout, config.seed, config.processed_sets)
    # Who can not be graded by people teaches no grades, and a photograph without a disc never reaches the network.
    usable = np.array([row.quality != "reject" for row in rows]) & found
    graded = np.array([row.grade is not None for row in rows])
    judged = np.array([bool(config.dme) and (row.dme is not None or row.maculopathy is not None) for row in rows])
    outlined = np.array([bool(config.lesions) and row.outlines is not None for row in rows])
    tests = sum(row.split == "test" for row in rows)
    barred = len(rows) - tests - len(train) - len(held)
    train, held, of_macula = (
        train[(usable & (graded | judged | outlined))[train]],
        held[(usable & graded)[held]],
        held[(usable & judged)[held]],
    )
    say(f"{len(train)} to train on, {len(held)} held out, {tests} of test splits and {barred} like them left alone")
    taught = set(train.tolist())
    outlines = keep_outlines(
        [row if i in taught else replace(row, outlines=None) for i, row in enumerate(rows)], squares.sides
    )
    return Material(rows, squares, train, held, of_macula, outlines, barred)


def read_held_out(config: TrainingConfig, config_file: Path) -> frozenset[str]:
    """Give the names of the photographs that the run named by the config has held out; none if it names none.

    Raises
    ------
    ConfigError
        The file can not be read, or holds nothing held out.
    """
    if not config.held_out:
        return frozenset()
    path = config_file.parent / config.held_out
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            held = frozenset(line["path"] for line in csv.DictReader(stream) if line["use"] == "held")
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as exc:
        raise ConfigError(f"{config_file}: the split {path} can not be read: {exc!r}.") from exc
    if not held:
        raise ConfigError(f"{config_file}: the split {path} holds nothing held out.")
    return held


def train(
    config_file: Path,
    table: Path,
    folder: Path,
    *,
    resume: bool = False,
    threads: int = 2,
    cache: Path | None = None,
    lesions: Path | None = None,
    on_progress: Callable[[TrainingProgress], None] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> ModelPack | None:
    """Make a pack from one config file; where several processes train together, the first of them gives it.

    Parameters
    ----------
    table
        The photographs: a CSV file (docs/training.md).
    folder
        The run folder.
    resume
        Go on from the folder's checkpoint.
    cache
        Where the squares are kept between runs; in the run folder if left out.
    lesions
        Photographs whose lesions are outlined: a CSV file (docs/training.md). Its test photographs are kept out of
        training whether or not the config learns lesions.

    Raises
    ------
    ConfigError, PhotographsError, WeightsError, ExportError, PackError
        What was given can not be used, or what was made is not sound; the message says why.
    FileExistsError
        The folder holds a run already and `resume` is false.
    """
    config = TrainingConfig.read(config_file)
    gradability = read_gradability(config, config_file)
    team = Team.gather()
    kept, before = cache or folder / "squares", read_held_out(config, config_file)
    if team.first:
        open_run_folder(config_file, folder, resume=resume)
        material = prepare(config, table, kept, say, lesions=lesions, held_before=before)
        write_split(material, folder)
    team.wait()
    if not team.first:  # the squares are there now
        material = prepare(config, table, kept, lesions=lesions, held_before=before)
    trainer = fit(config, material, folder, resume=resume, threads=threads, on_progress=on_progress, team=team)
    team.part()
    if not team.first:
        return None
    network = trainer.averaged.to("cpu")
    if config.keep_start:
        blend(network, started(config, material), config.keep_start)
    side = load_side(config_file.parent / config.side) if config.side else None
    return finish(config, network, material, gradability, folder, threads=threads, say=say, side=side)


def read_gradability(config: TrainingConfig, config_file: Path) -> Mapping[str, Any]:
    """Read the quality gate that the config names, or that of the shipped pack.

    Raises
    ------
    ConfigError
        The file can not be read.
    PackError
        The shipped pack can not be trusted, or the gate does not fit this program.
    """
    if not config.gradability:
        part: Mapping[str, Any] = ModelPack.load().card.content["gradability"]
        return part
    path = config_file.parent / config.gradability
    try:
        part = json.loads(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{config_file}: the gate {path} can not be read: {exc}.") from exc
    Gradability.from_card(part)
    return part


def write_split(material: Material, folder: Path) -> None:
    """Write which photograph was used for what: split.csv with path, dataset, grade, use."""
    use = {int(i): "train" for i in material.train} | {int(i): "held" for i in material.held}
    with (folder / "split.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["path", "dataset", "grade", "use"])
        for i, row in enumerate(material.rows):
            if i in use:
                writer.writerow([row.name, row.dataset, row.grade, use[i]])


def fit(
    config: TrainingConfig, material: Material, folder: Path, *, resume: bool, threads: int,
    on_progress: Callable[[TrainingProgress], None] | None = None, team: Team | None = None,
) -> Trainer:  # fmt: skip
    """Train the network on its photographs; checkpoints and metrics.jsonl go to the run folder."""
    keep_freed_memory()
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)
    torch.manual_seed(config.seed)
    network = started(config, material)
    trainer = Trainer(config, network, InputSpec(config.size_px), folder, on_progress, team)
    trainer.fit(material.squares, material.rows, material.train, material.held, material.outlines, resume=resume)
    return trainer


def started(config: TrainingConfig, material: Material) -> GradingNetwork:
    """Build the network with the weights that the config starts from."""
    outputs = 1 if config.head == "regression" else 5
    network = build(config.backbone, config.weights, outputs, config.dropout, lesions=config.lesions > 0)
    if Path(config.weights).is_dir():
        load_pack(network, ModelPack.load(config.weights))
        chosen = np.random.default_rng(config.seed).permutation(material.train)[:SETTLED_ON]
        spec = InputSpec(config.size_at(0))
        settle(network, np.stack([plain(np.ascontiguousarray(material.squares[int(i)]), spec) for i in chosen]))
    return network


def open_run_folder(config_file: Path, folder: Path, *, resume: bool) -> None:
    """Make the run folder and keep the config in it.

    Raises
    ------
    FileExistsError
        The folder holds a run already and `resume` is false.
    """
    if (folder / "checkpoint.pt").exists() and not resume:
        raise FileExistsError(f"{folder} holds a run already: add --resume to go on with it, or name another --out.")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(config_file, folder / "config.toml")


def finish(
    config: TrainingConfig,
    network: GradingNetwork,
    material: Material,
    gradability: Mapping[str, Any],
    folder: Path,
    *,
    threads: int,
    say: Callable[[str], None] = lambda _: None,
    side: Learned | None = None,
) -> ModelPack:
    """Export, calibrate, evaluate and pack a trained network.

    1. Export to ONNX and compare with torch.
    2. Calibrate on the held-out photographs, by the logits that serving would give.
    3. Evaluate on the official test photographs of the config's sets, and on the held-out ones.
    4. Write the pack with these figures, and its model card.

    Raises
    ------
    ExportError
        torch and ONNX Runtime differ.
    PackError
        The run folder holds a pack already.
    """
    fine, eyes = config.fine > 0, side.network if side else None
    model = to_onnx(network, config.size_px, config.views, fine=fine, side=eyes)
    spec = InputSpec(config.size_px)
    held = [material.rows[i] for i in material.held]
    say(f"Calibrating on {len(held)} held-out photographs")
    served = Network(model, threads=threads, macula=MACULA, lesions=LESIONS if network.lesions else "")
    said = serving_outputs(served, held, spec)
    logits, seen = said.logits, said.seen
    seen_ones = [one for one, is_seen in zip(held, seen, strict=True) if is_seen]
    truth, weights = np.array([one.grade for one in seen_ones]), set_weights(seen_ones)
    groups = [one.cluster for one in seen_ones]
    fitted = calibration.fit(logits[seen], truth, weights, groups=groups, seed=config.seed)
    unseen = calibration.out_of_fold(logits[seen], truth, weights, groups=groups, seed=config.seed)
    whole = in_whole_sets(seen_ones)
    points = calibration.operating_points(
        unseen[whole],
        truth[whole],
        cut_points=fitted["cut_points"],
        weights=weights[whole],
        groups=[group for group, is_whole in zip(groups, whole, strict=True) if is_whole],
        seed=config.seed,
    )
    names = ", ".join(sorted({one.dataset for one, is_whole in zip(seen_ones, whole, strict=True) if is_whole}))
    for point in points.values():
        point["data"] = f"held-out patients of {names}, each set counting alike"
    parts: dict[str, Any] = {
        "calibration": fitted | {"data": "held-out patients of the training sets, each set counting alike"},
        "operating_points": points,
        "gradability": gradability,
        "trained_on": [material.rows[i] for i in material.train],
        "held": held,
        "barred": material.barred,
    }
    if side:
        parts["side"] = side.evidence
    if of_macula := macula_part(served, material, spec, config.seed):
        parts["macula"] = of_macula
    if network.lesions:
        outlined = [one for one in material.rows if one.split == "test" and one.outlines is not None]
        if marks := lesion_marks.fit(said.peaks[seen], truth == 0, served, outlined, spec):
            parts["lesions"] = marks
    card = make_card(config, network, spec.to_card(), evaluation=[], **parts)
    draft = folder / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    write_pack(draft, model, card)
    rows: list[dict[str, Any]] = []
    grader = Grader.from_pack(draft, threads=threads, allow_test=True)
    tests = [one for one in material.rows if one.split == "test" and one.outlines is None]
    # A squeezed picture is none that a clinic sends: serving would rightly find no round retina in it.
    as_taken = [one for one in held if one.dataset not in STRETCHED]
    for name, photographs in (("test", tests), ("held-out", as_taken)):
        if photographs:
            say(f"Evaluating on {len(photographs)} {name} photographs")
            found = evaluate(grader, photographs, seed=config.seed)
            rows += [dict(row) | {"set": f"{row['set']} ({name})"} for row in found.content["rows"]]
    write_pack(folder / "pack", model, card | {"evaluation": rows})
    shutil.rmtree(draft)
    pack = ModelPack.load(folder / "pack")
    if tests:
        found = evaluate(Grader.from_pack(pack.folder, threads=threads, allow_test=True), tests, seed=config.seed)
        write_folder(folder / "model-card", found)
        text = render(pack.card.content, found.content, pack_sha256=pack.id.sha256)
        (folder / "model-card.md").write_text(text, encoding="utf-8")
    return pack


def macula_part(network: Network, material: Material, spec: InputSpec, seed: int) -> dict[str, Any] | None:
    """Calibrate what the network says of the macula; None where too few held-out photographs were judged."""
    judged = [material.rows[i] for i in material.judged]
    said = serving_outputs(network, judged, spec)
    logits, seen = said.macula, said.seen
    judged = [one for one, is_seen in zip(judged, seen, strict=True) if is_seen]
    if not judged:
        return None
    threefold = threefold_sets(material.rows)
    risks = [risk_of(one.dme, one.maculopathy, threefold=one.dataset in threefold) for one in judged]
    part = macula.fit(logits[seen], risks, set_weights(judged), [one.cluster for one in judged], seed=seed)
    names = ", ".join(sorted({one.dataset for one in judged}))
    return part and part | {"data": f"held-out patients of {names}, each set counting alike"}


def in_whole_sets(photographs: "list[Photograph]") -> "NDArray[np.bool_]":
    """Tell which photographs are of sets in which every grade occurs; all, if there is no such set.

    A set without healthy eyes, or without the grades between, would hide behind its easy cases how many of the hard
    ones an operating point misses.
    """
    grades: dict[str, set[int | None]] = {}
    for one in photographs:
        grades.setdefault(one.dataset, set()).add(one.grade)
    whole = np.array([grades[one.dataset] >= set(range(5)) for one in photographs])
    return whole if whole.any() else ~whole


def set_weights(photographs: "list[Photograph]") -> "NDArray[np.float64]":
    """Weigh photographs so that each set counts alike; mean 1.

    A camera that nobody has seen yet is as likely to be like the smallest set as like the largest. A set of fewer than
    50 photographs counts for less: a handful must not outweigh the rest.
    """
    counts = Counter(one.dataset for one in photographs)
    weights = np.array([1 / max(counts[one.dataset], LEAST_SET) for one in photographs])
    return np.asarray(weights * len(photographs) / weights.sum())


@dataclass(frozen=True, slots=True)
class Said:
    """What serving gives for photographs, as arrays over them."""

    logits: "NDArray[np.float32]"
    """Shape (n, 5)."""
    macula: "NDArray[np.float32]"
    """Logits, shape (n, 3)."""
    peaks: "NDArray[np.float32]"
    """Highest value of each map of lesions inside the retina, shape (n, 4)."""
    seen: "NDArray[np.bool_]"
    """Where a retina was found, shape (n,)."""


def serving_outputs(network: Network, photographs: "list[Photograph]", spec: InputSpec) -> Said:
    """Give what serving gives."""
    count = len(photographs)
    said = Said(
        np.zeros((count, 5), np.float32), np.zeros((count, macula.RISKS), np.float32),
        np.zeros((count, len(LESION_CODES)), np.float32), np.zeros(count, bool),
    )  # fmt: skip
    for i, one in enumerate(photographs):
        pixels = decode(one.path.read_bytes(), reduce_to_px=2 * spec.size_px).pixels
        pixels, retina = unstretch(pixels) if one.dataset in STRETCHED else (pixels, find_retina(pixels))
        if retina is None:
            continue
        outputs = network.run(preprocess(pixels, retina, spec))
        said.logits[i], said.seen[i] = outputs.logits, True
        if outputs.macula is not None:
            said.macula[i] = outputs.macula
        if outputs.lesions is not None:
            said.peaks[i] = highest_inside(outputs.lesions)
    return said
