"""What is asked of a run that was begun: its report, its errors on data, its predictions."""

from __future__ import annotations

from pathlib import Path

from eltanin.errors import ConfigurationError
from eltanin.run import publish
from eltanin.run.driver import opened
from eltanin.run.importing import trained


def report(folder: Path) -> int:
    """Write report.html again."""
    print(publish.write_report(opened(folder)))  # noqa: T201
    return 0


def evaluate(folder: Path, data: Path) -> int:
    """Print the errors of a trained committee on labelled data."""
    data = _existing(data)
    for name, value in publish.evaluate(trained(folder), data).items():
        print(f"{name}: {value:.6g}")  # noqa: T201
    return 0


def predict(folder: Path, structures: Path, output: Path) -> int:
    """Write what a trained committee predicts for the configurations of a file."""
    structures, output = _existing(structures), output.resolve()
    files = trained(folder)
    x, _ = publish.read(files.domain, structures)
    predicted = publish.predict_batch(files, x)
    try:
        files.domain.write(output, x, predicted)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{output} cannot be written: {error}. Give another, with --output FILE.") from error
    print(f"{len(x)} predictions in {output}")  # noqa: T201
    return 0


def _existing(path: Path) -> Path:
    if not path.exists():
        raise ConfigurationError(f"{path} does not exist (looked in {Path.cwd()})")
    return path.resolve()
