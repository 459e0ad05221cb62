"""What is known of the patient beyond the photographs, and bears on what they may decide. Pure.

The software is meant for adults who are not pregnant, and for eyes that were never treated for their retina: whoever
is outside that is always read by a person. Symptoms, and an eye that sees badly, override any interval: a flat
photograph does not show why somebody sees badly.
"""

from dataclasses import dataclass

from retineye.grading.result import Eye

ADULT_YEARS = 18
"""From this age on the software is meant for a patient."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What bears on a result besides the photographs."""

    under_age: bool = False
    """The patient may be younger than 18 years."""
    pregnant: bool = False
    treated_eyes: frozenset[Eye] = frozenset()
    """Eyes that had laser, injections or surgery for their retina."""
    symptoms: tuple[str, ...] = ()
    """Codes such as `sudden_loss`, in the order of `clinic.models.Symptom`."""
    low_acuity_eyes: frozenset[Eye] = frozenset()
    """Eyes that see badly, by the clinic's threshold."""

    @property
    def outside_intended_use(self) -> bool:
        """Say whether a person must read, whatever the network makes of the photographs."""
        return self.under_age or self.pregnant or bool(self.treated_eyes)

    @property
    def override(self) -> bool:
        """Say whether the guideline's interval does not hold for this patient today."""
        return bool(self.symptoms) or bool(self.low_acuity_eyes)


NO_CIRCUMSTANCES = Circumstances()
"""Nothing is known that bears on the result."""
