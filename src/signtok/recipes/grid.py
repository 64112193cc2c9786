"""Tokenizers of pictures with a grid of latents: paper 001 (SWYCC), paper 003 (epsilon-VAE), and what both are compared
with. All but the paper-sized have one encoder and one rate, so that what differs is the decoder.

    signtok train eps-vae --data FOLDER --split blocks --latent 4

At 64 pixels and 4 numbers a place: 8 x 8 places, 48 times fewer numbers than the picture has. Sized for two cores,
where not said to be for a GPU.
"""

from signtok.config import (
    ENCODER_F16_LITE,
    UNET_B,
    CriticConfig,
    FlowDecoder,
    FSQConfig,
    GaussianConfig,
    GridNet,
    NoBottleneck,
    OptimConfig,
    PerceptualConfig,
    PictureAugmentConfig,
    PictureBottleneck,
    PictureConfig,
    PictureDataConfig,
    PictureDecoder,
    PictureTokenizerConfig,
    PlainDecoder,
    ResidualVQConfig,
    TrainConfig,
)

ENCODER = GridNet(channels=64, multipliers=(1, 2), blocks=2, patch=4, shortcut=True)
DETERMINISTIC = GridNet(channels=64, multipliers=(1, 2), blocks=4, patch=4, shortcut=True)
"""As much work as a look of the U-Net, so that rates and work are equal and only the kind of decoder differs."""
FIRST = GridNet(channels=64, multipliers=(1, 2), blocks=1, patch=4, shortcut=True)
VQGAN = PlainDecoder(net=DETERMINISTIC, perceptual=PerceptualConfig(), critic=CriticConfig())
WIDE = DETERMINISTIC.model_copy(update={"channels": 96})
WIDE_UNET = FlowDecoder().net.model_copy(update={"channels": 96})
LITE = ENCODER_F16_LITE.model_copy(update={"shortcut": True})
VGG_64 = PerceptualConfig(part=64)
"""VGG sees squares of 64 pixels: a GPU has the time."""
KL = GaussianConfig(start=-6.0)
SHARP = PictureAugmentConfig(rotate_degrees=0, scale=0)
"""A picture that is turned or resized is blurred, and a decoder that is to draw detail learns to blur."""
VALIDATION = 256
"""Decoding in several steps, and LPIPS by VGG, take 80 ms a picture."""


def vae() -> PictureConfig:
    """The VAE of latent diffusion, which paper 003 is compared with (VQGAN's losses: Esser et al. 2021): squared error,
    LPIPS, a critic of patches, and a divergence of next to no weight."""
    return grid_tokenizer("vae", VQGAN)


def gan_ae() -> PictureConfig:
    """Without the divergence: what paper 001 is compared with."""
    return grid_tokenizer("gan-ae", VQGAN, NoBottleneck())


def lpips_ae() -> PictureConfig:
    """And without the critic: squared error and LPIPS alone."""
    return grid_tokenizer("lpips-ae", VQGAN.model_copy(update={"critic": None}), NoBottleneck())


REFINE = FlowDecoder(
    first=FIRST,
    sees_latent=False,
    path="cosine",
    scale=1.0,
    score="data",
    times="uniform",
    spacing="even",
    critic=None,
)
"""Paper 001, but for LPIPS by the weight that all have here and more looks at noise alone."""
RVQ = ResidualVQConfig(codebooks=4, codes=256, dim=16)
FSQ = FSQConfig(levels=(8, 6, 5), codebooks=4)


def swycc() -> PictureConfig:
    """Paper 001: D_initial makes a picture by squared error, D_refine one that looks right, by diffusion."""
    return grid_tokenizer("swycc", REFINE, NoBottleneck())


def eps_vae() -> PictureConfig:
    """Paper 003: a rectified flow, given the latent, with LPIPS and a critic of its way."""
    return grid_tokenizer("eps-vae", FlowDecoder())


def hands() -> PictureConfig:
    """Ours, for a GPU: `eps-vae` without a critic, its decoder of 96 channels in place of 64. The packaged one took an
    H200 10.7 minutes, two trainings at once (LPIPS .061 on test blocks, docs/results.md):
    `signtok train hands --data ASLALPHABETS_200PX --split blocks --zoom 3.125 --max-minutes 10.7`."""
    return with_batch_size(grid_tokenizer("hands", FlowDecoder(net=WIDE_UNET, perceptual=VGG_64, critic=None)), 64)


def hands_vae() -> PictureConfig:
    """Its deterministic twin, of the same encoder and rate, with a critic; trained as `hands` is (LPIPS .068)."""
    decoder = VQGAN.model_copy(update={"net": WIDE, "perceptual": VGG_64})
    return with_batch_size(grid_tokenizer("hands-vae", decoder), 64)


def eps_vae_b() -> PictureConfig:
    """The sizes of paper 003's B, for a GPU and 128 pixels or more: its U-Net of whole pixels, 20.65 M parameters, and
    its lite encoder of 16 x 16 pixels a place. It says data, has linear paths and decodes in one step, as ours do.
    An H200, shared by four trainings, LPIPS .147 on test blocks:
    `signtok train eps-vae-b --data ASLALPHABETS_200PX --split blocks --max-minutes 4.5`."""
    return paper_sized(grid_tokenizer("eps-vae-b", FlowDecoder(net=UNET_B, perceptual=VGG_64), encoder=LITE))


def vae_b() -> PictureConfig:
    """What the paper compares it with: a decoder of 10.16 M parameters; trained as `eps-vae-b` is (LPIPS .153)."""
    decoder = VQGAN.model_copy(update={"net": LITE, "perceptual": VGG_64})
    return paper_sized(grid_tokenizer("vae-b", decoder, encoder=LITE))


def vqgan() -> PictureConfig:
    """Codes in place of numbers, four of 8 bits a place by residual VQ, and the deterministic decoder and critic
    of VQGAN (Esser et al. 2021): what `div-ae` is compared with."""
    return grid_tokenizer("vqgan", VQGAN, RVQ)


def div_ae() -> PictureConfig:
    """The codes of `vqgan`, decoded as `eps-vae` decodes."""
    return grid_tokenizer("div-ae", FlowDecoder(), RVQ)


def div_ae_fsq() -> PictureConfig:
    """By finite scalar quantisation."""
    return grid_tokenizer("div-ae-fsq", FlowDecoder(), FSQ)


def div_ae_swycc() -> PictureConfig:
    """Residual VQ decoded as `swycc` decodes: the first question that paper 001 leaves open."""
    return grid_tokenizer("div-ae-swycc", REFINE, RVQ)


def div_ae_swycc_fsq() -> PictureConfig:
    return grid_tokenizer("div-ae-swycc-fsq", REFINE, FSQ)


def grid_tokenizer(
    name: str, decoder: PictureDecoder, bottleneck: PictureBottleneck = KL, encoder: GridNet = ENCODER
) -> PictureConfig:
    latent = bottleneck.dim if isinstance(bottleneck, ResidualVQConfig | FSQConfig) else 4
    return PictureConfig(
        name=name,
        tokenizer=PictureTokenizerConfig(latent=latent, encoder=encoder, bottleneck=bottleneck, decoder=decoder),
        optim=OptimConfig(learning_rate=2e-3),
        data=PictureDataConfig(augment=SHARP, validation=VALIDATION),
        train=TrainConfig(batch_size=8, max_steps=40_000, evaluate_every=2000),
    )


def with_batch_size(config: PictureConfig, size: int) -> PictureConfig:
    return config.model_copy(update={"train": config.train.model_copy(update={"batch_size": size})})


def paper_sized(config: PictureConfig) -> PictureConfig:
    tokenizer = config.tokenizer.model_copy(update={"size": 128, "latent": 8})
    optim = config.optim.model_copy(update={"learning_rate": 1e-3})
    return with_batch_size(config.model_copy(update={"tokenizer": tokenizer, "optim": optim}), 32)
