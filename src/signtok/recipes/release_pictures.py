"""The packaged form of a picture tokenizer: weights as float16, scores on several folders, and its model card."""

from collections.abc import Sequence
from pathlib import Path

from signtok.build import at_most, read_pictures
from signtok.config import (
    FlowDecoder,
    LatentDiffusionDecoder,
    PictureConfig,
    PictureDecoder,
    PictureTokenizerConfig,
)
from signtok.data.split import split_pictures
from signtok.evaluation.run_pictures import evaluate_pictures, is_trained_on
from signtok.evaluation.score import Score, table
from signtok.hub import PictureTokenizer
from signtok.tokenizer.picture_model import PictureModel

CARD = """---
library_name: signtok
license: mit
tags: [sign-language, pictures, autoencoder, tokenizer]
---

# {name}

Tokens for pictures of signing hands: a picture of any size, seen at {size} x {size} pixels, becomes {numbers} {unit},
{bits}, and they become a picture of its size again. {parameters:,} parameters; encoder: {encoder};
decoder: {decoder}. After {paper}.

    import signtok
    tok = signtok.load("{name}")
    tokens = tok.tokenize([picture])   # uint8 (H, W, 3) of any size -> [{dtype} {shape}]
    [back] = tok.detokenize(tokens)    # uint8 (H, W, 3)
{more}

## Trained on

{pictures:,} pictures of {classes} classes of {folder} ({licence}); split: {protocol}.{crops}

## Scores

At {size} x {size} pixels, of values in [0, 1], with 95 % bootstrap intervals over pictures; those of one video are
alike, so that the intervals are too narrow for other videos.

{scores}

## Limits

The first set is the one that it was trained on: its test part has the same hands, rooms and cameras, whatever the
split. What to expect of other people's pictures is what it does on sets that it never saw. It was made for one hand
that fills the picture. {numbers} numbers do not hold all detail: small and rare things are blurred or left out, and
fingers that touch may melt into one. It has seen photos in colour alone: of grey ones fingers get lost. A picture that
comes back is no proof of a sign, and no measure of how well somebody signs.
"""

REFINING = """
Each latent is improved by {steps} steps of descent through the decoder, about three decodings each;
`tok.tokenize(pictures, refine=0)` leaves them out and errs more.
"""
SAMPLING = """    [back] = tok.detokenize(tokens, steps=1, seed=3)   # as often as you like, the same

Decoding starts from the noise of a seed and takes {steps} where no other number is asked for.{taught}
"""
TAUGHT = """ The decoder was
taught for that: other seeds change next to nothing, and more steps leave less squared error and less detail."""
FULL_SIZE = """
`tok.tokenize(pictures, fit=False)` keeps a picture's own resolution, {numbers} for each {stride} x {stride} pixels;
large ones are decoded in tiles.
"""
PAPERS = {
    "flow": """"Epsilon-VAE: Denoising as Visual Decoding" (arXiv 2410.04081)""",
    "first": """"Sample what you cannot compress" (SWYCC, arXiv 2409.02529)""",
    "grid": """the deterministic decoder that "Epsilon-VAE" (arXiv 2410.04081) is compared with""",
    "vector": """"Comparison of Autoencoders for tokenization of ASL datasets" (arXiv 2501.06942)""",
}

NETS = {"linear": "one layer", "convolution": "convolutions of stride 2", "grid": "residual blocks at each scale"}
DENOISERS = {"unet": "a U-Net", "transformer": "a transformer"}


def packaged_form(tokenizer: PictureTokenizer) -> PictureTokenizer:
    """As it will be loaded: weights rounded to float16, no critic, and a configuration that names its folder, not where
    it lay."""
    settings = tokenizer.settings
    data = settings.data.model_copy(update={"path": Path(settings.data.path).name})
    config, decoder = settings.tokenizer, settings.tokenizer.decoder
    if not isinstance(decoder, LatentDiffusionDecoder):
        config = config.model_copy(update={"decoder": decoder.model_copy(update={"critic": None})})
    model = PictureModel(config)
    weights = tokenizer.model.state_dict()
    model.load_state_dict({name: weights[name].half() for name in model.state_dict()})
    return PictureTokenizer(model, settings.model_copy(update={"data": data, "tokenizer": config}))


def release_pictures(tokenizer: PictureTokenizer, data: Sequence[Path], licence: str, out: Path) -> list[Score]:
    """Writes the tokenizer with its card, and returns its scores: of the first folder, which has to be the one that it
    was trained on, the test part, of the others all. Raises ValueError for another first folder, and for no licence."""
    if not licence:
        raise ValueError(f"--licence is missing: under which terms, and by whom, are the pictures of {data[0]} given?")
    folder, trained = tokenizer.settings.data.path, tokenizer.settings.tokenizer.decoder
    tokenizer = packaged_form(tokenizer)
    if not is_trained_on(tokenizer.settings.data, data[0]):
        raise ValueError(f"{tokenizer.name} was trained on {folder}: give that folder first, not {data[0]}")
    tables, scores = {}, []
    for place in data:
        groups = evaluate_pictures(tokenizer, place)
        title = next(iter(groups))  # the classes, which come after, stay out of the card
        tables[title] = groups[title]
        scores += [score for group in groups.values() for score in group]
    tokenizer.card = write_card(tokenizer, trained, data[0], licence, tables)
    tokenizer.model.half()  # the file is half as large, and read as float32
    tokenizer.save_pretrained(out)
    return scores


def write_card(
    tokenizer: PictureTokenizer, trained: PictureDecoder, data: Path, licence: str, tables: dict[str, list[Score]]
) -> str:
    """trained: its decoder as it was trained, with its critic; data: where the pictures lie that it was trained on."""
    info, settings = tokenizer.info(), tokenizer.settings
    config = settings.tokenizer
    at_home = settings.data.model_copy(update={"path": str(data)})
    pictures = read_pictures(settings.model_copy(update={"data": at_home}))
    parts = split_pictures(pictures.labels, pictures.numbers, settings.data.split)
    return CARD.format(
        name=info.name,
        numbers=tokenizer.width,
        unit=tokenizer.unit,
        bits=f"{info.bits:,.0f} bits{'' if tokenizer.codes else ' as float16'}",
        paper=PAPERS[paper_of(config)],
        dtype=tokenizer.dtype.__name__,
        shape=tokenizer.shape,
        more=more_in_words(config),
        size=tokenizer.size,
        parameters=info.parameters,
        encoder=NETS[config.encoder.kind],
        decoder=decoder_in_words(trained),
        pictures=len(at_most(parts.train, pictures.labels, settings.data.per_class)),
        classes=len(pictures.classes),
        folder=settings.data.path,
        licence=licence,
        protocol=parts.protocol,
        crops=crops_in_words(settings),
        scores="\n\n".join(f"### {title}\n\n{table(scores, 4)}" for title, scores in tables.items()),
    )


def paper_of(config: PictureTokenizerConfig) -> str:
    if isinstance(config.decoder, FlowDecoder):
        return "first" if config.decoder.first else "flow"
    return "grid" if len(config.shape) == 3 else "vector"


def more_in_words(config: PictureTokenizerConfig) -> str:
    """What else can be done with it."""
    more = ""
    if isinstance(config.decoder, FlowDecoder):
        taught = config.decoder.denoised is not None and config.decoder.steps == 1
        more += SAMPLING.format(steps=steps_in_words(config.decoder.steps), taught=TAUGHT if taught else "")
    if len(config.shape) == 3:
        kind = "ids" if config.codes else "numbers"
        more += FULL_SIZE.format(numbers=f"{config.shape[2]} {kind}", stride=config.stride)
    return more + (REFINING.format(steps=config.refine) if config.refine else "")


def crops_in_words(settings: PictureConfig) -> str:
    size, kept = settings.tokenizer.size, settings.training_size
    return f"\nRandom crops of {size} to {kept} pixels, seen at {size}." if kept > size else ""


def steps_in_words(steps: int) -> str:
    return "one step" if steps == 1 else f"{steps} steps"


def decoder_in_words(decoder: PictureDecoder) -> str:
    """As it was trained."""
    if not isinstance(decoder, LatentDiffusionDecoder) and decoder.critic:
        return f"{decoder_in_words(decoder.model_copy(update={'critic': None}))}, trained with a critic"
    if isinstance(decoder, FlowDecoder):
        first = f"a first picture by {NETS[decoder.first.kind]}, then " if decoder.first else ""
        return f"{first}{steps_in_words(decoder.steps)} of a flow through {DENOISERS[decoder.net.kind]}"
    if isinstance(decoder, LatentDiffusionDecoder):
        return f"{decoder.steps} steps of diffusion in the latent, then {NETS[decoder.net.kind]}"
    return NETS[decoder.net.kind]
