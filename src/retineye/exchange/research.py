"""Pack photographs for research into one zip: DICOM without the person, else JPEG without metadata, and a table."""

import zipfile
from collections.abc import Iterable
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final

from pydicom.uid import generate_uid

from retineye.clinic.models import Photograph
from retineye.clinic.research import Picked, grade_read
from retineye.exchange.deidentify import NotDeidentified, deidentify
from retineye.exchange.table import table

_IN_MEMORY: Final = 32 * 1024 * 1024
_DICOM: Final = "application/dicom"
COLUMNS: Final = (
    "file",
    "left_out",
    "patient",
    "exam",
    "exam_date_moved",
    "age_years",
    "sex",
    "diabetes_type",
    "diabetes_years",
    "eye",
    "field",
    "camera",
    "width_px",
    "height_px",
    "software",
    "software_status",
    "software_grade",
    "p0",
    "p1",
    "p2",
    "p3",
    "p4",
    "software_dme_suspected",
    "doctor_grade",
    "doctor_dme",
    "doctor_quality",
)
README: Final = """Photographs of the retina and their grades, without names.

photographs.csv   one row a photograph; a file that could not be made anonymous has no name and the reason in left_out
photographs/      DICOM by PS3.15 Annex E (Basic Profile, modified dates) where the camera sent DICOM, else JPEG without
                  metadata

Only patients who agreed to use in research are in it. Pseudonyms were drawn for this export alone and are kept nowhere.
All days of one patient are moved by the same random number of days. Ages above 90 are given as 90.
The files may not be used to find out who somebody is. Grades are ICDR 0-4. Assistive and research use: not a cleared
medical device.
"""


def research_zip(picked: Iterable[Picked]) -> tuple[IO[bytes], int]:
    """Give the zip, wound back to its beginning, and how many photographs had to be left out."""
    out: IO[bytes] = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  the caller sends and closes it
    rows: list[dict[str, Any]] = []
    uids: dict[str, str] = {}

    def new_uid(old: str) -> str:
        return uids.setdefault(old, str(generate_uid()))

    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for one in picked:
            rows.append(_add(archive, one, new_uid))
        archive.writestr(_entry("photographs.csv"), table("csv", COLUMNS, rows))
        archive.writestr(_entry("README.txt"), README)
    out.seek(0)
    return out, sum(bool(row["left_out"]) for row in rows)


def _add(archive: zipfile.ZipFile, one: Picked, new_uid: Any) -> dict[str, Any]:
    name, why = "", ""
    try:
        suffix, data = _picture(one, new_uid)
        name = f"photographs/{one.patient}/{one.exam}-{one.number:02d}-{one.photograph.eye}.{suffix}"
        archive.writestr(_entry(name), data)
    except NotDeidentified as exc:
        why = exc.code
    except OSError:
        why = "file_missing"
    return _row(one) | {"file": name, "left_out": why}


def _picture(one: Picked, new_uid: Any) -> tuple[str, bytes]:
    photograph = one.photograph
    if photograph.mime == _DICOM:
        return "dcm", deidentify(
            _bytes(photograph, "original"), pseudonym=one.patient, days=one.shift_days, uid=new_uid
        )
    if not photograph.display:
        raise NotDeidentified("unreadable")
    # The display copy at full size: upright, and made from the pixels alone.
    return "jpg", _bytes(photograph, "display")


def _bytes(photograph: Photograph, which: str) -> bytes:
    with getattr(photograph, which).open("rb") as file:
        data: bytes = file.read()
    return data


def _entry(name: str) -> zipfile.ZipInfo:
    # Without the hour at which it was made.
    return zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))


def _row(one: Picked) -> dict[str, Any]:
    photograph, verdict, read = one.photograph, one.verdict, one.read
    eye = photograph.eye
    probabilities = (verdict.probabilities if verdict else None) or [None] * 5
    return {
        "patient": one.patient,
        "exam": one.exam,
        "exam_date_moved": one.taken_on,
        "age_years": one.age_years,
        "sex": one.sex,
        "diabetes_type": one.diabetes_type,
        "diabetes_years": one.diabetes_years,
        "eye": eye,
        "field": photograph.field,
        "camera": photograph.camera,
        "width_px": photograph.width_px,
        "height_px": photograph.height_px,
        "software": verdict.pack_id if verdict else "",
        "software_status": verdict.status if verdict else "",
        "software_grade": verdict.grade if verdict else None,
        **{f"p{grade}": value for grade, value in enumerate(probabilities)},
        "software_dme_suspected": verdict.dme_suspected if verdict else None,
        "doctor_grade": grade_read(read, eye),
        "doctor_dme": getattr(read, f"{eye}_dme") if read else "",
        "doctor_quality": getattr(read, f"{eye}_quality") if read else "",
    }
