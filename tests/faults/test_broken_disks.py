"""A disk is full, or fails, at the n-th operation: the campaign stops in order, and goes on when it is mended."""

import errno
import os
import shutil
import subprocess
from itertools import count

import pytest
from trials import INLINE, NEVER, STOPPED, Place, outcome, repeats, wrong

from eltanin.run.disk import ROOM

COARSE, STRIPES = 89, 10


def breaks_and_goes_on(warm, place, expected, how, at, risk):
    """Let the disk break at an operation, mend it, and resume; say whether the campaign had so many."""
    code = warm.elt(place, place.begin, risk, (how, at))
    if code == 0 and int((place.path / "operations").read_text()) < at:
        assert outcome(place.run) == expected
        return False
    assert "Traceback" not in place.said, place.said
    blamed = os.strerror(errno.ENOSPC if how == "full" else errno.EIO)
    assert code == 0 or blamed in place.said or "disk" in place.said, place.said
    before = place.objects()
    if place.begun:
        assert code in (0, STOPPED), (code, place.said)  # 0: it did without, as with the index, or a log
        assert all("is not in the index" in one for one in wrong(place.store)), "an object is damaged"
    else:
        assert code == 2, (code, place.said)
        assert place.asked() == []
    if code:
        assert warm.go_on(place, risk) == 0, place.said
    assert outcome(place.run) == expected
    assert before.items() <= place.objects().items(), "a label was lost"
    assert wrong(place.store) == []
    assert repeats(place) <= 1
    return True


def sweep(warm, folder, expected, how, first, step):
    for number, at in enumerate(count(first, step)):
        place = Place(folder / f"{how}-{at}")
        place.path.mkdir()
        try:
            if not breaks_and_goes_on(warm, place, expected, how, at, (0.0, NEVER)[number % 2]):
                return number
        except BaseException as error:
            error.add_note(f"The disk was {how} at operation {at}.")
            raise
    raise AssertionError


@pytest.mark.parametrize("how", ["full", "fails"])
def test_wherever_a_disk_breaks_the_campaign_stops_and_resumes_to_the_same_bits(warm, swift, expected, how):
    assert sweep(warm, swift, expected, how, COARSE, COARSE) > 5


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1, STRIPES + 1))
@pytest.mark.parametrize("how", ["full", "fails"])
def test_there_is_no_operation_at_which_a_disk_must_not_break(warm, swift, expected, how, first):
    assert sweep(warm, swift, expected, how, first, STRIPES) > 50


@pytest.fixture
def small_disk(swift):
    """Return a folder that is a disk of its own, with little more room than a run asks for; root alone can make one."""
    folder = swift / "disk"
    folder.mkdir()
    size = f"size={ROOM // 1000 + 400}k"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder, but):
    """Fill a disk, but for so many bytes."""
    with (folder / "ballast").open("wb") as file:
        while (free := shutil.disk_usage(folder).free) > but:
            file.write(bytes(min(free - but, 1_000_000)))
            file.flush()


def test_a_disk_that_really_is_full_is_refused_and_one_that_fills_up_stops_the_campaign(warm, small_disk, expected):
    place = Place(small_disk)
    fill(small_disk, 1_000_000)
    assert warm.elt(place, place.begin) == 2
    assert "make room, or choose" in place.said
    assert not place.run.exists()
    (small_disk / "ballast").unlink()
    slow = Place(small_disk, (*INLINE, "labeler.seconds=0.1"))
    child = warm.begin(slow, slow.begin)
    while len(slow.asked()) < 6:
        assert warm.end(child, 0.01) is None, slow.said
    fill(small_disk, 0)
    assert warm.end(child) == STOPPED, slow.said
    assert os.strerror(errno.ENOSPC) in slow.said or "disk is full" in slow.said
    paid = len(slow.asked())
    assert paid < 13
    (small_disk / "ballast").unlink()
    assert warm.go_on(slow) == 0, slow.said
    assert outcome(slow.run) == expected
    assert wrong(slow.store) == []
    assert repeats(slow) <= 1
