"""Opening data never runs code: not that of a pickle, of a configuration, or of a file that lies in the way."""

from __future__ import annotations

import ast
import json
import os
import pickle
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bad_case import GAS

ROOT = Path(__file__).parents[2]
ELT = str(Path(sys.executable).with_name("elt"))
SOURCES = sorted(
    path
    for folder in ("core/src", "domains/*/src", "plugins/*/*/src", "presets/src")
    for root in ROOT.glob(folder)
    for path in root.rglob("*.py")
)
# What carries calls between a process and its own children, and what asks whether a labeler survives that. No file
# is opened this way.
TRANSPORT = ROOT / "core" / "src" / "eltanin" / "execution"
TRAVEL = ROOT / "domains" / "atoms" / "src" / "eltanin_atoms" / "conformance" / "labelers.py"
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle"}
BUILTINS = {"eval", "exec", "compile", "__import__", "execfile"}
CALLS = {
    "os.system", "os.popen", "torch.load", "yaml.load", "yaml.full_load", "yaml.unsafe_load", "yaml.load_all",
    "pickle.load", "pickle.Unpickler", "pandas.read_pickle", "hydra.utils.instantiate", "instantiate",
    "subprocess.getoutput", "code.interact", "runpy.run_path", "runpy.run_module",
}  # fmt: skip


def findings(source: str) -> list[str]:
    """Return what in a source could run what it reads."""
    tree, found = ast.parse(source), list[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found += [str(node.module)] if str(node.module).split(".")[0] in MODULES else sorted(names & CALLS)
        elif isinstance(node, ast.Call):
            found += called(node)
    return found


def called(node: ast.Call) -> list[str]:
    """Return what is wrong with a call."""
    name = ast.unparse(node.func)
    said = {keyword.arg: keyword.value for keyword in node.keywords}
    wrong = [name] if name in BUILTINS | CALLS else []
    if name in ("np.load", "numpy.load") and not is_false(said.get("allow_pickle")):
        wrong.append(f"{name} without allow_pickle=False")
    if "allow_pickle" in said and not is_false(said["allow_pickle"]):
        wrong.append(f"{name}(allow_pickle=…)")
    if "shell" in said and not is_false(said["shell"]):
        wrong.append(f"{name}(shell=…)")
    return wrong


def is_false(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_can_run_what_it_reads(path):
    found = findings(path.read_text(encoding="utf-8"))
    if TRANSPORT in path.parents or path == TRAVEL:
        found = [one for one in found if one != "pickle"]
    assert not found


def test_nothing_that_is_shipped_is_a_pickle():
    kinds = {path.suffix for source in SOURCES for path in source.parent.iterdir() if path.is_file()}
    assert kinds <= {".py", ".typed", ".yaml", ".html", ".csv", ".json", ".toml", ".cif", ".xyz", ".txt", ""}


def test_there_are_sources_to_look_at():
    assert len(SOURCES) > 100
    assert any(TRANSPORT in path.parents for path in SOURCES)


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from pickle import loads", "import dill as d", "import joblib", "eval('1')", "exec(text)",
        "import os; os.system('x')", "torch.load(path)", "np.load(path)", "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader=yaml.Loader)", "yaml.unsafe_load(text)", "subprocess.run('x', shell=True)",
        "from hydra.utils import instantiate", "read(path, allow_pickle=allow)", "__import__(name)", "import shelve",
    ],
)  # fmt: skip
def test_the_search_finds_what_it_is_for(source):
    assert findings(source)


@pytest.mark.parametrize("source", ["model.eval()", "np.load(path, allow_pickle=False)", "re.compile('x')"])
def test_the_search_lets_pass_what_is_harmless(source):
    assert not findings(source)


PLANTED = [
    "sitecustomize", "usercustomize", "conftest", "json", "torch", "numpy", "yaml", "socket", "pickle", "tempfile",
    "signal", "matplotlib", "eltanin", "eltanin_gas", "setup", ".pyscf_conf", "hydra", "platformdirs", "runpy",
]  # fmt: skip
# Told by the interpreter itself, whatever the code does. Arguments: the folders to watch, the file to write to.
WATCH = """
import json, os, sys
watched, told, command = sys.argv[1].split(os.pathsep), sys.argv[2], sys.argv[3:]
seen = []
settings = (".pyc", ".pth", "matplotlibrc")  # read by the interpreter and by matplotlib
def inside(name):
    if not isinstance(name, str) or name.startswith("<"):
        return False
    return any(os.path.abspath(name).startswith(one + os.sep) for one in watched)
def hook(event, arguments):
    if event == "exec" and inside(getattr(arguments[0], "co_filename", None)):
        seen.append([event, arguments[0].co_filename])
    elif event == "compile" and inside(arguments[1]):
        seen.append([event, arguments[1]])
    elif event == "open" and inside(arguments[0]) and arguments[0].endswith(settings):
        seen.append([event, arguments[0]])
    elif event == "pickle.find_class" or event in ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen"):
        seen.append([event, repr(arguments)[:200]])
    elif event in ("socket.bind", "socket.connect", "socket.getaddrinfo"):
        seen.append([event, repr(arguments)[:200]])
sys.addaudithook(hook)
from eltanin.cli import main
sys.argv = ["elt", *command]
try:
    code = main()
except SystemExit as end:
    code = end.code
finally:
    with open(told, "w") as file:
        json.dump(seen, file)
sys.exit(code)
"""


class Evil:
    """Unpickled, it makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """Return a folder as a stranger may hand it over: runs, a store, and modules that nobody asked for."""
    here = tmp_path_factory.mktemp("stranger")
    command = [ELT, *shlex.split(GAS), "store=labels"]
    for name, more in {"run": [], "halved": ["rounds=1"], "spread": ["rounds=1", "executor=processes"]}.items():
        subprocess.run([*command, *more, f"hydra.run.dir={name}"], cwd=here, check=True, capture_output=True)
    marker = here / "marker"
    for folder in (here, here / "run", here / "run" / "pools", here / "run" / "checkpoint", here / "labels"):
        for name in PLANTED:
            (folder / f"{name}.py").write_text(f"open({str(marker)!r}, 'a').write('{name} ')\n")
        (folder / "evil.pth").write_text(f"import os; open({str(marker)!r}, 'a').write('pth ')\n")
        (folder / "matplotlibrc").write_text("backend: module://json\n")
        for suffix in ("pkl", "npy", "npz", "traj", "pt"):
            (folder / f"evil.{suffix}").write_bytes(pickle.dumps(Evil(marker)))
    return here


COMMANDS = [
    ("report run", 0), ("evaluate run run/dataset.npz", 0), ("predict run run/dataset.npz", 0), ("resume run", 0),
    ("store verify labels", 0), ("store ls labels", 0), ("store rebuild labels", 0), ("plugins", 0),
    ("evaluate run evil.npz", 2), ("predict run evil.npy", 2), ("predict run evil.traj", 2),
]  # fmt: skip


@pytest.mark.parametrize(("command", "code"), COMMANDS)
def test_a_strangers_folder_is_opened_without_running_anything(stranger, tmp_path, command, code):
    told = tmp_path / "told.json"
    watch = tmp_path / "watch.py"
    watch.write_text(WATCH)
    words = [sys.executable, str(watch), str(stranger), str(told), *command.split()]
    done = subprocess.run(words, cwd=stranger, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert json.loads(told.read_text()) == []
    assert not (stranger / "marker").exists()


@pytest.mark.parametrize("name", ["halved", "spread"])
def test_a_strangers_run_goes_on_with_installed_code_alone(stranger, name, tmp_path):
    folder = tmp_path / "elsewhere" / name
    shutil.copytree(stranger / name, folder)
    shutil.rmtree(folder / "checkpoint")
    for path in (folder / "summary.json", folder / "report.html"):
        path.unlink()
    done = subprocess.run([ELT, "resume", str(folder)], cwd=stranger, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "round 0" in done.stdout + done.stderr
    assert not (stranger / "marker").exists(), (stranger / "marker").read_text()


def test_the_watch_sees_what_it_is_for(stranger, tmp_path):
    (tmp_path / "planted").mkdir()
    (tmp_path / "planted" / "evil.py").write_text("import pickle\npickle.loads(pickle.dumps(len))\n")
    (tmp_path / "planted" / "a.pth").touch()
    watch = tmp_path / "watch.py"
    begin = "sys.path[0] = watched[0]; open(watched[0] + '/a.pth'); import evil; main = int"
    watch.write_text(WATCH.replace("from eltanin.cli import main", begin))
    told = tmp_path / "told.json"
    words = [sys.executable, str(watch), str(tmp_path / "planted"), str(told)]
    assert subprocess.run(words, cwd=tmp_path, check=False).returncode == 0
    assert {"open", "exec", "pickle.find_class"} <= {event for event, _ in json.loads(told.read_text())}


def test_a_run_listens_on_no_socket_and_is_private(tmp_path):
    """All sockets of the processes of a run are looked at while it runs, with worker processes."""
    words = [ELT, *shlex.split(GAS), "rounds=100000", "executor=processes", "store=labels", "hydra.run.dir=run"]
    secret = {"AWS_SECRET_ACCESS_KEY": "hunter2-of-the-environment"}
    rounds = tmp_path / "run" / "rounds.jsonl"
    with subprocess.Popen(words, cwd=tmp_path, env={**os.environ, **secret}, stdout=subprocess.DEVNULL) as run:
        while run.poll() is None and not (rounds.exists() and rounds.read_bytes().count(b"\n") >= 2):
            pass
        processes = family(run.pid)
        inodes = {inode for pid in processes for inode in sockets(pid)}
        run.send_signal(2)
    assert run.returncode == 75
    assert len(processes) >= 3, "the workers were looked at too"
    assert not inodes & listening()
    assert (tmp_path / "run").stat().st_mode & 0o077 == 0
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in everything if secret["AWS_SECRET_ACCESS_KEY"].encode() in path.read_bytes()]


def family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    children = [int(word) for path in Path(f"/proc/{pid}/task").glob("*/children") for word in path.read_text().split()]
    return [pid, *(one for child in children for one in family(child))]


def sockets(pid: int) -> set[str]:
    """Return the inodes of the sockets of a process."""
    found = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(path)  # noqa: PTH115
        except OSError:
            continue
        found |= {target[8:-1]} if target.startswith("socket:[") else set()
    return found


def listening() -> set[str]:
    """Return the inodes of all sockets that listen: of TCP, and of any name in the file system."""
    found = set()
    for name in ("tcp", "tcp6"):
        rows = [line.split() for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
        found |= {row[9] for row in rows if row[3] == "0A"}
    rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return found | {row[6] for row in rows if int(row[3], 16) & 0x10000}
