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
COMMANDS = ["run", "resume", "plugins", "show", "report", "evaluate", "predict", "export", "import", "repeat", "store"]
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
    if first == "store":
        from eltanin.store import command

        return command.run(rest)
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
    commands.add_parser("store", help="list, verify, export, merge and mend what labels are kept")

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
    exporting = command("export", "write a trained member in the form of another program", "RUN")
    exporting.add_argument("-o", "--output", metavar="FILE", type=Path, help="if not RUN with the form's suffix")
    exporting.add_argument("--member", metavar="N", default="0", help="which one, or all; if not the first")
    importing = command("import", "make a folder of a model that another program trained", "FILE")
    importing.add_argument("-o", "--output", metavar="MODEL", type=Path, help="if not FILE without its suffix")
    for one, required in ((exporting, True), (importing, False)):
        one.add_argument("--format", metavar="NAME", required=required, help="`elt show exporter` lists them")
        about = "`elt show exporter NAME` lists them; as often as needed"
        one.add_argument("--set", dest="settings", metavar="SETTING=VALUE", action="append", default=[], help=about)
    repeating = command("repeat", "ask for one label of a run again, here, and say where it differs", "RUN")
    repeating.add_argument("key", metavar="KEY", help="of the label, or how it begins: failures.jsonl has them")
    repeating.add_argument("--keep", action="store_true", help="keep what comes out in the store")
    return top


def carry_out(chosen: Namespace) -> int:
    """Do what any command but `run` asks."""
    if chosen.command in ("plugins", "show"):
        from eltanin.parts import show

        shown = show.show(chosen.role, chosen.name) if chosen.command == "show" else show.installed(chosen.json)
        print(shown)  # noqa: T201
        return 0
    from eltanin.run import driver, exporting, finished, importing, repeat

    match chosen.command:
        case "resume":
            return driver.resume(chosen.run)
        case "report":
            return finished.report(chosen.run)
        case "evaluate":
            return finished.evaluate(chosen.run, chosen.data)
        case "export":
            return exporting.export(chosen.run, chosen.format, chosen.output, chosen.member, chosen.settings)
        case "import":
            return importing.import_model(chosen.file, chosen.output, chosen.format, chosen.settings)
        case "repeat":
            return repeat.repeat(chosen.run, chosen.key, chosen.keep)
        case _:
            given: Path = chosen.structures
            return finished.predict(chosen.run, given, chosen.output or Path(f"{given.stem}.predicted{given.suffix}"))
