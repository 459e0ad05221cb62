"""What the audit's codes are called on the page that shows them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

ACTIONS: "Mapping[str, _StrOrPromise]" = MappingProxyType(
    {
        "signed_in": _("Signed in"),
        "sign_in_failed": _("Sign in failed"),
        "signed_out": _("Signed out"),
        "password_changed": _("Password changed"),
        "service_set_up": _("Service set up"),
        "invited": _("Invited"),
        "invitation_withdrawn": _("Invitation withdrawn"),
        "joined": _("Joined"),
        "site_added": _("Site added"),
        "site_changed": _("Site changed"),
        "site_assigned": _("Site assigned"),
        "role_changed": _("Role changed"),
        "account_closed": _("Account closed"),
        "account_opened": _("Account opened"),
        "machine_added": _("Machine added"),
        "password_link_made": _("Password link made"),
        "second_factor_changed": _("Second factor changed"),
        "second_factor_dropped": _("Second factor dropped"),
        "session_ended": _("Session ended"),
        "guarding_changed": _("Guarding changed"),
        "patient_added": _("Patient added"),
        "patient_changed": _("Patient changed"),
        "patient_viewed": _("Patient viewed"),
        "patients_searched": _("Patients searched"),
        "exam_added": _("Exam added"),
        "exam_changed": _("Exam changed"),
        "exam_viewed": _("Exam viewed"),
        "photograph_received": _("Photograph received"),
        "photograph_changed": _("Photograph changed"),
        "photograph_withdrawn": _("Photograph withdrawn"),
        "photograph_viewed": _("Photograph viewed"),
        "exam_read": _("Exam read"),
        "second_read_asked": _("Second read asked"),
        "exam_assigned": _("Exam assigned"),
        "exam_signed": _("Exam signed"),
        "addendum_added": _("Addendum added"),
        "signature_withdrawn": _("Signature withdrawn"),
        "exam_escalated": _("Exam escalated"),
        "agreement_viewed": _("Agreement viewed"),
        "corrected": _("Corrected"),
        "other_patient_confirmed": _("Other patient confirmed"),
        "original_opened": _("Original opened"),
        "graded": _("Graded"),
        "grading_failed": _("Grading failed"),
        "regrade_asked": _("Regrade asked"),
        "report_made": _("Report made"),
        "report_opened": _("Report opened"),
        "report_superseded": _("Report superseded"),
        "report_void": _("Report void"),
        "report_text_changed": _("Report text changed"),
        "report_texts_reviewed": _("Report texts reviewed"),
        "call_back_opened": _("Call back opened"),
        "call_back_tried": _("Call back tried"),
        "call_back_closed": _("Call back closed"),
        "arrived": _("Arrived"),
        "arrival_filed": _("Arrival filed"),
        "arrival_set_aside": _("Arrival set aside"),
        "sender_added": _("Sender added"),
        "sender_changed": _("Sender changed"),
        "destination_added": _("Destination added"),
        "destination_changed": _("Destination changed"),
        "delivered": _("Delivered"),
        "delivery_failed": _("Delivery failed"),
        "recall_viewed": _("Recall viewed"),
        "reminded": _("Reminded"),
        "recall_changed": _("Recall changed"),
        "referral_followed": _("Referral followed"),
        "statistics_viewed": _("Statistics viewed"),
        "settings_changed": _("Settings changed"),
        "patient_held": _("Patient held"),
        "patient_released": _("Patient released"),
        "patient_erased": _("Patient erased"),
        "exported": _("Exported"),
        "imported": _("Imported"),
        "token_made": _("Token made"),
        "token_revoked": _("Token revoked"),
        "webhook_added": _("Webhook added"),
        "webhook_changed": _("Webhook changed"),
        "graded_alone": _("Graded alone"),
        "batch_begun": _("Batch begun"),
        "batch_changed": _("Batch changed"),
        "audit_read": _("Audit read"),
    }
)
_OBJECTS: "Mapping[str, _StrOrPromise]" = MappingProxyType(
    {
        "arrival": _("Arrival"),
        "batch": _("Batch"),
        "call_back": _("Call back"),
        "clinic": _("Clinic"),
        "correction": _("Correction"),
        "destination": _("Destination"),
        "earlier": _("Earlier record"),
        "exam": _("Exam"),
        "invitation": _("Invitation"),
        "membership": _("Membership"),
        "organisation": _("Organisation"),
        "patient": _("Patient"),
        "photograph": _("Photograph"),
        "recall": _("Recall list"),
        "report": _("Report"),
        "report_text": _("Words of the reports"),
        "research": _("Research"),
        "sender": _("Sender"),
        "settings": _("Settings"),
        "single": _("Photograph graded alone"),
        "site": _("Site"),
        "statistics": _("Statistics"),
        "token": _("Token"),
        "user": _("User"),
        "webhook": _("Webhook"),
    }
)


def action_name(code: str) -> str:
    """Name what was done; a code of a later version as it stands."""
    return str(ACTIONS.get(code, code.replace("_", " ").capitalize()))


def object_name(code: str) -> str:
    """Name the kind of thing that it was done to; empty where there was none."""
    return str(_OBJECTS.get(code, code.replace("_", " ").capitalize()))
