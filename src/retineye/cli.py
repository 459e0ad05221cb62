"""The one console command `retineye`. Each command imports inside itself, so that none starts what it does not need."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

EXIT_SOME_UNREAD = 1
EXIT_PACK = 3

app = typer.Typer(
    name="retineye",
    help="Grade photographs of the retina for diabetic retinopathy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Format(StrEnum):
    """How outcomes are printed."""

    TABLE = "table"
    JSONL = "jsonl"
    CSV = "csv"


@app.callback()
def _retineye() -> None:
    """Grade photographs of the retina for diabetic retinopathy."""


@app.command()
def grade(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Picture files, or folders of them.")],
    form: Annotated[Format, typer.Option("--format", help="How to print the outcomes.")] = Format.TABLE,
    heatmaps: Annotated[
        Path | None, typer.Option(metavar="DIR", file_okay=False, help="Write heatmaps as PNG into this folder.")
    ] = None,
    pack: Annotated[
        Path | None,
        typer.Option(
            envvar="RETINEYE_PACK", metavar="PACK", help="Folder of the model pack; the shipped one if left out."
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=256, metavar="N", help="Processes that grade side by side.")] = 1,
) -> None:
    """Grade files and the pictures of folders; exit 0 if all were read, 1 if some were not, 3 on a pack error."""
    from retineye.grading import PackError
    from retineye.grading.listing import run

    try:
        all_read = run(paths, form=form.value, heatmaps=heatmaps, pack=pack, jobs=jobs)
    except PackError as exc:
        typer.echo(f"Error ({exc.code}): {exc}", err=True)
        raise typer.Exit(EXIT_PACK) from exc
    if not all_read:
        raise typer.Exit(EXIT_SOME_UNREAD)


def main() -> None:
    """Run the console command."""
    app()


if __name__ == "__main__":
    main()
