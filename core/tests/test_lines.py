"""Lines with a checksum: a torn or damaged one is dropped and counted, the others are what was written."""

import json
import multiprocessing

import pytest

from eltanin.store import lines
from eltanin.store.durable import IntegrityError

RECORDS = [{"round": n, "said": f'"check": "{n}"}}\n', "seconds": {"train": n / 3}} for n in range(4)]


@pytest.fixture
def path(tmp_path):
    for record in RECORDS:
        lines.append(tmp_path / "rounds.jsonl", record)
    return tmp_path / "rounds.jsonl"


def test_lines_come_back_and_any_reader_of_json_takes_them(path):
    assert lines.read(path) == (RECORDS, 0)
    told = [json.loads(line) for line in path.read_text().splitlines()]
    assert [list(one)[-1] for one in told] == ["check"] * 4
    assert [{k: v for k, v in one.items() if k != "check"} for one in told] == RECORDS


def test_a_file_that_is_not_there_has_no_lines(tmp_path):
    assert lines.read(tmp_path / "none.jsonl") == ([], 0)


def test_truncated_anywhere_only_the_torn_line_is_lost_and_the_next_ones_are_not(path):
    content = path.read_bytes()
    ends = [place for place, byte in enumerate(content) if byte == ord("\n")]
    for size in range(len(content)):
        path.write_bytes(content[:size])
        whole = sum(end <= size for end in ends)  # what lacks the end of its line alone is whole
        torn = size > (ends[whole - 1] + 1 if whole else 0)
        assert lines.read(path) == (RECORDS[:whole], torn)
        lines.append(path, {"round": 99, "a": 1})
        assert lines.read(path) == ([*RECORDS[:whole], {"round": 99, "a": 1}], torn)


def test_any_flipped_bit_costs_one_record_at_most_and_never_changes_one(path):
    content = path.read_bytes()
    for place in range(len(content)):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[place] ^= 1 << bit
            path.write_bytes(damaged)
            records, dropped = lines.read(path)
            assert all(record in RECORDS for record in records)
            assert len(records) >= 3
            assert bool(dropped) == (len(records) == 3)


def test_lines_are_replaced_as_a_whole(path):
    lines.replace(path, RECORDS[:2])
    assert lines.read(path) == (RECORDS[:2], 0)


def test_what_json_has_no_word_for_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        lines.append(tmp_path / "a.jsonl", {"x": float("nan")})


def test_a_link_in_the_place_of_the_file_is_not_followed(path, tmp_path):
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)
    with pytest.raises(OSError, match="symbolic links"):
        lines.append(link, {"a": 1})
    with pytest.raises(IntegrityError, match="cannot be read"):
        lines.read(link)
    assert lines.read(path) == (RECORDS, 0)


def add(path, number):
    for n in range(50):
        lines.append(path, {"writer": number, "n": n, "filling": "x" * 200}, fsync=False)


def test_many_writers_lose_nothing_of_each_other(tmp_path):
    path, context = tmp_path / "history.jsonl", multiprocessing.get_context("forkserver")
    writers = [context.Process(target=add, args=(path, number)) for number in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    records, damaged = lines.read(path)
    assert damaged == 0
    for number in range(3):
        assert [one["n"] for one in records if one["writer"] == number] == list(range(50))
