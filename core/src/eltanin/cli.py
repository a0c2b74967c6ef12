"""The command `elt`. What is slow to import is imported when it is needed."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from eltanin.errors import ConfigurationError, EltaninError
from eltanin.registry import nearest

ABOUT = "Expensive micro-scale models into fast, reliable macro-scale models: explore, label, train."
EXAMPLES = """\
examples:
  elt run                                          the preset argon, a few minutes
  elt run experiment=copper seed=1                 another preset, and a setting
  elt run -m seed=0,1 model.descriptor.cutoff=5,6  all combinations
  elt run --help                                   all that can be chosen
  elt show labeler lennard_jones                   what a part can be told

exit codes:
  0 done; 2 the configuration is wrong and nothing was spent; 75 stopped in order, resume it; 1 anything else
"""
COMMANDS = ["run", "resume", "plugins", "show", "report", "evaluate", "predict"]
COMPLETION = ("-sc", "--shell-completion")


def main() -> int:
    """Run a command, and return the exit code."""
    try:
        return dispatch(sys.argv[1:])
    except EltaninError as error:
        print(f"elt: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def dispatch(arguments: Sequence[str]) -> int:
    """Hand over to the command that is named first."""
    arguments = arguments or ["--help"]
    first, *rest = arguments
    if first == "run":
        from eltanin.compose import run

        return run(rest)
    if first in COMPLETION:
        from eltanin.compose import complete

        return complete(arguments)
    if not first.startswith("-") and first not in COMMANDS:
        raise ConfigurationError(f"{first} is not a command of elt{nearest(first, COMMANDS)}")
    return carry_out(parser().parse_args(arguments))


def parser() -> ArgumentParser:
    """Return what reads every command but `run`, whose arguments Hydra reads."""
    top = ArgumentParser(prog="elt", description=ABOUT, epilog=EXAMPLES, formatter_class=RawDescriptionHelpFormatter)
    top.add_argument("--version", action="version", version=f"eltanin-core {version('eltanin-core')}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    commands.add_parser("run", help="run one campaign, or with -m a sweep of them")

    def command(name: str, about: str, *paths: str) -> ArgumentParser:
        one = commands.add_parser(name, help=about, description=about)
        for path in paths:
            one.add_argument(path.lower(), metavar=path, type=Path)
        return one

    command("resume", "go on where a run stopped", "RUN")
    listed = command("plugins", "list every part and preset that is installed")
    listed.add_argument("--json", action="store_true", help="as JSON")
    shown = command("show", "show what a part can be told: settings, types, defaults")
    shown.add_argument("role", metavar="ROLE", nargs="?", help="labeler, model, model/descriptor, experiment, …")
    shown.add_argument("name", metavar="NAME", nargs="?")
    command("report", "write the report.html of a run again", "RUN")
    command("evaluate", "measure the errors of a trained model on labelled data", "RUN", "DATA")
    predicting = command("predict", "predict for the configurations of a file", "RUN", "STRUCTURES")
    predicting.add_argument("-o", "--output", metavar="FILE", type=Path, help="if not STRUCTURES.predicted")
    return top


def carry_out(chosen: Namespace) -> int:
    """Do what any command but `run` asks."""
    if chosen.command in ("plugins", "show"):
        from eltanin.parts import show

        shown = show.show(chosen.role, chosen.name) if chosen.command == "show" else show.installed(chosen.json)
        print(shown)  # noqa: T201
        return 0
    from eltanin.run import driver

    match chosen.command:
        case "resume":
            return driver.resume(chosen.run)
        case "report":
            return driver.report(chosen.run)
        case "evaluate":
            return driver.evaluate(chosen.run, chosen.data)
        case _:
            given: Path = chosen.structures
            return driver.predict(chosen.run, given, chosen.output or Path(f"{given.stem}.predicted{given.suffix}"))
