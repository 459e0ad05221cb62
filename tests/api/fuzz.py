"""Have schemathesis ask everything that the description allows, and much that it does not."""

import subprocess
import sys
from pathlib import Path

CONFIG = Path(__file__).with_name("schemathesis.toml")

# A token that revokes itself would end the run; it has tests of its own.
LEFT_OUT = ("revoke_token",)


def fuzz(url: str, token: str, seconds: int) -> subprocess.CompletedProcess[str]:
    """Ask a running service for so long; exit code 0 means that nothing was found."""
    command = [
        str(Path(sys.executable).with_name("st")), "--config-file", str(CONFIG), "run", f"{url}/api/v1/openapi.json",
        "--header", f"Authorization: Bearer {token}", "--max-time", str(seconds), "--request-timeout", "60",
        "--suppress-health-check", "all", "--warnings", "off",
    ]  # fmt: skip
    for operation in LEFT_OUT:
        command += ["--exclude-operation-id", operation]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=10 * seconds + 300)
