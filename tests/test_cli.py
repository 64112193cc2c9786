"""Every verb, from files to files; for whatever a person can mend one line, exit code 2 and nothing half written."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from signtok.config import DataConfig
from signtok.convert import encode_file
from signtok.data.corpus import Corpus
from signtok.data.kaggle_writer import write_kaggle
from signtok.data.landmarks import open_recordings
from signtok.data.npz_file import write_npz
from signtok.data.sources import SOURCES
from signtok.evaluation.choices import PictureChecks
from signtok.evaluation.run import evaluate_path
from signtok.hub import load
from signtok.recipes.pose import sign_continuous, sign_rvq, sign_rvq_ctc
from signtok.recipes.run import warn_of_seen
from signtok.tokens import read_tokens
from signtok.training.checkpoint import MODEL_FORMAT, read_tensors, save_tensors
from tiny import letters, right_hand, seeded_tokenizer, shrink


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A tokenizer and another one of the same shape, recordings, and their tokens."""
    folder = tmp_path_factory.mktemp("shelf")
    for name, recipe, seed in (
        ("tok", sign_rvq_ctc, 0),
        ("other", sign_rvq, 1),
        ("continuous", sign_continuous, 0),
    ):
        seeded_tokenizer(shrink(recipe()), seed, card="# A card\n").save_pretrained(folder / name)
    write_npz(folder / "letters.npz", letters("ab", takes=1, licence="MIT", signer="ann"))
    write_kaggle(folder / "kaggle", [replace(r, name=str(i)) for i, r in enumerate(letters("ab", takes=1))])
    (folder / "pictures" / "A").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(folder / "pictures" / "A" / "1.png")
    encode_file(folder / "letters.npz", folder / "t.parquet", str(folder / "tok"))
    return folder


SOME = (SOURCES["letters_webcam"],)


def contents(*folders: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


# ---- what works ----


def test_encode_keeps_where_it_is_from(shelf, run, tmp_path):
    ended = run("encode", shelf / "letters.npz", "--out", tmp_path / "t.parquet", "--tokenizer", shelf / "tok")
    assert (ended.code, ended.err) == (0, "")
    assert "2 recordings, 24 frames, 4 tokens a frame, 20 bits a frame" in ended.out
    one, two = read_tokens(tmp_path / "t.parquet")
    assert (one.text, two.text) == ("a", "b")
    assert (one.licence, one.signer, one.source) == ("MIT", "ann", "invented")
    assert one.ids.shape == (12, 4)
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]


def test_a_licence_for_what_names_none(shelf, run, tmp_path):
    np.savez(tmp_path / "plain.npz", landmarks=right_hand(9).landmarks)
    for source, licence in ((tmp_path / "plain.npz", "CC0-1.0"), (shelf / "letters.npz", "MIT")):
        out = tmp_path / "t.parquet"
        assert run("encode", source, "--out", out, "--tokenizer", shelf / "tok", "--licence", "CC0-1.0").code == 0
        assert {row.licence for row in read_tokens(out)} == {licence}


def test_decode_to_npz(shelf, run, tmp_path):
    assert run("decode", shelf / "t.parquet", "--out", tmp_path / "d.npz", "--tokenizer", shelf / "tok").code == 0
    before = list(open_recordings(shelf / "letters.npz"))
    after = list(open_recordings(tmp_path / "d.npz", drop_empty=False))
    assert [len(r) for r in after] == [len(r) for r in before]
    assert [(r.text, r.licence, r.source) for r in after] == [(r.text, "MIT", "decoded from invented") for r in before]


@pytest.mark.parametrize("suffix", [".pose", ".gif"])
def test_decode_to_one_file_each(shelf, run, tmp_path, suffix):
    pytest.importorskip("pose_format")
    ended = run("decode", shelf / "t.parquet", "--out", tmp_path / f"d{suffix}", "--tokenizer", shelf / "tok")
    assert ended.code == 0, ended.err
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"d-1{suffix}", f"d{suffix}"]
    if suffix == ".pose":
        assert len(next(open_recordings(tmp_path / "d.pose", drop_empty=False))) == 12


def test_fewer_codebooks_give_other_hands(shelf, run, tmp_path):
    for number in (1, 4):
        out = tmp_path / f"{number}.npz"
        run("decode", shelf / "t.parquet", "--out", out, "--tokenizer", shelf / "tok", "--codebooks", number)
    one, four = (next(open_recordings(tmp_path / f"{n}.npz", drop_empty=False)).landmarks for n in (1, 4))
    assert not np.array_equal(one, four, equal_nan=True)


@pytest.mark.parametrize("name", ["r.html", "r.gif"])
def test_reconstruct(shelf, run, tmp_path, name):
    ended = run("reconstruct", shelf / "letters.npz", "--out", tmp_path / name, "--tokenizer", shelf / "tok")
    assert (ended.code, ended.err) == (0, "")
    assert "landmark error" in ended.out
    assert (tmp_path / name).stat().st_size > 1000
    if name == "r.html":
        assert "http" not in (tmp_path / name).read_text().replace("http://www.w3.org", "")


def test_info(shelf, run):
    ended = run("info", shelf / "tok")
    assert ended.code == 0
    assert "4 x 32, 20 bits a frame" in ended.out
    assert "# A card" in ended.out


def test_inspect(shelf, run, tmp_path):
    ended = run("data", "inspect", shelf / "letters.npz", "--sheet", tmp_path / "sheet.png")
    assert (ended.code, ended.err) == (0, "")
    assert "right 100.0%" in ended.out
    assert (tmp_path / "sheet.png").stat().st_size > 500


def test_compose_pack_and_encode_again(shelf, run, tmp_path):
    """The Kaggle layout, a packed corpus of it and an .npz hold the same phrases."""
    for out in ("kaggle", "phrases.npz"):
        ended = run("data", "compose", shelf / "letters.npz", "--out", tmp_path / out, "--count", 3)
        assert (ended.code, ended.err) == (0, "")
        assert "3 phrases composed from 2 takes by 1 signers" in ended.out
    ended = run("data", "pack", tmp_path / "kaggle", "--out", tmp_path / "corpus")
    assert (ended.code, ended.err) == (0, "")
    packed, plain = Corpus(tmp_path / "corpus"), list(open_recordings(tmp_path / "phrases.npz"))
    assert [r.text for r in packed] == [r.text for r in plain]
    assert all(r.source == "composed from invented" for r in plain)
    for one, two in zip(packed, plain, strict=True):
        np.testing.assert_array_equal(one.landmarks, two.landmarks)
    assert run("encode", tmp_path / "corpus", "--out", tmp_path / "t.parquet", "--tokenizer", shelf / "tok").code == 0


def test_evaluate(shelf, run, tmp_path):
    ended = run("evaluate", shelf / "tok", "--data", shelf / "letters.npz", "--out", tmp_path / "scores.json")
    assert (ended.code, ended.err) == (0, "")
    for name in (
        "recognition, 4 codebooks",
        "landmark error, 1 codebooks",
        "fingertip error",
        "perplexity, codebook 4",
    ):
        assert name in ended.out
    assert (tmp_path / "scores.json").is_file()


def webcam(path: Path, alphabet="ab"):
    """An invented file in the layout of letters_webcam.npz: takes 23 and 24 validate, from 25 on they test."""
    takes = [(label, take) for label in alphabet for take in (0, 1, 23, 25)]
    hand = np.stack([right_hand(12, 10 * ord(label) + take).landmarks[:, 21:] for label, take in takes])
    hand = np.concatenate([hand, np.zeros((*hand.shape[:-1], 1), np.float32)], -1)
    labels, numbers = zip(*takes, strict=True)
    np.savez(path, hand=hand, label=np.array(labels), take=np.array(numbers))


@pytest.fixture
def tiny_recipe(monkeypatch):
    config = shrink(sign_rvq_ctc())
    small = {"batch_size": 4, "calibration_batches": 2}
    config = config.model_copy(update={"name": "tiny", "train": config.train.model_copy(update=small)})
    monkeypatch.setattr("signtok.evaluation.held_out.PHRASES", 3)
    monkeypatch.setattr("signtok.recipes.run.RECIPES", (lambda: config,))


@pytest.mark.slow
def test_train_then_use(shelf, run, tmp_path, tiny_recipe):
    """Two steps on known sources, a resume, and the run is a tokenizer that evaluates on its held-out takes."""
    (tmp_path / "data").mkdir()
    webcam(tmp_path / "data" / "letters_webcam.npz")
    command = ("train", "tiny", "--data", tmp_path / "data", "--out", tmp_path / "run", "--threads", 1)
    ended = run(*command, "--max-steps", 2)
    assert ended.code == 0, ended.err
    assert "step 2" in ended.out
    assert f"next: signtok evaluate {tmp_path / 'run'}" in ended.out
    assert "step 3" in run(*command, "--max-steps", 3).out
    assert "tiny" in run("info", tmp_path / "run").out
    ended = run("evaluate", tmp_path / "run", "--data", tmp_path / "data")
    assert ended.code == 0, ended.err
    assert "letters_webcam" in ended.out
    assert "recognition, 4 codebooks" in ended.out
    ended = run("probe", tmp_path / "run", *command[2:4], "--out", tmp_path / "probe", "--max-steps", 2, "--threads", 1)
    assert ended.code == 0, ended.err
    before, after = (load(tmp_path / name).model.state_dict() for name in ("run", "probe"))
    changed = [name for name in after if not torch.equal(before[name], after[name])]
    assert changed == ["head.linear.weight"]  # all else is frozen, batch-norm statistics and codebooks too


@pytest.mark.slow
def test_a_flow_on_a_finished_tokenizer(shelf, run, tmp_path):
    """Which stays as it is, whatever its architecture; a run of a flow can be gone on from."""
    (tmp_path / "data").mkdir()
    webcam(tmp_path / "data" / "letters_webcam.npz")
    command = ("train", "sign-rvq-flow", "--data", tmp_path / "data", "--threads", 1, "--max-steps", 2)
    ended = run(*command, "--start", shelf / "tok", "--out", tmp_path / "run")
    assert ended.code == 0, ended.err
    ended = run(*command, "--start", tmp_path / "run", "--out", tmp_path / "more")
    assert ended.code == 0, ended.err
    tokenizer = load(shelf / "tok")
    before = {re.sub(r"^decoder\.", "decoder.first.", name): t for name, t in tokenizer.model.state_dict().items()}
    for name in ("run", "more"):
        flow = load(tmp_path / name)
        after = flow.model.state_dict()
        assert all(torch.equal(after[key], before[key]) for key in before)
        assert {key.split(".")[1] for key in after.keys() - before.keys()} == {"net"}
        hands = [right_hand(30).landmarks]
        np.testing.assert_array_equal(flow.tokenize(hands)[0], tokenizer.tokenize(hands)[0])
    ended = run("evaluate", tmp_path / "run", "--data", tmp_path / "data", "--steps", 2)
    assert ended.code == 0, ended.err
    assert "jitter, 1 codebook" in ended.out


@pytest.mark.parametrize(
    ("start", "message"), [("hands", "needs a tokenizer of landmarks"), ("nobody", "no tokenizer")]
)
def test_a_flow_needs_a_tokenizer(run, tmp_path, start, message):
    assert_refused(run("train", "sign-rvq-flow", "--start", start, "--out", tmp_path / "run"), message)


def test_weights_that_are_no_numbers_are_refused_by_all_that_read_them(shelf, run, tmp_path):
    shutil.copytree(shelf / "tok", tmp_path / "tok")
    path = tmp_path / "tok/model.safetensors"
    stored = read_tensors(path, MODEL_FORMAT)
    stored.tensors[min(stored.tensors)].view(-1)[0] = torch.nan
    save_tensors(path, stored.tensors, stored.header)
    out = ("--out", tmp_path / "out")
    for command in (("train", "sign-rvq-flow", "--start", tmp_path / "tok"), ("probe", tmp_path / "tok")):
        assert_refused(run(*command, "--data", "generated", *out), "has NaN or infinite numbers")
    assert_refused(run("evaluate", tmp_path / "tok", *out), "has NaN or infinite numbers")


def test_scores_that_cannot_be_written_are_still_said(capsys, shelf, monkeypatch):
    """The folder goes while they are worked out."""
    monkeypatch.setattr("signtok.evaluation.run.check_file", lambda path: None)
    out = shelf / "letters.npz/scores.json"
    with pytest.raises(OSError, match="exists"):
        evaluate_path(str(shelf / "tok"), shelf / "letters.npz", out, (), PictureChecks())
    assert "landmark error" in capsys.readouterr().out


def test_what_a_start_has_seen_is_said(caplog):
    config = sign_rvq_ctc()
    one, other = (config.model_copy(update={"data": DataConfig(sources=sources)}) for sources in ((), SOME))
    warn_of_seen(other, other)
    assert not caplog.records
    warn_of_seen(one, other)
    assert "was trained on letters_webcam too" in caplog.text


@pytest.mark.slow
def test_train_without_data(run, tmp_path, tiny_recipe, monkeypatch):
    """Generated signers alone: train, resume, evaluate, probe."""
    monkeypatch.setattr("signtok.evaluation.run.PHRASES", 3)
    monkeypatch.chdir(tmp_path)
    command = ("train", "tiny", "--out", tmp_path / "run", "--threads", 1)
    ended = run(*command, "--max-steps", 2)
    assert ended.code == 0, ended.err
    assert f"next: signtok evaluate {tmp_path / 'run'}" in ended.out
    assert "step 3" in run(*command, "--max-steps", 3).out
    ended = run("evaluate", tmp_path / "run")
    assert ended.code == 0, ended.err
    assert "3 generated phrases" in ended.out
    ended = run("probe", tmp_path / "run", "--out", tmp_path / "probe", "--max-steps", 1, "--threads", 1)
    assert ended.code == 0, ended.err
    assert_refused(run(*command, "--only", "letters_webcam"), "name their folder with --data")
    assert_refused(run(*command, "--generated", 2), "a share from 0 to 1")
    assert_refused(run(*command, "--handshapes", tmp_path / "run" / "config.json"), "no table of handshapes")


def test_generate(run, tmp_path):
    """Any of the layouts holds the same recordings, and a seed is a corpus."""
    for out in ("corpus", "made.npz", "one.pose"):
        ended = run("data", "generate", "--out", tmp_path / out, "--count", 2, "--text", "jazz", "--seed", 3)
        assert (ended.code, ended.err) == (0, "")
        assert "2 generated recordings" in ended.out
    corpus, made = (list(open_recordings(tmp_path / name, drop_empty=True)) for name in ("corpus", "made.npz"))
    assert [r.text for r in made] == [r.text for r in corpus] == ["jazz", "jazz"]
    for one, two in zip(corpus, made, strict=True):
        np.testing.assert_array_equal(one.landmarks, two.landmarks)
    assert all((r.source, r.licence) == ("generated", "MIT") for r in made)
    assert {path.name for path in tmp_path.glob("*.pose")} == {"one.pose", "one-1.pose"}
    first = (tmp_path / "made.npz").read_bytes()
    run("data", "generate", "--out", tmp_path / "made.npz", "--count", 2, "--text", "jazz", "--seed", 3)
    assert (tmp_path / "made.npz").read_bytes() == first


def test_generate_pictures(run, tmp_path):
    ended = run("data", "generate", "--out", tmp_path / "p", "--count", 30, "--pictures", 32)
    assert (ended.code, ended.err) == (0, "")
    assert "30 generated pictures of 29 classes" in ended.out
    assert len(list((tmp_path / "p").iterdir())) == 29
    assert sorted(path.name for path in (tmp_path / "p" / "A").iterdir()) == ["000000.jpg", "000029.jpg"]
    with Image.open(tmp_path / "p" / "B" / "000001.jpg") as picture:
        assert picture.size == (32, 32)


def test_demo_without_real_letters(run, tmp_path, monkeypatch):
    """Needs no package and no file."""
    monkeypatch.setattr("signtok.demo.sample_folder", lambda: None)
    monkeypatch.setattr("signtok.demo.WORDS", 2)
    ended = run("demo", "--out", tmp_path / "demo", "--word", "cab")
    assert (ended.code, ended.err) == (0, "")
    assert "26 generated letters" in ended.out
    page = (tmp_path / "demo" / "index.html").read_text(encoding="utf-8")
    assert "composed from generated letters" in page
    assert "real" not in page.split("</h1>")[-1][:600]
    assert "mean squared error" in ended.out
    with Image.open(tmp_path / "demo" / "pictures.png") as sheet:
        assert sheet.width == 150 + 3 * 132  # c, a, b


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--text", "Hi"), "write lower case"),
        (("--count", 0), "at least one"),
        (("--pictures", 16), "32 to 512"),
    ],
)
def test_what_cannot_be_generated(run, tmp_path, arguments, message):
    assert_refused(run("data", "generate", "--out", tmp_path / "o", *arguments), message)
    assert contents(tmp_path) == {}


# ---- what does not ----


def bad_npz(array, name="bad.npz"):
    def make(folder: Path) -> Path:
        np.savez(folder / name, landmarks=array)
        return folder / name

    return make


def empty(name):
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(b"")
        return folder / name

    return make


def cut(source, name, part=0.6):
    def make(folder: Path, shelf: Path) -> Path:
        data = (shelf / source).read_bytes()
        (folder / name).write_bytes(data[: int(len(data) * part)])
        return folder / name

    return make


def without_a_column(folder: Path, shelf: Path) -> Path:
    table = pq.read_table(shelf / "kaggle/train_landmarks/0.parquet")
    pq.write_table(table.drop_columns(["x_right_hand_7"]), folder / "bad.parquet")
    return folder / "bad.parquet"


def unknown_character(folder: Path, shelf: Path) -> Path:
    (folder / "kaggle/train_landmarks").mkdir(parents=True)
    parquet = (shelf / "kaggle/train_landmarks/0.parquet").read_bytes()
    (folder / "kaggle/train_landmarks/0.parquet").write_bytes(parquet)
    table = (shelf / "kaggle/train.csv").read_text().replace(",b\n", ",straße\n")
    (folder / "kaggle/train.csv").write_text(table)
    return folder / "kaggle"


def truncated_in_kaggle(folder: Path, shelf: Path) -> Path:
    unknown_character(folder, shelf)
    (folder / "kaggle/train.csv").write_bytes((shelf / "kaggle/train.csv").read_bytes())
    path = folder / "kaggle/train_landmarks/0.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    return folder / "kaggle"


def pickled(folder: Path) -> Path:
    np.save(folder / "bad.npy", np.array([{"a": 1}], object), allow_pickle=True)
    return folder / "bad.npy"


def middle_is_infinite(folder: Path) -> Path:
    """The second of two recordings is bad: what was written of the first one must go."""
    array = np.concatenate([r.landmarks for r in letters("ab", takes=1)])
    array[20, 25] = np.inf
    np.savez(folder / "bad.npz", landmarks=array, offsets=[0, 12, 24])
    return folder / "bad.npz"


BAD_RECORDINGS = {
    "a wrong column": (without_a_column, r"no column x_right_hand_7"),
    "an empty npz": (empty("bad.npz"), r"bad\.npz is not a complete NumPy file"),
    "an empty npy": (empty("bad.npy"), r"bad\.npy is not a complete NumPy file"),
    "an empty parquet": (empty("bad.parquet"), r"bad\.parquet is not a complete parquet file"),
    "an empty pose": (empty("bad.pose"), r"bad\.pose is not a complete \.pose file"),
    "no frames": (bad_npz(np.zeros((0, 42, 2), np.float32)), r"bad\.npz"),
    "all NaN": (bad_npz(np.full((9, 42, 2), np.nan, np.float32)), r"bad\.npz: no recording with a hand in it"),
    "all zero": (bad_npz(np.zeros((9, 42, 2), np.float32)), r"bad\.npz: no recording with a hand in it"),
    "wrong shape": (bad_npz(np.zeros((9, 33, 2), np.float32)), r"expected shape \(T, 42, 2\).*got \(9, 33, 2\)"),
    "flat": (bad_npz(np.zeros(9, np.float32)), r"expected shape"),
    "infinite values": (bad_npz(np.full((9, 42, 2), np.inf, np.float32)), r"infinite coordinates"),
    "infinite in the middle": (middle_is_infinite, r"recording 1: infinite coordinates"),
    "pixels": (bad_npz(np.full((9, 42, 2), 300.0, np.float32)), r"divide pixels"),
    "words": (bad_npz(np.full((9, 42, 2), "x")), r"expected numbers"),
    "unknown characters": (unknown_character, r"row 2.*unknown character 'ß'"),
    "a truncated parquet": (cut("kaggle/train_landmarks/0.parquet", "bad.parquet"), r"not a complete parquet file"),
    "a truncated parquet in its folder": (truncated_in_kaggle, r"0\.parquet is not a complete parquet file"),
    "a truncated npz": (cut("letters.npz", "bad.npz"), r"not a complete NumPy file"),
    "a pickle": (pickled, r"bad\.npy is not a complete NumPy file of plain arrays"),
    "nothing there": (lambda folder: folder / "nobody.npz", r"nobody\.npz: no such file or folder; give \.npz"),
    "an empty folder": (lambda folder: folder, r"nothing to read in this folder"),
    "another kind": (empty("bad.txt"), r"bad\.txt: cannot read this kind of file"),
}


def assert_refused(ended, message: str) -> None:
    lines = ended.err.splitlines()
    assert ended.code == 2, ended
    assert len(lines) == 1, ended.err
    assert lines[0].startswith("signtok: ")
    assert "Traceback" not in ended.err
    assert ended.out == ""
    assert re.search(message, lines[0]), lines[0]


def made(make, folder: Path, shelf: Path) -> Path:
    return make(folder, shelf) if make.__code__.co_argcount == 2 else make(folder)


VERBS = {
    "encode": "encode {path} --out {out}/o.parquet --tokenizer {tok}",
    "reconstruct": "reconstruct {path} --out {out}/o.gif --tokenizer {tok}",
    "inspect": "data inspect {path} --sheet {out}/o.png",
    "pack": "data pack {path} --out {out}/corpus",
    "compose": "data compose {path} --out {out}/o.npz",
    "evaluate": "evaluate {tok} --data {path} --out {out}/o.json",
}


def command(verb: str, path: Path, out: Path, tokenizer: Path) -> list[str]:
    return [part.format(path=path, out=out, tok=tokenizer) for part in VERBS[verb].split()]


@pytest.mark.parametrize("name", BAD_RECORDINGS)
def test_bad_recordings_are_one_line(shelf, run, tmp_path, name):
    make, message = BAD_RECORDINGS[name]
    path = made(make, tmp_path, shelf)
    before = contents(tmp_path)
    assert_refused(run(*command("encode", path, tmp_path, shelf / "tok")), message)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "encode"])
@pytest.mark.parametrize("name", ["a wrong column", "an empty npz", "all NaN", "infinite values", "a truncated npz"])
def test_bad_recordings_are_one_line_for_every_verb(shelf, run, tmp_path, verb, name):
    path = made(BAD_RECORDINGS[name][0], tmp_path, shelf)
    before = contents(tmp_path)
    assert_refused(run(*command(verb, path, tmp_path, shelf / "tok")), "signtok: ")
    assert contents(tmp_path) == before


def test_one_frame_and_ten_thousand_are_recordings(shelf, run, tmp_path):
    hand = right_hand(100).landmarks
    for name, array in (("one", hand[:1]), ("many", np.tile(hand, (100, 1, 1)))):
        np.savez(tmp_path / f"{name}.npz", landmarks=array)
        ended = run(*command("encode", tmp_path / f"{name}.npz", tmp_path, shelf / "tok"))
        assert (ended.code, ended.err) == (0, "")
        assert f"1 recordings, {len(array)} frames" in ended.out


def test_an_old_output_survives_a_bad_input(shelf, run, tmp_path):
    (tmp_path / "o.parquet").write_bytes(b"precious")
    run(*command("encode", middle_is_infinite(tmp_path), tmp_path, shelf / "tok"))
    assert (tmp_path / "o.parquet").read_bytes() == b"precious"


BAD_TOKENS = {
    "another tokenizer's": (
        "t.parquet",
        "other",
        r"made by tokenizer 'sign-rvq-ctc' \(fingerprint .*not by 'sign-rvq'",
    ),
    "cut short": (cut("t.parquet", "bad.parquet"), "tok", r"bad\.parquet: not a Parquet file, or cut short"),
    "empty": (empty("bad.parquet"), "tok", r"bad\.parquet: not a Parquet file, or cut short"),
    "not tokens": ("kaggle/train_landmarks/0.parquet", "tok", r"a Parquet file, but not a token file"),
    "nothing there": (
        "nobody.parquet",
        "tok",
        r"nobody\.parquet: no such token file; give .*`signtok encode` makes",
    ),
    "for a continuous one": ("t.parquet", "continuous", r"is continuous and has no ids"),
}


@pytest.mark.parametrize("name", BAD_TOKENS)
@pytest.mark.parametrize("suffix", [".npz", ".gif"])
def test_bad_tokens_are_one_line(shelf, run, tmp_path, name, suffix):
    source, tokenizer, message = BAD_TOKENS[name]
    path = shelf / source if isinstance(source, str) else made(source, tmp_path, shelf)
    before = contents(tmp_path)
    ended = run("decode", path, "--out", tmp_path / f"out{suffix}", "--tokenizer", shelf / tokenizer)
    assert_refused(ended, message)
    assert contents(tmp_path) == before


def test_tokens_damaged_inside_are_one_line(shelf, run, tmp_path):
    """A file whose header is whole and whose pages are not."""
    data = bytearray((shelf / "t.parquet").read_bytes())
    data[50:400] = bytes(350)
    (tmp_path / "bad.parquet").write_bytes(data)
    before = contents(tmp_path)
    for suffix in (".npz", ".gif"):
        ended = run("decode", tmp_path / "bad.parquet", "--out", tmp_path / f"o{suffix}", "--tokenizer", shelf / "tok")
        assert_refused(ended, r"bad\.parquet")
        assert contents(tmp_path) == before


def damaged_tokenizer(folder: Path, shelf: Path, name: str, part: float) -> Path:
    copy = folder / "copy"
    copy.mkdir()
    for path in (shelf / "tok").iterdir():
        data = path.read_bytes()
        (copy / path.name).write_bytes(data[: int(len(data) * part)] if path.name == name else data)
    return copy


@pytest.mark.parametrize("verb", ["info", "encode", "decode", "reconstruct", "evaluate"])
@pytest.mark.parametrize(("name", "part"), [("model.safetensors", 0.7), ("model.safetensors", 0), ("config.json", 0.5)])
def test_a_tokenizer_cut_short_is_one_line(shelf, run, tmp_path, verb, name, part):
    copy = damaged_tokenizer(tmp_path, shelf, name, part)
    before = contents(tmp_path)
    arguments = {
        "info": ("info", copy),
        "encode": ("encode", shelf / "letters.npz", "--out", tmp_path / "o.parquet", "--tokenizer", copy),
        "decode": ("decode", shelf / "t.parquet", "--out", tmp_path / "o.npz", "--tokenizer", copy),
        "reconstruct": ("reconstruct", shelf / "letters.npz", "--out", tmp_path / "o.html", "--tokenizer", copy),
        "evaluate": ("evaluate", copy, "--data", shelf / "letters.npz"),
    }[verb]
    assert_refused(run(*arguments), name.replace(".", r"\."))
    assert contents(tmp_path) == before


MISTAKES = {
    "no such tokenizer": (("info", "nobody"), r"no tokenizer 'nobody'"),
    "encode to npz": (("encode", "{letters}", "--out", "{out}/o.npz", "--tokenizer", "{tok}"), r"NAME\.parquet"),
    "decode to parquet": (("decode", "{tokens}", "--out", "{out}/o.parquet", "--tokenizer", "{tok}"), r"NAME\.npz or"),
    "reconstruct to txt": (("reconstruct", "{letters}", "--out", "{out}/o.txt", "--tokenizer", "{tok}"), r"NAME\.html"),
    "compose to txt": (("data", "compose", "{letters}", "--out", "{out}/o.txt"), r"name NAME\.npz, or a folder"),
    "too many codebooks": (
        ("decode", "{tokens}", "--out", "{out}/o.npz", "--tokenizer", "{tok}", "--codebooks", "5"),
        r"codebooks 5: this tokenizer has 4",
    ),
    "unknown recipe": (("train", "nobody", "--data", "{out}"), r"unknown recipe 'nobody'; the recipes are: sign-rvq"),
    "no sources": (
        ("train", "sign-rvq-ctc", "--data", "{out}", "--out", "{out}/run"),
        r"nothing to read in this folder",
    ),
    "unknown source": (("train", "sign-rvq", "--data", "{out}", "--only", "nobody"), r"unknown source 'nobody'"),
    "encode without codes": (
        ("encode", "{letters}", "--out", "{out}/o.parquet", "--tokenizer", "{continuous}"),
        r"is continuous and has no ids to write; use one with codebooks",
    ),
    "pictures to encode": (
        ("encode", "{pictures}", "--out", "{out}/o.parquet", "--tokenizer", "{tok}"),
        r"pictures: holds pictures, which a tokenizer \(--tokenizer hands\) or a recipe of pictures takes; give \.npz",
    ),
    "pictures to reconstruct": (
        ("reconstruct", "{pictures}/A/1.png", "--out", "{out}/o.png", "--tokenizer", "{tok}"),
        r"1\.png: holds pictures",
    ),
    "pictures to train on": (("train", "sign-rvq", "--data", "{pictures}", "--out", "{out}/run"), r"holds pictures"),
    "pictures to decode": (
        ("decode", "{pictures}/A/1.png", "--out", "{out}/o.npz", "--tokenizer", "{tok}"),
        r"1\.png: holds pictures, .*; give a token file, which `signtok encode` makes",
    ),
    "tokens to encode": (
        ("encode", "{tokens}", "--out", "{out}/o.parquet", "--tokenizer", "{tok}"),
        r"t\.parquet: holds tokens, which `signtok decode` takes; give \.npz",
    ),
    "no threads": (("train", "sign-rvq", "--out", "{out}/run", "--threads", "0"), r"--threads 0: give 1 or more"),
    "less than no threads": (
        ("probe", "{tok}", "--out", "{out}/run", "--threads", "-1"),
        r"--threads -1: give 1 or more",
    ),
    "no such folder to write": (
        ("encode", "{letters}", "--out", "{letters}/o.parquet", "--tokenizer", "{tok}"),
        r"letters\.npz",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_one_line(shelf, run, tmp_path, name):
    arguments, message = MISTAKES[name]
    names = {"letters": shelf / "letters.npz", "tokens": shelf / "t.parquet", "tok": shelf / "tok", "out": tmp_path}
    names["pictures"] = shelf / "pictures"
    before = contents(shelf)
    assert_refused(run(*(a.format(continuous=shelf / "continuous", **names) for a in arguments)), message)
    assert contents(tmp_path) == {}
    assert contents(shelf) == before


def test_a_recording_of_text_too_long_for_its_letters_composes(run, tmp_path):
    """Words are no takes: what cannot be composed is said in one line."""
    write_npz(tmp_path / "words.npz", [right_hand(9, text="hello")])
    before = contents(tmp_path)
    ended = run("data", "compose", tmp_path / "words.npz", "--out", tmp_path / "o.npz")
    assert_refused(ended, r"no takes of single letters")
    assert contents(tmp_path) == before


def test_a_header_without_rows(shelf, run, tmp_path):
    schema = pq.read_schema(shelf / "t.parquet")
    pq.write_table(pa.table({name: [] for name in schema.names}, schema=schema), tmp_path / "none.parquet")
    before = contents(tmp_path)
    for suffix in (".npz", ".gif"):
        out = tmp_path / f"o{suffix}"
        assert_refused(
            run("decode", tmp_path / "none.parquet", "--out", out, "--tokenizer", shelf / "tok"), "no record"
        )
        assert contents(tmp_path) == before


# ---- the program itself ----


def python(*arguments, **options):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, **options)


def test_help_needs_no_torch():
    code = (
        "import sys; from signtok.cli import main\ntry: main(sys.argv[1:])\nexcept SystemExit as e: assert not e.code\n"
    )
    code += "heavy = {'torch', 'numpy', 'pyarrow', 'PIL'} & sys.modules.keys(); assert not heavy, heavy"
    for arguments in (["--help"], ["encode", "--help"], ["data", "--help"]):
        ended = python("-c", code, *arguments)
        assert ended.returncode == 0, ended.stderr
        assert "usage: signtok" in ended.stdout


def test_as_a_program_too_it_is_one_line(tmp_path):
    ended = python("-m", "signtok.cli", "data", "inspect", tmp_path / "nobody.npz")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("signtok: ")


@pytest.mark.parametrize("error", [MemoryError("no 763 MiB"), RuntimeError("[enforce fail at alloc_cpu.cpp:127] no")])
def test_too_little_memory_is_one_line(run, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr("signtok.convert.encode_file", fail)
    ended = run("encode", "x", "--out", "x.parquet")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "not enough memory" in ended.err


def test_other_errors_of_torch_are_not_hidden(run, monkeypatch):
    def fail(*_):
        raise RuntimeError("shapes")

    monkeypatch.setattr("signtok.convert.encode_file", fail)
    with pytest.raises(RuntimeError, match="shapes"):
        run("encode", "x", "--out", "x.parquet")


def test_what_a_terminal_cannot_show_is_no_error(tmp_path):
    code = "import sys; from signtok.cli import main; main(['info', 'fingerspelling'])"
    ended = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONIOENCODING": "ascii:strict"}, capture_output=True
    )
    assert ended.returncode == 0, ended.stderr
    assert rb"\u" in ended.stdout


def test_a_folder_of_that_name_does_not_hide_a_packaged_tokenizer(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fingerspelling").mkdir()
    assert run("info", "fingerspelling").code == 0
    (tmp_path / "fingerspelling" / "config.json").write_text("{}")
    assert run("info", "fingerspelling").code == 2
