"""Have schemathesis look for faults in the API of a whole running service.

Usage: python -m bench.fuzz_api [--seconds 600]
Starts the service with its worker in a folder of its own, makes a clinic and a token, and prints what was found.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.api.fuzz import fuzz
from tests.e2e.service import Service

SEED = """
from retineye.accounts import tokens
from retineye.accounts.models import Membership, Organisation, Role, User
from retineye.clinic.exams import create_exam
from retineye.clinic.patients import create_patient
clinic = Organisation.objects.create(name="Fuzz")
user = User.objects.create_user("fuzz@clinic.example", None, full_name="Fuzz")
Membership.objects.create(user=user, organisation=clinic, role=Role.ADMINISTRATOR)
create_exam(user, create_patient(user, name="Ana Ruiz", local_id="1"))
print("TOKEN", tokens.make(user, name="fuzz", scopes=[scope.value for scope in tokens.Scope], days=2).text)
"""


def make_token(service: Service) -> str:
    """Make a clinic in the service's database, and a token of its administrator's."""
    command = [str(Path(sys.executable).with_name("retineye")), "manage", "shell", "-v", "0", "-c", SEED]
    printed = subprocess.run(
        command, env=os.environ | service.settings, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    return next(line.split()[1] for line in printed.splitlines() if line.startswith("TOKEN "))


def main() -> None:
    """Start, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder, Service(Path(folder)) as service:
        found = fuzz(service.url, make_token(service), seconds)
    print(found.stdout)
    raise SystemExit(found.returncode)


if __name__ == "__main__":
    main()
