"""Reading measured: recognition of paper 002 and the character error rate, from edit distances."""

from collections.abc import Sequence

from signtok.evaluation.score import Ratio


def recognition(texts: Sequence[str], reads: Sequence[str]) -> list[Ratio]:
    """(N - D) / N of each example: N characters spelled, D the Levenshtein distance to what was read (paper 002).

    1 is perfect; it falls below 0 where more is read than was spelled. Over examples, sum before dividing. Raises
    ValueError for another number of reads than texts.
    """
    errors = character_error_rate(texts, reads)
    return [Ratio(error.denominator - error.numerator, error.denominator) for error in errors]


def character_error_rate(texts: Sequence[str], reads: Sequence[str]) -> list[Ratio]:
    """D / N of each example: 1 - recognition."""
    try:
        from rapidfuzz.distance import Levenshtein
    except ImportError:
        raise ValueError("measuring text needs rapidfuzz: pip install signtok[eval]") from None
    if len(texts) != len(reads):
        raise ValueError(f"{len(texts)} texts but {len(reads)} reads; give one read for each text")
    pairs = zip(texts, reads, strict=True)
    return [Ratio(float(Levenshtein.distance(text, read)), float(len(text))) for text, read in pairs]
