"""The page that compares runs: its numbers, its pictures, what it says of what is missing, and that it is one file."""

import base64
import io
import json
import re
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from signtok.cli import main
from signtok.config import (
    ConvolutionNet,
    PictureConfig,
    PictureDataConfig,
    PictureTokenizerConfig,
    PlainDecoder,
    RandomSplit,
)
from signtok.evaluation.score import Score, write_scores
from signtok.hub import PictureTokenizer
from signtok.recipes.pose import sign_rvq_ctc
from signtok.report.bars import class_bars, recognition_bars
from signtok.report.curves import curve_of, shared_logs
from signtok.report.page import missing, report_runs
from signtok.report.pictures import AMPLIFIED, difference, look
from signtok.report.rates import rate_curves
from signtok.report.runs import read_metrics, read_runs
from signtok.report.scores import Column, decimals, score_tables
from signtok.tokenizer.picture_model import PictureModel
from tiny import seeded_tokenizer, shrink

NET = ConvolutionNet(channels=(4, 8))
PIXELS = 16
VOID = {"meta", "img", "line", "rect", "circle", "polyline"}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    """Ten pictures of each of two classes, one of which has a nasty name."""
    rng = np.random.default_rng(0)
    for label in ("A", '<b>"'):
        for number in range(1, 11):
            place = tmp_path / "pictures" / label / f"{label}{number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (PIXELS, PIXELS, 3), np.uint8)).save(place)
    return tmp_path / "pictures"


def make_run(
    place: Path,
    data: Path | str = "generated",
    seed: int = 0,
    size: int = PIXELS,
    split_seed: int = 0,
    latent: int = 6,
    name: str = "tiny-conv",
) -> Path:
    """Config and weights of a tokenizer that was not trained."""
    torch.manual_seed(seed)
    settings = PictureTokenizerConfig(size=size, latent=latent, encoder=NET, decoder=PlainDecoder(net=NET))
    config = PictureConfig(
        name=name, data=PictureDataConfig(path=str(data), split=RandomSplit(seed=split_seed)), tokenizer=settings
    )
    PictureTokenizer(PictureModel(settings), config).save_pretrained(place)
    return place


def add_metrics(run: Path, *losses: float, more: str = "") -> Path:
    """Every ten steps and six seconds a training row, and a validation row with a loss that is twice as high."""
    rows = []
    for i, loss in enumerate(losses, start=1):
        rows.append({"step": 10 * i, "seconds": 6 * i, "split": "train", "loss": loss, "grad_norm": 1.0})
        rows.append({"step": 10 * i, "seconds": 6 * i + 3, "split": "validation", "loss": 2 * loss})
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + more)
    return run


def fingerprint(run: Path) -> str:
    return read_runs([run])[0].tokenizer.fingerprint


def one(
    name="MSE", value=0.02, half=0.001, signature="set|test part|mse", direction="lower", unit="of [0, 1]"
) -> Score:
    return Score(name, value, value - half, value + half, 20, unit, direction, signature)


def add_scores(run: Path, *scores: Score) -> Path:
    own = fingerprint(run)
    write_scores(
        run / "scores.json", [replace(score, fingerprint=own, commit="0123456789ab-dirty") for score in scores]
    )
    return run


class Page(HTMLParser):
    """Elements as (tag, attributes), pieces of text, and rows of tables as lists of cells."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.elements, self.texts, self.rows, self.open = [], [], [], []
        self.feed(self.source)
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] = f"{self.rows[-1][-1]} {data}".strip()

    def images(self) -> list[tuple[str, np.ndarray]]:
        """Alternative text and pixels."""
        found = [attributes for tag, attributes in self.elements if tag == "img"]
        return [(image["alt"], pixels_of(image["src"])) for image in found]


def pixels_of(source: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",", 1)[1]))))


def report(tmp_path, *runs: Path, data: Path | None = None) -> Page:
    out = tmp_path / "out" / "report.html"
    assert report_runs(runs, data, out) == f"{out}: {len(runs)} run{'s' * (len(runs) > 1)}"
    return Page(out)


# ---- the table ----


def test_numbers_of_runs_and_scores(tmp_path):
    a = add_scores(add_metrics(make_run(tmp_path / "a"), 0.3, 0.1, 0.2), one(value=0.02), one("PSNR", 20.0, 0.5))
    b = add_scores(add_metrics(make_run(tmp_path / "b"), 0.5), one(value=0.03), one("PSNR", 20.1, 0.5))
    page = report(tmp_path, a, b)
    assert "a, b" in page.texts
    heads, first, second, columns, of_a, of_b = page.rows
    assert heads[:6] == ["run", "parameters", "tokens", "steps", "minutes", "best validation loss"]
    assert first[0] == "a tiny-conv, pictures"
    parameters = sum(p.numel() for p in PictureTokenizer.of_folder(a).model.parameters())
    assert first[1] == f"{parameters:,}"
    assert first[2] == "6 numbers for 16 x 16 pixels, 96 bits a picture as float16"
    assert first[3:6] == ["30", "0.3", "0.2 at step 20"]  # 21 seconds; twice the lowest training loss
    assert second[3:6] == ["10", "0.1", "1 at step 10"]
    assert first[7] == "0123456-dirty"
    assert columns == ["run", "MSE\N{NO-BREAK SPACE}↓ of [0, 1], n 20", "PSNR\N{NO-BREAK SPACE}↓ of [0, 1], n 20"]
    assert of_a == ["a", "0.02000 best 0.01900 to 0.02100", "20.00 19.50 to 20.50"]
    assert of_b == ["b", "0.03000 0.02900 to 0.03100", "20.10 19.60 to 20.60"]


@pytest.mark.parametrize(
    ("direction", "scores", "best"),
    [
        ("lower", {"a": (1, 0.1), "b": (2, 0.1)}, "a"),
        ("higher", {"a": (1, 0.1), "b": (2, 0.1)}, "b"),
        ("lower", {"a": (1, 0.6), "b": (2, 0.6)}, None),
        ("lower", {"a": (1, 0.5), "b": (2, 0.5)}, None),  # they touch
        ("lower", {"a": (1, 0.1), "b": (2, 0.1), "c": (9, 8.5)}, None),  # the runner-up is clear, another is not
        ("higher", {"a": (3, 0.1), "b": (2, 0.1), "c": (1, 0.1)}, "a"),
        ("lower", {"a": (1, 0.1)}, None),
        ("higher", {"a": (1, 0), "b": (2, 0)}, None),  # counts
    ],
)
def test_best_is_clear_of_all_others(direction, scores, best):
    cells = {label: one(value=float(value), half=half) for label, (value, half) in scores.items()}
    assert Column("MSE", "set|mse", "", direction, cells).best() == best


def tables(*runs) -> list[list[tuple[str, list[str]]]]:
    return [[(column.name, sorted(column.cells)) for column in table] for table in score_tables(read_runs(runs))]


def test_another_signature_is_another_table(tmp_path):
    a = add_scores(make_run(tmp_path / "a"), one(), one("LPIPS", signature="set|test part|lpips"))
    b = add_scores(make_run(tmp_path / "b"), one())
    c = add_scores(make_run(tmp_path / "c"), one(signature="set|tail|mse"), one("PSNR", signature="other|tail|psnr"))
    assert tables(a, b, c) == [[("MSE", ["a", "b"]), ("LPIPS", ["a"])], [("MSE", ["c"])], [("PSNR", ["c"])]]
    page = report(tmp_path, a, b, c)
    assert ["b", "0.02000 0.01900 to 0.02100", "not measured"] in page.rows
    headings = [text for text in page.texts if text.startswith(("set", "other")) and "|" not in text]
    assert headings == ["set, test part", "set, tail, mse", "other, tail, psnr"]


def test_figures():
    assert [decimals(values) for values in ([0.0174], [17.9, 2.0], [123.4], [12345.6], [64.0], [0.0])] == [
        5,
        2,
        1,
        0,
        0,
        0,
    ]


# ---- bars ----


def test_classes_are_bars_and_the_centre_is_a_column(tmp_path):
    centre = one("MSE, centre", 0.5, signature="set|test part|mse|centre box 0.7")
    scores = (one(), centre, one("MSE, A", 0.01), one("MSE, centre", 0.04), one("MSE, C, D", 0.02))
    a = add_scores(make_run(tmp_path / "a"), *scores)
    b = add_scores(make_run(tmp_path / "b"), one("MSE, A", 0.03), one("MSE, A", 0.9, signature="set|tail|mse"))
    first, second = class_bars(read_runs([a, b]))
    assert first.title == "MSE of each class, set, test part"
    found = {name: [(run.label, score.value) for run, score in cells] for name, cells in first.groups.items()}
    assert found == {"centre": [("a", 0.04)], "A": [("a", 0.01), ("b", 0.03)], "C, D": [("a", 0.02)]}
    assert list(found) == ["centre", "A", "C, D"]  # the worst first
    assert [(run.label, s.value) for run, s in second.groups["A"]] == [("b", 0.9)]
    assert tables(a, b) == [[("MSE", ["a"]), ("MSE, centre", ["a"])]]
    assert "a: 0.01000 (0.00900 to 0.01100, n 20)" in report(tmp_path, a, b).texts


def test_recognition_of_sources(tmp_path):
    run = tmp_path / "signs"
    seeded_tokenizer(shrink(sign_rvq_ctc())).save_pretrained(run)
    signatures = [f"{source}|whole|beam:8|codebooks:{level}" for source in ("webcam", "phone") for level in (1, 2)]
    values = (0.5, 0.8, 0.4, 0.6)
    add_scores(
        run,
        *(one(f"recognition, {s[-1]} codebooks", v, 0.1, s, "higher") for s, v in zip(signatures, values, strict=True)),
    )
    (chart,) = recognition_bars(read_runs([run]))
    found = {name: [score.value for _, score in cells] for name, cells in chart.groups.items()}
    assert found == {"webcam, whole, beam:8": [0.8], "phone, whole, beam:8": [0.6]}
    page = report(tmp_path, run)
    assert page.rows[1][0] == "signs sign-rvq-ctc, landmarks"
    assert page.images() == []
    assert len([None for tag, _ in page.elements if tag == "rect"]) == 2


# ---- rates ----


def test_recipes_are_curves_over_bits_and_seeds_their_mean(tmp_path):
    values = {("conv", 2, 0): 0.4, ("conv", 6, 0): 0.1, ("conv", 6, 1): 0.3, ("ff", 2, 0): 0.5}
    runs = [
        add_scores(
            make_run(tmp_path / f"{name}-{latent}-{seed}", seed=seed, latent=latent, name=name), one(value=value)
        )
        for (name, latent, seed), value in values.items()
    ]
    read = read_runs(runs)
    (table,) = score_tables(read)
    conv, ff = rate_curves(table[0], read)
    assert (conv.name, conv.x.tolist(), conv.y.tolist()) == ("conv", [32, 96], [0.4, 0.2])
    assert (ff.name, ff.series, ff.x.tolist(), ff.y.tolist()) == ("ff", 3, [32], [0.5])
    page = report(tmp_path, *runs)
    assert "MSE ↓ (of [0, 1]) by bits a picture" in [attributes.get("aria-label") for _, attributes in page.elements]
    assert "Rates" not in report(tmp_path, runs[0], runs[3]).texts, "one rate each: no curve"


# ---- curves ----


def test_curves_are_the_rows(tmp_path):
    run = add_metrics(make_run(tmp_path / "a"), 0.3, 0.1)
    (read,) = read_runs([run])
    assert read.best.values == {"loss": 0.2}
    steps, minutes = (curve_of(read, "validation", "loss", axis) for axis in ("steps", "minutes"))
    np.testing.assert_array_equal(steps.x, [10, 20])
    np.testing.assert_allclose(minutes.x, [9 / 60, 15 / 60])
    np.testing.assert_array_equal(minutes.y, [0.6, 0.2])
    assert (steps.faint, curve_of(read, "train", "loss", "steps").faint) == (False, True)
    assert np.isnan(curve_of(read, "validation", "grad_norm", "steps").y).all()


def test_other_logs_are_shown_where_all_have_them(tmp_path):
    a, b = (add_metrics(make_run(tmp_path / name), 0.3, 0.1) for name in "ab")
    row = {"step": 30, "seconds": 20, "split": "train", "loss": 1.0, "own": 1.0}
    (b / "metrics.jsonl").write_text((b / "metrics.jsonl").read_text() + json.dumps(row) + "\n")
    assert shared_logs(read_runs([a, b])) == ["loss", "grad_norm"]
    labels = [
        attributes["aria-label"] for _, attributes in report(tmp_path, a, b).elements if "aria-label" in attributes
    ]
    assert labels[1:] == ["loss by steps", "loss by minutes", "grad_norm by steps"]


def test_a_line_that_breaks_off_is_skipped(tmp_path):
    whole = add_metrics(make_run(tmp_path / "a"), 0.3, 0.1) / "metrics.jsonl"
    text = whole.read_text()
    for cut in range(len(text) - 60, len(text) + 1):
        whole.write_text(text[:cut])
        assert len(read_metrics(whole)) == (4 if cut >= len(text) - 1 else 3)
    whole.write_text("")
    assert read_metrics(whole) == []


# ---- pictures ----


def test_the_same_test_pictures_of_all_runs(tmp_path, folder):
    """Twenty pictures, of which two of each class are test; a run that was split otherwise has a sheet of its own."""
    a, b, c = (
        make_run(tmp_path / "a", folder),
        make_run(tmp_path / "b", folder, 1),
        make_run(tmp_path / "c", folder, 2, split_seed=5),
    )
    names = {run: look(read, folder).names for run, read in zip((a, b, c), read_runs([a, b, c]), strict=True)}
    assert names[a] == names[b] != names[c]
    assert len(names[a]) == 4
    page = report(tmp_path, a, b, c)
    images = page.images()
    assert len(images) == 4 * 3 + 4 * 2 + 3 * 4 * 3
    tokenizer = PictureTokenizer.of_folder(b)
    for place, name in enumerate(names[a]):
        original = np.asarray(Image.open(folder / name))
        made = tokenizer.detokenize(tokenizer.tokenize([original]))[0]
        assert [images[4 * row + place][0] for row in range(3)] == [name] * 3
        np.testing.assert_array_equal(images[place][1], original)
        np.testing.assert_array_equal(images[8 + place][1], made)
        error = f"{np.mean((original / 255 - made / 255) ** 2):.4f}"
        assert page.texts.count(error) >= 2  # on the sheet and among the worst


def test_worst_cases_come_first(tmp_path, folder):
    run = make_run(tmp_path / "a", "elsewhere")
    (read,) = read_runs([run])
    seen = look(read, folder)
    assert len(seen.names) == 20  # all of a folder that it was not trained on
    worst = seen.worst()
    assert len(worst) == 8
    assert list(seen.errors[worst]) == sorted(seen.errors, reverse=True)[:8]
    page = report(tmp_path, run, data=folder)
    alternatives = [alt for alt, _ in page.images()]
    name = seen.names[worst[0]]
    assert alternatives[24:27] == [f"{name}, {what}" for what in ("original", "reconstruction", "difference")]
    assert len(alternatives) == 2 * 12 + 3 * 8
    _, pixels = page.images()[26]
    before, after = (pixels_of_seen[worst[0]].astype(int) for pixels_of_seen in (seen.done.before, seen.done.after))
    np.testing.assert_array_equal(pixels, np.minimum(255, AMPLIFIED * abs(before - after)))


def test_difference_is_clipped_and_does_not_wrap():
    before, after = (np.full((2, 2, 3), value, np.uint8) for value in (10, 250))
    assert (difference(before, after) == 255).all()
    assert (difference(after, before) == 255).all()
    assert (difference(before, before + np.uint8(1)) == AMPLIFIED).all()


def test_large_pictures_are_jpeg(tmp_path, folder):
    page = report(tmp_path, make_run(tmp_path / "a", folder, size=104))
    sources = [attributes["src"] for tag, attributes in page.elements if tag == "img"]
    assert sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)


# ---- texts, faults ----


def test_texts_are_no_markup_and_nothing_comes_from_outside(tmp_path, folder):
    nasty = (
        one("<u>", unit="<u>", signature="<u>|mse"),
        one("MSE, <b>", signature="<u>|mse"),
        one("MSE", signature="<u>|mse"),
    )
    runs = [make_run(tmp_path / '<i>"&', folder), make_run(tmp_path / "plain", folder)]
    for run in runs:
        row = {"step": 1, "seconds": 1, "split": "train", "loss": 1.0, "<u>": 2.0}
        (add_scores(run, *nasty) / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    page = report(tmp_path, *runs)
    assert {"u", "i", "script", "link", "iframe"}.isdisjoint(tag for tag, _ in page.elements)
    assert "<b>" in page.texts
    assert any(alt.startswith('<b>"/<b>"') for alt, _ in page.images())
    assert any('<i>"&' in text for text in page.texts)
    sources = [attributes["src"] for _, attributes in page.elements if "src" in attributes]
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    rest = re.sub('base64,[^"]*', "", page.source)
    assert not re.search(r"https?:|//|@import|url\(|href", rest)
    assert not re.search(r"/\*|<!--", rest)  # every placeholder was filled


def test_what_is_missing_is_said_with_its_command(tmp_path, folder):
    bare = make_run(tmp_path / "bare", folder)
    (bare / "model.safetensors").unlink()
    (read,) = read_runs([bare])
    assert [(m.what, m.command) for m in missing(read, None)] == [
        (
            "no model.safetensors and no metrics.jsonl; in training it is written:",
            f"signtok train tiny-conv --data {folder} --out {bare}",
        ),
        ("no scores.json:", f"signtok evaluate {bare} --data {folder} --out {bare}/scores.json"),
    ]
    page = report(tmp_path, bare)
    assert page.rows[1][3:6] == ["unknown"] * 3
    assert page.images() == []
    assert missing(read, None)[1].command in page.texts


def test_pictures_that_are_elsewhere(tmp_path, folder):
    run = add_scores(add_metrics(make_run(tmp_path / "a b", tmp_path / "gone"), 0.1), one())
    (read,) = read_runs([run])
    assert [m.command for m in missing(read, None)] == [f"signtok report '{run}' --data FOLDER"]
    assert missing(read, folder) == []
    assert report(tmp_path, run).images() == []
    assert report(tmp_path, run, data=folder).images()


def test_scores_of_other_weights_are_not_shown(tmp_path):
    run = add_scores(make_run(tmp_path / "a", seed=0), one())
    make_run(tmp_path / "a", seed=1)
    (read,) = read_runs([run])
    assert (read.scores, read.foreign) == ([], True)
    assert "the scores in scores.json are of other weights:" in [one.what for one in missing(read, None)]
    assert "0.02000" not in report(tmp_path, run).source


def test_labels_tell_runs_apart(tmp_path):
    runs = [make_run(tmp_path / seed / "conv") for seed in ("one", "two")]
    assert [run.label for run in read_runs(runs)] == ["one/conv", "two/conv"]
    assert [run.label for run in read_runs(runs[:1])] == ["conv"]
    assert "5 runs compared" in report(tmp_path, *runs, *(make_run(tmp_path / name) for name in "abc")).texts


def broken(run: Path, name: str, text: str) -> Path:
    (run / name).write_text(text)
    return run


GOOD = asdict(one())


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ("[]", "not a scores file of version 1"),
        ({**GOOD, "value": "large"}, r"scores.json: not a scores file of version 1 \(value 'large'\)"),
    ],
)
def test_foreign_scores(tmp_path, scores, message):
    if isinstance(scores, dict):
        scores = json.dumps({"format": "signtok-scores", "version": "1", "scores": [scores]})
    with pytest.raises(ValueError, match=message):
        read_runs([broken(make_run(tmp_path / "a"), "scores.json", scores)])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("no JSON", "metrics.jsonl: line 2: Invalid JSON"),
        ('{"step": 1, "seconds": 1}', "line 2: Field required"),
        ('{"step": 1, "seconds": 1, "split": "train", "loss": "small"}', "line 2: .*valid number"),
        ('{"step": 1, "seconds": 1, "split": "other"}', "line 2: .*'train' or 'validation'"),
        ("\udcff", "line 2: "),
    ],
)
def test_damaged_metrics(tmp_path, line, message):
    good = '{"step": 1, "seconds": 1, "split": "train", "loss": 1}'
    run = make_run(tmp_path / "a")
    (run / "metrics.jsonl").write_bytes(f"{good}\n{line}\n{good}\n".encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match=message) as caught:
        read_runs([run])
    assert "\n" not in str(caught.value)


def test_faults_in_one_line(tmp_path, folder, capsys):
    run, out = make_run(tmp_path / "a"), tmp_path / "report.html"
    signs = tmp_path / "signs"
    seeded_tokenizer(shrink(sign_rvq_ctc())).save_pretrained(signs)
    (tmp_path / "file").write_text("")
    for arguments, message in (
        (["--out", out], "no runs to report on"),
        ([folder, "--out", out], "is not a signtok run"),
        ([tmp_path / "nowhere", "--out", out], "is not a signtok run"),
        ([tmp_path / "file", "--out", out], "file"),
        ([run, run, "--out", out], "is given twice"),
        ([run, "--out", folder], f"cannot write {folder} (Is a directory)"),
        ([run, "--out", tmp_path / "file" / "report.html"], "cannot write"),
        ([run, "--data", tmp_path / "gone", "--out", out], "gone: no such folder"),
        ([signs, "--data", folder, "--out", out], "is for runs of pictures"),
        ([broken(make_run(tmp_path / "b"), "model.safetensors", "x"), "--out", out], "cut short"),
    ):
        with pytest.raises(SystemExit) as end:
            main(["report", *map(str, arguments)])
        printed = capsys.readouterr()
        assert end.value.code == 2
        assert message in printed.err.splitlines()[-1]
        assert printed.err.count("signtok: ") == 1
    assert not out.exists()
    main(["report", str(run), "--out", str(out)])
    assert capsys.readouterr().out == f"{out}: 1 run\n"
