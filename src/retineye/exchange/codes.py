"""The codes by which results leave the service: LOINC, SNOMED CT and DICOM, each pinned by a literal test.

Never used, since they claim what does not hold: the LOINC question for software that is cleared as autonomous and its
answers; SNOMED codes of a finished eye exam, of high-risk and of very severe disease, and those that name a type of
diabetes with the retinopathy. The tests hold their numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from retineye.grading.result import Eye, Grade

LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"


@dataclass(frozen=True, slots=True)
class Code:
    """A code of a system, and how it is read."""

    system: str
    code: str
    display: str


SEVERITY_ANSWER: Mapping[Grade, Code] = MappingProxyType(
    {
        Grade.NONE: Code(LOINC, "LA18643-9", "No apparent retinopathy"),
        Grade.MILD: Code(LOINC, "LA18644-7", "Mild non-proliferative retinopathy"),
        Grade.MODERATE: Code(LOINC, "LA18645-4", "Moderate non-proliferative retinopathy"),
        Grade.SEVERE: Code(LOINC, "LA18646-2", "Severe non-proliferative retinopathy"),
        Grade.PROLIFERATIVE: Code(LOINC, "LA18648-8", "Proliferative retinopathy"),
    }
)
"""Answers of LOINC list LL2117-1."""

SEVERITY_FINDING: Mapping[Grade, Code] = MappingProxyType(
    {
        Grade.MILD: Code(SNOMED, "312903003", "Mild non-proliferative diabetic retinopathy"),
        Grade.MODERATE: Code(SNOMED, "312904009", "Moderate non-proliferative diabetic retinopathy"),
        Grade.SEVERE: Code(SNOMED, "312905005", "Severe non-proliferative diabetic retinopathy"),
        Grade.PROLIFERATIVE: Code(SNOMED, "59276001", "Proliferative diabetic retinopathy"),
    }
)
"""A healthy eye has no code of a disease."""

SEVERITY_QUESTION: Mapping[Eye, Code] = MappingProxyType(
    {
        Eye.RIGHT: Code(LOINC, "71491-5", "Diabetic retinopathy severity level of right eye by ophthalmoscopy"),
        Eye.LEFT: Code(LOINC, "71490-7", "Diabetic retinopathy severity level of left eye by ophthalmoscopy"),
    }
)
DME_QUESTION: Mapping[Eye, Code] = MappingProxyType(
    {
        Eye.RIGHT: Code(LOINC, "71489-9", "Macular edema of right eye by ophthalmoscopy"),
        Eye.LEFT: Code(LOINC, "71488-1", "Macular edema of left eye by ophthalmoscopy"),
    }
)
RETINA: Mapping[Eye, Code] = MappingProxyType(
    {
        Eye.RIGHT: Code(SNOMED, "5597008", "Retina of right eye"),
        Eye.LEFT: Code(SNOMED, "58443009", "Retina of left eye"),
    }
)
SIDE: Mapping[Eye, Code] = MappingProxyType(
    {Eye.RIGHT: Code(SNOMED, "24028007", "Right"), Eye.LEFT: Code(SNOMED, "7771000", "Left")}
)
LATERALITY: Mapping[Eye, str] = MappingProxyType({Eye.RIGHT: "R", Eye.LEFT: "L"})

RETINA_REGION: Final = Code(SNOMED, "5665001", "Retina")
IMAGE_QUALITY: Final = Code(SNOMED, "133887000", "Image quality analysis")
SCREENING: Final = Code(SNOMED, "134395001", "Diabetic retinopathy screening")
SCREENING_REPORT: Final = Code(LOINC, "103592-2", "Retinal eye screening report")
RETINOPATHY: Final = Code(SNOMED, "4855003", "Diabetic retinopathy")
MACULAR_EDEMA: Final = Code(SNOMED, "312912001", "Diabetic macular oedema")
OPHTHALMIC_PHOTOGRAPHY: Final = Code(DCM, "OP", "Ophthalmic Photography")
MACULA_CENTRED: Final = Code(DCM, "111900", "Macula centered")
DISC_CENTRED: Final = Code(DCM, "111901", "Disc centered")
