"""The words that the scripts of the pages say, in the language of the person, and the words that tell eyes apart."""

from django import template
from django.utils.html import json_script
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from retineye.clinic.sides import EYE_CODES, EYE_WORDS, FIELD_WORDS

register = template.Library()

SIDE_WORDS = {"eyes": dict(EYE_WORDS), "codes": dict(EYE_CODES), "fields": dict(FIELD_WORDS)}
"""The words of `clinic.sides`, for the script that looks at file names: they need not leave the browser."""


@register.simple_tag
def line_words() -> SafeString:
    """Give the sentences about photographs on their way; `%n` is a number."""
    return json_script(
        {
            "offline": _(
                "No line to the server. Photographs that you add are kept on this device and go up by themselves."
            ),
            "offline_waiting": _(
                "No line to the server. Kept on this device, and sent by themselves when it is back: %n."
            ),
            "on_the_way": _("Photographs on their way to the server: %n."),
            "asks": _("A photograph waits for your answer"),
            "kept_at": _("You see this page as it was at %t."),
            "load_anew": _("The line is back: load this page anew"),
            "not_kept": _("This browser can not keep photographs: leave this page open until they have gone up."),
            "sign_out": _("Photographs that have not gone up yet: %n. Signing out erases them from this device."),
            "signed_out": _(
                "You have been signed out. Sign in again in another tab, then try again: the photograph is still here."
            ),
            "lost": _(
                "The connection broke before the photograph had arrived. Nothing is lost: it goes up by itself when the"
                " line is back."
            ),
            "too_large": _("The file is larger than this service accepts. Export the photograph at a smaller size."),
            "no_exam": _("The exam, or what was sent of the photograph, is no longer there. Add the photograph again."),
            "gone": _("This browser no longer has the photograph. Add it again."),
            "server": _("The server could not take the photograph. Try again in a moment."),
            "already": _("This photograph is already in this exam. It was not stored twice."),
            "name_right": _("The file's name speaks of the right eye. Which eye is it?"),
            "name_left": _("The file's name speaks of the left eye. Which eye is it?"),
            "is_right": _("It is the right eye"),
            "is_left": _("It is the left eye"),
            "take_it": _("Take it all the same"),
            "mark_first": _("Mark an eye first"),
            "take_one": _("I looked: put it into the exam"),
            "take_many": _("I looked: put %n into the exam"),
            "by_name": _("Marked by the file's name."),
            "no_guess": _("Nothing says which eye it is. Look for the optic disc: it is on the side of the nose."),
            "slot_empty": _("not yet"),
            "slot_wait": _("being looked at"),
            "slot_good": _("good"),
            "slot_again": _("take it again"),
        },
        "line-words",
    )


@register.simple_tag
def side_words() -> SafeString:
    """Give the words by which file names tell the eyes apart."""
    return json_script(SIDE_WORDS, "side-words")
