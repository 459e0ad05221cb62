"""Hold what comes out at each site and from each camera against what came before, and against the pack's own card.

A camera that is set otherwise, a smudged lens or another kind of patient shows first in the mix of grades and of
photographs that can not be graded. A worker counts once an hour and leaves the result in the cache; a watcher reads it.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.cache import cache
from django.db.models import Count, QuerySet

from retineye.clinic.checks import pack_card
from retineye.clinic.models import Verdict

RECENT: Final = timedelta(days=7)
BEFORE: Final = timedelta(days=28)
"""The weeks before the recent one, which it is held against."""
FEWEST: Final = 20
"""A group with fewer verdicts in the week is not shown: neither chance, nor a name in a file's camera field."""
_MOST_GROUPS: Final = 300
_KEY: Final = "retineye-mixes"
_KEPT_S: Final = 26 * 3600

GRADES: Final = tuple(f"grade_{grade}" for grade in range(5))
QUALITIES: Final = ("gradable", "ungradable", "not_fundus")

Mix = Mapping[str, int]
"""Verdicts by what they say: the names of GRADES, `ungradable` and `not_fundus`."""


@dataclass(frozen=True, slots=True)
class Group:
    """What came out of one place in the last week."""

    by: str
    """all, site or camera."""
    clinic: str
    """Id of the clinic; empty for all."""
    name: str
    """Id of the site, or maker and model of the camera."""
    mix: Mix
    grade_shift: Mapping[str, float]
    """Against `before` and against the `card`: population stability index of the grades. 0 is alike, 0.25 is much."""
    quality_shift: Mapping[str, float]
    """The same of what could be graded and what not."""

    @property
    def count(self) -> int:
        """Give how many verdicts there were."""
        return sum(self.mix.values())


def card_mix(card: Mapping[str, Any] | None) -> dict[str, int]:
    """Count what the pack said of the photographs that its card tells of; empty where the card tells of none."""
    found: Counter[str] = Counter()
    for row in (card or {}).get("evaluation", []):
        confusion = row.get("confusion") or []
        for grade, name in enumerate(GRADES):
            found[name] += sum(line[grade] for line in confusion)
        stopped = row.get("ungradable")
        found["ungradable"] += int(stopped.get("stopped", 0)) if isinstance(stopped, Mapping) else 0
        found["not_fundus"] += int(row.get("not_fundus") or 0)
    return {name: count for name, count in found.items() if count}


def shift(now: Iterable[int], then: Iterable[int]) -> float:
    """Give the population stability index of two counts over the same classes, each class with half a count more."""
    new, old = list(now), list(then)
    new_sum, old_sum = sum(new) + len(new) / 2, sum(old) + len(old) / 2
    parts = [((a + 0.5) / new_sum, (b + 0.5) / old_sum) for a, b in zip(new, old, strict=True)]
    return sum((p - q) * math.log(p / q) for p, q in parts)


def refresh(now: datetime) -> int:
    """Count the mixes and leave them for whoever watches; give how many groups there are."""
    found = mixes(now)
    cache.set(_KEY, found, _KEPT_S)
    return len(found)


def latest() -> list[Group]:
    """Give the mixes as they were counted last; none where no worker has counted for a day."""
    found: list[Group] = cache.get(_KEY) or []
    return found


def mixes(now: datetime) -> list[Group]:
    """Count the verdicts of the last week by site and by camera, and hold each mix against others."""
    recent = Verdict.objects.filter(created_at__gt=now - RECENT, created_at__lte=now)
    before = Verdict.objects.filter(created_at__gt=now - RECENT - BEFORE, created_at__lte=now - RECENT)
    expected = card_mix(pack_card())
    groups: list[Group] = []
    for by, keys in _WAYS.items():
        now_by, then_by = _count(recent, keys), _count(before, keys)
        largest = sorted(now_by, key=lambda key: (-sum(now_by[key].values()), key))[:_MOST_GROUPS]
        groups += [
            _group(by, key, now_by[key], then_by.get(key, Counter()), expected)
            for key in largest
            if sum(now_by[key].values()) >= FEWEST
        ]
    return groups


_WAYS: Final[Mapping[str, tuple[str, ...]]] = {
    "all": (),
    "site": ("photograph__exam__clinic_id", "photograph__exam__site"),
    "camera": ("photograph__exam__clinic_id", "photograph__camera"),
}


def _count(verdicts: QuerySet[Verdict], keys: tuple[str, ...]) -> dict[tuple[str, str], Counter[str]]:
    found: dict[tuple[str, str], Counter[str]] = {}
    for row in verdicts.order_by().values("status", "grade", *keys).annotate(n=Count("pk")):
        clinic, name = (str(row[key] or "") for key in keys) if keys else ("", "")
        what = f"grade_{row['grade']}" if row["status"] == Verdict.Status.GRADED else str(row["status"])
        found.setdefault((clinic, name), Counter())[what] += row["n"]
    return found


def _group(by: str, key: tuple[str, str], mix: Counter[str], before: Mix, expected: Mix) -> Group:
    against = {"before": before, "card": expected}
    told = {name: other for name, other in against.items() if sum(other.values()) >= FEWEST}
    return Group(
        by,
        *key,
        dict(mix),
        {name: shift(_grades(mix), _grades(other)) for name, other in told.items()},
        {name: shift(_qualities(mix), _qualities(other)) for name, other in told.items()},
    )


def _grades(mix: Mix) -> list[int]:
    return [mix.get(name, 0) for name in GRADES]


def _qualities(mix: Mix) -> list[int]:
    return [sum(_grades(mix)), mix.get("ungradable", 0), mix.get("not_fundus", 0)]
