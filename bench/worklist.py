"""Measure the worklist with a hundred thousand exams: pages, counts, filters, search.

Usage: RETINEYE_DATA_DIR=FOLDER [DATABASE_URL=...] python bench/worklist.py [--exams 100000] [--rounds 15]
The database is made and filled on the first run, always alike (the seed is fixed), and used again afterwards.
Prints Markdown, for docs/benchmarks.md.
"""

import argparse
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "retineye.config.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from retineye.accounts.models import Membership, Organisation, Role, User  # noqa: E402
from retineye.clinic.models import Exam, Patient, Photograph, ReadState, Standing, Verdict  # noqa: E402
from retineye.clinic.worklist import NO_FILTERS, Filters, Place, Show, counts_for, page_of  # noqa: E402

CLINIC = "A clinic with many exams"
SEED = 6
BATCH = 5000
SYLLABLES = [
    "ba",
    "de",
    "ka",
    "li",
    "mo",
    "na",
    "ra",
    "shi",
    "su",
    "to",
    "wa",
    "ye",
    "zu",
    "an",
    "el",
    "in",
    "or",
    "ta",
    "pi",
    "gu",
]


def main() -> None:
    """Fill the database if it is empty, then measure."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--exams", type=int, default=100_000)
    asked.add_argument("--rounds", type=int, default=15)
    options = asked.parse_args()
    call_command("migrate", verbosity=0)
    clinic = Organisation.objects.filter(name=CLINIC).first() or fill(options.exams)
    user = User.objects.get(membership__organisation=clinic)
    print(f"{connection.vendor}, {Exam.objects.filter(clinic_id=clinic.pk).count():,} exams\n")
    print("| what | median ms | worst ms |")
    print("|---|---:|---:|")
    for name, act in scenes(user):
        times = measured(act, options.rounds)
        print(f"| {name} | {statistics.median(times):.0f} | {max(times):.0f} |", flush=True)


def measured(act: Callable[[], object], rounds: int) -> list[float]:
    """Give the times of an act in milliseconds, without a first one that warms up."""
    act()
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        act()
        times.append(1000 * (time.perf_counter() - begun))
    return times


def scenes(user: User) -> Iterator[tuple[str, Callable[[], object]]]:
    """Give what people do with the list; a page means its rows with all that they show, and the counts of all lists."""

    def whole(show: Show, filters: Filters = NO_FILTERS, after: Place | None = None) -> Callable[[], object]:
        return lambda: (page_of(user, show, filters, after=after), counts_for(user, filters))

    deep = list(Exam.objects.filter(clinic_id=user.membership.organisation_id).order_by("-urgency", "created_at", "pk"))
    middle = Place.of(deep[len(deep) // 2])
    month = Filters(taken_from=date(2026, 3, 1), taken_to=date(2026, 3, 31))
    yield "to read and sign, first page, with counts", whole(Show.UNSIGNED)
    yield "to read and sign, a page in the middle", whole(Show.UNSIGNED, after=middle)
    yield "needs attention", whole(Show.ATTENTION)
    yield "all, the latest first", whole(Show.ALL)
    yield "signed", whole(Show.SIGNED)
    yield "unsure", whole(Show.UNSURE)
    yield "grade 4 in the left eye", whole(Show.ALL, Filters(grades=frozenset({4}), eye="left"))
    yield "not gradable, unsigned", whole(Show.UNSIGNED, Filters(ungradable=True))
    yield "photographed in one month", whole(Show.ALL, month)
    yield "assigned to me", whole(Show.MINE)
    yield "search for part of a name", whole(Show.ALL, Filters(text="bade"))
    yield "search for a number", whole(Show.ALL, Filters(text="P-077123"))
    yield "search that finds nothing", whole(Show.UNSIGNED, Filters(text="xyzzy"))
    yield "counts alone", lambda: counts_for(user)


def fill(exams: int) -> Organisation:
    """Make a clinic with so many patients and exams, two photographs each, nine in ten of them signed."""
    chance = random.Random(SEED)  # noqa: S311  a benchmark, not a secret
    clinic = Organisation.objects.create(name=CLINIC)
    doctor = User.objects.create_user("doctor@many.example", None, full_name="Doctor of Many")
    Membership.objects.create(user=doctor, organisation=clinic, role=Role.DOCTOR)
    begun = timezone.now() - timedelta(days=1000)
    for start in range(0, exams, BATCH):
        with transaction.atomic():
            rows = [made(clinic, doctor, chance, begun, number, exams) for number in range(start, start + BATCH)]
            Patient.objects.bulk_create([row["patient"] for row in rows])
            Exam.objects.bulk_create([row["exam"] for row in rows])
            Photograph.objects.bulk_create([one for row in rows for one in row["photographs"]])
            Verdict.objects.bulk_create([one for row in rows for one in row["verdicts"]])
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    return clinic


def made(
    clinic: Organisation, doctor: User, chance: random.Random, begun: Any, number: int, exams: int
) -> dict[str, Any]:
    """Make one patient with an exam: its standing as `standing.refresh` would write it."""
    name = " ".join("".join(chance.choices(SYLLABLES, k=3)).title() for _ in range(2))
    patient = Patient(organisation=clinic, name=name, birth_year=chance.randint(1930, 2005), local_id=f"P-{number:06d}")
    grades = chance.choices(range(5), weights=(60, 15, 15, 6, 4), k=2)
    poor, unsure = chance.random() < 0.08, chance.random() < 0.1
    worst = max(grades)
    standing = Standing.REFER if worst >= 2 else Standing.INCOMPLETE if poor else Standing.ROUTINE
    if standing == Standing.ROUTINE and unsure:
        standing = Standing.HUMAN_READ
    signed = number < exams * 0.9
    moment = begun + timedelta(days=1000 * number / exams)
    exam = Exam(
        patient=patient,
        taken_on=moment.date(),
        created_at=moment,
        standing=standing,
        urgency={Standing.ROUTINE: 0, Standing.INCOMPLETE: 1, Standing.HUMAN_READ: 2}.get(standing, worst + 1),
        unsure=unsure and not signed,
        ungradable=poor,
        read_state=ReadState.SIGNED if signed else chance.choice([ReadState.UNREAD, ReadState.UNREAD, ReadState.READ]),
        right_grade=grades[0],
        left_grade=grades[1],
        assigned_to=doctor if chance.random() < 0.05 else None,
    )
    photographs = [photograph(exam, eye) for eye in ("right", "left")]
    verdicts = [verdict(*pair) for pair in zip(photographs, grades, strict=True)]
    return {"patient": patient, "exam": exam, "photographs": photographs, "verdicts": verdicts}


def photograph(exam: Exam, eye: str) -> Photograph:
    """Make the row of a photograph; there is no file."""
    sizes = {"width_px": 3000, "height_px": 2000, "bytes": 1}
    return Photograph(
        exam=exam,
        eye=eye,
        field="macula",
        state="graded",
        sha256=eye.ljust(64, "0"),
        mime="image/jpeg",
        via="web",
        **sizes,
    )


def verdict(of: Photograph, grade: int) -> Verdict:
    """Make the row of a verdict."""
    return Verdict(
        photograph=of,
        attempt=1,
        pack_id="bench",
        pack_sha256="0" * 64,
        status="graded",
        grade=grade,
        probabilities=[0.2] * 5,
        referable=grade >= 2,
        vision_threatening=grade >= 3,
        quality={},
    )


if __name__ == "__main__":
    main()
