"""What deploy/ names exists: each metric, each label, each command and setting."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from retineye.clinic import checks, drift, queue
from tests.cast import Clinic, add_exam, picture, send
from tests.clinic.test_drift import verdicts
from tests.house.repository import ROOT, text
from tests.peers import missing

ALERTS = Path("deploy/prometheus/alerts.yaml")
BOARD = Path("deploy/grafana/retineye.json")
METRIC = re.compile(r"\b(retineye_\w+)\b(?:\{([^}]*)\})?")
LABEL = re.compile(r"(\w+)\s*=~?\s*\"")
GROUPED = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")


def expressions() -> dict[str, str]:
    """Give every expression of the dashboard and of the alerts, by its title."""
    board = json.loads(text(BOARD))
    found = {
        f"{panel['title']}: {target['refId']}": target["expr"]
        for panel in board["panels"]
        for target in panel["targets"]
    }
    rules = re.findall(r"- alert: (\w+)\n\s+expr: (?:>\n)?(.*?)\n\s+for:", text(ALERTS), re.DOTALL)
    return found | dict(rules)


EXPRESSIONS = expressions()


@pytest.fixture()
def published(client: Client, hill: Clinic, settings: Any) -> dict[str, set[str]]:
    """Give the metrics of a service at work, each with its labels."""
    settings.RETINEYE_WATCH_TOKEN = "a-token-of-a-test-0123"
    exam = add_exam(hill)
    send(hill, exam, picture())
    queue.take_one("here")
    verdicts(exam, {"grade_0": 25}, days_ago=20)
    verdicts(exam, {"grade_0": 25})
    drift.refresh(timezone.now())
    # The pack for tests tells of no photographs that it was tried on.
    settings.RETINEYE_PACK = ""
    checks.forget()
    answer = client.get(reverse("metrics"), headers={"authorization": f"Bearer {settings.RETINEYE_WATCH_TOKEN}"})
    return {
        family.name: {label for sample in family.samples for label in sample.labels}
        for family in text_string_to_metric_families(answer.content.decode())
    }


def test_every_metric_and_label_that_dashboard_and_alerts_name_is_published(published: dict[str, set[str]]) -> None:
    assert len(EXPRESSIONS) > 20
    for title, expression in EXPRESSIONS.items():
        named = METRIC.findall(expression)
        labels = {label for _, inside in named for label in LABEL.findall(inside)}
        labels |= {label.strip() for inside in GROUPED.findall(expression) for label in inside.split(",")}
        for metric, _ in named:
            assert metric in published, title
        # What Prometheus adds itself is there always.
        known = set().union(*(published[metric] for metric, _ in named)) | {"job", "instance"}
        assert labels <= known, title


def test_every_metric_that_is_published_is_told_in_the_docs_and_no_other(published: dict[str, set[str]]) -> None:
    told = set(re.findall(r"^\| `(retineye_\w+)", text(Path("docs/many-machines.md")), re.MULTILINE))
    assert told == {name for name in published if name.startswith("retineye_")}


def test_every_panel_lies_beside_the_others_and_not_over_them() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in json.loads(text(BOARD))["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            assert x < 24
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


def promtool(*arguments: str) -> None:
    """Run Prometheus's own checker."""
    if shutil.which("promtool") is None:
        missing("promtool")
    done = subprocess.run(["promtool", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_rules_and_the_scrape() -> None:
    promtool("check", "rules", str(ALERTS))
    promtool("check", "config", "--syntax-only", "deploy/prometheus/prometheus.yaml")


def test_each_alert_fires_when_it_should_and_keeps_quiet_when_it_should() -> None:
    cases = Path("tests/house/alerts.yaml")
    promtool("test", "rules", str(cases))
    for alert in re.findall(r"- alert: (\w+)", text(ALERTS)):
        assert re.search(rf"alertname: {alert}\n|alertname=\"{alert}\"", text(cases)), alert
