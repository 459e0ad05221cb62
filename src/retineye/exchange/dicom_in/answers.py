"""What is answered to a C-STORE: every status with its meaning (DICOM PS3.4, B.2.3, and PS3.7, C)."""

from enum import Enum

from pydicom.dataset import Dataset


class Answer(Enum):
    """A status, and the words that go with it."""

    SAFE = (0x0000, "")
    CLASS_NOT_TAKEN = (0x0122, "Only fundus photographs are taken")
    NOT_ALLOWED = (0x0124, "This title may not send here")
    NO_ROOM = (0xA700, "Could not be stored; send it again later")
    TOO_LARGE = (0xA701, "The object is larger than is taken")
    MISMATCH = (0xA900, "The object is not of the class that was announced")
    DAMAGED = (0xC000, "The object breaks off or is damaged")

    def dataset(self) -> Dataset:
        """Give the answer as DICOM sends it."""
        status, comment = self.value
        answer = Dataset()
        answer.Status = status
        if comment:
            answer.ErrorComment = comment
        return answer
