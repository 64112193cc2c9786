"""The tokenizer as it is trained: encoder, bottleneck, decoder, head. Read this first."""

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from signtok.config import DecoderConfig, NoBottleneck, ResidualVQConfig, TokenizerConfig
from signtok.data.batch import LandmarkBatch
from signtok.data.recording import LANDMARKS
from signtok.tokenizer.bottleneck import Identity
from signtok.tokenizer.decoder import LandmarkDecoder, Logs, Reconstruction
from signtok.tokenizer.encoder import Encoder
from signtok.tokenizer.heads import CTCHead
from signtok.tokenizer.motion_flow import MotionFlow
from signtok.tokenizer.rvq import ResidualVQ


def build_bottleneck(config: NoBottleneck | ResidualVQConfig) -> Identity | ResidualVQ:
    match config:
        case NoBottleneck():
            return Identity()
        case ResidualVQConfig():
            return ResidualVQ(config)


def build_decoder(config: DecoderConfig) -> LandmarkDecoder | MotionFlow:
    return LandmarkDecoder(config, LANDMARKS) if config.flow is None else MotionFlow(config, config.flow)


def windows(frames: int, window: int, margin: int) -> list[tuple[slice, slice]]:
    """How a recording longer than `window` is cut: (frames to look at, frames of that look to keep).

    Every look is `window` frames at most, and what is kept of it has `margin` frames of context on either side, except
    at the two ends. A recording's cuts depend on its own length only.
    """
    if frames <= window:
        return [(slice(0, frames), slice(0, frames))]
    cuts = []
    for start in range(0, frames, window - 2 * margin):
        stop = min(start + window - 2 * margin, frames)
        first, last = max(start - margin, 0), min(stop + margin, frames)
        cuts.append((slice(first, last), slice(start - first, stop - first)))
    return cuts


class TokenizerModel(nn.Module):
    """Paper 002 in one frame: h = encoder(x), z = bottleneck(h), x' = decoder(z), characters = head(z)."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config.encoder, LANDMARKS)
        self.bottleneck = build_bottleneck(config.bottleneck)
        self.decoder = build_decoder(config.decoder)
        self.head = CTCHead(config.head) if config.ctc_weight > 0 else None

    def loss(self, batch: LandmarkBatch) -> tuple[Tensor, Logs]:
        """SmoothL1 + CTC + commitment / 16 (paper 002, section 4), each logged."""
        latent = self.bottleneck(self.encoder(batch.x, batch.present, batch.mask), batch.mask)
        loss, logs = self.decoder.loss(latent.z, batch)
        loss = loss + self.config.commitment_weight * latent.loss
        logs |= latent.logs
        if self.head is not None:
            ctc = self.head.loss(latent.z, batch)
            loss = loss + self.config.ctc_weight * ctc
            logs["ctc"] = ctc.detach()
        return loss, logs | {"loss": loss.detach()}

    def _look(self, x: Tensor, present: Tensor) -> Float[Tensor, "t d"]:
        parts = [
            self.encoder(x[None, look], present[None, look])[0, keep]
            for look, keep in windows(len(x), self.config.window, self.config.margin)
        ]
        return torch.cat(parts)

    @torch.inference_mode()
    def encode(self, x: Float[Tensor, "t k 2"], present: Bool[Tensor, "t k"]) -> Shaped[Tensor, "t q"]:
        """One normalised sequence to ids, int64 (T, Q), or where the latent is continuous to z, float32 (T, D).

        Sequences are encoded one by one and without padding, so that codes cannot depend on a batch: stacking them
        would change how matrix products are rounded. Call it in evaluation mode.
        """
        assert not self.training, "encode in evaluation mode: model.eval()"
        h = self._look(x, present)[None]
        return self.bottleneck.encode(h, torch.ones(h.shape[:2], dtype=torch.bool, device=h.device))[0]

    @torch.inference_mode()
    def decode(self, z: Float[Tensor, "t d"], steps: int | None = None, seed: int = 0) -> Reconstruction:
        """One sequence of latents to coordinates (T, K, 2) and presence (T, K).

        steps, seed: of a decoder that samples; a frame's noise is the same whatever the windows.
        Raises ValueError for steps where it does not, and below 0.
        """
        assert not self.training, "decode in evaluation mode: model.eval()"
        cuts = windows(len(z), self.config.window, self.config.margin)
        parts = [(self.decoder.reconstruct(z[None, look], steps, seed, look), keep) for look, keep in cuts]
        return Reconstruction(
            torch.cat([part.x[0, keep] for part, keep in parts]),
            torch.cat([part.present[0, keep] for part, keep in parts]),
        )

    def from_ids(self, ids: Int[Tensor, "t q"]) -> Float[Tensor, "t d"]:
        """Latents of token ids; the first q codebooks may be given alone. Raises ValueError for a continuous latent."""
        return self.bottleneck.from_ids(ids[None])[0]

    @torch.inference_mode()
    def characters(self, z: Float[Tensor, "t d"]) -> Float[Tensor, "t v"]:
        """Log-probabilities of the characters, frame by frame. Raises ValueError for a tokenizer without a CTC head."""
        if self.head is None:
            raise ValueError("this tokenizer was trained without CTC and cannot read; use a -ctc recipe")
        cuts = windows(len(z), self.config.window, self.config.margin)
        return torch.cat([self.head(z[None, look])[0, keep] for look, keep in cuts])
