"""What a user sees while a campaign runs."""

from __future__ import annotations

import io
import math
import os
from pathlib import Path

import pytest
from rich.console import Console

from eltanin.hooks import relay
from eltanin.report.live import Display, round_table
from eltanin.report.log import FIRST, RoundLog
from eltanin.report.progress import closing, time_left, watcher

SUMMARY = {
    "status": "budget",
    "stop_reason": "all 9 rounds are done",
    "rounds": 9,
    "explored": 3000,
    "labelled": 60,
    "labelled_fraction": 0.02,
    "label_failures": 3,
    "label_cache_hits": 12,
    "seconds": {"label": 90.0, "train": 30.0},
    "validation": {"force_rmse_mev_per_angstrom": 41.26, "force_rmse_mev_per_angstrom_liquid": 80.0},
}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def record(number, **changed):
    return {
        "round": number,
        "explored": 1200,
        "accurate": 300,
        "candidate": 800,
        "rejected": 100,
        "initial": 0,
        "labelled": 20,
        "audited": 2,
        "cached": 4,
        "failed": {"unconverged": 1, "crash": 2},
        "labels_total": 20 * (number + 1),
        "deviation": {"q50": 0.1234},
        "validation": {"force_rmse_mev_per_angstrom": 41.26, "force_rmse_mev_per_angstrom_liquid": 80.0},
        "seconds": {"explore": 2.0, "train": 8.0},
    } | changed


def play(observer, rounds):
    hook = relay([observer])
    hook.campaign_started(folder=Path("runs/a"), rounds=len(rounds) + 2, labels=500)
    for one in rounds:
        hook.stage_started(round=one["round"], stage="label", tasks=3)
        hook.task_finished(round=one["round"], stage="label")
        hook.round_finished(record=one)
    hook.campaign_finished(summary=SUMMARY)


def test_the_stream_decides_who_watches():
    assert isinstance(watcher(io.StringIO()), RoundLog)
    assert isinstance(watcher(Terminal()), Display)


def test_the_log_has_one_plain_line_for_each_round():
    stream = io.StringIO()
    play(watcher(stream), [record(0), record(1)])
    lines = stream.getvalue().splitlines()
    assert lines[0] == "runs/a: at most 4 rounds and 500 labels"
    assert lines[2] == (
        "round 1: 1200 explored: 300 accurate, 800 candidate, 100 rejected (25 % accurate); 20 labelled, "
        "2 audits, 4 from the store, 3 failed, 40 in all; median deviation 0.123; force RMSE 41.3 meV/Å; 10.0 s"
    )
    assert [line.split(":")[0] for line in lines[3:]] == [
        "status", "reason", "rounds", "labels", "force RMSE", "report",
    ]  # fmt: skip
    assert "\x1b" not in stream.getvalue()


def test_numbers_with_an_error_bar_are_told_to_its_digits():
    stream = io.StringIO()
    training = {"energy": -2.90369512, "energy_error": 0.000241, "variance": 1e-4}
    play(RoundLog(stream), [record(0, training=training)])
    assert "; energy -2.90370 ± 0.00024; force RMSE" in stream.getvalue()
    found = dict(closing(SUMMARY | {"validation": {"energy": -5.75864, "energy_error": 0.0419, "r_hat": 1.0}}, None))
    assert found["energy"] == "-5.759 ± 0.042"
    assert found["r hat"] == "1"
    table = Console(file=io.StringIO(), width=200, record=True)
    table.print(round_table([record(0, training=training)], 200))
    assert "-2.90370 ± 0.00024" in table.export_text()


def test_a_stream_without_the_letters_gets_a_question_mark():
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding="ascii")
    play(RoundLog(stream), [record(0)])
    assert b"force RMSE 41.3 meV/?" in buffer.getvalue()


def test_a_round_that_knows_little_is_told_too():
    stream = io.StringIO()
    play(watcher(stream), [record(0, accurate=0, candidate=0, rejected=0, explored=0, deviation={}, validation={})])
    assert "round 0: 0 explored: none judged; 20 labelled" in stream.getvalue()


def test_the_log_of_many_quick_rounds_stays_short():
    stream = io.StringIO()
    play(RoundLog(stream), [record(i) for i in range(5 * FIRST)])
    assert FIRST <= stream.getvalue().count("\nround ") < 2 * FIRST


def test_a_reader_that_goes_away_does_not_end_the_campaign():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        log = RoundLog(stream)
        play(log, [record(0)])
        log.write("and on it goes")


def test_the_display_shows_the_last_rounds_and_gives_the_terminal_back():
    stream = Terminal()
    console = Console(file=stream, force_terminal=True, width=140, height=40, color_system=None)
    play(Display(console), [record(i) for i in range(12)])
    told = stream.getvalue()
    frame = told[told.rindex("╭") :]
    assert told.rindex("\x1b[?25h") > told.rindex("\x1b[?25l"), "the cursor is still hidden"
    for wanted in ("status", "budget", "all 9 rounds are done", "41.3 meV/Å", "runs/a/report.html", "(2 %)"):
        assert wanted in frame


def test_a_frame_tells_of_rounds_labels_and_the_stage_under_way():
    console = Console(file=io.StringIO(), width=140, record=True)
    display = Display(Console(file=io.StringIO()))
    display.rounds, display.labels = 20, 500
    for i in range(12):
        display.round_finished(record(i))
    display.stage_started(round=12, stage="label", tasks=30)
    for _ in range(7):
        display.task_finished()
    console.print(display)
    told = console.export_text()
    assert "12/20" in told
    assert "240/500" in told
    assert "7/30" in told
    assert "at most 1 min 20 s left" in told
    rows = [line.split()[0] for line in told.splitlines() if "300" in line]
    assert rows == [str(i) for i in range(4, 12)]


@pytest.mark.parametrize("width", [30, 60, 80, 100, 200])
def test_the_table_fits_any_terminal_and_cuts_no_word(width):
    console = Console(file=io.StringIO(), width=width, record=True)
    console.print(round_table([record(i) for i in range(3)], width))
    told = console.export_text()
    assert "…" not in told
    assert "round" in told
    assert ("rejected" in told) == (width > 80)
    assert all(len(line) <= width for line in told.splitlines())


def test_time_left_is_what_rounds_or_labels_allow():
    assert math.isnan(time_left(5, None, []))
    assert time_left(5, None, [(2.0, 10), (4.0, 10)]) == pytest.approx(15.0)
    assert time_left(5, 20, [(2.0, 10), (4.0, 10)]) == pytest.approx(6.0)
    assert time_left(5, 20, [(2.0, 0)]) == pytest.approx(10.0)


def test_the_end_says_what_was_paid_and_where_the_report_is():
    told = dict(closing(SUMMARY, Path("runs/a")))
    assert told["labels"] == "60 of 3\u202f000 explored (2 %), 12 from the store, 3 failed"
    assert told["rounds"] == "9 in 2 min 00 s"
    assert told["force RMSE"] == "41.3 meV/Å"
    assert told["report"] == str(Path("runs/a") / "report.html")


def test_an_empty_summary_is_no_reason_to_fail():
    told = dict(closing({"status": "failed"}, None))
    assert told["status"] == "failed"
    assert "report" not in told
