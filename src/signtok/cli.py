"""signtok on the command line: each verb calls one function, and everything heavy is imported when it is needed."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # spinning threads starve each other when anything else runs

import tyro
from tyro.conf import OmitArgPrefixes, Positional, arg

from signtok.cli_data import Path_, data_app
from signtok.cli_study import study_app
from signtok.evaluation.choices import PictureChecks
from signtok.recipes.choices import LandmarkChoices, Limits, PictureChoices
from signtok.terminal import show_anything, warnings_at_the_end

app = tyro.extras.SubcommandApp()

TokenizerName = Annotated[str, arg(metavar="NAME|FOLDER")]


@app.command
def train(
    recipe: Positional[str],
    limits: OmitArgPrefixes[Limits],
    landmarks: OmitArgPrefixes[LandmarkChoices],
    pictures: OmitArgPrefixes[PictureChoices],
    data: Path_ = Path("generated"),
    out: Path_ | None = None,
    threads: int = 2,
) -> None:
    """Train a tokenizer by a recipe; the same command again goes on where it was stopped.

    Example: signtok train sign-rvq-ctc --max-minutes 30
             signtok train sign-rvq-ctc --data landmarks/ --max-minutes 30
             signtok train asl-image-conv --data asl_alphabet_train/ --size 64

    Args:
        recipe: of landmarks: sign-rvq-ctc, sign-rvq, sign-continuous, each also with -no-dropout or -paper, and
            sign-rvq-flow; of pictures: hands-conv, asl-image-conv, asl-image-conv-two-heads, asl-image-ff,
            asl-image-ddpm; with a grid of latents vae, gan-ae, lpips-ae, swycc, swycc-latent (the best in minutes of a
            CPU), eps-vae, for a GPU hands, hands-vae, eps-vae-b, vae-b; with codes vqgan, div-ae, div-ae-fsq,
            div-ae-swycc, div-ae-swycc-fsq, div-ae-swycc-latent (the best). Another name lists all.
        data: for pictures, a folder with a folder for each class. For landmarks, a folder with known sources
            (signtok.data.sources), or recordings of your own with their texts: a Kaggle folder, .pose or .npz files, a
            packed corpus. Single letters are composed into phrases, and generated signers spell along. "generated":
            these alone, or pictures that the package renders; no data is needed.
        out: folder of the run; runs/RECIPE by default.
        threads: CPU threads.
    """
    from signtok.recipes.run import train_recipe

    train_recipe(recipe, data, out, limits, landmarks, pictures, threads)


@app.command
def probe(
    run: Positional[Path_], out: Path_, data: Path_ = Path("generated"), max_steps: int = 1500, threads: int = 2
) -> None:
    """Ask how much of the letters a tokenizer keeps: train a linear CTC head on its frozen latents.

    Example: signtok probe runs/sign-rvq --data landmarks/ --out runs/sign-rvq-probe

    Args:
        run: a trained run.
        data: folder that holds the sources it was trained on; nothing if those were generated.
        out: the tokenizer with the probe as its head; evaluate it as any other.
        max_steps: batches to train the probe for.
        threads: CPU threads.
    """
    from signtok.recipes.run import train_probe

    train_probe(run, data, out, max_steps, threads)


@app.command
def encode(
    source: Positional[Path_],
    out: Path_,
    tokenizer: TokenizerName = "fingerspelling",
    licence: str = "",
    bits: Literal[16, 32] | None = None,
    refine: int | None = None,
    full_size: bool = False,
) -> None:
    """Recordings, or a folder of pictures, to a token file (Parquet).

    Example: signtok encode recordings.npz --out tokens.parquet
             signtok encode pictures/ --out tokens.parquet --tokenizer hands --licence CC0-1.0

    Args:
        source: .npz, .npy, .pose, a folder of .pose files, a Kaggle folder or parquet, or a packed corpus; for a
            tokenizer of pictures a folder of JPEG or PNG files, or one of them.
        out: the token file to write.
        tokenizer: a packaged tokenizer or the folder of one.
        licence: the terms of what is encoded, where it names none itself; decode hands them on.
        bits: of each number of a picture's latent; 16 by default.
        refine: steps that improve the latent of each picture by descent, about three decodings each; by default as the
            tokenizer is set.
        full_size: keep each picture's own resolution, with more tokens for a larger one, and do not fit it into the
            square that the tokenizer was trained on.
    """
    from signtok.convert import encode_file

    print(encode_file(source, out, tokenizer, licence, bits, refine, full_size))


@app.command
def decode(
    tokens: Positional[Path_],
    out: Path_,
    tokenizer: TokenizerName = "fingerspelling",
    codebooks: int | None = None,
    steps: int | None = None,
    seed: int = 0,
) -> None:
    """A token file back to recordings or pictures.

    Example: signtok decode tokens.parquet --out decoded.npz
             signtok decode tokens.parquet --out decoded/ --tokenizer hands

    Args:
        tokens: a token file of the same tokenizer.
        out: NAME.npz for all, NAME.pose, NAME.gif or NAME.mp4 (numbered where there are several); for pictures a
            folder.
        tokenizer: the tokenizer that made the tokens.
        codebooks: use only the first so many codebooks of residual VQ.
        steps: of a decoder that samples; as it was trained by default.
        seed: of its noise.
    """
    from signtok.convert import decode_file

    print(decode_file(tokens, out, tokenizer, codebooks, steps, seed))


@app.command
def reconstruct(
    source: Positional[Path_],
    out: Path_ | None = None,
    tokenizer: TokenizerName = "fingerspelling",
    limit: int = 12,
    steps: int | None = None,
    seed: int = 0,
) -> None:
    """Recordings or pictures through the tokens and back, side by side.

    Example: signtok reconstruct recordings.npz --out before-after.html

    Args:
        source: recordings, as for encode.
        out: .html shows up to `limit` recordings; .gif and .mp4 the first; .png and .jpg up to `limit` pictures. By
            default reconstruction.html or reconstruction.png.
        tokenizer: a packaged tokenizer or the folder of one.
        limit: how many to show.
        steps: of a decoder that samples; as it was trained by default.
        seed: of its noise.
    """
    from signtok.convert import reconstruct_file

    print(reconstruct_file(source, out, tokenizer, limit, steps, seed))


@app.command
def evaluate(
    tokenizer: Positional[TokenizerName],
    pictures: OmitArgPrefixes[PictureChecks],
    data: Path_ | None = None,
    out: Path_ | None = None,
    only: tuple[str, ...] = (),
) -> None:
    """Scores with intervals: of landmarks movement, reading and the health of the codes; of pictures MSE to FD.

    Example: signtok evaluate fingerspelling --data landmarks/ --only letters_webcam
             signtok evaluate runs/asl-image-conv --data asl_alphabet_train/

    Args:
        tokenizer: a packaged tokenizer or the folder of a run.
        data: of landmarks, folder with known sources, or recordings of your own with their texts; by default
            "generated", phrases by signers who never lived. Of pictures, folder with a folder for each class; by
            default what the tokenizer was trained on.
        out: also write the scores as JSON.
        only: these sources alone; one that was trained on is tested on its held-out part, any other whole.
    """
    from signtok.evaluation.run import evaluate_path

    evaluate_path(tokenizer, data, out, only, pictures)


@app.command
def report(runs: Positional[tuple[Path_, ...]], out: Path_ = Path("report.html"), data: Path_ | None = None) -> None:
    """Compare runs on one page: their scores, curves, reconstructions and worst cases.

    Example: signtok report runs/asl-image-ff runs/asl-image-conv --out report.html

    Args:
        runs: folders of runs; their scores are written by: signtok evaluate RUN --data FOLDER --out RUN/scores.json
        out: the page to write; it needs no network.
        data: folder of pictures to reconstruct; by default what each run was trained on, if it is there.
    """
    from signtok.report.page import report_runs

    print(report_runs(runs, data, out))


@app.command
def info(tokenizer: Positional[TokenizerName] = "fingerspelling") -> None:
    """What a tokenizer is: name, fingerprint, rate, and its model card.

    Example: signtok info fingerspelling
    """
    from signtok.hub import load

    print(load(tokenizer).info())


@app.command
def demo(
    letters: Path_ | None = None,
    out: Path_ = Path("demo"),
    word: str = "hello",
    tokenizer: TokenizerName = "fingerspelling",
) -> None:
    """Spell a word with recorded letters, print its tokens and what is read back, and write a page to look at.

    Example: signtok demo --word jazz

    Args:
        letters: recordings of single letters, as for encode; by default the real ones of the package spoken-to-signed
            where it is installed, else generated ones.
        out: folder for the page and the film.
        word: what to spell.
        tokenizer: a packaged tokenizer or the folder of one.
    """
    from signtok.demo import run_demo

    run_demo(letters, out, word, tokenizer)


DESCRIPTION = """Learned tokenizers for signing hands: recordings to tokens and back.

Start with:  signtok info fingerspelling
             signtok reconstruct recordings.npz --out before-after.html
             signtok reconstruct pictures/ --tokenizer hands --out before-after.png

Also: signtok data inspect | compose | generate | pack
      signtok study make | serve | report
"""

SUB_APPS = {
    "data": (data_app, "Look at recordings; compose, generate and pack them."),
    "study": (study_app, "Let people rate reconstructions: make a study, serve its page, report what they said."),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """One line and exit code 2 for whatever a person can mend."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    show_anything()
    try:
        with warnings_at_the_end():
            if arguments and arguments[0] in SUB_APPS:
                sub_app, description = SUB_APPS[arguments[0]]
                sub_app.cli(prog=f"signtok {arguments[0]}", args=arguments[1:], description=description)
            else:
                app.cli(prog="signtok", args=arguments, description=DESCRIPTION)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "alloc" not in str(error):  # torch's own want of memory
            raise
        print("signtok: not enough memory: is a file damaged, or a size in a config too large?", file=sys.stderr)
        sys.exit(2)
    except (ValueError, OSError) as error:
        line = " ".join(str(error).split())
        print(f"signtok: {line}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
