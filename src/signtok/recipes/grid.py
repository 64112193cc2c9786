"""Tokenizers of pictures with a grid of latents: paper 001 (SWYCC), paper 003 (epsilon-VAE), and what both are compared
with. All have one encoder and one rate, so that what differs is the decoder.

    signtok train eps-vae --data FOLDER --split blocks --latent 4

At 64 pixels and 4 numbers a place: 8 x 8 places, 48 times fewer numbers than the picture has. Sized for two cores.
"""

from signtok.config import (
    CriticConfig,
    FlowDecoder,
    GaussianConfig,
    GridNet,
    NoBottleneck,
    OptimConfig,
    PerceptualConfig,
    PictureBottleneck,
    PictureConfig,
    PictureDataConfig,
    PictureDecoder,
    PictureTokenizerConfig,
    PlainDecoder,
    TrainConfig,
)

ENCODER = GridNet(channels=64, multipliers=(1, 2), blocks=2, patch=4)
DETERMINISTIC = GridNet(channels=64, multipliers=(1, 2), blocks=4, patch=4)
"""As much work as a look of the U-Net, so that rates and work are equal and only the kind of decoder differs."""
FIRST = GridNet(channels=64, multipliers=(1, 2), blocks=1, patch=4)
KL = GaussianConfig()
VALIDATION = 256
"""Decoding in several steps, and LPIPS by VGG, take 80 ms a picture."""


def vae() -> PictureConfig:
    """The deterministic decoder: squared error and LPIPS, a divergence of next to no weight."""
    return _tokenizer("vae", PlainDecoder(net=DETERMINISTIC, perceptual=PerceptualConfig()))


def gan_ae() -> PictureConfig:
    """And with a critic of patches (VQGAN, Esser et al. 2021), which both papers are compared with."""
    return _tokenizer("gan-ae", PlainDecoder(net=DETERMINISTIC, perceptual=PerceptualConfig(), critic=CriticConfig()))


def swycc() -> PictureConfig:
    """Paper 001: D_initial makes a picture by squared error, D_refine one that looks right, by diffusion."""
    decoder = FlowDecoder(
        first=FIRST,
        path="cosine",
        scale=1.0,
        score="data",
        times="uniform",
        spacing="even",
        perceptual=PerceptualConfig(weight=0.1),
        critic=None,
    )
    return _tokenizer("swycc", decoder, NoBottleneck())


def eps_vae() -> PictureConfig:
    """Paper 003: a rectified flow, given the latent, with LPIPS and a critic of its way."""
    return _tokenizer("eps-vae", FlowDecoder())


def _tokenizer(name: str, decoder: PictureDecoder, bottleneck: PictureBottleneck = KL) -> PictureConfig:
    return PictureConfig(
        name=name,
        tokenizer=PictureTokenizerConfig(latent=4, encoder=ENCODER, bottleneck=bottleneck, decoder=decoder),
        optim=OptimConfig(learning_rate=2e-3),
        data=PictureDataConfig(validation=VALIDATION),
        train=TrainConfig(batch_size=8, max_steps=40_000, evaluate_every=2000),
    )
