"""A patient's page of nobody: to see how the clinic's words look on paper before a patient does."""

from datetime import timedelta

from django.utils import timezone

from retineye.accounts.models import Organisation
from retineye.clinic.guidelines import GUIDELINES
from retineye.clinic.referral import Conclusion
from retineye.clinic.report_texts import ENGLISH, texts_of
from retineye.clinic.settings import settings_of, today_at
from retineye.exchange.report_pdf.content import Advice, Dme, EyeSays, ReportData, Seen, Signature
from retineye.exchange.report_pdf.patient import patient_page
from retineye.exchange.report_pdf.stamp import stamp

SAMPLE = "SAMPLE"


def sample_page(organisation: Organisation, language: str, *, provisional: bool = False) -> bytes:
    """Give the PDF, marked as a sample: disease in one eye, the other one not readable."""
    today = today_at(organisation)
    texts = texts_of(organisation, language)
    eye = EyeSays(Seen.GRADED, 3, Dme.SUSPECTED)
    data = ReportData(
        texts=texts,
        english=texts_of(organisation, ENGLISH),
        number=SAMPLE,
        made_on=today,
        clinic=organisation.name,
        contact=" ".join(settings_of(organisation).report_contact.split()),
        patient="—",
        born="",
        local_id="",
        taken_on=today,
        accession="",
        right=eye,
        left=EyeSays(Seen.UNREADABLE),
        advice=Advice(
            conclusion=Conclusion.REFER.value,
            rule="worse_eye",
            urgent=True,
            at_once=False,
            due_by=today + timedelta(days=30),
            interval="1 month/1 month",
            guideline=GUIDELINES[organisation.guideline].title,
            worse_eye="right",
        ),
        signature=None if provisional else Signature("—", timezone.localtime()),
    )
    return stamp(patient_page(data), SAMPLE, SAMPLE, ENGLISH)
