"""Sentences that allauth says on our pages and does not know in every language of theirs: our catalogues know them."""

from django.utils.translation import gettext_noop as _

BORROWED = (
    _("Email"),
    _("Code"),
    _("Current Password"),
    _("New Password"),
    _("New Password (again)"),
    _("Incorrect code."),
    _("Incorrect password."),
    _("Please type your current password."),
    _("You must type the same password each time."),
    _("This account is currently inactive."),
    _("Too many failed login attempts. Try again later."),
    _("The email address and/or password you specified are not correct."),
    _("Successfully signed in as %(name)s."),
    _("You have signed out."),
    _("Password successfully changed."),
    _("A new set of recovery codes has been generated."),
    _("Authenticator app activated."),
    _("Authenticator app deactivated."),
    _("Security key added."),
    _("Security key removed."),
)
