"""A critic beside a decoder: it learns to tell pictures from reconstructions, and the decoder to leave it in doubt.

Both learn in the one training step: the decoder's part goes through a critic whose weights are held fixed, the critic's
part through pictures that are, so that one backward pass gives each its own gradient and no other loop is needed.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from signtok.config import CriticConfig
from signtok.nn.patch_critic import PatchCritic
from signtok.tokenizer.decoder import Logs

Pictures = Float[Tensor, "b c h w"]
Times = Float[Tensor, " b"]
PIXEL = 3
"""Channels of a picture, which come first in what is judged."""


class Adversary(nn.Module):
    """Non-saturating losses (Goodfellow et al. 2014) and R1 (Mescheder et al. 2018).

    seen: channels of what is judged, a picture and perhaps what it is judged beside; timed: whether t is told as well,
    as for paper 003's pairs (x0-hat, x_t).
    """

    def __init__(self, config: CriticConfig, seen: int, timed: bool) -> None:
        super().__init__()
        self.config = config
        self.critic = PatchCritic(config, seen, timed)

    def loss(self, real: Pictures, fake: Pictures, t: Times | None = None) -> tuple[Tensor, Logs]:
        """The decoder's part by its weight, and the critic's; `fake` alone may carry a gradient.

        In evaluation mode 0: the best weights are not chosen by an opponent.
        """
        if not self.training:
            return fake.new_zeros(()), {}
        fooled, slope = self.pull(real, fake.detach().requires_grad_(), t)
        pulled = (fake * slope).sum()
        on_real = F.softplus(-self.critic(real, t).float()).mean()
        on_fake = F.softplus(self.critic(fake.detach(), t).float()).mean()
        critic = on_real + on_fake + self.penalty(real, t)
        logs = {"adversarial": fooled.detach(), "critic": (on_real + on_fake).detach()}
        return self.config.weight * fooled.detach() + pulled - pulled.detach() + critic, logs

    def pull(self, real: Pictures, fake: Pictures, t: Times | None) -> tuple[Tensor, Pictures]:
        """How little it is fooled by the fake ones, and the weighted slope of that at them, picture by picture no
        longer than `most` times that of the mean squared error."""
        fixed = {name: parameter.detach() for name, parameter in self.critic.named_parameters()}
        fooled = F.softplus(-functional_call(self.critic, fixed, (fake, t)).float()).mean()
        (slope,) = torch.autograd.grad(self.config.weight * fooled, fake)
        count = len(fake) * PIXEL * fake.shape[2] * fake.shape[3]
        error = (fake - real)[:, :PIXEL].detach()
        most = self.config.most * 2 / count * error.flatten(1).norm(dim=1)
        length = slope[:, :PIXEL].flatten(1).norm(dim=1)
        return fooled, slope * (most / length.clamp(min=1e-12)).clamp(max=1)[:, None, None, None]

    def penalty(self, real: Pictures, t: Times | None) -> Tensor:
        """R1: half the squared gradient at real pictures, in float32, for it is differentiated once more. Not in every
        step, and that much heavier in those where it is (Karras et al. 2020)."""
        every = self.config.penalty_every
        if self.config.penalty == 0 or torch.rand(()) * every >= 1:
            return real.new_zeros(())
        with torch.autocast(real.device.type, enabled=False):
            real = real.detach().float().requires_grad_()
            (slope,) = torch.autograd.grad(self.critic(real, t).mean((1, 2, 3)).sum(), real, create_graph=True)
        return self.config.penalty * every / 2 * slope.square().sum((1, 2, 3)).mean()
