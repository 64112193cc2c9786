"""A study gives nothing away, shows everybody everything in fair order, and says what is wrong with its files."""

import json
import re
import shutil
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from studies import NAMES, SYSTEMS, picture_folders, small_study

from signtok.app.make import make_study, named_folders
from signtok.app.study import Check, Item, Plan, open_study, read_key
from signtok.app.trials import Trial, trials


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return small_study(tmp_path_factory.mktemp("study"))


def test_the_key_knows_what_is_shown(study):
    key = read_key(study)
    found = Counter(origin.system for origin in key.stimuli.values())
    assert found == {**dict.fromkeys(SYSTEMS, 6), None: 4}
    for name, origin in key.stimuli.items():
        if origin.system:
            shown = np.array(Image.open(study.stimuli / name))
            source = study.folder.parent / "pictures" / origin.system / f"{origin.item}.png"
            assert (shown == np.array(Image.open(source))).all()
    blinded = [{key.stimuli[item.stimuli[blind]].system for item in study.plan.items} for blind in ("1", "2", "3")]
    assert sorted(map(len, blinded)) == [1, 1, 1], "one number is one system throughout"


def test_the_folder_for_raters_gives_nothing_away(study):
    files = [path for path in study.folder.rglob("*") if path.is_file()]
    assert len(files) == 1 + 6 * (1 + 3) + 2 * 4
    for path in study.stimuli.iterdir():
        assert re.fullmatch(r"[0-9a-f]{16}\.png", path.name)
        assert re.findall(rb"IHDR|IDAT|IEND|tEXt|eXIf|tIME|made by", path.read_bytes()) == [b"IHDR", b"IDAT", b"IEND"]
    plan = (study.folder / "study.json").read_text()
    for secret in (*SYSTEMS, *NAMES, "same", "other"):
        assert secret not in plan
    assert study.private not in study.folder.parents
    assert not study.private.is_relative_to(study.folder)


def test_systems_are_not_numbered_in_the_order_they_were_given(tmp_path):
    orders = set()
    for attempt in range(8):
        made = small_study(tmp_path / str(attempt), items=1, checks=0)
        key = read_key(made)
        orders.add(tuple(key.stimuli[name].system for name in made.plan.items[0].stimuli.values()))
        shutil.rmtree(tmp_path / str(attempt))
    assert len(orders) > 1, "the chance of one order is 1 in 6^7"


def test_attention_checks_pass_who_looks(study):
    key = read_key(study)
    kinds = [key.stimuli[check.stimulus].check for check in study.plan.checks]
    assert kinds == ["same", "other", "same", "other"]
    for check, kind in zip(study.plan.checks, kinds, strict=True):
        original, shown = (np.array(Image.open(study.stimuli / name)) for name in (check.original, check.stimulus))
        assert original.shape == shown.shape
        assert (original == shown).all() == (kind == "same")
        if kind == "other":
            assert shown.std() < 0.6 * original.std(), "what was fine is gone"


def test_the_seed_draws_the_items_and_nothing_else(tmp_path):
    drawn = []
    for seed in (0, 0, 1):
        made = small_study(tmp_path / str(len(drawn)), items=3, seed=seed)
        drawn.append(({origin.item for origin in read_key(made).stimuli.values()}, made.plan.rated()))
    assert drawn[0][0] == drawn[1][0] != drawn[2][0]
    assert not drawn[0][1] & drawn[1][1], "whoever knows the seed must not know the names"


def plan_of(items: int, systems: int, repeats: int, checks: int) -> Plan:
    def name(kind: int, index: int) -> str:
        return f"{kind:08x}{index:08x}.png"

    return Plan(
        format="signtok-study",
        version="1",
        title="t",
        question="q",
        repeats=repeats,
        items=tuple(
            Item(original=name(0, i), stimuli={str(s): name(s, i) for s in range(1, systems + 1)}) for i in range(items)
        ),
        checks=tuple(Check(original=name(100, i), stimulus=name(101, i)) for i in range(checks)),
    )


@pytest.mark.parametrize(("items", "systems"), [(12, 3), (7, 4), (5, 1), (2, 5), (1, 2)])
def test_everybody_sees_everything_in_turns(items, systems):
    plan = plan_of(items, systems, repeats=0, checks=0)
    for rater in ("anna", "ben", "c-3"):
        order = trials(plan, rater)
        assert order == trials(plan, rater)
        assert Counter(trial.stimulus for trial in order) == dict.fromkeys(plan.rated(), 1)
        system = [trial.stimulus[:8] for trial in order]
        for shown in range(len(order)):  # whoever stops here has seen all systems equally often, or once more
            counts = Counter(system[:shown])
            assert max(counts.values(), default=0) - min(counts[s] for s in set(system)) <= 1
        if items >= 3 * systems:
            assert all(before.original != after.original for before, after in pairwise(order))
        assert {t.original for t in order if t.stimulus[:8] == system[0]} == {item.original for item in plan.items}
    assert items * systems == 1 or trials(plan, "anna") != trials(plan, "dora")


def test_orders_of_many_raters_favour_no_system_and_no_item():
    plan = plan_of(6, 3, repeats=0, checks=0)
    places = np.empty((300, 3, 6))  # rater, system, item
    for rater in range(300):
        for place, trial in enumerate(trials(plan, f"r{rater}")):
            places[rater, int(trial.stimulus[:8], 16) - 1, int(trial.stimulus[8:16], 16)] = place
    assert np.abs(places.mean(0) - 8.5).max() < 4 * 5.2 / np.sqrt(300)
    before = (places[:, :, None] < places[:, None]).mean((0, 3))  # is an item seen by one system before another?
    assert np.abs(before[~np.eye(3, dtype=bool)] - 0.5).max() < 4 * 0.5 / np.sqrt(300)


def test_repeats_and_checks():
    plan = plan_of(12, 3, repeats=9, checks=4)
    for rater in (f"r{number}" for number in range(50)):
        order = trials(plan, rater)
        assert len(order) == len(set(order)) == 36 + 9 + 4
        place = {trial: index for index, trial in enumerate(order)}
        again = [trial for trial in order if trial.repeat]
        assert Counter(trial.stimulus[:8] for trial in again) == dict.fromkeys((f"{s:08x}" for s in (1, 2, 3)), 3)
        for trial in again:
            assert place[trial] - place[Trial(trial.stimulus, trial.original)] >= 5
        seen, before = 0, []
        for trial in order:
            if trial.stimulus.startswith(f"{101:08x}"):
                before.append(seen)
            elif not trial.repeat:
                seen += 1
        assert [count // 9 for count in before] == [0, 1, 2, 3], "a check in each quarter"
        assert before[0] >= 2
    assert len({tuple(trials(plan, f"r{number}")) for number in range(50)}) == 50


def test_the_order_is_the_same_for_ever():
    """A rater may go on next year, on another machine, with other versions of everything."""
    order = trials(plan_of(3, 2, repeats=2, checks=1), "anna")
    shown = [f"{int(t.stimulus[:8], 16)}.{int(t.stimulus[8:16], 16)}{'r' * t.repeat}" for t in order]
    assert shown == ["2.2", "1.1", "101.0", "2.0", "1.2", "2.1", "2.2r", "1.0", "1.1r"]


def films(folder, ending, content):
    for place in ("originals", "a", "b"):
        (folder / place).mkdir(parents=True)
        for index in range(4):
            (folder / place / f"hello{index}{ending}").write_bytes(content + place.encode() + bytes([index]))
    return folder / "originals", {"a": folder / "a", "b": folder / "b"}


@pytest.mark.parametrize(("ending", "content"), [(".gif", b"GIF89a"), (".mp4", b"\0\0\0\x18ftypisom")])
def test_films_are_copied_as_they_are(tmp_path, ending, content):
    make_study(*films(tmp_path, ending, content), tmp_path / "study", items=4, checks=4)
    made = open_study(tmp_path / "study")
    key = read_key(made)
    for name, origin in key.stimuli.items():
        shown = (made.stimuli / name).read_bytes()
        if origin.system:
            assert shown == (tmp_path / origin.system / f"{origin.item}{ending}").read_bytes()
    for check in made.plan.checks:
        original, shown = ((made.stimuli / name).read_bytes() for name in (check.original, check.stimulus))
        assert (original == shown) == (key.stimuli[check.stimulus].check == "same")
        assert b"originals" in shown


def test_what_is_no_film_is_named(tmp_path):
    originals, systems = films(tmp_path, ".mp4", b"<html>..")
    with pytest.raises(ValueError, match=r"hello\d\.mp4: not the film that its name says"):
        make_study(originals, systems, tmp_path / "study", items=4)
    assert not list(tmp_path.glob("*study*"))


def test_checks_on_films_need_two(tmp_path):
    originals, systems = films(tmp_path, ".gif", b"GIF89a")
    with pytest.raises(ValueError, match="need at least 2 items"):
        make_study(originals, systems, tmp_path / "study", items=1, checks=2)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"items": 7}, "7 items wanted, but only 6 of the 6 files"),
        ({"items": 0}, "items: 0; give at least 1"),
        ({"repeats": 0.7}, "repeats: 0.7; give a share"),
        ({"repeats": float("nan")}, "repeats: nan"),
        ({"checks": -1}, "checks: -1"),
    ],
)
def test_numbers_that_make_no_study(tmp_path, options, reason):
    with pytest.raises(ValueError, match=reason):
        small_study(tmp_path, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


def test_folders_that_make_no_study(tmp_path):
    originals, systems = picture_folders(tmp_path / "pictures")
    with pytest.raises(ValueError, match="nowhere: no such folder"):
        make_study(originals, {"x": tmp_path / "nowhere"}, tmp_path / "study", items=1)
    with pytest.raises(ValueError, match="no systems to rate"):
        make_study(originals, {}, tmp_path / "study", items=1)
    (systems["sharp-conv"] / "A" / "A0.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    with pytest.raises(ValueError, match=r"A0\.png: not a JPEG, PNG"):
        make_study(originals, systems, tmp_path / "study", items=6)
    (originals / "A" / "A0.png").write_bytes(b"twice")
    with pytest.raises(ValueError, match="differ in their ending alone"):
        make_study(originals, systems, tmp_path / "study", items=6)
    (originals / "A" / "A0.png").unlink()
    (originals / "A" / "A0.jpg").rename(originals / "A" / "A0.gif")
    with pytest.raises(ValueError, match=r"pictures, GIF or MP4 films, not \.gif and \.png together"):
        make_study(originals, systems, tmp_path / "study", items=6)
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


def test_a_study_is_never_overwritten(tmp_path):
    made = small_study(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for gone in (None, made.private, None):
        if gone:
            shutil.rmtree(gone)
        else:
            with pytest.raises(ValueError, match="there already, perhaps with ratings"):
                small_study(tmp_path)
    made.folder.rename(tmp_path / "moved")
    made.private.mkdir()
    with pytest.raises(ValueError, match="study-private is there already"):
        small_study(tmp_path)
    assert before.items() >= {p: p.read_bytes() for p in tmp_path.rglob("*.png") if p in before}.items()


def test_names_of_systems():
    assert {name: str(path) for name, path in named_folders(["a=x/y", "b=z=z"]).items()} == {"a": "x/y", "b": "z=z"}
    for wrong in (["a"], ["=x"], ["a="], ["a=x", "a=y"]):
        with pytest.raises(ValueError, match="write NAME=FOLDER"):
            named_folders(wrong)


def damaged(study, tmp_path, change):
    folder = tmp_path / "copy"
    shutil.copytree(study.folder, folder)
    content = json.loads((folder / "study.json").read_text())
    change(content)
    (folder / "study.json").write_text(json.dumps(content))
    return folder


def change_first_file(name):
    def change(content):
        content["items"][0]["original"] = name

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda content: content.pop("items"), "items: Field required"),
        (lambda content: content.update(items=[]), "items: Tuple should have at least 1"),
        (lambda content: content.update(version="2"), "version: Input should be '1'"),
        (lambda content: content.update(colour="red"), "colour: Extra inputs"),
        (lambda content: content["items"][0]["stimuli"].pop("1"), "stimuli of the same systems"),
        (lambda content: content["items"].append(content["items"][0]), "a file is named twice"),
        (change_first_file("../../../etc/passwd"), "original: String should match"),
        (change_first_file("0123456789abcdef.svg"), "original: String should match"),
        (change_first_file("0123456789abcdef.png\n"), "original: String should match"),
        (change_first_file("0123456789abcdef.png"), "1 files are missing, 0123456789abcdef.png first"),
    ],
)
def test_a_damaged_study_is_named(study, tmp_path, change, reason):
    with pytest.raises(ValueError, match=reason) as error:
        open_study(damaged(study, tmp_path, change))
    assert "\n" not in str(error.value)


def test_no_study_at_all(study, tmp_path):
    with pytest.raises(ValueError, match="`signtok study make` makes it"):
        open_study(tmp_path / "nowhere")
    for content in (b"", b"{", b"\xff\xfe", (study.folder / "study.json").read_bytes()[:200]):
        (tmp_path / "study.json").write_bytes(content)
        with pytest.raises(ValueError, match=r"study\.json is damaged or of another version"):
            open_study(tmp_path)


def test_a_key_of_another_study_is_refused(study, tmp_path):
    other = small_study(tmp_path)
    shutil.copy(study.private / "key.json", other.private / "key.json")
    with pytest.raises(ValueError, match="is the key of another study"):
        read_key(other)
    (other.private / "key.json").unlink()
    with pytest.raises(ValueError, match=r"key\.json: no such file"):
        read_key(other)
