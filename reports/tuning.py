"""A search for hyperparameters: every trial as a table, and drawn; for reports and as files."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

from data_schemas.model_files import TRIALS_FILE, TRIALS_PLOT, TRIALS_TABLE
from data_schemas.tuning_results import Trial, TuningResults, Value
from reports.page import Facts, Figure, Section, Table, render_sections
from reports.plots import data_uri, svg

_NAMES = {"auc": "AUC", "average_precision": "average precision", "loss": "loss"}
_BLUE, _GREY = "#2a5d9f", "#8a949e"


def load_results(folder: Path) -> TuningResults:
    """Returns the trials in a `tuner_results` artifact."""
    return TuningResults.model_validate_json((folder / TRIALS_FILE).read_text(encoding="utf-8"))


def write_results(results: TuningResults, folder: Path) -> None:
    """Writes the trials as JSON, CSV and SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TRIALS_FILE).write_text(results.model_dump_json(indent=1), encoding="utf-8")
    (folder / TRIALS_TABLE).write_text(trials_csv(results), encoding="utf-8")
    (folder / TRIALS_PLOT).write_text(trials_svg(results), encoding="utf-8")


def trials_csv(results: TuningResults) -> str:
    """Returns a table with a row a trial; what a trial does not have is an empty cell."""
    names = _hyperparameters(results)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "status", "seed", results.objective, "epochs", "seconds", *names, "reason"])
    for trial in results.trials:
        tried = [trial.hyperparameters.get(name, "") for name in names]
        measured = [trial.objective, trial.epochs, trial.seconds]
        writer.writerow([trial.number, trial.status, trial.seed, *measured, *tried, trial.reason])
    return text.getvalue()


def tuning_sentence(results: TuningResults) -> str:
    """Returns which hyperparameters were found, and how good they were on eval."""
    best = results.best
    if best is None:
        return f"Search for hyperparameters: no trial was completed, of {len(results.trials)}."
    values = ", ".join(f"{name} {_spelt(value)}" for name, value in best.hyperparameters.items())
    return (
        f"Search for hyperparameters: the best of {len(results.trials)} trials is number {best.number} ({values}), "
        f"{_NAMES[results.objective]} {best.objective:.3f} on eval."
    )


def tuning_section(results: TuningResults) -> str:
    """Returns the search as an HTML fragment for a report: what was looked for and found, a plot and a table."""
    return render_sections(tuning_sections(results))


def tuning_sections(results: TuningResults) -> tuple[Section, ...]:
    """Returns the search as sections of a page."""
    name, best = _NAMES[results.objective], results.best
    found = [(f"best {name}, trial {best.number}", f"{best.objective:.3f}")] if best else []
    facts = [
        ("trials", f"{len(results.trials)} of at most {results.max_trials}"),
        ("algorithm", results.algorithm),
        ("minutes", f"{results.minutes:.1f}"),
        *found,
    ]
    names = _hyperparameters(results)
    return (
        Facts(facts, heading="Search for hyperparameters"),
        Figure(
            heading=f"{name} by trial",
            source=data_uri(trials_svg(results).encode(), "image/svg+xml"),
            alternative=f"{name} of {len(results.completed)} trials on eval, the best so far as a line.",
            note="Each dot is a short training, judged on eval; the best of many is a little lucky, so the trained "
            "model's own values are what counts.",
        ),
        Table(
            heading="Trials",
            columns=["Trial", name, "Epochs", "Seconds", "Seed", *names, "Status"],
            rows=[_row(trial, names, best) for trial in results.trials],
        ),
    )


def trials_svg(results: TuningResults) -> str:
    """Returns the objective by trial with the best so far, and by learning rate where that was tuned, as SVG."""
    rated = [trial for trial in results.completed if "learning_rate" in trial.hyperparameters]

    def draw(figure: Any) -> None:
        axes = figure.subplots(1, 2 if rated else 1, squeeze=False)[0]
        _draw_by_trial(axes[0], results)
        if rated:
            _draw_by_rate(axes[1], results, rated)

    return svg(draw, size=(8, 3) if rated else (4, 3))


def _draw_by_trial(axes: Any, results: TuningResults) -> None:
    numbers = [trial.number for trial in results.completed]
    values = [trial.objective or 0.0 for trial in results.completed]
    axes.plot(numbers, values, "o", color=_BLUE, label="trial")
    axes.step(numbers, best_so_far(results), where="post", color=_GREY, label="best so far")
    axes.set(xlabel="trial", ylabel=f"{_NAMES[results.objective]} on eval")
    axes.xaxis.get_major_locator().set_params(integer=True)
    if numbers:
        axes.legend(frameon=False)


def _draw_by_rate(axes: Any, results: TuningResults, trials: list[Trial]) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    rates = [float(trial.hyperparameters["learning_rate"]) for trial in trials]
    axes.plot(rates, [trial.objective or 0.0 for trial in trials], "o", color=_BLUE)
    axes.set(xlabel="learning rate", xscale="log", ylabel=f"{_NAMES[results.objective]} on eval")
    # Labels at 1, 2 and 5 alone, which do not run into each other within a decade or two.
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def best_so_far(results: TuningResults) -> list[float]:
    """Returns, for each completed trial, the best objective up to it."""
    better, best, line = (max if results.higher_is_better else min), math.nan, []
    for trial in results.completed:
        value = trial.objective if trial.objective is not None else math.nan
        best = value if math.isnan(best) else better(best, value)
        line.append(best)
    return line


def _hyperparameters(results: TuningResults) -> list[str]:
    return list(dict.fromkeys(name for trial in results.trials for name in trial.hyperparameters))


def _row(trial: Trial, names: list[str], best: Trial | None) -> list[str | int]:
    status = "best" if best is not None and trial.number == best.number else trial.status
    return [
        trial.number,
        f"{trial.objective:.3f}" if trial.objective is not None else "-",
        trial.epochs if trial.epochs is not None else "-",
        f"{trial.seconds:.0f}" if trial.seconds is not None else "-",
        trial.seed,
        *(_spelt(trial.hyperparameters.get(name, "-")) for name in names),
        f"{status}: {trial.reason}" if trial.reason else status,
    ]


def _spelt(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value) or "none"
