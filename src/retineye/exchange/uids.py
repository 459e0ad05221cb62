"""DICOM UIDs that follow from an exam, so that the same thing has the same UID whoever makes it, and whenever."""

from uuid import UUID, uuid5


def uid_of(exam_id: str, what: str) -> str:
    """Give a UID that belongs to the exam: always the same (PS3.5, B.2: 2.25 and a UUID as a number)."""
    return f"2.25.{uuid5(UUID(exam_id), what).int}"
