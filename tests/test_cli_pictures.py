"""The verbs on pictures, as a person types them: what they write, and one line for what they cannot do."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from signtok.config import (
    ConvolutionNet,
    FlowDecoder,
    FSQConfig,
    GaussianConfig,
    GridNet,
    PictureConfig,
    PictureTokenizerConfig,
    PlainDecoder,
    UNetConfig,
)
from signtok.hub import PictureTokenizer, load
from signtok.tokenizer.picture_model import PictureModel
from signtok.tokens import LatentKind, LatentWriter, PictureLatent, TokenWriter, read_latents

NET = ConvolutionNet(channels=(8, 16))


def save_tokenizer(folder, seed):
    torch.manual_seed(seed)
    config = PictureTokenizerConfig(size=16, latent=6, encoder=NET, decoder=PlainDecoder(net=NET))
    PictureTokenizer(PictureModel(config), PictureConfig(name="tiny", tokenizer=config)).save_pretrained(folder)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Two tokenizers of one shape; 5 pictures of each of two classes, of several sizes, and one that is damaged."""
    folder = tmp_path_factory.mktemp("pictures")
    for seed, name in enumerate(("tok", "other")):
        save_tokenizer(folder / name, seed)
    rng = np.random.default_rng(0)
    for label in ("A", "nothing"):
        (folder / "set" / label).mkdir(parents=True)
        for number in range(5):
            shape = (20 + number, 30, 3) if number % 2 else (16, 16, 3)
            picture = rng.integers(0, 256, shape, dtype=np.uint8)
            Image.fromarray(picture).save(folder / "set" / label / f"{label}{number}.png")
    (folder / "set" / "A" / "A9.png").write_bytes(b"\x89PNG")
    return folder


@pytest.fixture(
    scope="module", params=[GaussianConfig(), FSQConfig(levels=(8, 6, 5), codebooks=2)], ids=["numbers", "ids"]
)
def grid(request, tmp_path_factory):
    """A tokenizer with a grid of places of 4 x 4 pixels."""
    torch.manual_seed(0)
    net = GridNet(channels=16, multipliers=(1, 2), blocks=1, patch=2)
    config = PictureTokenizerConfig(
        size=16, latent=6, encoder=net, bottleneck=request.param, decoder=PlainDecoder(net=net)
    )
    folder = tmp_path_factory.mktemp("grid")
    PictureTokenizer(PictureModel(config), PictureConfig(name="grid", tokenizer=config)).save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_encode_and_decode(shelf, run, tmp_path):
    ended = run("encode", shelf / "set", "--out", tmp_path / "t.parquet", "--tokenizer", shelf / "tok")
    assert ended.code == 0
    assert "10 pictures, 6 numbers, 96 bits a picture; 1 left out, the first:" in ended.out
    rows = list(read_latents(tmp_path / "t.parquet"))
    assert [(row.label, row.name) for row in rows][:2] == [("A", "A/A0.png"), ("A", "A/A1.png")]
    assert (rows[1].height, rows[1].width, rows[1].source) == (21, 30, "set")
    ended = run("decode", tmp_path / "t.parquet", "--out", tmp_path / "back", "--tokenizer", shelf / "tok")
    assert (ended.code, ended.err) == (0, "")
    assert sorted(path.name for path in (tmp_path / "back" / "A").iterdir()) == [f"A{i}.png" for i in range(5)]
    with Image.open(tmp_path / "back" / "A" / "A1.png") as picture:
        assert picture.size == (30, 21)


def test_the_licence_goes_along(shelf, run, tmp_path):
    terms = ("--licence", "CC BY 4.0 ü")
    run("encode", shelf / "set/A/A1.png", "--out", tmp_path / "t.parquet", "--tokenizer", shelf / "tok", *terms)
    assert [row.licence for row in read_latents(tmp_path / "t.parquet")] == ["CC BY 4.0 ü"]
    run("decode", tmp_path / "t.parquet", "--out", tmp_path / "back", "--tokenizer", shelf / "tok")
    with Image.open(tmp_path / "back" / "A1.png") as picture:
        assert picture.info["Copyright"] == "CC BY 4.0 ü"


KILLED = """
import os, signal, sys
from signtok import cli, convert_pictures
read = convert_pictures.read_picture
def read_or_die(path):
    if path.name == "A200.png":
        os.kill(os.getpid(), signal.SIGKILL)
    return read(path)
convert_pictures.read_picture = read_or_die
cli.main(sys.argv[1:])
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is of POSIX alone")
def test_killed_while_encoding(shelf, run, tmp_path):
    """What was there stays, and the same command again leaves nothing else."""
    (tmp_path / "A").mkdir()
    for number in range(300):
        Image.new("RGB", (8, 8), (number % 256, 0, 0)).save(tmp_path / "A" / f"A{number}.png")
    out = tmp_path / "out" / "t.parquet"
    assert run("encode", shelf / "set", "--out", out, "--tokenizer", shelf / "tok").code == 0
    before = out.read_bytes()
    command = ["encode", str(tmp_path / "A"), "--out", str(out), "--tokenizer", str(shelf / "tok")]
    ended = subprocess.run([sys.executable, "-c", KILLED, *command], capture_output=True, timeout=120)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert len(list(out.parent.glob(".*"))) == 1
    assert out.read_bytes() == before
    assert run(*command).code == 0
    assert len(list(read_latents(out))) == 300
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize("more", [(), ("--full-size",)], ids=["fitted", "full-size"])
def test_a_grid_there_and_back(grid, shelf, run, tmp_path, more):
    tokens, back = tmp_path / "t.parquet", tmp_path / "back"
    ended = run("encode", shelf / "set", "--out", tokens, "--tokenizer", grid, *more)
    ids = load(grid).codes > 0
    what = "2 ids of 240" if ids else "6 numbers"
    whole = f"{'32 ids of 240, 253' if ids else '96 numbers, 1,536'} bits a picture"
    assert (ended.code, f"{what} for 4 x 4 pixels" if more else whole) == (
        0,
        ended.out.split(" pictures, ")[1].split(";")[0],
    )
    grids = {row.name: row.latent.shape[:2] for row in read_latents(tokens)}
    assert grids["A/A1.png"] == ((6, 8) if more else (4, 4))
    assert run("decode", tokens, "--out", back, "--tokenizer", grid).code == 0
    for path in (back / "A").iterdir():
        with Image.open(path) as after, Image.open(shelf / "set" / "A" / path.name) as before:
            assert after.size == before.size


def test_full_size_is_for_a_grid(shelf, run, tmp_path):
    ended = run("encode", shelf / "set", "--out", tmp_path / "t.parquet", "--tokenizer", shelf / "tok", "--full-size")
    assert (ended.code, list(tmp_path.glob("t*"))) == (2, [])
    assert "tiny knows 16 x 16 pixels alone" in ended.err


def test_ids_are_whole_numbers(grid, shelf, run, tmp_path):
    ended = run("encode", shelf / "set", "--out", tmp_path / "t.parquet", "--tokenizer", grid, "--bits", "32")
    assert ended.code == (2 if load(grid).codes else 0)
    assert ("leave it out" in ended.err) == bool(load(grid).codes)


def test_names_in_a_token_file_lead_nowhere(shelf, run, tmp_path):
    tok = load(shelf / "tok")
    path = tmp_path / "t.parquet"
    with LatentWriter(path, tok.name, tok.fingerprint, LatentKind(6)) as writer:
        for name, label in (("../../evil.png", ".."), ("/etc/evil.png", "/etc"), ("", ""), ("x/evil.png", "..")):
            writer.write(PictureLatent(np.zeros((1, 1, 6), np.float32), 4, 4, name, label))
    ended = run("decode", path, "--out", tmp_path / "out", "--tokenizer", shelf / "tok")
    assert (ended.code, ended.err) == (0, "")
    written = sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.png"))
    assert written == ["__/evil-1.png", "__/evil.png", "_etc/evil.png", "picture.png"]
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "cache") == ["out", "t.parquet"]


def test_reconstruct_draws_a_sheet(shelf, run, tmp_path):
    ended = run("reconstruct", shelf / "set", "--out", tmp_path / "s.png", "--tokenizer", shelf / "tok", "--limit", 6)
    assert (ended.code, ended.err) == (0, "")
    assert "mean squared error 0." in ended.out
    with Image.open(tmp_path / "s.png") as sheet:
        assert min(sheet.size) > 250


@pytest.mark.parametrize("verb", ["reconstruct", "decode"])
def test_another_seed_draws_other_pictures(shelf, run, tmp_path, verb):
    """From a flow with weights at random."""
    torch.manual_seed(0)
    net = GridNet(channels=16, multipliers=(1, 2), blocks=1, patch=2)
    flow = FlowDecoder(
        net=UNetConfig(channels=8, multipliers=(1,), attention=(), patch=2), perceptual=None, critic=None
    )
    config = PictureTokenizerConfig(size=16, latent=2, encoder=net, decoder=flow)
    model = PictureModel(config)
    for parameter in model.decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    PictureTokenizer(model, PictureConfig(name="flow", tokenizer=config)).save_pretrained(tmp_path / "t")
    source = shelf / "set" / "A" / "A0.png"
    if verb == "decode":
        assert run("encode", source, "--out", tmp_path / "t.parquet", "--tokenizer", tmp_path / "t").code == 0
        source = tmp_path / "t.parquet"
    made = []
    for number, options in enumerate((("--seed", 0), ("--seed", 0), ("--seed", 1), ("--steps", 2))):
        out = tmp_path / (f"{number}.png" if verb == "reconstruct" else str(number))
        ended = run(verb, source, "--out", out, "--tokenizer", tmp_path / "t", *options)
        assert (ended.code, ended.err) == (0, "")
        made.append((out if verb == "reconstruct" else next(out.rglob("*.png"))).read_bytes())
    assert made[0] == made[1]
    assert len({*made}) == 3, "seeds and steps change what is drawn"
    ended = run(verb, source, "--out", tmp_path / "no.png", "--tokenizer", tmp_path / "t", "--steps", 0)
    assert (ended.code, ended.err.count("\n"), (tmp_path / "no.png").exists()) == (2, 1, False)


def test_a_picture_that_the_file_cannot_hold_is_left_out(shelf, run, tmp_path, grid):
    (tmp_path / "set").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "set" / "a.png")
    Image.new("L", (2**15 + 1, 1)).save(tmp_path / "set" / "b.png")
    out = tmp_path / "t.parquet"
    ended = run("encode", tmp_path / "set", "--out", out, "--tokenizer", grid)
    assert ended.code == 0
    assert "1 pictures" in ended.out
    assert "1 left out, the first: tokens of 'b.png': a picture of 1 x 32769 pixels" in ended.out
    assert [row.name for row in read_latents(out)] == ["a.png"]


def test_names_that_are_no_text(shelf, run, tmp_path, grid):
    """Bytes that are no UTF-8, as of an old disk, in the names of a folder, a class and a picture."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/set\xff"))
    place = folder / os.fsdecode(b"A\xfe") / os.fsdecode(b"a\xfd.png")
    place.parent.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(place)
    for source in (folder, place):
        ended = run("encode", source, "--out", tmp_path / "t.parquet", "--tokenizer", grid)
        assert ended.code == 0
    (row,) = read_latents(tmp_path / "t.parquet")
    assert row.name == "a\ufffd.png"


def test_evaluate_and_info(shelf, run, tmp_path, monkeypatch):
    monkeypatch.setattr("signtok.evaluation.run_pictures.perceptual_scores", lambda *_: [])
    ended = run("evaluate", shelf / "tok", "--data", shelf / "set", "--out", tmp_path / "scores.json")
    assert ended.code == 0
    assert "| MSE ↓ | 0." in ended.out
    assert "| MSE, nothing ↓ |" in ended.out
    names = [score["name"] for score in json.loads((tmp_path / "scores.json").read_text())["scores"]]
    assert {"MSE", "PSNR", "SSIM", "active numbers"} <= {*names}
    assert "6 numbers for 16 x 16 pixels" in run("info", shelf / "tok").out


def test_train_on_a_folder_and_go_on(shelf, run, tmp_path):
    arguments = ("--data", shelf / "set", "--size", 16, "--latent", 5, "--split", "paper", "--threads", 1)
    ended = run("train", "asl-image-conv", *arguments, "--max-steps", 2, "--out", tmp_path / "run")
    assert ended.code == 0
    assert "step 2" in ended.out
    tok = load(tmp_path / "run")
    assert (tok.size, tok.width, tok.settings.data.split.kind) == (16, 5, "random")
    ended = run("train", "asl-image-conv", *arguments, "--max-steps", 3, "--out", tmp_path / "run")
    assert (ended.code, "step 3" in ended.out) == (0, True)


def test_start_from_weights_that_are_there(shelf, run, tmp_path):
    """Without a step, the new run is the old one."""
    arguments = ("--data", shelf / "set", "--size", 16, "--latent", 5, "--split", "paper", "--threads", 1)
    assert run("train", "asl-image-conv", *arguments, "--max-steps", 2, "--out", tmp_path / "run").code == 0
    more = ("--start", tmp_path / "run", "--seed", 1, "--max-steps", 0, "--out", tmp_path / "new")
    assert run("train", "asl-image-conv", *arguments, *more).code == 0
    assert load(tmp_path / "new").fingerprint == load(tmp_path / "run").fingerprint
    assert load(tmp_path / "new").settings.train.start == str(tmp_path / "run")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("encode", "set", "--out", "t.parquet", "--bits", 32, "--tokenizer", "nowhere"), "no tokenizer 'nowhere'"),
        (("encode", "nowhere", "--out", "t.parquet"), "no such folder"),
        (("encode", "hand.npz", "--out", "t.parquet"), "landmarks, which a tokenizer or a recipe of landmarks takes"),
        (("reconstruct", "hand.npz", "--out", "x.html"), "hand.npz: holds recordings of landmarks"),
        (("decode", "hand.npz", "--out", "o"), "give a token file, which `signtok encode` makes"),
        (("decode", "landmarks.parquet", "--out", "x.npz"), "is a token file of landmarks, made by tokenizer 'signs'"),
        (("encode", "set/A/A9.png", "--out", "t.parquet"), "nothing was written"),
        (("decode", "t", "--out", "o"), "no such token file"),
        (("decode", "t", "--out", "o", "--codebooks", 2), "codebooks 2: this tokenizer is continuous and has none"),
        (("evaluate", "--data", "set", "--codebooks", 2), "codebooks 2: this tokenizer is continuous and has none"),
        (("reconstruct", "set", "--out", "x.html"), "name the output"),
        (("reconstruct", "set", "--out", "x.png", "--limit", 0), "show at least one picture"),
        (("decode", "tokens.parquet", "--out", "set"), "exists; name a new folder"),
        (("decode", "tokens.parquet", "--out", "x.npz"), "name a folder for the pictures"),
        (("decode", "tokens.parquet", "--out", "link"), "link is a link or a mounted disk: name a new folder in it"),
        (("encode", "set", "--out", "t.parquet", "--refine", -1), "refine -1: give 0 or more steps"),
        (("evaluate", "--data", "set", "--only", "letters_webcam"), "--only names sources of landmarks"),
        (("evaluate", "--data", "nowhere"), "no such folder"),
    ],
)
def test_what_cannot_be_done(shelf, run, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set").symlink_to(shelf / "set")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    np.savez("hand.npz", landmarks=np.zeros((2, 42, 2), np.float32))
    with TokenWriter("landmarks.parquet", "signs", "0" * 12, 4, 8):
        pass
    tok = load(shelf / "tok")
    with LatentWriter("tokens.parquet", tok.name, tok.fingerprint, LatentKind(6)):
        pass
    verb, *rest = arguments
    chosen = [shelf / "tok", *rest] if verb == "evaluate" else [*rest, "--tokenizer", shelf / "tok"]
    if "nowhere" in arguments[-1:]:
        chosen = rest if verb != "evaluate" else chosen
    ended = run(verb, *chosen)
    assert ended.code == 2
    assert message in ended.err
    assert ended.err.count("\n") == 1
    assert not (tmp_path / "t.parquet").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("asl-image-conv", "--split", "paper", "--size", 20), "use a multiple of 8"),
        (("eps-vae", "--split", "paper", "--size", 20), "cannot be halved so often: use a multiple of 8"),
        (("asl-image-conv", "--split", "thirds"), "--split thirds: give one of blocks, tail, paper"),
        (("asl-image-conv", "--split", "tail"), "numbered in the order of a video"),
        (("asl-image-conv", "--split", "paper", "--timesteps", 50), "--timesteps is for asl-image-ddpm"),
        (("asl-image-conv", "--split", "paper", "--latent", 0), "--latent 0: give 1 to 4,096"),
        (("div-ae", "--split", "paper", "--latent", 0), "--latent 0: give 1 to 4,096"),
        (("div-ae-fsq", "--split", "paper", "--latent", 10**6), "--latent 1000000: give 1 to 4,096"),
        (("asl-image-conv", "--split", "paper", "--size", 16, "--seed", -1), "--seed -1: input should be greater"),
        (("asl-image-conv", "--split", "paper", "--size", 16, "--max-minutes", "nan"), "--max-minutes nan: "),
        (("asl-image-conv", "--split", "paper", "--per-class", 0), "--per-class 0: input should be greater"),
        (("asl-image-ddpm", "--split", "paper", "--timesteps", 1), "give 2 or more"),
        (("asl-image-conv", "--generated", 0.5), "a recipe of pictures, which has no --generated"),
        (("asl-image-conv", "--split", "paper", "--size", 16, "--start", "hands-conv"), "holds another model"),
        (("asl-image-conv", "--split", "paper", "--size", 16, "--start", "gone"), "no tokenizer 'gone'"),
        (("sign-rvq", "--size", 64), "a recipe of landmarks, which has no --size"),
    ],
)
def test_what_cannot_be_trained(shelf, run, tmp_path, arguments, message):
    ended = run("train", *arguments, "--data", shelf / "set", "--max-steps", 1, "--out", tmp_path / "run")
    assert ended.code == 2
    assert message in ended.err
    assert not (tmp_path / "run").exists()


def test_tokens_of_another_tokenizer(shelf, run, tmp_path):
    run("encode", shelf / "set", "--out", tmp_path / "t.parquet", "--tokenizer", shelf / "tok")
    ended = run("decode", tmp_path / "t.parquet", "--out", tmp_path / "o", "--tokenizer", shelf / "other")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "was made by another run of 'tiny': decode it with the folder" in ended.err
    assert not (tmp_path / "o").exists()


def test_pictures_for_a_tokenizer_of_landmarks(shelf, run, tmp_path):
    ended = run("demo", "--tokenizer", shelf / "tok", "--out", tmp_path / "d")
    assert (ended.code, "this takes one of landmarks" in ended.err) == (2, True)
