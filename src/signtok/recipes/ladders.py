"""What each part of the diffusion decoders is worth: the losses of paper 001 (section 4 there) and the ladder of paper
003 (its table 5), rung by rung, and what else is asked of both.

    signtok train swycc-score --data FOLDER --split blocks --latent 2
"""

from collections.abc import Callable

from signtok.config import FlowDecoder, NoBottleneck, PictureConfig, TransformerConfig
from signtok.recipes.grid import DETERMINISTIC, FIRST, REFINE, RVQ, VQGAN, grid_tokenizer

TRANSFORMER = TransformerConfig(width=192, blocks=6, patch=8)
"""About the work of the U-Net."""


def _of_swycc(name: str, decoder: FlowDecoder) -> Callable[[], PictureConfig]:
    return lambda: grid_tokenizer(f"swycc-{name}", decoder, NoBottleneck())


def _of_eps_vae(name: str, decoder: FlowDecoder) -> Callable[[], PictureConfig]:
    return lambda: grid_tokenizer(f"eps-vae-{name}", decoder)


def _changed(decoder: FlowDecoder, **changes: object) -> FlowDecoder:
    return FlowDecoder.model_validate({**dict(decoder), **changes})


SWYCC = (
    _of_swycc("score", _changed(REFINE, first_weight=0.0, perceptual=None)),
    _of_swycc("mse", _changed(REFINE, perceptual=None)),
    _of_swycc("stop", _changed(REFINE, stop_gradient=True)),
    _of_swycc("latent", _changed(REFINE, stop_gradient=True, sees_latent=True)),
)
"""Diffusion alone; with squared error of D_initial; (`swycc` itself: and with LPIPS); what D_refine sees not its
teacher; and D_refine given the latent too."""


def _ladder() -> list[FlowDecoder]:
    """From the bottom, all decoded in three steps; the top is `eps-vae` itself, which learns to decode in one."""
    spacing = _changed(FlowDecoder(), steps=3, denoised=None)
    gamma = _changed(spacing, spacing="even")
    critic = _changed(gamma, scale=1.0)
    lpips = _changed(critic, critic=None)
    unet = _changed(lpips, perceptual=None)
    logit_normal = _changed(unet, net=TRANSFORMER)
    flow = _changed(logit_normal, times="uniform")
    return [flow, logit_normal, unet, lpips, critic, gamma, spacing]


RUNGS = ("flow", "logit-normal", "unet", "lpips", "critic", "gamma", "spacing")
EPS_VAE = (
    *(_of_eps_vae(name, decoder) for name, decoder in zip(RUNGS, _ladder(), strict=True)),
    _of_eps_vae("transformer", _changed(FlowDecoder(), net=TRANSFORMER)),
    _of_eps_vae("velocity", _changed(FlowDecoder(), predicts="velocity")),
    _of_eps_vae("spacing-no-critic", _changed(_ladder()[-1], critic=None)),
    _of_eps_vae("no-critic", _changed(FlowDecoder(), critic=None)),
    _of_eps_vae("stop", _changed(FlowDecoder(), critic=None, first=FIRST, stop_gradient=True)),
    _of_eps_vae("noise-alone", _changed(FlowDecoder(), critic=None, first=FIRST, stop_gradient=True, denoised=0.0)),
)
"""The last never looks at a noised picture: a flow in name only, that tells what noised pictures teach."""

ADDED = DETERMINISTIC.model_copy(update={"blocks": 3, "shortcut": False})
"""With D_initial as much work as DETERMINISTIC."""
STOPPED = VQGAN.model_copy(update={"net": ADDED, "first": FIRST})
DETERMINISTIC_STOPPED = (
    lambda: grid_tokenizer("gan-ae-stop", STOPPED, NoBottleneck()),
    lambda: grid_tokenizer("lpips-ae-stop", STOPPED.model_copy(update={"critic": None}), NoBottleneck()),
)
"""`gan-ae` and `lpips-ae` whose encoder learns from squared error alone, as in `swycc-stop`."""
CODES = (
    lambda: grid_tokenizer("div-ae-swycc-latent", SWYCC[3]().tokenizer.decoder, RVQ),
    lambda: grid_tokenizer("vqgan-stop", STOPPED, RVQ),
)
"""`div-ae-swycc` as `swycc-latent` decodes, and `vqgan` with the same stop."""
LADDERS: tuple[Callable[[], PictureConfig], ...] = (*SWYCC, *EPS_VAE, *DETERMINISTIC_STOPPED, *CODES)
