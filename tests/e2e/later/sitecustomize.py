"""Python looks for this file when it starts: where `LATER_DAYS` is set, its clock runs so many days ahead."""

import os
from datetime import UTC, datetime, timedelta

import time_machine

if days := int(os.environ.get("LATER_DAYS", "0")):
    time_machine.travel(datetime.now(UTC) + timedelta(days=days), tick=True).start()
