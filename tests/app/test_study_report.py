"""From simulated raters to the report: whose ratings count, what is in the files, and that nothing is made up."""

import csv
import json

import pytest
from studies import SYSTEMS, judge, picture_folders, small_study

from signtok.app.ratings import Rating, read_sheet, read_sheets, save_rating
from signtok.app.study import PASSES, read_key
from signtok.app.study_report import conduct, make_report, markdown, study_report
from signtok.app.trials import trials
from signtok.cli import main

WORTH = {"blurry-ff": 1, "sharp-conv": 4, "noisy-ddpm": 3}


@pytest.fixture
def study(tmp_path):
    return small_study(tmp_path)


def rate_all(study, rater, rating_of, seconds=3.0, until=None, **fields):
    for trial in trials(study.plan, rater)[:until]:
        rating = Rating(
            stimulus=trial.stimulus, repeat=trial.repeat, rating=rating_of(trial), seconds=seconds, **fields
        )
        save_rating(study, rater, rating)


def collect(study):
    """Two raters who agree but for one point, and four whose ratings must not count."""
    fair = judge(study, WORTH)
    key = read_key(study)
    rate_all(study, "anna", fair, experience="native")
    rate_all(study, "ben", judge(study, {**WORTH, "sharp-conv": 5}))
    rate_all(study, "asleep", lambda trial: 5 if key.stimuli[trial.stimulus].check else fair(trial))
    rate_all(study, "bored", lambda trial: fair(trial) if key.stimuli[trial.stimulus].check else 3)
    rate_all(study, "hasty", fair, seconds=0.4)
    rate_all(study, "fickle", lambda trial: 5 if trial.repeat else fair(trial))


def test_report_of_raters_who_are_known(study):
    collect(study)
    report = make_report(study, read_key(study), read_sheets(study))
    assert {one.system: (one.mos.value, one.raters) for one in report.systems} == {
        "blurry-ff": (1.0, 2),
        "noisy-ddpm": (3.0, 2),
        "sharp-conv": (4.5, 2),
    }
    assert {rater.rater: [reason[:5] for reason in rater.excluded] for rater in report.raters} == {
        "anna": [],
        "asleep": ["faile"],
        "ben": [],
        "bored": ["rated"],
        "fickle": ["rated"],
        "hasty": ["took "],
    }
    pairs = {(one.first, one.second): one for one in report.comparisons}
    assert pairs["blurry-ff", "noisy-ddpm"].difference == -2
    assert pairs["blurry-ff", "noisy-ddpm"].p == 2 / 2**6
    assert pairs["blurry-ff", "noisy-ddpm"].p_holm == 3 * 2 / 2**6
    assert report.alpha_ordinal > 0.9
    assert 0.8 < report.alpha_interval < report.alpha_ordinal


def test_repeats_and_checks_do_not_count_twice(study):
    rate_all(study, "anna", judge(study, WORTH))
    key, sheet = read_key(study), read_sheet(study, "anna")
    assert len(sheet.ratings) == 18 + 3 + 4
    found = conduct(sheet, key)
    assert (len(found.ratings), len(found.checks), len(found.repeats)) == (18, 4, 3)
    assert all(found.checks)
    assert [one.mos.n for one in make_report(study, key, [sheet]).systems] == [6, 6, 6]


@pytest.mark.parametrize("value", [1, 2, 3, 4, 5])
def test_which_ratings_pass_a_check(study, value):
    rate_all(study, "anna", lambda trial: value)
    key, sheet = read_key(study), read_sheet(study, "anna")
    kinds = [key.stimuli[rating.stimulus].check for rating in sheet.ratings if key.stimuli[rating.stimulus].check]
    assert conduct(sheet, key).checks == [value in PASSES[kind] for kind in kinds]
    assert PASSES == {"same": (4, 5), "other": (1, 2)}


def test_files_of_the_report(study):
    collect(study)
    rate_all(study, "ben", judge(study, {**WORTH, "sharp-conv": 5}), until=1, comment='=HYPERLINK("http://x")')
    text = study_report(study.folder)
    with open(study.private / "ratings.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 * 25
    assert {row["system"] for row in rows if not row["check"]} == set(SYSTEMS)
    assert {row["rater"] for row in rows if row["excluded"]} == {"asleep", "bored", "fickle", "hasty"}
    assert [row["comment"] for row in rows if row["comment"]] == ['\'=HYPERLINK("http://x")'], "text, no formula"
    content = json.loads((study.private / "report.json").read_text())
    assert (content["format"], content["version"]) == ("signtok-study-report", "1")
    assert content["systems"][0]["mos"]["value"] == 1.0
    assert {path.name for path in study.private.iterdir()} == {"key.json", "ratings.csv", "report.json"}
    assert "excluded: hasty took 0.4 s" in text
    assert "raters: 2 (signing: 1 native, 1 unsaid)" in text
    assert "comments: 1" in text
    assert "| blurry-ff | 1.00 | 1.00 to 1.00 | 12 | 2 |" in text
    assert "| blurry-ff - noisy-ddpm | -2.00 | 6 |" in text
    assert study_report(study.folder) == text, "the same again, with the same intervals"


def test_nothing_is_made_up(study):
    for _ in range(2):
        text = study_report(study.folder)
        assert "MOS: not collected" in text
        assert "|" not in text
        content = json.loads((study.private / "report.json").read_text())
        assert [one["mos"] for one in content["systems"]] == [None] * 3
        assert content["alpha_ordinal"] is None
        rate_all(study, "hasty", judge(study, WORTH), seconds=0.1)  # the second time all raters are excluded


def test_a_system_that_nobody_rated_yet(study):
    rate_all(study, "anna", judge(study, WORTH), until=1)
    lines = markdown(make_report(study, read_key(study), read_sheets(study))).splitlines()
    assert sum("| not collected |" in line for line in lines) == 2
    assert sum(" to " in line for line in lines) == 1


def test_lines_that_break_off_are_told(study):
    rate_all(study, "anna", judge(study, WORTH))
    with open(study.ratings / "anna.jsonl", "ab") as file:
        file.write(b'{"stimulus":"01')
    assert "notice: 1 lines of anna break off and are left out" in study_report(study.folder)


def test_from_the_command_line(tmp_path, capsys):
    originals, systems = picture_folders(tmp_path / "pictures")
    named = [f"{name}={path}" for name, path in systems.items()]
    main(["study", "make", str(originals), "--systems", *named, "--out", str(tmp_path / "s"), "--items", "5"])
    assert f"{tmp_path / 's'}: 15 ratings a rater, 2 of them twice, and 4 attention checks" in capsys.readouterr().out
    main(["study", "report", str(tmp_path / "s")])
    assert "MOS: not collected" in capsys.readouterr().out
    for wrong, reason in (
        (["make", str(originals), "--systems", "x", "--out", str(tmp_path / "t")], "write NAME=FOLDER"),
        (["report", str(tmp_path / "nowhere")], "no such file"),
        (["serve", str(tmp_path / "nowhere")], "no such file"),
    ):
        with pytest.raises(SystemExit) as end:
            main(["study", *wrong])
        error = capsys.readouterr().err
        assert end.value.code == 2
        assert reason in error
        assert error.count("\n") == 1
