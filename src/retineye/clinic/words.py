"""The network's grades and reasons in the language of the person; `retineye.grading` says them in English alone."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from retineye.grading.result import Grade, Reason

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

_GRADES: "Mapping[Grade, _StrOrPromise]" = MappingProxyType(
    {
        Grade.NONE: _("No DR"),
        Grade.MILD: _("Mild NPDR"),
        Grade.MODERATE: _("Moderate NPDR"),
        Grade.SEVERE: _("Severe NPDR"),
        Grade.PROLIFERATIVE: _("Proliferative DR"),
    }
)
_REASONS: "Mapping[Reason, tuple[_StrOrPromise, _StrOrPromise]]" = MappingProxyType(
    {
        Reason.OUT_OF_FOCUS: (
            _("Out of focus"),
            _("Ask the patient to look steadily at the fixation light, refocus, and take it again."),
        ),
        Reason.TOO_DARK: (
            _("Too dark"),
            _("Raise the flash, darken the room so that the pupil widens, and take it again."),
        ),
        Reason.TOO_BRIGHT: (
            _("Too bright"),
            _("Lower the flash, check the distance to the eye, and take it again."),
        ),
        Reason.UNEVEN_LIGHT: (
            _("Unevenly lit"),
            _("Centre the camera on the pupil, wait for the lids to open wide, and take it again."),
        ),
        Reason.CUT_OFF: (
            _("Retina cut off"),
            _("Centre the camera so that the whole round picture shows, and take it again."),
        ),
        Reason.NOT_A_RETINA: (
            _("Not a photograph of the retina"),
            _("Send a colour photograph of the back of the eye, taken with a fundus camera."),
        ),
    }
)


def grade_name(grade: Grade) -> str:
    """Name the grade."""
    return str(_GRADES[grade])


def reason_name(reason: Reason) -> str:
    """Name why a photograph can not be graded."""
    return str(_REASONS[reason][0])


def reason_advice(reason: Reason) -> str:
    """Say in one sentence what the photographer can do about it."""
    return str(_REASONS[reason][1])
