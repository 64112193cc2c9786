"""How well classes are told from numbers that stay as they are: by a linear probe, and by a small classifier."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

DECAYS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
ITERATIONS = 300
HIDDEN, EPOCHS, BATCH, LEARNING_RATE = 256, 60, 128, 1e-3


@dataclass(frozen=True, eq=False)
class Labelled:
    """x: what stands for each example; label: its class, 0 to C-1."""

    x: Float[Tensor, "n d"]
    label: Int[Tensor, " n"]


@dataclass(frozen=True, eq=False)
class Examples:
    """What is learnt from, what settings are chosen by, and what is told."""

    train: Labelled
    validation: Labelled
    test: Labelled
    classes: int

    def standardised(self) -> "Examples":
        """Each number less its mean over the training part, by its deviation there."""
        mean, spread = self.train.x.mean(0), self.train.x.std(0, correction=0).clamp(min=1e-6)

        def scaled(part: Labelled) -> Labelled:
            return Labelled((part.x - mean) / spread, part.label)

        return Examples(scaled(self.train), scaled(self.validation), scaled(self.test), self.classes)


def linear_probe(examples: Examples) -> Bool[Tensor, " n"]:
    """Which test examples multinomial logistic regression tells rightly (Alain and Bengio 2016).

    Of standardised numbers; of DECAYS the one is taken with which most of the validation part is told rightly.
    """
    examples = examples.standardised()
    models = [fit_linear(examples.train, examples.classes, decay) for decay in DECAYS]
    best = max(models, key=lambda model: float(told(model, examples.validation).float().mean()))
    return told(best, examples.test)


def fit_linear(train: Labelled, classes: int, decay: float) -> nn.Linear:
    """The minimum of the mean cross-entropy + decay / 2 |W|^2, by L-BFGS: it is convex, so that there is but one."""
    model = nn.Linear(train.x.shape[1], classes)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=ITERATIONS, tolerance_grad=1e-5, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(model(train.x), train.label) + decay / 2 * model.weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return model


def small_classifier(examples: Examples, seed: int = 0) -> Bool[Tensor, " n"]:
    """Which test examples a network of two layers tells rightly, after the epoch that is best on the validation part.

    Of standardised numbers. seed: of its weights and the order of the examples.
    """
    examples = examples.standardised()
    train = examples.train
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(train.x.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, examples.classes))
        optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE)
        best, right = -1.0, torch.zeros(0, dtype=torch.bool)
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(train.label)).split(BATCH):
                loss = F.cross_entropy(model(train.x[rows]), train.label[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            share = float(told(model, examples.validation).float().mean())
            if share > best:
                best, right = share, told(model, examples.test)
    return right


@torch.no_grad()
def told(model: nn.Module, part: Labelled) -> Bool[Tensor, " n"]:
    """Where the largest output is that of the class."""
    return model(part.x).argmax(1) == part.label
