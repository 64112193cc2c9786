"""Tokenizers of hand landmarks. One function is one experiment; an ablation changes one field of another recipe.

    signtok train sign-rvq-ctc --data FOLDER --out runs/sign-rvq-ctc --max-minutes 30

The scores that a recipe reaches, with its command and machine, stand in docs/results.md.
"""

from signtok.config import (
    AugmentConfig,
    ConvolutionStem,
    CorruptConfig,
    DataConfig,
    DecoderConfig,
    EncoderConfig,
    LandmarkConfig,
    MotionFlowConfig,
    NoBottleneck,
    OptimConfig,
    ResidualVQConfig,
    SqueezeformerConfig,
    TokenizerConfig,
    TrainConfig,
)


def sign_rvq_ctc() -> LandmarkConfig:
    """The tokenizer of paper 002 as we build it: four codebooks that keep the movement and the letters."""
    return LandmarkConfig(name="sign-rvq-ctc")


def sign_rvq() -> LandmarkConfig:
    """Without CTC: the codes keep the movement only. Its letters are read by a probe trained afterwards."""
    return _tokenizer(sign_rvq_ctc(), "sign-rvq", ctc_weight=0.0)


def sign_continuous() -> LandmarkConfig:
    """Without codes: what the same network can do when nothing is rounded."""
    return _tokenizer(sign_rvq_ctc(), "sign-continuous", bottleneck=NoBottleneck())


def sign_rvq_flow() -> LandmarkConfig:
    """A flow that draws what the decoder of a finished tokenizer leaves out: of the packaged one, or --start RUN."""
    config = _tokenizer(sign_rvq_ctc(), "sign-rvq-flow", decoder=DecoderConfig(flow=MotionFlowConfig()))
    return config.model_copy(update={"train": config.train.model_copy(update={"start": "fingerspelling"})})


def sign_rvq_ctc_no_dropout() -> LandmarkConfig:
    """Without quantizer dropout: all four codebooks in every batch."""
    return _tokenizer(sign_rvq_ctc(), "sign-rvq-ctc-no-dropout", bottleneck=ResidualVQConfig(dropout=0))


def sign_rvq_no_dropout() -> LandmarkConfig:
    """Without CTC and without quantizer dropout."""
    return _tokenizer(sign_rvq(), "sign-rvq-no-dropout", bottleneck=ResidualVQConfig(dropout=0))


def sign_rvq_ctc_paper() -> LandmarkConfig:
    """Paper 002 to the letter, where ours differs: six blocks of kernel 51 on either side, convolution stems on bare
    coordinates, normalised by video, no presence, no denoising, random mirroring, 196 frames.

    The encoder has 1,329,536 parameters and the decoder 1,336,532.
    """
    paper = SqueezeformerConfig()
    return LandmarkConfig(
        name="sign-rvq-ctc-paper",
        data=DataConfig(
            max_frames=196,
            short=0,
            flip=0.25,
            generated=0,
            augment=AugmentConfig.none(),
        ),
        tokenizer=TokenizerConfig(
            encoder=EncoderConfig(stem=ConvolutionStem(), blocks=paper, corrupt=CorruptConfig.none()),
            bottleneck=ResidualVQConfig(dead_below=2.0, revive="sample", dropout=1, bypass=0),
            decoder=DecoderConfig(stem=ConvolutionStem(), blocks=paper, beta=1.0, presence_weight=0),
            head=SqueezeformerConfig(blocks=0),
            normalise="video",
            dominant=False,
        ),
        optim=OptimConfig(learning_rate=1e-3),
        train=TrainConfig(batch_size=44, precision="fp32"),
    )


def sign_rvq_paper() -> LandmarkConfig:
    """Paper 002 without CTC."""
    return _tokenizer(sign_rvq_ctc_paper(), "sign-rvq-paper", ctc_weight=0.0)


def sign_continuous_paper() -> LandmarkConfig:
    """The continuous model beside paper 002's tokenizers."""
    return _tokenizer(sign_rvq_ctc_paper(), "sign-continuous-paper", bottleneck=NoBottleneck())


def fingerspelling() -> LandmarkConfig:
    """The tokenizer that comes with the package: sign-rvq-ctc, trained on permissively licensed sources alone.

    signtok train fingerspelling --data FOLDER --only permissive
    """
    return _tokenizer(sign_rvq_ctc(), "fingerspelling")


def _tokenizer(config: LandmarkConfig, name: str, **changes: object) -> LandmarkConfig:
    """Another name, and some fields of the tokenizer changed."""
    tokenizer = TokenizerConfig.model_validate({**dict(config.tokenizer), **changes})
    return config.model_copy(update={"name": name, "tokenizer": tokenizer})
