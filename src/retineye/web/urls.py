"""The addresses of the pages."""

from django.urls import path

from retineye.web.views import audit, corrections, exam, facts, home, join, patients, photographs, pictures, uploads, worklist

urlpatterns = [
    path("", home.home, name="home"),
    path("about/", home.about, name="about"),
    path("health/", home.health, name="health"),
    path("setup/<str:token>/", join.first_run, name="first_run"),
    path("join/<str:token>/", join.join, name="join"),
    path("team/", join.team, name="team"),
    path("team/invitations/<uuid:pk>/withdraw/", join.invitation_withdraw, name="invitation_withdraw"),
    path("audit/", audit.audit_log, name="audit"),
    path("worklist/", worklist.worklist, name="worklist"),
    path("patients/", patients.patients, name="patients"),
    path("patients/new/", patients.patient_new, name="patient_new"),
    path("patients/<uuid:pk>/", patients.patient, name="patient"),
    path("patients/<uuid:pk>/edit/", patients.patient_edit, name="patient_edit"),
    path("patients/<uuid:pk>/merge/", corrections.patient_merge, name="patient_merge"),
    path("patients/<uuid:pk>/part/", corrections.patient_part, name="patient_part"),
    path("patients/<uuid:pk>/exams/", exam.exam_new, name="exam_new"),
    path("exams/<uuid:pk>/", exam.exam, name="exam"),
    path("exams/<uuid:pk>/result/", exam.exam_result, name="exam_result"),
    path("exams/<uuid:pk>/facts/", facts.exam_facts, name="exam_facts"),
    path("exams/<uuid:pk>/correct/", corrections.exam_correct, name="exam_correct"),
    path("exams/<uuid:pk>/absence/", exam.exam_absence, name="exam_absence"),
    path("exams/<uuid:pk>/photographs/", photographs.exam_upload, name="exam_upload"),
    path("exams/<uuid:pk>/uploads/", uploads.upload_new, name="upload_new"),
    path("uploads/<uuid:pk>/", uploads.upload, name="upload"),
    path("uploads/<uuid:pk>/finish/", uploads.upload_finish, name="upload_finish"),
    path("uploads/<uuid:pk>/preview.jpg", uploads.upload_preview, name="upload_preview"),
    path("photographs/<uuid:pk>/card/", photographs.photograph_card, name="photograph_card"),
    path("photographs/<uuid:pk>/again/", photographs.photograph_again, name="photograph_again"),
    path("photographs/<uuid:pk>/field/", photographs.photograph_field, name="photograph_field"),
    path("photographs/<uuid:pk>/move/", photographs.photograph_move, name="photograph_move"),
    path("photographs/<uuid:pk>/withdraw/", photographs.photograph_withdraw, name="photograph_withdraw"),
    path("photographs/<uuid:pk>/correct/", corrections.photograph_correct, name="photograph_correct"),
    path("photographs/<uuid:pk>/display.jpg", pictures.photograph_display, name="photograph_display"),
    path("photographs/<uuid:pk>/thumbnail.jpg", pictures.photograph_thumbnail, name="photograph_thumbnail"),
    path("photographs/<uuid:pk>/attention.png", pictures.photograph_heatmap, name="photograph_heatmap"),
]
