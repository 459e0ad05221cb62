"""An evaluation's figures as tables of text: plain for the terminal, Markdown for the model card."""

from collections.abc import Mapping, Sequence
from typing import Any

from retineye.grading.result import GRADE_NAMES

Row = Mapping[str, Any]
Table = tuple[str, Sequence[str], Sequence[Sequence[str]]]
"""Title, heads and rows."""


def evaluation_text(content: Row) -> str:
    """Lay out an evaluation for a terminal."""
    photographs, pack = content["photographs"], content["pack"]
    noun = "photograph" if photographs["n"] == 1 else "photographs"
    lines = [
        f"Pack {pack['id']} (sha256 {pack['sha256'][:12]}) on {photographs['n']} {noun}.",
        intervals_sentence(content),
        "",
    ]
    for table in [*main_tables(content), *confusion_tables(content), *subgroup_tables(content)]:
        lines += [plain(table), ""]
    return "\n".join(lines)


def intervals_sentence(content: Row) -> str:
    """Say how the intervals were made, and where they are too narrow."""
    nameless = [row["set"] for row in content["rows"] if not row["patients"]]
    return (
        f"In brackets: 95 % intervals from {content['intervals']['replicates']} bootstrap samples, drawn by patient "
        "where patients are named (recall, and shares of exactly 0 or 1: Wilson)."
        + (
            f" No patients are named in {', '.join(nameless)}: the two eyes of a person count as two people there, "
            "so that the intervals are a little too narrow."
            if nameless
            else ""
        )
    )


def main_tables(content: Row) -> list[Table]:
    """Give one table for grades, one for each decision, one for recall, calibration and doubt."""
    rows = content["rows"]
    return [
        (
            "Grades",
            ("set", "photographs", "ungradable", "graded", "accuracy", "quadratic kappa"),
            [
                (
                    row["set"],
                    str(row["n"]),
                    number(row["ungradable"]),
                    str(row["n_graded"]),
                    number(row["accuracy"]),
                    number(row["kappa"]),
                )
                for row in rows
            ],
        ),
        _decision_table("Referable (moderate NPDR or worse)", "referable", rows),
        _decision_table("Vision-threatening (severe NPDR or worse)", "vision_threatening", rows),
        (
            "Recall by grade: share of each true grade that is graded exactly right",
            ("set", *GRADE_NAMES.values()),
            [(row["set"], *(_with_n(recall) for recall in row["recall"])) for row in rows],
        ),
        (
            "Calibration error (ECE, 10 equal bins), and what perfect calibration would show at that n",
            ("set", "n", "ECE", "perfect: mean", "perfect: 95th percentile"),
            [
                (
                    row["set"],
                    str(row["n_graded"]),
                    number(row["calibration"]["ece"]),
                    plain_number(row["calibration"]["perfect"]["mean"]),
                    plain_number(row["calibration"]["perfect"]["p95"]),
                )
                for row in rows
            ],
        ),
        (
            "Doubt",
            (
                "set",
                "uncertain",
                "accuracy when sure",
                "accuracy when uncertain",
                "severe or worse called No DR, and sure",
            ),
            [
                (
                    row["set"],
                    number(row["uncertain"]["share"]),
                    _with_n(row["uncertain"]["accuracy_when_sure"]),
                    _with_n(row["uncertain"]["accuracy_when_uncertain"]),
                    _count(row["uncertain"]["severe_called_none_and_sure"]),
                )
                for row in rows
            ],
        ),
        *macula_tables(rows),
    ]


def macula_tables(rows: Sequence[Row]) -> list[Table]:
    """Give the table of macular oedema; none where nobody judged the macula, or the pack does not."""
    judged = [row for row in rows if row.get("macula")]
    if not judged:
        return []
    heads = ("set", "AUC", "sensitivity", "specificity", "risk 0-2 right", "grade and risk both right")
    lines = [
        (
            row["set"],
            number(row["macula"]["auc"]),
            _with_n(row["macula"]["sensitivity"]),
            _with_n(row["macula"]["specificity"]),
            _with_n(row["macula"]["risk_right"]),
            _with_n(row["macula"]["grade_and_risk_right"]),
        )
        for row in judged
    ]
    return [("Macular oedema suspected (hard exudates within a disc diameter of the fovea)", heads, lines)]


def _decision_table(title: str, name: str, rows: Sequence[Row]) -> Table:
    heads = ("set", "AUC", "sensitivity", "specificity", "ungradable referred: sensitivity", "specificity")
    return (
        title,
        heads,
        [
            (
                row["set"],
                number(row[name]["auc"]),
                _with_n(row[name]["sensitivity"]),
                _with_n(row[name]["specificity"]),
                number(row[name]["ungradable_referred"]["sensitivity"]),
                number(row[name]["ungradable_referred"]["specificity"]),
            )
            for row in rows
        ],
    )


def confusion_tables(content: Row) -> list[Table]:
    """Give for each set the counts by true grade (down) and given grade (across)."""
    names = list(GRADE_NAMES.values())
    return [
        (
            f"Confusion, {row['set']}: true grade down, given grade across",
            ("", *names),
            [(name, *(str(count) for count in counts)) for name, counts in zip(names, row["confusion"], strict=True)],
        )
        for row in content["rows"]
    ]


def risk_coverage_table(row: Row) -> Table:
    """Show what leaving the most doubtful photographs to a person buys."""
    return (
        f"Risk and coverage, {row['set']}: only the least doubtful share is graded",
        ("share graded", "wrong grades", "mean squared miss"),
        [
            (plain_number(point["coverage"]), plain_number(point["wrong"]), plain_number(point["squared_miss"]))
            for point in row["risk_coverage"]
        ],
    )


def robustness_table(rows: Sequence[Row]) -> Table:
    """Give the table of what `bench/robustness.py` measured."""
    heads = (
        "change",
        "graded",
        "uncertain",
        "same grade",
        "kappa with unchanged",
        "referable: sensitivity",
        "specificity",
        "sensitivity, ungradable referred",
    )
    keys = ("same_grade", "kappa_with_unchanged", "sensitivity", "specificity", "sensitivity_ungradable_referred")
    return (
        "Robustness: the same photographs, changed",
        heads,
        [
            (
                str(row["change"]),
                f"{row['graded']} of {row['n']}",
                str(row["uncertain"]),
                *(number(row[key]) for key in keys),
            )
            for row in rows
        ],
    )


def subgroup_tables(content: Row) -> list[Table]:
    """Give one table for each way of parting the photographs."""
    tables: list[Table] = []
    for by in dict.fromkeys(part["by"] for part in content["subgroups"]):
        parts = [part for part in content["subgroups"] if part["by"] == by]
        tables.append(
            (
                f"By {by} (sets pooled)",
                (by, "photographs", "ungradable", "kappa", "referable: AUC", "sensitivity", "specificity"),
                [
                    (
                        part["name"],
                        str(part["n"]),
                        number(part["ungradable"]),
                        number(part["kappa"]),
                        number(part["referable"]["auc"]),
                        _with_n(part["referable"]["sensitivity"]),
                        _with_n(part["referable"]["specificity"]),
                    )
                    for part in parts
                ],
            )
        )
    return tables


def number(estimate: Row) -> str:
    """Write a figure with its interval."""
    if estimate["value"] is None:
        return "–"
    return f"{estimate['value']:.3f} ({estimate['low']:.3f}–{estimate['high']:.3f})"


def plain_number(value: float | None) -> str:
    """Write a figure that has no interval."""
    return "–" if value is None else f"{value:.3f}"


def _with_n(estimate: Row) -> str:
    return f"{number(estimate)}, n {estimate['n']}"


def _count(estimate: Row) -> str:
    return f"{estimate['count']} of {estimate['n']}: {number(estimate)}" if estimate["n"] else "–"


def plain(table: Table) -> str:
    """Lay out a table in columns of spaces."""
    title, heads, rows = table
    widths = [max(len(line[place]) for line in [heads, *rows]) for place in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in [heads, *rows]]
    rule = "  ".join("-" * width for width in widths)
    return "\n".join([title, lines[0].rstrip(), rule, *(line.rstrip() for line in lines[1:])])


def markdown(table: Table, *, titled: bool = True) -> str:
    """Lay out a table in Markdown."""
    title, heads, rows = table
    lines = [f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in [heads, *rows]]
    rule = f"|{' --- |' * len(heads)}"
    return "\n".join([*([f"**{title}**", ""] if titled else []), lines[0], rule, *lines[1:]])


def file_name(name: str) -> str:
    """Give a set's name as part of a file name."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)
