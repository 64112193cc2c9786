"""Tokenizers of pictures: paper 000's three autoencoders, and ours. One function is one experiment.

    signtok train asl-image-conv --data FOLDER --size 64 --split blocks

FOLDER holds a folder of pictures for each class, as the ASL Alphabet set does. The scores that a recipe reaches, with
its command and machine, stand in docs/results.md.
"""

from signtok.config import (
    ConvolutionNet,
    GaussianConfig,
    LatentDiffusionDecoder,
    LinearNet,
    OptimConfig,
    PictureAugmentConfig,
    PictureConfig,
    PictureDataConfig,
    PictureTokenizerConfig,
    PlainDecoder,
    TrainConfig,
)


def asl_image_conv() -> PictureConfig:
    """Paper 000, convolutional: 32-64-128 and one layer to 64 numbers; 10.65 M parameters at 200 pixels."""
    return PictureConfig(
        name="asl-image-conv",
        data=PictureDataConfig(augment=PictureAugmentConfig.none()),
        tokenizer=PictureTokenizerConfig(size=200),
        optim=OptimConfig(learning_rate=6e-3),
        train=TrainConfig(batch_size=32, max_steps=10_000),
    )


def asl_image_ff() -> PictureConfig:
    """Paper 000, feed-forward: one layer either way; 15.48 M parameters at 200 pixels."""
    return _tokenizer("asl-image-ff", encoder=LinearNet(), decoder=PlainDecoder(net=LinearNet()))


def asl_image_conv_two_heads() -> PictureConfig:
    """Paper 000, convolutional, with means and deviations; 15.77 M parameters at 200 pixels."""
    return _tokenizer("asl-image-conv-two-heads", bottleneck=GaussianConfig())


def asl_image_ddpm() -> PictureConfig:
    """Paper 000, latent diffusion: the Gaussian latent is noised in 100 steps and denoised before it is decoded."""
    return _tokenizer("asl-image-ddpm", bottleneck=GaussianConfig(), decoder=LatentDiffusionDecoder())


def hands_conv() -> PictureConfig:
    """Ours, which comes with the package: the convolutions half as wide again, 64 pixels, 64 numbers, augmented; its
    latents refined. At this size residual blocks reach less in the same minutes (docs/log.md)."""
    net = ConvolutionNet(channels=(48, 96, 192))
    return PictureConfig(
        name="hands-conv",
        tokenizer=PictureTokenizerConfig(encoder=net, decoder=PlainDecoder(net=net), refine=20),
        optim=OptimConfig(learning_rate=4e-3),
        train=TrainConfig(batch_size=32, max_steps=20_000),
    )


def _tokenizer(name: str, **changes: object) -> PictureConfig:
    """asl-image-conv under another name, with some fields of its tokenizer changed."""
    config = asl_image_conv()
    tokenizer = PictureTokenizerConfig.model_validate({**dict(config.tokenizer), **changes})
    return config.model_copy(update={"name": name, "tokenizer": tokenizer})
