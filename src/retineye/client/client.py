"""The client itself: one method for each thing that a program commonly does."""

import hashlib
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx  # noqa: TID251  this is the client: calling is what it is for

from retineye.client.errors import NoConnection, ProblemError
from retineye.client.values import Exam, Grade, Me, Patient, Photograph, Report, Single, read

Value = TypeVar("Value")

_PIECE = 4 * 1024 * 1024
_AGAIN = (429, 503)
_MEND = (httpx.TransportError,)


class Client:
    """Speaks with one RetinEye service in the name of a token's person.

    Parameters
    ----------
    address
        Of the service, such as ``https://eyes.example.org``.
    token
        As the page “Programs” showed it.
    tries
        How often a request is sent that the line broke or the service could not take; each with one idempotency key,
        so that nothing is done twice.
    transport
        Of httpx, where a test needs its own.
    """

    def __init__(
        self,
        address: str,
        token: str,
        *,
        timeout_s: float = 60.0,
        tries: int = 4,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._tries = tries
        self._pause = pause
        self._http = httpx.Client(
            base_url=address.rstrip("/") + "/api/v1/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout_s,
            transport=transport,
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def me(self) -> Me:
        """Read who the token speaks for."""
        return read(Me, self._json("GET", "me"))

    # --- patients and exams

    def patients(self, text: str = "") -> Iterator[Patient]:
        """List patients, or find some by name, number or date of birth."""
        return self._list(Patient, "patients", {"q": text} if text else {})

    def patient(self, patient: UUID) -> Patient:
        """Read one patient's record."""
        return read(Patient, self._json("GET", f"patients/{patient}"))

    def add_patient(self, name: str, *, confirm_new: bool = False, **record: Any) -> Patient:
        """Add a patient; `record` holds further fields, such as `birth_date` and `local_id`."""
        body = {"name": name, "confirm_new": confirm_new, **record}
        return read(Patient, self._json("POST", "patients", json=_plain(body)))

    def change_patient(self, patient: UUID, **record: Any) -> Patient:
        """Change what is given of a patient's record."""
        return read(Patient, self._json("PATCH", f"patients/{patient}", json=_plain(record)))

    def exams(self, **wanted: Any) -> Iterator[Exam]:
        """List exams, the newest first; `since`, `until` and `read_state` choose."""
        return self._list(Exam, "exams", _plain(wanted))

    def worklist(self, show: str = "attention") -> Iterator[Exam]:
        """List exams that ask something of people."""
        return self._list(Exam, "worklist", {"show": show})

    def open_exam(self, patient: UUID, *, taken_on: date | None = None) -> Exam:
        """Open an exam of a patient."""
        body = _plain({"taken_on": taken_on})
        return read(Exam, self._json("POST", f"patients/{patient}/exams", json=body))

    def exam(self, exam: UUID) -> Exam:
        """Read an exam with its facts, photographs and result."""
        return read(Exam, self._json("GET", f"exams/{exam}"))

    def record_facts(self, exam: UUID, **facts: Any) -> Exam:
        """Write down the facts of an exam."""
        return read(Exam, self._json("PUT", f"exams/{exam}/facts", json=_plain(facts)))

    # --- photographs

    def send_photograph(
        self, exam: UUID, data: bytes, eye: str, *, field: str = "unknown", confirmed: tuple[str, ...] = ()
    ) -> Photograph:
        """Send a photograph into an exam; the same bytes twice are one photograph."""
        form = {"eye": eye, "field": field, "confirmed": list(confirmed)}
        return read(
            Photograph,
            self._json("POST", f"exams/{exam}/photographs", data=form, files={"file": ("photograph", data)}),
        )

    def upload(self, exam: UUID, path: Path, eye: str, *, piece_bytes: int = _PIECE) -> Photograph:
        """Send a file piece by piece: a line that breaks goes on where it broke."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size, key = path.stat().st_size, uuid4()
        begin = {"id": str(key), "bytes": size, "eye": eye, "sha256": digest}
        offset = int(self._json("POST", f"exams/{exam}/uploads", json=begin)["offset"])
        with path.open("rb") as file:
            while offset < size:
                file.seek(offset)
                piece = file.read(piece_bytes)
                headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
                try:
                    offset = int(self._json("PATCH", f"uploads/{key}", content=piece, headers=headers)["offset"])
                except ProblemError as exc:
                    if exc.code != "wrong_offset":
                        raise
                    offset = int(exc.body["offset"])
        done = self._json("POST", f"uploads/{key}/finish", json={"eye": eye})
        return read(Photograph, done["photograph"])

    def photograph(self, photograph: UUID) -> Photograph:
        """Read how far a photograph is."""
        return read(Photograph, self._json("GET", f"photographs/{photograph}"))

    def wait_for(self, photograph: UUID, *, timeout_s: float = 60.0) -> Photograph:
        """Ask until the photograph is graded, ungradable or failed."""
        ends = time.monotonic() + timeout_s
        while True:
            found = self.photograph(photograph)
            if found.state not in ("waiting", "grading") or time.monotonic() > ends:
                return found
            self._pause(0.5)

    def verdicts(self, photograph: UUID) -> list[Grade]:
        """Read a photograph's verdicts, the latest first."""
        return [read(Grade, one) for one in self._json("GET", f"photographs/{photograph}/verdicts")]

    # --- grading alone, and reports

    def grade(self, data: bytes, *, name: str = "photograph", wait_s: int = 20) -> Grade | Single:
        """Have a photograph graded without a patient: its verdict, or where it will be."""
        files = {"file": (name, data)}
        body = self._json("POST", "grade", params={"wait": wait_s}, files=files)
        return read(Single, body) if "status_url" in body else read(Grade, body)

    def graded(self, single: UUID) -> Single:
        """Ask after a photograph that was sent alone."""
        return read(Single, self._json("GET", f"grade/{single}"))

    def make_report(self, exam: UUID, kind: str, *, language: str = "en") -> Report:
        """Make a report, or take the one that says the same already."""
        return read(Report, self._json("POST", f"exams/{exam}/reports", json={"kind": kind, "language": language}))

    def report_pdf(self, report: UUID) -> bytes:
        """Fetch a report's PDF."""
        return self._send("GET", f"reports/{report}.pdf").content

    # --- how requests are sent

    def _list(self, kind: type[Value], place: str, wanted: dict[str, Any]) -> Iterator[Value]:
        cursor: str | None = ""
        while cursor is not None:
            body = self._json("GET", place, params={**wanted, "cursor": cursor})
            yield from (read(kind, one) for one in body["items"])
            cursor = body["next"]

    def _json(self, method: str, place: str, **options: Any) -> Any:
        return self._send(method, place, **options).json()

    def _send(self, method: str, place: str, **options: Any) -> httpx.Response:
        headers = {**({} if method == "GET" else {"Idempotency-Key": str(uuid4())}), **options.pop("headers", {})}
        for left in reversed(range(self._tries)):
            try:
                response = self._http.request(method, place, headers=headers, **options)
            except _MEND as exc:
                if not left:
                    raise NoConnection(f"{self._http.base_url} does not answer.") from exc
                self._pause(2.0 ** (self._tries - left - 1))
                continue
            if response.is_success:
                return response
            problem = _problem(response)
            at_work = problem.code == "idempotency_at_work"
            if not left or not (response.status_code in _AGAIN or at_work):
                raise problem
            self._pause(min(60, problem.retry_after_s or 1))
        raise AssertionError("a loop that always returns or raises")


def _problem(response: httpx.Response) -> ProblemError:
    try:
        body = response.json()
    except ValueError:
        body = {}
    after = response.headers.get("Retry-After", "")
    return ProblemError(
        response.status_code, body if isinstance(body, dict) else {}, int(after) if after.isdigit() else None
    )


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
