"""Write the figures down in the text form that Prometheus reads.

Each scrape makes its own registry from the rows: there is no state in a process, so any number of processes and
machines may be behind one address.
"""

from collections.abc import Iterator, Mapping
from importlib.metadata import version

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from retineye.clinic import drift
from retineye.clinic.checks import pack_card, pack_status
from retineye.clinic.figures import Figures, figures
from retineye.clinic.health import Health, health

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def page() -> bytes:
    """Give all metrics as they are now. Where the database does not answer, the parts alone are told."""
    now = health()
    counted = figures() if now.parts["database"] == "ok" else None
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once([*_of_health(now), *_of_figures(counted), *_of_mixes(counted)]))
    return generate_latest(registry)


class _Once(Collector):
    """Hands on what was counted already."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Give the metrics."""
        yield from self._metrics


def _gauge(name: str, says: str, rows: Mapping[tuple[str, ...], float], *labels: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"retineye_{name}", says, labels=labels)
    for key, value in rows.items():
        family.add_metric(key, float(value))
    return family


def _of_health(now: Health) -> Iterator[Metric]:
    yield _gauge(
        "info", "The version and the model pack.", {(version("retineye"), pack_status().pack_id): 1}, "version", "pack"
    )
    parts: dict[tuple[str, ...], float] = {(name,): state == "ok" for name, state in now.parts.items()}
    yield _gauge("part_up", "1 where this part is in order.", parts, "part")
    yield _gauge("ready", "1 where pages can be shown and photographs received.", {(): now.ready})


def _of_figures(now: Figures | None) -> Iterator[Metric]:
    if now is None:
        return
    yield _gauge("queue_waiting", "What waits to be graded.", {(one.kind,): one.waiting for one in now.lines}, "kind")
    yield _gauge(
        "queue_oldest_seconds",
        "How long the one has waited that came first.",
        {(one.kind,): one.oldest_s for one in now.lines},
        "kind",
    )
    yield _gauge("graders_busy", "Claims that are kept up.", {(one.kind,): one.busy for one in now.lines}, "kind")
    yield _gauge("graders_wanted", "Graders that would clear the queue in ten seconds.", {(): now.workers_wanted})
    yield _gauge("leases_lapsed", "Claims of dead workers that no sweep has taken back.", {(): now.lapsed})
    yield _gauge(
        "stage_seconds",
        "Time of a stage of grading in the last quarter of an hour.",
        {(stage, str(share)): value for stage, shares in now.stages.items() for share, value in shares.items()},
        "stage",
        "quantile",
    )
    yield _gauge(
        "verdict_seconds",
        "From the arrival of a photograph to its verdict, in the last quarter of an hour.",
        {(str(share),): value for share, value in now.waits.items()},
        "quantile",
    )
    yield _gauge(
        "outcomes_hour", "How grading ended in the last hour.", {(k,): v for k, v in now.outcomes.items()}, "outcome"
    )
    yield _gauge("uploads_hour", "Photographs of the last hour.", {(k,): v for k, v in now.uploads.items()}, "door")


def _of_mixes(now: Figures | None) -> Iterator[Metric]:
    if now is None:
        return
    card = drift.card_mix(pack_card())
    whole = sum(card.values())
    yield _gauge(
        "card_share",
        "Share of each outcome on the photographs of the card.",
        {(name,): count / whole for name, count in card.items()},
        "outcome",
    )
    groups = drift.latest()
    place = ("by", "clinic", "name")
    yield _gauge(
        "mix_share",
        "Share of each outcome in the last week.",
        {(g.by, g.clinic, g.name, what): n / g.count for g in groups for what, n in g.mix.items()},
        *place,
        "outcome",
    )
    yield _gauge(
        "mix_verdicts", "Verdicts in the last week.", {(g.by, g.clinic, g.name): g.count for g in groups}, *place
    )
    for name, of in (("grade", "grade_shift"), ("quality", "quality_shift")):
        yield _gauge(
            f"{name}_shift",
            "Population stability index of the last week against the weeks before or the card; 0.25 is much.",
            {(g.by, g.clinic, g.name, against): v for g in groups for against, v in getattr(g, of).items()},
            *place,
            "against",
        )
