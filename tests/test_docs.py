"""What the documents tell a user to type is understood by the command."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
ELT = str(Path(sys.executable).with_name("elt"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINE = re.compile(r"^\s+(elt (?:run|show|plugins)\b[^#\n]*)", re.MULTILINE)
COMMANDS = sorted({line.strip() for page in PAGES for line in LINE.findall(page.read_text())})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled data in the layout that the presets expect."""
    root = tmp_path_factory.mktemp("data")
    for part in range(4):
        folder = root / f"data_{part}" / "set.000"
        folder.mkdir(parents=True)
        (folder.parent / "type.raw").write_text("0\n1\n1\n")
        (folder.parent / "type_map.raw").write_text("O\nH\n")
        np.save(folder / "coord.npy", np.arange(18.0).reshape(2, 9))
        np.save(folder / "box.npy", np.tile(12.0 * np.eye(3).ravel(), (2, 1)))
        np.save(folder / "energy.npy", np.zeros(2))
        np.save(folder / "force.npy", np.zeros((2, 9)))
    return root


def test_there_are_commands_to_look_at() -> None:
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_documents_is_understood(line: str, data: Path, tmp_path: Path) -> None:
    words = [re.sub(r"^data=PATH$", f"data={data}", word) for word in shlex.split(line)[1:]]
    if words[0] == "run":  # composed and checked, but for what would follow
        words = [re.sub(r"=([^,\[{]+),.*", r"=\1", word) for word in words if word != "-m"] + ["--cfg", "job"]
    done = subprocess.run([ELT, *words], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_every_link_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
