"""Every file of a run and its store cut short, or one bit of it flipped: the right answer, or the name of the file."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from broken_disk import DIED
from trials import SOON, Place, outcome, rounds

pytestmark = pytest.mark.timeout(900)

DAMAGES = (
    "emptied",
    "cut in half",
    "cut by a byte",
    "flipped near its beginning",
    "flipped somewhere",
    "flipped near its end",
)
LOGS = {"elt.log", "index.lock"}  # which nothing is ever read from


def damaged(content, how, rng):
    """Return what is left of a file."""
    if how == "emptied":
        return b""
    if how == "cut in half":
        return content[: len(content) // 2]
    if how == "cut by a byte":
        return content[:-1]
    third, part = len(content) // 3, DAMAGES.index(how) - 3
    low, high = (0, third + 1) if part == 0 else (third, 2 * third + 1) if part == 1 else (2 * third, len(content))
    changed = bytearray(content)
    changed[rng.integers(low, max(high, low + 1))] ^= 1 << rng.integers(8)
    return bytes(changed)


@dataclass
class Original:
    """A place, and a copy of what was there, to begin again with."""

    place: Place
    copy: Path

    @classmethod
    def of(cls, place):
        copy = place.path.with_name(f"{place.path.name}.copy")
        shutil.copytree(place.path, copy)
        return cls(place, copy)

    def files(self, first, step):
        """Yield the files that something is read from: all, or every so many."""
        paths = sorted(path for name in ("run", "labels") for path in (self.copy / name).rglob("*") if path.is_file())
        return [path.relative_to(self.copy) for path in paths if path.name not in LOGS][first::step]

    def damage(self, name, how, rng):
        """Put all back as it was, and damage one file; say whether there was something to damage."""
        for folder in ("run", "labels"):
            shutil.rmtree(self.place.path / folder)
            shutil.copytree(self.copy / folder, self.place.path / folder)
        (self.place.path / "run.said").unlink(missing_ok=True)
        path = self.place.path / name
        content = path.read_bytes()
        if content:
            path.write_bytes(damaged(content, how, rng))
        return bool(content)


def named(place, name):
    """Say whether what was said names a file, or the pair of files that it is a part of."""
    return name.name in place.said or f"{name.stem}.*" in place.said or str(name.with_suffix("")) in place.said


def right_or_less(place, expected, name, how):
    """Check that a run came to the right numbers, and that if a record of it is lost, that was said."""
    found = outcome(place.run)
    if found == expected:
        return
    assert named(place, name), place.said
    assert found["files"] == expected["files"]
    lost = [record for record in expected["rounds"] if record not in found["rounds"]]
    assert [record for record in expected["rounds"] if record in found["rounds"]] == found["rounds"]
    assert len(lost) == 1 or how in ("emptied", "cut in half")  # then the others are not damaged, but gone
    other = {key for key, value in found["summary"].items() if value != expected["summary"].get(key)}
    assert other <= {"audit", "validation", "rounds_lost"}


@pytest.fixture(scope="module")
def halfway(oven, tmp_path_factory):
    """Return a campaign that died in its fourth round."""
    place = Place(tmp_path_factory.mktemp("halfway") / "place")
    place.path.mkdir()
    assert oven.elt(place, place.begin, disk=("dies", 560)) == DIED
    assert 2 <= len(rounds(place.run)) <= 4
    return Original.of(place)


@pytest.fixture(scope="module")
def ended(oven, tmp_path_factory):
    """Return a campaign that has ended."""
    place = Place(tmp_path_factory.mktemp("ended") / "place")
    place.path.mkdir()
    assert oven.elt(place, place.begin) == 0
    return Original.of(place)


def resumes(warm, original, expected, name, how, rng):
    place = original.place
    if not original.damage(name, how, rng):
        return
    code = warm.elt(place, ["resume", "run"], leases=SOON)
    assert "Traceback" not in place.said
    if code == 2 and ".lease-" in name.name:  # whoever held it cannot be told, so it is somebody's until it expires
        assert "whose name cannot be read" in place.said
        time.sleep(2 * SOON["EXPIRY"])
        code = warm.elt(place, ["resume", "run"], leases=SOON)
    if code == 0:
        right_or_less(place, expected, name, how)
        return
    assert code in (1, 2)
    assert named(place, name), place.said
    if name.parts[0] == "labels" and name.parts[1] == "objects":  # "Restore it from a copy, or delete it"
        (place.path / name).unlink()
        assert warm.elt(place, ["resume", "run"]) == 0, place.said
        assert outcome(place.run) == expected


def answers(warm, original, expected, name, how, rng):
    """Ask a run that has ended for its report, its errors and its store."""
    place = original.place
    for words in (["report", "run"], ["evaluate", "run", "run/dataset.npz"], ["store", "verify", "labels"]):
        if not original.damage(name, how, rng):
            return
        code = warm.elt(place, words)
        assert "Traceback" not in place.said, words
        if code or words[0] == "store":
            of_the_store = name.parts[:2] == ("labels", "objects")
            about_index = name.name == "index.db" and "in the index" in place.said
            assert named(place, name) or about_index or (code == 0 and not of_the_store), (words, place.said)
        elif words[0] == "report":
            page = (place.run / "report.html").read_bytes()
            assert page == expected["report"] or name.stem.encode() in page or named(place, name), place.said
        else:
            assert place.said == expected["evaluate"]


@pytest.fixture(scope="module")
def right(oven, ended):
    """Return what a run that has ended answers."""
    place = ended.place
    said = {}
    for words in (["report", "run"], ["evaluate", "run", "run/dataset.npz"]):
        (place.path / "run.said").unlink(missing_ok=True)
        assert oven.elt(place, words) == 0, place.said
        said[words[0]] = place.said
    return {"evaluate": said["evaluate"], "report": (place.run / "report.html").read_bytes()}


def all_of(warm, original, check, expected, how, first=0, step=1):
    rng = np.random.default_rng(DAMAGES.index(how))
    for name in original.files(first, step):
        try:
            check(warm, original, expected, name, how, rng)
        except BaseException as error:
            error.add_note(f"{name} was {how}.")
            raise


FEW = 11


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_file_costs_a_record_at_most_and_is_named(warm, halfway, expected, how):
    all_of(warm, halfway, resumes, expected, how, DAMAGES.index(how), FEW)


@pytest.mark.parametrize("how", DAMAGES)
def test_a_run_with_a_damaged_file_answers_rightly_or_names_it(warm, ended, right, how):
    all_of(warm, ended, answers, right, how, DAMAGES.index(how), 3 * FEW)


@pytest.mark.slow
@pytest.mark.parametrize("how", DAMAGES)
def test_any_damaged_file_costs_a_record_at_most_and_is_named(warm, halfway, expected, how):
    all_of(warm, halfway, resumes, expected, how)


@pytest.mark.slow
@pytest.mark.parametrize("how", DAMAGES)
def test_a_run_with_any_damaged_file_answers_rightly_or_names_it(warm, ended, right, how):
    all_of(warm, ended, answers, right, how)
