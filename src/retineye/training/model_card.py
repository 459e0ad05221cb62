"""Write docs/model-card.md from a pack's card and its evaluation; no number in it is typed by hand."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from retineye.grading.result import GRADE_NAMES
from retineye.training import tables

Card = Mapping[str, Any]

NEVER_TRIED: Final = (
    "People under 18, and pregnancy: no photograph says the age or state of the person.",
    "Retinopathy that has been treated (laser, injections, surgery): no photograph says so.",
    "Wide-field, stereographic, hand-held and phone cameras, beyond what the data sets hold without saying.",
    "Photographs that do not show the central retina; infrared, autofluorescence, angiography and OCT.",
    "Eye diseases other than diabetic retinopathy, alone or together with it.",
    "The course of a disease: each photograph is graded by itself.",
    "Any clinic, camera or population that is not in the tables below.",
)
FAILURES: Final = (
    "One photograph shows a part of the retina: disease outside it is missed.",
    "Mild NPDR is microaneurysms alone, a few pixels each: a grade easily missed (see recall).",
    "Severe and proliferative disease can be taken for each other and for moderate; all three are referable.",
    "A camera or colour that the network has not seen may move grades without a sign of it: check on your own "
    "photographs with `retineye evaluate` before you rely on it.",
    "The heatmap shows where the network looked. It is not an outline of lesions.",
)
DECISIONS: Final = {
    "referable": "Referable (moderate NPDR or worse)",
    "vision_threatening": "Vision-threatening (severe NPDR or worse)",
}
PLOTS: Final = (("confusion", "Confusion"), ("roc", "ROC"), ("reliability", "Reliability"), ("risk-coverage", "Risk"))


def render(
    card: Card, evaluation: Card, *, pack_sha256: str, plots: str = "model-card", robustness: Card | None = None,
    gallery: Sequence[Card] = (),
) -> str:  # fmt: skip
    """Write the model card as Markdown.

    Parameters
    ----------
    card
        The content of card.json.
    evaluation
        The content of evaluation.json, made with this very pack.
    pack_sha256
        The pack's checksum, as verdicts carry it.
    plots
        Folder of the evaluation's SVG files, seen from the model card; empty for a card without plots.
    robustness
        The content of robustness.json, made with this very pack.
    gallery
        What `gallery.write_gallery` gave; the copies lie in `plots`.

    Raises
    ------
    ValueError
        The evaluation or the robustness is another pack's.
    """
    if robustness and robustness["pack"]["sha256"] != pack_sha256:
        raise ValueError(
            f"The robustness was measured with pack {robustness['pack']['id']}, not with this {card['id']}."
        )
    if evaluation["pack"]["sha256"] != pack_sha256:
        raise ValueError(
            f"The evaluation was made with pack {evaluation['pack']['id']} ({evaluation['pack']['sha256'][:12]}), "
            f"not with {card['id']} ({pack_sha256[:12]}). Run `retineye evaluate` on the pack itself."
        )
    parts = [
        f"# Model card: {card['id']}",
        "This file is generated from the pack's card and from `retineye evaluate`. Do not edit it.",
        _identity(card, pack_sha256),
        _use(card),
        _data(card),
        _results(evaluation),
        _beside(card, evaluation),
        _operating_points(card),
        _calibration(card, evaluation),
        _lesions(card),
        _per_set(evaluation, plots),
        _subgroups(evaluation),
        _robustness(robustness),
        "## How it fails\n\n" + _bullets(FAILURES),
        _gallery(gallery, plots),
        _gradability(card, evaluation),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _identity(card: Card, pack_sha256: str) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in sorted(card.get("versions", {}).items()))
    lines = [
        f"Made: {card.get('created', 'unknown')}",
        f"Pack checksum: `{pack_sha256}`",
        f"Code: commit `{card.get('commit', 'unknown')}`; {versions}" if versions else "",
        f"Input: {card['input']['size_px']} px square round the retina, RGB",
        f"Terms: {card.get('licence', 'unknown')}",
    ]
    return _bullets([line for line in lines if line])


def _use(card: Card) -> str:
    return "\n\n".join(
        [
            "## Use",
            str(card.get("intended_use", "")),
            "RetinEye is assistive and for research use. It is not a cleared medical device. "
            "The final diagnosis is made by a clinician.",
            "### Limits",
            _bullets([str(limit) for limit in card.get("limits", ())]),
            "### What it was never tried on",
            _bullets(NEVER_TRIED),
        ]
    )


def _data(card: Card) -> str:
    training = card.get("training", {})
    sets = training.get("data_sets", [])
    heads = ("set", "source", "terms", *GRADE_NAMES.values())
    rows = [
        (
            str(one.get("name", "")),
            str(one.get("source", "")),
            str(one.get("licence", "")),
            *(str(count) for count in _counts(one.get("counts"))),
        )
        for one in sets
    ]
    facts = {
        "Split": training.get("split"),
        "Backbone": training.get("backbone"),
        "Started from": training.get("start"),
        "Seed": training.get("seed"),
        "Checksum of the config": training.get("config_sha256"),
    }
    lines = [f"{name}: {value}" for name, value in facts.items() if value is not None]
    table = tables.markdown(("", heads, rows), titled=False) if rows else ""
    held = sum(count for one in training.get("held_out", ()) for count in one["counts"])
    lines += [f"Held out for calibration: {held} photographs"] if held else []
    return "\n\n".join(part for part in ("## Data it was trained on", table, _bullets(lines)) if part)


def _counts(counts: object) -> Sequence[object]:
    """Read counts by grade, given as a list of five or by the grade's number or name."""
    if isinstance(counts, Mapping):
        return [
            counts.get(str(int(grade)), counts.get(name, counts.get(int(grade), 0)))
            for grade, name in GRADE_NAMES.items()
        ]
    if isinstance(counts, Sequence) and not isinstance(counts, str) and len(counts) == len(GRADE_NAMES):
        return counts
    return ["–"] * len(GRADE_NAMES)


def _results(evaluation: Card) -> str:
    parts = [
        "## What it reaches",
        tables.intervals_sentence(evaluation),
        "Sets that the network was trained on are kinder than a camera that it has never seen. Accuracy, kappa, "
        "recall and decisions stand on the photographs that it graded; 'ungradable referred' counts every readable "
        "one, those without a grade as sent on.",
        *(tables.markdown(table) for table in tables.main_tables(evaluation)),
    ]
    return "\n\n".join(parts)


def _beside(card: Card, evaluation: Card) -> str:
    """Show what the card holds of other photographs, such as those held out of training."""
    shown = [row["confusion"] for row in evaluation["rows"]]
    others = [row for row in card.get("evaluation", ()) if row["confusion"] not in shown]
    if not others:
        return ""
    return "\n\n".join(
        [
            "## Beside it: the figures stored in the pack",
            "Photographs from the sources that it was trained on, by people it never saw. The calibration and the "
            "operating points were chosen on the held-out ones, so their figures are the kindest.",
            *(tables.markdown(table) for table in tables.main_tables({"rows": others})),
        ]
    )


def _operating_points(card: Card) -> str:
    rows = []
    for name, words in DECISIONS.items():
        point = card["operating_points"][name]
        low, high = point["band"]
        rows.append(
            (
                words,
                f"{point['threshold']:.3f}",
                f"{low:.3f}–{high:.3f}",
                _stated(point.get("sensitivity")),
                _stated(point.get("specificity")),
                str(point.get("n", "–")),
            )
        )
    if "macula" in card:
        point = card["macula"]
        low, high = point["band"]
        rows.append(
            (
                "Macular oedema suspected",
                f"{point['threshold']:.3f}",
                f"{low:.3f}–{high:.3f}",
                _stated(point.get("sensitivity")),
                _stated(point.get("specificity")),
                str(point.get("n", "–")),
            )
        )
    heads = ("decision", "threshold", "uncertain between", "sensitivity", "specificity", "n")
    how = card["operating_points"]["referable"].get("how", "")
    return "\n\n".join(
        [
            "## Operating points",
            "Stored in the pack; chosen and measured on held-out photographs that the network did not learn from.",
            tables.markdown(("", heads, rows), titled=False),
            f"How: {how}." if how else "",
        ]
    ).rstrip()


def _stated(estimate: object) -> str:
    if not isinstance(estimate, Mapping) or estimate.get("value") is None:
        return "–"
    return tables.number(estimate)


def _calibration(card: Card, evaluation: Card) -> str:
    part = card["calibration"]
    before, after = part.get("ece_before"), part.get("ece_after")
    words = [
        "## Calibration",
        f"Method: {part.get('fitted', part.get('method'))} scaling on {part.get('n', '?')} photographs"
        f"{' of ' + str(part['data']) if part.get('data') else ''}. "
        f"Calibration error there: {tables.plain_number(before)} before, {tables.plain_number(after)} after"
        f"{' (' + str(part['how']) + ')' if part.get('how') else ''}. "
        + (
            "The grade is the taller of the largest probability and the expected grade cut at "
            f"{', '.join(str(cut) for cut in part['cut_points'])}."
            if part.get("cut_points")
            else "The grade is that of the largest probability."
        ),
        *(tables.markdown(tables.risk_coverage_table(row)) for row in evaluation["rows"][-1:] if row["n_graded"]),
    ]
    return "\n\n".join(words)


def _lesions(card: Card) -> str:
    part = card.get("lesions")
    if not part or not part.get("evidence"):
        return ""
    names = {"MA": "microaneurysms", "HE": "haemorrhages", "EX": "hard exudates", "SE": "soft exudates"}
    rows = [
        [
            names[row["code"]],
            f"{threshold:.2f}",
            f"{100 * shown:.0f} %",
            f"{row['found']} of {row['with_it']}",
            f"{row['right_marks']} of {row['marks']}",
            tables.plain_number(row["average_precision"]),
        ]
        for row, threshold, shown in zip(part["evidence"], part["thresholds"], part["healthy"]["shown"], strict=True)
    ]
    heads = ["lesion", "shown from", "healthy eyes with a mark", "eyes with it that are marked", "marks on it",
             "average precision"]  # fmt: skip
    n = max(row["n"] for row in part["evidence"])
    went_on = "earlier run" in str(card["training"].get("start", ""))
    earlier = " The run that this one goes on from had learned the grades of some of these pictures." if went_on else ""
    return "\n\n".join(
        [
            "## Possible lesions",
            "Outlined for a person to look at; no grade and no referral is decided by them. Healthy eyes: "
            f"{part['healthy']['n']} held-out photographs without retinopathy "
            f"({100 * part['healthy']['any_shown']:.0f} % of them bear a mark of some kind); {part['how']}. The other "
            f"columns: {n} photographs of an official lesion test, outlined by people; their outlines were never "
            f"trained on.{earlier} A mark is on a lesion if it comes within a hundredth of the picture's width of its "
            "outline. Average precision is that of the pixels inside the retina, of maps with a cell for every 8 px of "
            "the network's square: small lesions are found, not traced.",
            tables.markdown(("", heads, rows), titled=False),
        ]
    )


def _per_set(evaluation: Card, plots: str) -> str:
    parts = ["## Set by set"]
    for row, confusion in zip(evaluation["rows"], tables.confusion_tables(evaluation), strict=True):
        parts.append(f"### {row['set']}")
        parts.append(tables.markdown(confusion))
        if plots and row["n_graded"]:
            parts.append(
                " ".join(
                    f"![{words}, {row['set']}]({plots}/{kind}-{tables.file_name(row['set'])}.svg)"
                    for kind, words in PLOTS
                )
            )
    return "\n\n".join(parts)


def _subgroups(evaluation: Card) -> str:
    parts = [tables.markdown(table) for table in tables.subgroup_tables(evaluation)]
    if not parts:
        return ""
    return "\n\n".join(
        [
            "## Subgroups",
            "Sets differ in grades and cameras, so part of each gap is the set's, not the subgroup's.",
            *parts,
        ]
    )


def _robustness(robustness: Card | None) -> str:
    if not robustness:
        return ""
    table = tables.robustness_table(robustness["rows"])
    how = "The same photographs, changed one way at a time, and each graded from the bytes of the changed file."
    return "\n\n".join(["## Robustness", how, tables.markdown(table, titled=False)])


def _gallery(gallery: Sequence[Card], plots: str) -> str:
    """Show the widest misses."""
    if not gallery or not plots:
        return ""
    heads = ("photograph", "a person's grade", "the pack's grade", "probability given to the person's", "uncertain")
    rows = [
        (
            f"![{miss['photograph']}]({plots}/{miss['file']})",
            miss["truth"],
            miss["given"],
            f"{miss['probability']:.3f}",
            "yes" if miss["uncertain"] else "no",
        )
        for miss in gallery
    ]
    terms = ", ".join(sorted({miss["licence"] for miss in gallery}))
    intro = f"The widest misses among the evaluated photographs that may be shown ({terms}), the surest first."
    return "\n\n".join(["### Failure gallery", intro, tables.markdown(("", heads, rows), titled=False)])


def _gradability(card: Card, evaluation: Card) -> str:
    reasons = evaluation["rows"][-1]["ungradable"]["reasons"]
    evidence = card.get("gradability", {}).get("evidence", {})
    lines = [f"{name}: {value}" for name, value in evidence.items()] if isinstance(evidence, Mapping) else []
    counted = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in reasons.items()) or "none"
    return "\n\n".join(
        part
        for part in (
            "## Gradability",
            f"Reasons given in the evaluation ({evaluation['rows'][-1]['set']}): {counted}.",
            _bullets(lines),
        )
        if part
    )


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
