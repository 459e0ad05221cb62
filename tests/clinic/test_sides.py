"""Which eye a file's name speaks of: whole words in many languages, codes in capitals, and never a guess by chance."""

import pytest

from retineye.clinic.models import Eye, Field
from retineye.clinic.sides import Guess, Source, eye_by_name, field_by_name, guess

NAMES = [
    ("IMG_0012_OD.jpg", Eye.RIGHT),
    ("img_0012_od.jpg", Eye.RIGHT),
    ("OS-17.tif", Eye.LEFT),
    ("left-macula.png", Eye.LEFT),
    ("RightEye.jpg", Eye.RIGHT),
    ("R1.dcm", Eye.RIGHT),
    ("17 L.jpg", Eye.LEFT),
    ("LE_12.jpg", Eye.LEFT),
    ("ojo derecho.jpg", Eye.RIGHT),
    ("ojo izquierdo 2.jpg", Eye.LEFT),
    ("œil gauche.jpg", Eye.LEFT),
    ("olho direito.jpg", Eye.RIGHT),
    ("jicho la kushoto.jpg", Eye.LEFT),
    ("العين اليمنى.jpg", Eye.RIGHT),
    ("दायाँ.jpg", Eye.RIGHT),
    ("Leo Right.tif", Eye.RIGHT),
    ("OD/1.jpg", Eye.RIGHT),
    ("OD/left.jpg", Eye.LEFT),
    ("C:\\export\\OS\\1.jpg", Eye.LEFT),
    ("bright.png", None),
    ("Rodriguez.jpg", None),
    ("God.jpg", None),
    ("cost.jpg", None),
    ("le patient.jpg", None),
    ("img_r.jpg", None),
    ("od-os.jpg", None),
    ("OD/od-os.jpg", None),
    ("IMG_0012.jpg", None),
    ("", None),
]


@pytest.mark.parametrize(("name", "eye"), NAMES, ids=[name or "nothing" for name, _ in NAMES])
def test_a_name_speaks_of_an_eye_or_of_none(name: str, eye: Eye | None) -> None:
    assert eye_by_name(name) is eye


def test_a_name_may_say_what_the_camera_was_centred_on() -> None:
    assert field_by_name("12_OD_macula.jpg") is Field.MACULA
    assert field_by_name("OS disc 1.png") is Field.DISC
    assert field_by_name("macula/disc-macula.png") is Field.UNKNOWN
    assert field_by_name("discharge letter.png") is Field.UNKNOWN


def test_what_the_file_says_counts_more_than_its_name_and_a_contradiction_says_nothing() -> None:
    assert guess() == Guess()
    assert guess(by_name=Eye.LEFT) == Guess(Eye.LEFT, Source.NAME)
    assert guess(in_file=Eye.RIGHT) == Guess(Eye.RIGHT, Source.FILE)
    assert guess(in_file=Eye.RIGHT, by_name=Eye.RIGHT) == Guess(Eye.RIGHT, Source.FILE)
    assert guess(in_file=Eye.RIGHT, by_name=Eye.LEFT) == Guess(conflict=True)
