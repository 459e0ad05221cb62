"""From the bytes of one photograph to one verdict: the straight line through all of grading."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from retineye.grading.calibrate import calibrate, guess_eye, judge_macula
from retineye.grading.decode import decode
from retineye.grading.errors import BadCardError, OutsideTriedError, PackError
from retineye.grading.explain import explain, find_lesions
from retineye.grading.limits import DEFAULT_LIMITS, Limits
from retineye.grading.measures import ANALYSIS_PX
from retineye.grading.network import Network
from retineye.grading.pack import ModelPack
from retineye.grading.preprocess import preprocess
from retineye.grading.quality import assess
from retineye.grading.result import PackId, Photo, Quality, Reason, Retina, Status, Verdict
from retineye.grading.retina import find_retina


class Grader:
    """Grade photographs with one verified model pack; it may be used by several threads."""

    def __init__(self, pack: ModelPack, network: Network, *, limits: Limits = DEFAULT_LIMITS) -> None:
        self.pack = pack
        self._network = network
        self._limits = limits

    @classmethod
    def from_pack(
        cls,
        path: Path | str | None = None,
        *,
        threads: int = 2,
        limits: Limits = DEFAULT_LIMITS,
        allow_test: bool = False,
    ) -> Self:
        """Open a model pack; None stands for the pack that is shipped.

        Parameters
        ----------
        threads
            Threads of one grade; never more than there are cores.
        limits
            The largest file and picture that are read.
        allow_test
            Whether a pack whose purpose is `test` may be used. It must never meet a patient.

        Raises
        ------
        PackError
            The pack is missing, altered, does not fit this program, or is for tests alone.
        """
        pack = ModelPack.load(path)
        card = pack.card
        if card.purpose == "test" and not allow_test:
            raise PackError(f"The model pack {card.id!r} is for tests alone. Choose a pack that is made for screening.")
        named = card.outputs
        network = Network(
            pack.model,
            threads=threads,
            logits=named.logits,
            features=named.features,
            macula=named.macula,
            side=named.side,
            lesions=named.lesions,
        )
        asked = (card.input.size_px, card.outputs.feature_channels)
        if (network.size_px, network.feature_channels) != asked:
            raise BadCardError(
                f"The network takes {network.size_px} px and gives {network.feature_channels} feature channels; "
                f"its card says {asked[0]} and {asked[1]}."
            )
        return cls(pack, network, limits=limits)

    @property
    def pack_id(self) -> PackId:
        """Say which pack speaks."""
        return self.pack.id

    def grade(self, data: bytes, *, on_quality: Callable[[Quality], None] | None = None) -> Verdict:
        """Grade the photograph in a picture file.

        1. Decode it, no larger than is needed, and find the retina.
        2. Judge whether it can be graded; if not, stop here.
        3. Run the network, calibrate what it says, and show where it looked.

        Parameters
        ----------
        data
            The bytes of a JPEG, PNG, TIFF, BMP, WebP or DICOM file.
        on_quality
            Called as soon as the quality is known, before the network runs.

        Raises
        ------
        DecodeError
            The bytes can not be read as a picture, or are one of a kind that the network was never tried on.
        BadCardError
            The network gives what no network should.
        """
        watch = _Stopwatch()
        card = self.pack.card
        photo, retina = self._read(data, watch)
        if photo.outside_tried:
            raise OutsideTriedError("The network was never tried on wide-field photographs, so it gives no grade.")
        with watch.stage("quality"):
            quality = assess(photo.pixels, retina, card.gradability)
        if on_quality is not None:
            on_quality(quality)
        if retina is None or not quality.gradable:
            unlike = Reason.NOT_A_RETINA in quality.reasons
            return Verdict(
                status=Status.NOT_FUNDUS if unlike else Status.UNGRADABLE,
                quality=quality,
                pack=self.pack.id,
                seconds=watch.seconds,
                eye=photo.eye,
                timings=watch.timings,
            )
        with watch.stage("preprocess"):
            tensor = preprocess(photo.pixels, retina, card.input)
        with watch.stage("network"):
            outputs = self._network.run(tensor)
        with watch.stage("calibrate"):
            said = calibrate(outputs.logits, card)
            shown = outputs.macula
            macula = None if shown is None or card.macula is None else judge_macula(shown, card.macula)
            sure, side = card.sure_of_side, outputs.side
            eye_guess = None if sure is None or side is None else guess_eye(side, sure)
        with watch.stage("explain"):
            height_px, width_px = photo.pixels.shape[:2]
            heatmap = explain(outputs.features, card.outputs.class_weights, said.grade, retina, width_px, height_px)
            maps, thresholds = outputs.lesions, card.lesion_thresholds
            lesions = (
                None if maps is None or thresholds is None
                else find_lesions(maps, thresholds, retina, width_px, height_px)
            )  # fmt: skip
        return Verdict(
            status=Status.GRADED,
            quality=quality,
            pack=self.pack.id,
            seconds=watch.seconds,
            grade=said.grade,
            probabilities=said.probabilities,
            expected_grade=said.expected_grade,
            referable=said.referable,
            vision_threatening=said.vision_threatening,
            uncertain=said.uncertain,
            macula=macula,
            eye_guess=eye_guess,
            heatmap=heatmap,
            lesions=lesions,
            eye=photo.eye,
            timings=watch.timings,
        )

    def _read(self, data: bytes, watch: "_Stopwatch") -> tuple[Photo, Retina | None]:
        """Decode at the size that the network and the gate need, larger only where the retina fills little of it."""
        size_px = self.pack.card.input.size_px
        with watch.stage("decode"):
            photo = decode(data, limits=self._limits, reduce_to_px=2 * max(size_px, ANALYSIS_PX))
        with watch.stage("retina"):
            retina = find_retina(photo.pixels)
        if retina is None or 2 * retina.radius_px >= size_px or photo.pixels.shape[0] == photo.height_px:
            return photo, retina
        with watch.stage("decode"):
            photo = decode(data, limits=self._limits)
        with watch.stage("retina"):
            return photo, find_retina(photo.pixels)


class _Stopwatch:
    """Measure stages; one that runs twice adds up."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self.timings: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._start

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.timings[name] = self.timings.get(name, 0.0) + time.perf_counter() - start
