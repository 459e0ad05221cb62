"""Show on a terminal, or in a log, how far a training run is."""

import time
from types import TracebackType
from typing import Any, Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from retineye.training.progress import TrainingProgress

_LOG_EVERY_S: Final = 30.0


class Display:
    """A bar with epoch, size, images/s, loss and time left; without a terminal, a line each half minute."""

    def __init__(self, console: Console | None = None) -> None:
        """Write to `console`, or to standard error."""
        self._console = console or Console(stderr=True)
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            TextColumn("{task.fields[speed]}  loss {task.fields[loss]}  {task.fields[left]} left"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._told_s = 0.0

    def __enter__(self) -> Self:
        """Start the bar."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the bar, and leave the terminal as it was."""
        self._bar.stop()

    def say(self, sentence: str) -> None:
        """Print a sentence above the bar."""
        self._console.print(sentence, highlight=False)

    def show(self, progress: TrainingProgress) -> None:
        """Show where the run is."""
        fields: dict[str, Any] = {
            "epoch": f"{progress.epoch}/{progress.epochs} at {progress.size_px} px",
            "speed": f"{progress.images_per_s:.1f} images/s",
            "loss": f"{progress.loss:.3f}",
            "left": in_words(progress.left_s),
        }
        if self._console.is_terminal:
            if self._task is None:
                self._task = self._bar.add_task("", **fields)
            self._bar.update(self._task, completed=progress.images, total=progress.images_in_epoch, **fields)
        elif time.monotonic() - self._told_s > _LOG_EVERY_S or progress.images == progress.images_in_epoch:
            self._told_s = time.monotonic()
            share = f"{progress.images}/{progress.images_in_epoch}"
            self.say("  ".join([f"epoch {fields['epoch']}", share, fields["speed"], f"loss {fields['loss']}"])
                     + f"  {fields['left']} left")  # fmt: skip


def in_words(seconds: float) -> str:
    """Give a time as people say it: 45 s, 12 min, 1 h 05 min."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{round(seconds)} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
