"""Leases: one holder at a time, who keeps it as long as it lives and loses it when it does not."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from eltanin.errors import ConfigurationError
from eltanin.store import leases, owners
from eltanin.store.leases import Held, beating, take, wait_for
from eltanin.store.owners import Condition, Owner

FORK = multiprocessing.get_context("fork")
HOLDER = """
import sys, time
from pathlib import Path
from eltanin.store.leases import take
print(take(Path(sys.argv[1]), "it").number, flush=True)
time.sleep(100)
"""


@contextmanager
def holder(folder):
    """Let another process hold the lease `it`."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "1\n"
        try:
            yield process
        finally:
            process.kill()


def halted(process):
    """Halt a process, and wait until it is."""
    process.send_signal(signal.SIGSTOP)
    while owners._state(process.pid)[0] != "T":
        time.sleep(0.01)


def age(path, seconds):
    """Let the last sign be so long ago, by the clock of the file system."""
    now = time.time()
    os.utime(path, (now - seconds, now - seconds))


def rewritten(lease, **changes):
    """Let a lease be another's: its owner with changes."""
    told = json.loads(lease.path.read_bytes())
    owner = Owner.of(told[:-1])._replace(**changes)
    lease.path.write_bytes(json.dumps([*owner, told[-1]]).encode())


def test_who_takes_it_holds_it_until_it_is_handed_back(tmp_path):
    lease = take(tmp_path, "it")
    assert lease.held()
    with pytest.raises(Held, match=rf"it is in use by process {os.getpid()} on ") as refused:
        take(tmp_path, "it")
    assert refused.value.owner.pid == os.getpid()
    assert isinstance(refused.value, ConfigurationError)
    assert take(tmp_path, "other").held()
    lease.release()
    assert not lease.held()
    assert take(tmp_path, "it").held()


def test_one_that_is_handed_back_while_another_is_refused_is_still_a_refusal(tmp_path):
    lease = take(tmp_path, "it")
    lease.remove()
    assert Held(lease.path, None, 300.0).sign == 0.0

    class Vanishing(type(tmp_path)):
        def exists(self):
            return True  # it was, a moment ago

    assert Held(Vanishing(lease.path), None, 300.0).sign == 0.0


def test_numbers_of_released_leases_grow(tmp_path):
    for number in range(1, 13):
        lease = take(tmp_path, "it")
        assert lease.number == number
        lease.release()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"it.lease-{n}" for n in range(1, 13))


def test_a_removed_lease_leaves_nothing(tmp_path):
    take(tmp_path, "it").remove()
    assert list(tmp_path.iterdir()) == []
    with holder(tmp_path) as process:
        process.kill()
        process.wait()
        second = take(tmp_path, "it")
    assert second.number == 2
    second.remove()
    assert list(tmp_path.iterdir()) == []


def test_names_that_begin_alike_are_not_confused(tmp_path):
    long, short = take(tmp_path, "it.lease-7"), take(tmp_path, "it")
    assert (long.number, short.number) == (1, 1)
    assert long.held()
    assert short.held()


def test_a_living_holder_keeps_it_however_long_it_is_silent(tmp_path):
    with holder(tmp_path):
        age(tmp_path / "it.lease-1", 1e6)
        with pytest.raises(Held):
            take(tmp_path, "it")


def test_a_dead_holder_has_lost_it_at_once(tmp_path):
    with holder(tmp_path) as process:
        process.kill()
        process.wait()
        lease = take(tmp_path, "it")
    assert lease.number == 2
    assert lease.held()


def test_a_holder_that_ended_and_was_not_waited_for_is_dead(tmp_path):
    with holder(tmp_path) as process:
        os.kill(process.pid, signal.SIGKILL)
        while owners._state(process.pid)[0] != "Z":
            time.sleep(0.01)
        assert take(tmp_path, "it").number == 2


def test_another_process_of_the_same_number_is_not_the_holder(tmp_path):
    lease = take(tmp_path, "it")
    rewritten(lease, start=Owner.myself().start - 1)
    assert take(tmp_path, "it").number == 2
    assert not lease.held()


def test_what_held_it_before_a_reboot_is_dead(tmp_path):
    rewritten(take(tmp_path, "it"), boot="0f7b5c9e-0000-4000-8000-000000000000")
    assert take(tmp_path, "it").number == 2


@pytest.mark.parametrize(
    "elsewhere",
    [{"host": "node17"}, {"machine": "0" * 16}, {"namespace": "pid:[1]"}, {"host": "node17", "boot": "another"}],
)
def test_of_a_holder_elsewhere_only_signs_count(tmp_path, elsewhere):
    lease = take(tmp_path, "it")
    rewritten(lease, **elsewhere, pid=2**22 + 1)  # no such process here, which says nothing
    for seconds in (0, 290, -290):
        age(lease.path, seconds)
        with pytest.raises(Held):
            take(tmp_path, "it")
    age(lease.path, 301)
    assert take(tmp_path, "it").number == 2


def test_a_sign_from_the_future_is_no_sign(tmp_path):
    lease = take(tmp_path, "it")
    rewritten(lease, host="node17")
    age(lease.path, -86400)  # its clock was a day ahead when it gave its last sign
    assert take(tmp_path, "it").number == 2


def test_the_time_is_the_file_systems_and_no_clocks(tmp_path, monkeypatch):
    lease = take(tmp_path, "it")
    rewritten(lease, host="node17")
    for jump in (-86400.0, 86400.0):
        monkeypatch.setattr(time, "time", lambda jump=jump: 1.8e9 + jump)
        with pytest.raises(Held):
            take(tmp_path, "it")


def test_a_halted_holder_keeps_it_until_it_was_silent_for_too_long(tmp_path):
    with holder(tmp_path) as process:
        halted(process)
        with pytest.raises(Held):
            take(tmp_path, "it", expiry=0.4)
        time.sleep(0.5)
        second = take(tmp_path, "it", expiry=0.4)
        process.send_signal(signal.SIGCONT)
        assert second.held()
    assert second.number == 2


SLEEPER = """
import sys
from pathlib import Path
from eltanin.store.leases import take
lease = take(Path(sys.argv[1]), "it")
print("taken", flush=True)
sys.stdin.readline()
lease.beat()
print(lease.held(), flush=True)
lease.release()
lease.remove()
"""


def test_who_slept_and_was_superseded_sees_it_and_does_no_harm(tmp_path):
    command = [sys.executable, "-c", SLEEPER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "taken\n"
        halted(process)
        age(tmp_path / "it.lease-1", 400)
        second = take(tmp_path, "it")
        process.send_signal(signal.SIGCONT)
        assert process.communicate("\n", timeout=60)[0] == "False\n"
    assert second.held()
    with pytest.raises(Held):
        take(tmp_path, "it")


def test_one_whose_number_was_given_again_sees_it(tmp_path):
    first = take(tmp_path, "it")
    first.path.unlink()
    second = take(tmp_path, "it")
    assert (second.number, second.held(), first.held()) == (1, True, False)
    first.release()
    first.remove()
    first.beat()
    assert second.held()


def test_beating_is_a_sign_of_life(tmp_path):
    lease = take(tmp_path, "it")
    age(lease.path, 1000)
    with beating(lease, every=0.02):
        until = time.monotonic() + 30
        while time.time() - lease.path.stat().st_mtime > 100 and time.monotonic() < until:
            time.sleep(0.01)
        assert time.time() - lease.path.stat().st_mtime < 100
        assert threading.active_count() > 1
    age(lease.path, 1000)
    time.sleep(0.1)
    assert time.time() - lease.path.stat().st_mtime > 900  # nobody beats any more


def test_who_has_lost_it_does_not_beat_for_the_next_one(tmp_path):
    lease = take(tmp_path, "it")
    lease.release()
    second = take(tmp_path, "it")
    age(second.path, 1000)
    lease.beat()
    assert time.time() - second.path.stat().st_mtime > 900


@pytest.mark.parametrize("content", [b"garbage", b"[]", b"{}", b"null", b"[1, 2]", b"\xff\xfe", b'["a"]', b"[" * 5000])
def test_one_that_cannot_be_read_is_somebodys_until_it_expires(tmp_path, content):
    (tmp_path / "it.lease-3").write_bytes(content)
    with pytest.raises(Held, match="somebody whose name cannot be read"):
        take(tmp_path, "it")
    age(tmp_path / "it.lease-3", 301)
    assert take(tmp_path, "it").number == 4


def test_a_link_in_the_place_of_a_lease_is_not_followed(tmp_path):
    (tmp_path / "other").write_bytes(b"")
    (tmp_path / "it.lease-1").symlink_to(tmp_path / "other")
    with pytest.raises(Held):
        take(tmp_path, "it")


def test_other_names_in_the_folder_are_no_leases(tmp_path):
    for name in ("it.lease-", "it.lease-x", "it.lease--3", "it.lease-٣", ".it.lease-5.a.partial", "it"):
        (tmp_path / name).write_bytes(b"x")
    assert take(tmp_path, "it").number == 1


def test_a_lease_is_not_written_through_to_the_disk(tmp_path, monkeypatch):
    def never(descriptor):
        raise AssertionError("a lease is worth nothing after a power cut")

    monkeypatch.setattr(os, "fsync", never)
    lease = take(tmp_path, "it")
    lease.beat()
    lease.release()


def test_without_links_there_is_one_holder_too(tmp_path, monkeypatch):
    def refuse(*args):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    lease = take(tmp_path, "it")
    assert lease.held()
    with pytest.raises(Held):
        take(tmp_path, "it")
    lease.release()
    assert raced(tmp_path, 6, rounds=10) == [1] * 10


def test_where_nothing_can_be_seen_of_processes_signs_count(tmp_path, monkeypatch):
    monkeypatch.setattr(owners, "PROC", tmp_path / "no-proc")
    owners._place.cache_clear()
    try:
        lease = take(tmp_path, "it")
        assert lease.held()
        with pytest.raises(Held):
            take(tmp_path, "it")
        age(lease.path, 301)
        assert take(tmp_path, "it").number == 2
    finally:
        owners._place.cache_clear()


def test_the_names_of_this_process_are_read_as_they_are():
    me = Owner.myself()
    assert me.condition() is Condition.RUNNING
    assert Owner.of(json.loads(json.dumps(me))) == me
    assert me._replace(pid=2**22 + 1).condition() is Condition.DEAD
    assert me._replace(pid=2**80).condition() is Condition.DEAD
    assert abs(me.since - time.time()) < 60


def _take_once(folder, name, gate, won):
    gate.wait()
    try:
        take(folder, name)
        won.put(os.getpid())
    except Held:
        won.put(0)
    gate.wait()  # nobody dies, and so hands it back, before all have tried


def raced(folder, number, rounds):
    """Return how many of so many processes became the holder, in each of some rounds."""
    winners = []
    for one in range(rounds):
        gate, won = FORK.Barrier(number), FORK.Queue()
        crew = [FORK.Process(target=_take_once, args=(folder, f"race{one}", gate, won)) for _ in range(number)]
        for process in crew:
            process.start()
        told = [won.get(timeout=60) for _ in crew]
        for process in crew:
            process.join()
        winners.append(sum(pid > 0 for pid in told))
    return winners


@pytest.mark.parametrize("before", ["none", "dead", "released"])
def test_of_many_that_try_at_once_exactly_one_wins(tmp_path, before):
    for one in range(15):
        if before != "none":
            lease = take(tmp_path, f"race{one}")
            lease.release() if before == "released" else rewritten(lease, boot="another")
    assert raced(tmp_path, 8, rounds=15) == [1] * 15


def _count_under_lease(folder, turns):
    for _ in range(turns):
        lease = wait_for(folder, "it")
        number = int((folder / "number").read_text())
        time.sleep(0.001)
        (folder / "number").write_text(str(number + 1))
        assert lease.held()
        lease.release()


def test_what_is_done_under_a_lease_is_done_by_one_at_a_time(tmp_path):
    (tmp_path / "number").write_text("0")
    crew = [FORK.Process(target=_count_under_lease, args=(tmp_path, 15)) for _ in range(5)]
    for process in crew:
        process.start()
    for process in crew:
        process.join()
    assert [process.exitcode for process in crew] == [0] * 5
    assert (tmp_path / "number").read_text() == "75"
    assert take(tmp_path, "it").number == 76


def test_what_the_dead_left_can_be_swept_away(tmp_path):
    mine = take(tmp_path, "mine")
    rewritten(take(tmp_path, "dead"), boot="another")
    rewritten(take(tmp_path, "far"), host="node17")
    rewritten(take(tmp_path, "lost"), host="node17")
    age(tmp_path / "lost.lease-1", 301)
    leases.sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"mine.lease-1", "far.lease-1"}
    assert mine.held()
    leases.sweep(tmp_path / "not there")


def test_waiting_ends_with_who_holds_it(tmp_path):
    take(tmp_path, "it")
    with pytest.raises(Held):
        wait_for(tmp_path, "it", patience=0.2)
