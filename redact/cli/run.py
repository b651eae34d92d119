"""`redact run`: files and folders, once."""

from __future__ import annotations

import json
from typing import Any

import click

from redact.cli.door import Settings, debug_option
from redact.cli.options import PLACE, config_options, make_config
from redact.storage import ObjectPath, Place


@click.command(epilog="Finished outputs are skipped; what failed can simply be run again.")
@click.argument("inputs", metavar="IN...", nargs=-1, required=True, type=PLACE)
@click.option(
    "-o",
    "--output",
    required=True,
    type=PLACE,
    metavar="OUT",
    help="A file for one file, otherwise a folder, which gets the same tree. IN and OUT may be "
    "s3://bucket/key.",
)
@config_options
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Processes side by side; default: 1, or as many as the Ray cluster has room for.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    help="Who runs the processes: this machine, or a Ray cluster.",
)
@click.option(
    "--address", metavar="HOST:PORT", help="Of the Ray cluster; default: one started here."
)
@click.option(
    "--gpus", type=click.FloatRange(min=0), default=0.0, help="GPUs of each process on Ray."
)
@click.option(
    "--split",
    type=click.FloatRange(min=10),
    metavar="SECONDS",
    help="Run longer clips in pieces of about this length, side by side.",
)
@click.option("--overwrite", is_flag=True, help="Replace outputs made with other settings.")
@click.option("--out-inside", is_flag=True, help="Allow OUT inside an input folder.")
@click.option("--json", "as_json", is_flag=True, help="A report for machines on stdout.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@debug_option
@click.pass_context
def run(
    ctx: click.Context,
    /,
    inputs: tuple[Place, ...],
    output: Place,
    jobs: int | None,
    engine: str,
    address: str | None,
    gpus: float,
    split: float | None,
    overwrite: bool,
    out_inside: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """Hide everyone beyond the property in files and folders.

    OUT gets one video for each, and beside it a report, NAME.redact.json.
    """
    from redact.batch import RayOptions, abandon, plan, run_batch, write_manifest
    from redact.cli.show import make_show, say_failures, say_total
    from redact.cli.signals import stopping

    config = make_config(**options)
    if engine == "local" and (address or gpus):
        raise click.UsageError("--address and --gpus belong to --engine ray")
    ray = RayOptions(address, gpus) if engine == "ray" else None
    planned = plan(inputs, output, inside=out_inside)
    with stopping(lambda: abandon(planned)) as stop:
        with make_show(planned, quiet) as show:
            report = run_batch(
                planned,
                config,
                workers=jobs if ray else jobs or 1,
                ray=ray,
                split=split,
                overwrite=overwrite,
                listener=show,
                stop=stop.event,
            )
        in_folder = any(job.output != output for job in planned)
        if in_folder and (ray or isinstance(output, ObjectPath)):
            write_manifest(output, report)
        if as_json:
            exit_code = stop.code or report.exit_code
            click.echo(json.dumps(report.to_dict() | {"exit_code": exit_code}, indent=2))
        if len(planned) > 1 and not quiet:
            say_total(report)
        settings = ctx.find_object(Settings)
        say_failures(report, settings is not None and settings.debug)
    return report.exit_code
