"""No confirmed rating is ever lost, whatever happens to the program, the disk or the rater's windows."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from studies import a_rating, small_study

import signtok
from signtok.app import sitting as sitting_module
from signtok.app.ratings import Rating, check_rater, read_sheet, read_sheets, save_rating
from signtok.app.sitting import TOO_SOON, rate, sit_down
from signtok.app.study import Study, open_study
from signtok.app.trials import trials


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return small_study(tmp_path_factory.mktemp("study"))


@pytest.fixture
def study(made):
    """Without ratings."""
    for path in made.ratings.iterdir():
        path.unlink()
    return made


@pytest.fixture
def clock(monkeypatch):
    """Every look at it is two seconds later."""
    seconds = count(100.0, 2.0)
    monkeypatch.setattr(sitting_module.time, "monotonic", lambda: next(seconds))


def file_of(study: Study, rater: str = "anna"):
    return study.ratings / f"{rater}.jsonl"


def test_round_trip(study):
    first = a_rating(
        study, 0, 4, comment='"quoted", \n new line, \u2028 and ✋', experience="native", handedness="left"
    )
    second = a_rating(study, 0, 5, repeat=True)
    for rating in (first, second):
        save_rating(study, "anna", rating)
    sheet = read_sheet(study, "anna")
    assert (sheet.rater, sheet.ratings, sheet.cut) == ("anna", (first, second), 0)
    assert file_of(study).read_bytes().count(b"\n") == 2, "one line each"
    assert json.loads(file_of(study).read_text(encoding="utf-8").split("\n")[0])["time"].endswith("+00:00")
    assert read_sheets(study) == [sheet]
    assert read_sheet(study, "nobody").ratings == ()


def test_what_was_rated_again_counts_as_it_was_rated_last(study):
    for value in (1, 2, 5):
        save_rating(study, "anna", a_rating(study, 0, value))
    assert [rating.rating for rating in read_sheet(study, "anna").ratings] == [5]
    assert file_of(study).read_bytes().count(b"\n") == 3, "what was said stays"


def test_a_cut_last_line(study):
    one, two = a_rating(study, 0, 4, comment="✋✋"), a_rating(study, 1, 2)
    save_rating(study, "anna", one)
    whole = file_of(study).read_bytes()
    within_a_character = whole.index("✋".encode()) + 1
    for length in (0, 1, 20, within_a_character, within_a_character + 2, len(whole) - 2):
        file_of(study).write_bytes(whole + whole[:length])
        sheet = read_sheet(study, "anna")
        assert (sheet.ratings, sheet.cut) == ((one,), int(length > 0))
        save_rating(study, "anna", two)
        sheet = read_sheet(study, "anna")
        assert (sheet.ratings, sheet.cut) == ((one, two), int(length > 0)), "a new line is not glued to the rest"
        assert file_of(study).read_bytes().startswith(whole + whole[:length]), "nothing is taken away"
    file_of(study).write_bytes(whole[:-1])
    assert read_sheet(study, "anna").ratings == (one,), "only its line end is missing"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"stimulus": "0123456789abcdef.png", "repeat": false, "rating": 3, "seconds": 1}', "is not in this study"),
        ('{"stimulus": "../study.json", "repeat": false, "rating": 3, "seconds": 1}', "stimulus: String should match"),
        ('{"rating": 3}', "stimulus: Field required"),
        ('["rating"]', "the line: Input should be an object"),
    ],
)
def test_lines_of_something_else_are_named(study, line, reason):
    save_rating(study, "anna", a_rating(study))
    with open(file_of(study), "a") as file:
        file.write(line + "\n")
    with pytest.raises(ValueError, match=rf"anna\.jsonl, line 2.*{reason}"):
        read_sheet(study, "anna")


@pytest.mark.parametrize(
    "fields", [{"rating": 0}, {"rating": 6}, {"seconds": float("nan")}, {"seconds": -1.0}, {"comment": "x" * 1001}]
)
def test_no_rating_at_all(study, fields):
    with pytest.raises(ValueError, match=next(iter(fields))):
        a_rating(study, **fields)


@pytest.mark.parametrize("code", ["", "..", "../anna", "a/b", "a\\b", "a b", "anna\n", "é", "a.b", "a" * 41, "\0"])
def test_codes_that_lead_elsewhere(study, code):
    for use in (
        check_rater,
        lambda code: read_sheet(study, code),
        lambda code: save_rating(study, code, a_rating(study)),
        lambda code: sit_down(study, code, "none", "unsaid"),
    ):
        with pytest.raises(ValueError, match="use 1 to 40 letters, digits"):
            use(code)
    assert list(study.ratings.iterdir()) == []


def test_a_code_is_one_whatever_its_case(study):
    """Files are not told apart by case everywhere."""
    save_rating(study, "Anna", a_rating(study, 0))
    save_rating(study, "ANNA", a_rating(study, 1))
    assert len(read_sheet(study, "anna").ratings) == 2
    assert check_rater("R-2_x") == "r-2_x"


@pytest.mark.parametrize("name", ["Anna", "a b", "é"])
def test_files_of_nobody_are_named(study, name):
    file_of(study, name).touch()
    with pytest.raises(ValueError, match="not the file of a rater of this study"):
        read_sheets(study)


def test_many_windows_at_once(study):
    stimuli = range(len(study.plan.rated()))
    jobs = [(index, repeat) for index in stimuli for repeat in (False, True)]
    with ThreadPoolExecutor(8) as windows:
        list(windows.map(lambda job: save_rating(study, "anna", a_rating(study, job[0], repeat=job[1])), jobs))
    sheet = read_sheet(study, "anna")
    assert {(rating.stimulus, rating.repeat) for rating in sheet.ratings} == {
        (sorted(study.plan.rated())[index], repeat) for index, repeat in jobs
    }
    assert sheet.cut == 0


def full_disk(*_):
    raise OSError(28, "No space left on device")


def test_a_rating_that_is_not_on_the_disk_is_not_confirmed(study, clock, monkeypatch):
    before = sit_down(study, "anna", "fluent", "unsaid")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk)
        with pytest.raises(OSError, match="No space left"):
            rate(study, before, 1)
    after = rate(study, before, 4)
    assert after.saved == 1
    assert [rating.rating for rating in read_sheet(study, "anna").ratings] == [4], "what was said in the end"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_disk_that_is_full(study):
    file_of(study, "full").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        save_rating(study, "full", a_rating(study))


def test_a_write_that_breaks_off(study, monkeypatch):
    """A disk may take the beginning of a line."""
    real = open

    class Short:
        def __init__(self, path, mode, buffering):
            self.file = real(path, mode, buffering=buffering)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, line):
            return self.file.write(line[:20])

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", Short)
        with pytest.raises(OSError, match="No space left"):
            save_rating(study, "anna", a_rating(study, 0, 1))
    assert read_sheet(study, "anna").ratings == ()
    save_rating(study, "anna", a_rating(study, 0, 2))
    assert [rating.rating for rating in read_sheet(study, "anna").ratings] == [2]


RATE_FOR_EVER = """
import sys
from signtok.app.ratings import Rating, save_rating
from signtok.app.study import open_study
study = open_study(sys.argv[1])
for number in range(10**9):
    stimulus = sorted(study.plan.rated())[number % 20]
    save_rating(study, "anna", Rating(stimulus=stimulus, repeat=False, rating=3, seconds=1, comment=str(number)))
    print(number, flush=True)
"""


def test_kill_9_loses_nothing_that_was_confirmed(study):
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(signtok.__file__))}
    command = [sys.executable, "-c", RATE_FOR_EVER, str(study.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        confirmed = [int(process.stdout.readline()) for _ in range(10)]
        process.send_signal(signal.SIGKILL)
        confirmed += map(int, process.stdout.read().split())
    save_rating(study, "anna", a_rating(study, comment="after"))
    *lines, last = (Rating.model_validate_json(line).comment for line in file_of(study).read_bytes().splitlines())
    assert lines[: len(confirmed)] == [str(number) for number in confirmed]
    assert len(lines) - len(confirmed) in (0, 1), "saved, and killed before it could say so"
    assert last == "after"


def test_a_whole_sitting(study, clock):
    order = trials(study.plan, "anna")
    now = sit_down(study, " Anna".strip(), "native", "left")
    for place, trial in enumerate(order):
        assert (now.trial, now.saved, now.total) == (trial, place, len(order))
        if place % 5 == 4:
            now = sit_down(study, "anna", "native", "left")  # reloads the page
        now = rate(study, now, 1 + place % 5, comment=f" {place} ")
    assert now.trial is None
    assert rate(study, now, 3) == now, "there is nothing left to rate"
    saved = read_sheet(study, "anna").ratings
    assert [(r.stimulus, r.repeat, r.rating) for r in saved] == [
        (trial.stimulus, trial.repeat, 1 + place % 5) for place, trial in enumerate(order)
    ]
    assert {(r.experience, r.handedness, r.seconds) for r in saved} == {("native", "left", 2.0)}
    assert [r.comment for r in saved] == [str(place) for place in range(len(order))]
    assert sit_down(study, "ben", "none", "unsaid").saved == 0


def test_two_windows_of_one_rater(study, clock):
    left = right = sit_down(study, "anna", "none", "unsaid")
    first, second, third, fourth = trials(study.plan, "anna")[:4]
    left = rate(study, left, 1)
    left = rate(study, left, 2)
    right = rate(study, right, 5)  # still showed the first
    assert (left.trial, right.trial) == (third, third), "it does not go back to what the other window has done"
    right = rate(study, right, 4)
    left = rate(study, left, 3)
    assert left.trial == fourth
    assert {r.stimulus: r.rating for r in read_sheet(study, "anna").ratings} == {
        first.stimulus: 5,
        second.stimulus: 2,
        third.stimulus: 3,
    }
    assert file_of(study).read_bytes().count(b"\n") == 5, "everything that was confirmed is there"


def test_a_double_click_does_not_rate_what_comes_next(study, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(sitting_module.time, "monotonic", lambda: now[0])
    shown = sit_down(study, "anna", "none", "unsaid")
    now[0] += 5
    shown = rate(study, shown, 4)
    now[0] += TOO_SOON / 2
    assert rate(study, shown, 4) == shown
    assert len(read_sheet(study, "anna").ratings) == 1
    now[0] += TOO_SOON
    assert rate(study, shown, 4).saved == 2


def test_a_study_copied_without_its_empty_folder(study, clock):
    study.ratings.rmdir()
    assert rate(open_study(study.folder), sit_down(study, "anna", "none", "unsaid"), 3).saved == 1
