"""`radflow demo`: a sample of synthetic studies, the whole pipeline on it, a server, and one question over gRPC."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cli.own_command import own_command
from data_schemas.errors import RadflowError

if TYPE_CHECKING:
    from cli.run import FinishedRun


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = "Make a sample, run the whole pipeline on it, serve the model, and send it a DICOM over gRPC."
    parser.add_argument(
        "--output", type=Path, default=Path("radflow-output"), metavar="DIR", help="receives everything [%(default)s]"
    )


def run(arguments: argparse.Namespace) -> int:
    """Runs the demo."""
    import local_runner
    from cli.run import run_pipeline

    print(f"Making a sample of synthetic studies in {arguments.output / 'sample'}, unless it is there ...", flush=True)
    manifest = local_runner.sample(arguments.output / "sample")
    finished = run_pipeline(local_runner.DEMO_TASK, manifest, output=arguments.output, weights=None)
    print(f"\n{finished.text()}\n")
    finished.raise_if_refused()
    _ask(finished, manifest)
    _say_next(finished, manifest, arguments.output)
    return 0


def _ask(finished: FinishedRun, manifest: Path) -> None:
    """Serves the pushed model and prints what it says of a test study, beside what was drawn there."""
    from serving.child_server import child_server

    file, label = _test_image(manifest)
    served = Path(finished.result["pushed"]).parent
    with child_server(served, name=served.name) as address:
        print(f"Model server started on {address}, as `radflow serve --no-page` would.")
        print(f"Asking it over gRPC: radflow predict --server {address} --model-name {served.name} {file}")
        answer = subprocess.run(
            [sys.executable, "-m", "cli.main", "predict", "--server", address, "--model-name", served.name, str(file)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if answer.returncode:
        raise RadflowError(f"the model server did not answer: {answer.stderr.strip()}")
    said = json.loads(answer.stdout)
    print(f"It was drawn with: {label}. The model says:")
    print(json.dumps(said, indent=2))
    if said["out_of_scope"]:
        print(
            "`out_of_scope` is true: it looks less like the training images than nearly all others do. A few of every"
        )
        print("hundred images are called so by chance; the page then shows no scores, and a reader decides alone.")


def _test_image(manifest: Path) -> tuple[Path, str]:
    """Returns a file with a finding, and its label: the first one of a patient whom the model was not fitted to."""
    import local_runner
    from cli.demo_cases import images_of_test_patients
    from data_schemas.task_file import load_task

    findings = load_task(local_runner.DEMO_TASK).labels.findings
    for file, label in images_of_test_patients(manifest):
        if label in findings:
            return file, label
    raise RadflowError("the sample has no test study with a finding; remove its folder and run the demo again")


def _say_next(finished: FinishedRun, manifest: Path, output: Path) -> None:
    command = own_command()
    version = Path(finished.result["pushed"])
    print("\nResearch software, not a medical device. What to try next:")
    for what, words in (
        ("read cases with it, in a browser", f"serve --output {output}"),
        ("ask it, in another terminal", f"predict --server 127.0.0.1:8500 {manifest.parent}/*/*.dcm"),
        ("approve it for use", f"approve {version.name} --output {output} --by YOU --role YOURS --statement WHY"),
        ("see what your own files are", "inspect YOUR_FOLDER"),
        ("see the tasks that ship", "tasks"),
        ("run one on your data", f"run --task chest_xray_pneumonia --manifest YOUR.csv --output {output}-yours"),
    ):
        print(f"  {what:<33} {command} {words}")
