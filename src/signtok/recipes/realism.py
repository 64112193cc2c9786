"""How like real hands generated ones are: classifiers that have seen only generated hands read real ones.

    python -m signtok.recipes.realism landmarks --data FOLDER --source letters_webcam [--handshapes TABLE.npz]
    python -m signtok.recipes.realism landmarks --data FOLDER --source letters_webcam --learn both
    python -m signtok.recipes.realism pictures --data FOLDER_OF_CLASS_FOLDERS

A source is tested on its held-out part if the table of handshapes was fitted to it, else whole. With --learn real,
both or first, frames of all other real sources are learnt from, alone, beside as many generated ones, or after them.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
import tyro
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from tqdm import trange

from signtok.config import AugmentConfig
from signtok.data.augment import other_anatomy, other_camera
from signtok.data.fingerspelling import spell_out
from signtok.data.handshapes import Handshapes, packaged_handshapes, read_handshapes
from signtok.data.render import CLASSES, pictures
from signtok.data.signers import draw_signer
from signtok.data.sources import find_sources, read_source
from signtok.data.takes import make_bank, to_takes
from signtok.evaluation.held_out import held_out_recordings
from signtok.evaluation.latent_probe import Labelled
from signtok.recipes.views import unit

LETTERS = "abcdefghijklmnopqrstuvwxyz"
AT_ONCE = 4
"""Frames of one letter by one signer, before one camera."""


@dataclass(frozen=True)
class Landmarks:
    """A two-layer classifier on single frames of 26 letters."""

    data: Path
    source: str = "letters_webcam"
    handshapes: Path | None = None
    learn: Literal["generated", "real", "both", "first"] = "generated"
    """What is learnt from: generated hands, all real sources but the one that is tested, half of each, or first
    generated hands and then real ones, as long again."""
    signers: int = 1200
    seed: int = 0


@dataclass(frozen=True)
class Pictures:
    """A small convolutional network on 64-px pictures of 29 classes."""

    data: Path
    """A folder with a folder of real pictures for each class."""
    count: int = 20_000
    seed: int = 0
    block: int = 44
    """Numbers in file names are cut into blocks of this many; every tenth is tested on, as in training on them."""


def features(hands: Float[Tensor, "n 21 2"]) -> Float[Tensor, "n 124"]:
    """Position and size taken out; and the directions of the bones."""
    palm = hands[:, (0, 5, 9, 13, 17)]
    by_palm = (hands - palm.mean(1, keepdim=True)) / (palm.std(1, correction=0).norm(dim=-1)[:, None, None] + 1e-3)
    chains = torch.cat([hands[:, :1, None].expand(-1, 5, 1, 2), hands[:, 1:].unflatten(1, (5, 4))], 2)
    bones = F.normalize(chains.diff(dim=2), dim=-1)
    return torch.cat([unit(hands).flatten(1), by_palm.clamp(-8, 8).flatten(1), bones.flatten(1)], 1)


def generated_frames(table: Handshapes, signers: int, seed: int) -> Labelled:
    """A few moments of every letter by many signers."""
    rng = np.random.default_rng(seed)
    hands, labels = [], []
    for _ in trange(signers, desc="signers"):
        signer = draw_signer(table, rng)
        for index, letter in enumerate(LETTERS):
            _, hand = spell_out(letter, signer, rng)
            hands.append(hand[rng.integers(len(hand), size=AT_ONCE)])
            labels += [index] * AT_ONCE
    return Labelled(jittered(np.concatenate(hands), rng), torch.tensor(labels))


def real_frames(folder: Path, source: str, seen: bool) -> Labelled:
    """Every frame of every take of a letter, right-handed."""
    hands, labels = [], []
    for recording in held_out_recordings(str(folder), source, seen):
        for take in to_takes(recording):
            if take.text in LETTERS:
                hands.append(take.hand)
                labels += [LETTERS.index(take.text)] * len(take.hand)
    return Labelled(torch.from_numpy(np.concatenate(hands)), torch.tensor(labels))


def real_training_frames(folder: Path, without: str, count: int, seed: int) -> Labelled:
    """Of all other sources, each letter of each signer as often as any other, from other cameras and by other hands
    (signtok.data.augment): about `count` frames."""
    recordings = [r for source in find_sources(folder, without=[without]).values() for r in read_source(source)]
    rng, config = np.random.default_rng(seed), AugmentConfig()
    bank = make_bank(recording for recording in recordings if recording.text in (*LETTERS,))
    cells = [(letter, takes) for signer in bank.signers for letter, takes in signer.letters.items()]
    share = Counter(letter for letter, _ in cells)
    hands, labels = [], []
    for letter, takes in cells:
        frames = np.concatenate([take.hand for take in takes])
        for _ in range(count // len(LETTERS) // share[letter] // AT_ONCE + 1):
            some = frames[rng.integers(len(frames), size=AT_ONCE)]
            hands.append(other_camera(other_anatomy(some, config, rng), config, rng))
            labels += [LETTERS.index(letter)] * AT_ONCE
    return Labelled(jittered(np.concatenate(hands), rng), torch.tensor(labels))


def jittered(hands: np.ndarray, rng: np.random.Generator) -> Float[Tensor, "n 21 2"]:
    jitter = 0.015 * hands.std((1, 2), keepdims=True) * rng.standard_normal(hands.shape)
    return torch.from_numpy((hands + jitter).astype(np.float32))


def trained(model: nn.Module, batches: Iterator[Labelled], steps: int) -> nn.Module:
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for _ in trange(steps, desc="classifier"):
        batch = next(batches)
        loss = F.cross_entropy(model(batch.x), batch.label, label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def drawn(data: Labelled, size: int) -> Iterator[Labelled]:
    while True:
        rows = torch.randint(len(data.label), (size,))
        yield Labelled(data.x[rows], data.label[rows])


def show(found: Tensor, data: Labelled, names: tuple[str, ...], title: str) -> None:
    right = found == data.label
    print(f"{title}: accuracy {right.float().mean():.3f} of {len(right):,}, chance {1 / len(names):.3f}")
    each = {name: float(right[data.label == i].float().mean()) for i, name in enumerate(names) if i in data.label}
    print("worst: " + ", ".join(f"{name} {each[name]:.2f}" for name in sorted(each, key=lambda n: each[n])[:8]))


def courses(options: Landmarks, table: Handshapes) -> list[Labelled]:
    """What is learnt from, one after the other."""
    count = options.signers * len(LETTERS) * AT_ONCE
    parts = []
    if options.learn != "real":
        parts.append(generated_frames(table, options.signers, options.seed))
    if options.learn != "generated":
        parts.append(real_training_frames(options.data, options.source, count, options.seed))
    if options.learn == "both":
        return [Labelled(torch.cat([part.x for part in parts]), torch.cat([part.label for part in parts]))]
    return parts


def classify_landmarks(options: Landmarks) -> None:
    torch.manual_seed(options.seed)
    table = read_handshapes(options.handshapes) if options.handshapes else packaged_handshapes()
    seen = options.source in table.sources
    parts = [Labelled(features(part.x), part.label) for part in courses(options, table)]
    x = torch.cat([part.x for part in parts])
    mean, spread = x.mean(0), x.std(0) + 1e-3
    model = nn.Sequential(nn.Linear(x.shape[1], 256), nn.SiLU(), nn.LayerNorm(256), nn.Linear(256, len(LETTERS)))
    steps = 6 * options.signers * len(LETTERS) * AT_ONCE // 256
    for part in parts:
        trained(model, drawn(Labelled((part.x - mean) / spread, part.label), 256), steps)
    test = real_frames(options.data, options.source, seen)
    with torch.no_grad():
        found = model((features(test.x) - mean) / spread).argmax(1)
    show(found, test, tuple(LETTERS), f"{options.source}, {'held-out part' if seen else 'whole, not seen by the fit'}")


def network(classes: int) -> nn.Module:
    """Four convolutions, halving each time."""
    layers: list[nn.Module] = []
    for before, after in ((3, 32), (32, 64), (64, 128), (128, 192)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.SiLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(192 * 16, classes))


def standardised(picture: Tensor) -> Float[Tensor, "n 3 s s"]:
    """uint8 (n, s, s, 3), each to mean 0 and deviation 1: light and skin matter less."""
    x = picture.permute(0, 3, 1, 2).float()
    return (x - x.mean((1, 2, 3), keepdim=True)) / (x.std((1, 2, 3), keepdim=True) + 1)


def real_pictures(folder: Path, block: int) -> Labelled:
    """The pictures in test blocks, as 64 px."""
    found, labels = [], []
    for index, name in enumerate(CLASSES):
        for path in sorted((folder / name).iterdir()):
            number = int("".join(c for c in path.stem if c.isdigit()) or 0)
            if number // block % 10 == 9:
                found.append(np.asarray(Image.open(path).convert("RGB").resize((64, 64))))
                labels.append(index)
    if not found:
        raise ValueError(f"{folder}: no pictures in test blocks of {block}; name a folder with a folder for each class")
    return Labelled(torch.from_numpy(np.stack(found)), torch.tensor(labels))


def classify_pictures(options: Pictures) -> None:
    torch.manual_seed(options.seed)
    made = list(pictures(packaged_handshapes(), options.count, options.seed, 64))
    train = Labelled(
        torch.from_numpy(np.stack([picture for _, picture in made])),
        torch.tensor([CLASSES.index(name) for name, _ in made]),
    )
    batches = (Labelled(standardised(batch.x), batch.label) for batch in drawn(train, 128))
    model = trained(network(len(CLASSES)), batches, 6 * options.count // 128)
    test = real_pictures(options.data, options.block)
    with torch.no_grad():
        found = torch.cat([model(standardised(part)).argmax(1) for part in test.x.split(256)])
    show(found, test, CLASSES, f"{options.data.name}, test blocks")


def main() -> None:
    options = tyro.extras.subcommand_cli_from_dict({"landmarks": Landmarks, "pictures": Pictures})
    if isinstance(options, Landmarks):
        classify_landmarks(options)
    else:
        classify_pictures(options)


if __name__ == "__main__":
    main()
