"""The one console command `retineye`. Each command imports inside itself, so that none starts what it does not need."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

EXIT_SOME_UNREAD = 1
EXIT_USAGE = 2
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
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH...", help="Picture files, or folders of them.")
    ] = None,
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
    table: Annotated[
        Path | None,
        typer.Option("--csv", metavar="TABLE", exists=True, dir_okay=False, help="Grade what its column path names."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Write jsonl or csv into this file.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an earlier run with --out stopped.")] = False,
) -> None:
    """Grade files and the pictures of folders; exit 0 if all were read, 1 if some were not, 3 on a pack error."""
    from retineye.grading import PackError
    from retineye.grading.listing import run
    from retineye.grading.manifest import ManifestError

    if not paths and table is None:
        raise typer.BadParameter("Name files or folders, or a table with --csv.")
    if (resume and out is None) or (out is not None and form is Format.TABLE):
        raise typer.BadParameter("--resume goes with --out, and --out with --format jsonl or csv.")
    try:
        all_read = run(
            paths or (), form=form.value, heatmaps=heatmaps, pack=pack, jobs=jobs, manifest=table, out=out,
            resume=resume,
        )  # fmt: skip
    except ManifestError as exc:
        typer.echo(f"Error: {exc}", err=True)
        raise typer.Exit(EXIT_USAGE) from exc
    except PackError as exc:
        typer.echo(f"Error ({exc.code}): {exc}", err=True)
        raise typer.Exit(EXIT_PACK) from exc
    if not all_read:
        raise typer.Exit(EXIT_SOME_UNREAD)


class Report(StrEnum):
    """How an evaluation is printed."""

    TEXT = "text"
    JSON = "json"


@app.command()
def evaluate(
    pack: Annotated[Path, typer.Argument(metavar="PACK", help="Folder of the model pack.")],
    table: Annotated[Path, typer.Argument(metavar="PHOTOS.CSV", help="Table of graded photographs.")],
    where: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN=VALUE", help="Choose rows; may be given several times.")
    ] = None,
    photos: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the paths of the table start; its own folder if left out.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", file_okay=False, help="Write figures, plots and each verdict here.")
    ] = None,
    model_card: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Write the model card as Markdown.")
    ] = None,
    robustness: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="robustness.json for the model card."),
    ] = None,
    form: Annotated[Report, typer.Option("--format", help="How to print the figures.")] = Report.TEXT,
    jobs: Annotated[int, typer.Option(min=1, max=256, metavar="N", help="Photographs graded at a time.")] = 1,
) -> None:
    """Say how good a pack's grades are on graded photographs; exit 2 on a bad table, 3 on a pack error."""
    from retineye.grading import PackError

    try:
        from retineye.training.evaluation_run import run
        from retineye.training.photographs import PhotographsError
    except ImportError as exc:
        typer.echo(f"Evaluation is not installed ({exc.name}). Install retineye[evaluate].", err=True)
        raise typer.Exit(EXIT_USAGE) from exc
    try:
        printed = run(
            pack, table, where=where or (), root=photos, out=out, model_card=model_card, robustness=robustness,
            form=form.value, jobs=jobs,
        )  # fmt: skip
    except PackError as exc:
        typer.echo(f"Error ({exc.code}): {exc}", err=True)
        raise typer.Exit(EXIT_PACK) from exc
    except (PhotographsError, ValueError) as exc:
        typer.echo(f"Error: {exc}", err=True)
        raise typer.Exit(EXIT_USAGE) from exc
    typer.echo(printed, nl=False)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The run's TOML file (docs/training.md).")],
    table: Annotated[Path, typer.Option("--photos", metavar="PHOTOS.CSV", help="Table of graded photographs.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", file_okay=False, help="The run folder; runs/CONFIG if left out.")
    ] = None,
    squares: Annotated[
        Path | None, typer.Option(metavar="DIR", file_okay=False, help="Keep prepared photographs here between runs.")
    ] = None,
    lesions: Annotated[
        Path | None, typer.Option("--lesions", metavar="LESIONS.CSV", help="Photographs whose lesions are outlined.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run folder's checkpoint.")] = False,
    threads: Annotated[int, typer.Option(min=1, max=256, metavar="N", help="Threads; never more than cores.")] = 2,
) -> None:
    """Make a model pack: data, training, calibration, evaluation, export; exit 2 if that can not be."""
    from retineye.grading import PackError

    try:
        from retineye.training.display import Display
        from retineye.training.run import RUN_ERRORS
        from retineye.training.run import train as run
    except ImportError as exc:
        typer.echo(f"Training is not installed ({exc.name}): see docs/training.md.", err=True)
        raise typer.Exit(EXIT_USAGE) from exc
    folder = out or Path("runs") / config.stem
    try:
        with Display() as display:
            pack = run(
                config, table, folder, resume=resume, threads=threads, cache=squares, lesions=lesions,
                on_progress=display.show, say=display.say,
            )  # fmt: skip
    except PackError as exc:
        typer.echo(f"Error ({exc.code}): {exc}", err=True)
        raise typer.Exit(EXIT_PACK) from exc
    except RUN_ERRORS as exc:
        typer.echo(f"Error: {exc}", err=True)
        raise typer.Exit(EXIT_USAGE) from exc
    if pack is not None:
        where = f"in {pack.folder}; model card in {folder / 'model-card.md'}"
        typer.echo(f"Pack {pack.id.id} ({pack.id.sha256[:12]}) {where}")


@app.command()
def learn_gate(
    table: Annotated[Path, typer.Argument(metavar="PHOTOS.CSV", help="Photographs; the column quality judges some.")],
    out: Annotated[Path, typer.Option(metavar="FILE", dir_okay=False, help="Write the gate here, as JSON.")],
    others: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", file_okay=False, exists=True, help="Folder of pictures that are no retina."),
    ] = None,
    sets: Annotated[list[str] | None, typer.Option("--set", metavar="NAME", help="Use this data set; several.")] = None,
) -> None:
    """Learn which pictures can be graded, from photographs that people called good, usable or reject."""
    try:
        from retineye.training.gradability import learn_gate as run
        from retineye.training.photographs import PhotographsError
    except ImportError as exc:
        typer.echo(f"Evaluation is not installed ({exc.name}). Install retineye[evaluate].", err=True)
        raise typer.Exit(EXIT_USAGE) from exc
    try:
        gate = run(table, others or (), sets=sets or ())
    except PhotographsError as exc:
        typer.echo(f"Error: {exc}", err=True)
        raise typer.Exit(EXIT_USAGE) from exc
    out.write_text(gate, encoding="utf-8")


@app.command()
def learn_side(
    table: Annotated[Path, typer.Argument(metavar="PHOTOS.CSV", help="Photographs; the column laterality tells some.")],
    out: Annotated[Path, typer.Option(metavar="FILE", dir_okay=False, help="Write the weights here, evidence beside.")],
    squares: Annotated[
        Path, typer.Option(metavar="DIR", file_okay=False, help="Keep prepared photographs here between runs.")
    ] = Path("runs/squares"),
) -> None:
    """Learn to tell a right eye from a left one by where the optic disc lies."""
    try:
        from retineye.training.photographs import PhotographsError
        from retineye.training.side import learn_side as run
    except ImportError as exc:
        typer.echo(f"Training is not installed ({exc.name}): see docs/training.md.", err=True)
        raise typer.Exit(EXIT_USAGE) from exc
    try:
        learned = run(table, out, squares, say=lambda line: typer.echo(line, err=True))
    except PhotographsError as exc:
        typer.echo(f"Error: {exc}", err=True)
        raise typer.Exit(EXIT_USAGE) from exc
    for name, part in learned.evidence["sets"].items():
        typer.echo(f"{name}: right {part['right']}, sure {part['sure']}, right when sure {part['right_when_sure']}")


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for every network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    worker: Annotated[bool, typer.Option(help="Keep one worker running beside the web service.")] = True,
    lan: Annotated[
        bool,
        typer.Option("--lan", help="Serve the clinic's own network over https, and show how phones come to trust it."),
    ] = False,
) -> None:
    """Run the web service, and beside it the worker that grades."""
    if lan:
        from retineye.config.lan import announce

        host = "0.0.0.0" if host == "127.0.0.1" else host  # noqa: S104  that is what was asked for
        announce()
    _django()
    from retineye.config.serve import serve as run

    run(host, port, worker=worker, lan=lan)


@app.command()
def work() -> None:
    """Take photographs from the queue and grade them, until SIGTERM; exit 3 where no pack can be trusted."""
    _manage("work")


@app.command()
def listen_dicom(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for every network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 11112,
) -> None:
    """Take photographs from cameras by DICOM and give them the worklist, until SIGTERM."""
    _django()
    try:
        from retineye.exchange.dicom_in.command import run
    except ImportError as exc:
        typer.echo(f"DICOM is not installed ({exc.name}). Install retineye[dicom].", err=True)
        raise typer.Exit(EXIT_USAGE) from exc
    run(host, port)


@app.command()
def watch_inbox(
    folders: Annotated[
        list[Path] | None, typer.Argument(metavar="FOLDER...", help="Inboxes; those of RETINEYE_INBOXES if left out.")
    ] = None,
    names: Annotated[
        list[str] | None, typer.Option("--try", metavar="NAME", help="Say how a name is read; several times.")
    ] = None,
    try_all: Annotated[bool, typer.Option("--try-all", help="Say how each name in the inbox is read.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Take what is there, and end.")] = False,
) -> None:
    """Take photographs and zip files from folders that cameras write into, until SIGTERM; exit 2 on wrong rules."""
    options = [*(f"--try={name}" for name in names or ()), *["--try-all"] * try_all, *["--once"] * once]
    _manage("watch_inbox", *options, *(str(folder) for folder in folders or ()))


@app.command()
def backup(
    folder: Annotated[
        Path, typer.Argument(file_okay=False, help="Folder of backups, best on another disk or machine.")
    ],
    recipient: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help="Encrypt by age for this public key; may be repeated.")
    ] = None,
) -> None:
    """Copy database and photographs into a folder of backups, while people go on working."""
    _manage("backup", str(folder), *[f"--recipient={one}" for one in recipient or ()])


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Folder of backups.")],
    name: Annotated[str, typer.Option(help="Name of a backup, as it was printed; the latest where left out.")] = "",
    identity: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="File with the age key that it was encrypted for.")
    ] = None,
) -> None:
    """Bring a backup back onto an empty machine, and compare everything."""
    _manage("restore", str(folder), f"--name={name}", *([f"--identity={identity}"] if identity else []))


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def manage(context: typer.Context) -> None:
    """Run one of Django's management commands, such as `retineye manage check`."""
    _manage(*context.args)


def _manage(*arguments: str) -> None:
    _django()
    from django.core.management import execute_from_command_line

    execute_from_command_line(["retineye manage", *arguments])


def _django() -> None:
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "retineye.config.settings")
    try:
        import django
        from django.core.exceptions import ImproperlyConfigured
    except ImportError as exc:
        typer.echo("The web service is not installed. Install retineye[web].", err=True)
        raise typer.Exit(EXIT_USAGE) from exc
    try:
        django.setup()
    except ImproperlyConfigured as exc:
        typer.echo(f"RetinEye does not start: {exc}", err=True)
        raise typer.Exit(EXIT_USAGE) from exc


def main() -> None:
    """Run the console command."""
    app()


if __name__ == "__main__":
    main()
