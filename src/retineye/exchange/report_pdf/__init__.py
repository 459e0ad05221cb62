"""Reports as PDF: one page for the patient, the full story for a clinician, in the languages of the clinic's patients.

`patient_page` and `clinician_report` are pure: a frozen `ReportData` in, bytes out. `issue_report` makes the report of
an exam and keeps it; `pdf_of_report` gives a kept one, with a word across it where it holds no more.
"""

from retineye.exchange.report_pdf.clinician import clinician_report
from retineye.exchange.report_pdf.content import ReportData
from retineye.exchange.report_pdf.issue import issue_report, pdf_of_report
from retineye.exchange.report_pdf.patient import patient_page
from retineye.exchange.report_pdf.sample import sample_page

__all__ = ["ReportData", "clinician_report", "issue_report", "patient_page", "pdf_of_report", "sample_page"]
