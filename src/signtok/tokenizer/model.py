"""The tokenizer as it is trained: encoder, bottleneck, decoder, head. Read this first."""

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from signtok.config import NoBottleneck, ResidualVQConfig, TokenizerConfig
from signtok.data.batch import LandmarkBatch
from signtok.data.recording import LANDMARKS
from signtok.tokenizer.bottleneck import Identity
from signtok.tokenizer.decoder import LandmarkDecoder, Logs, Reconstruction
from signtok.tokenizer.encoder import Encoder
from signtok.tokenizer.heads import CTCHead
from signtok.tokenizer.motion_flow import MotionFlow, seeded_noise
from signtok.tokenizer.rvq import ResidualVQ


def build_bottleneck(config: NoBottleneck | ResidualVQConfig) -> Identity | ResidualVQ:
    match config:
        case NoBottleneck():
            return Identity()
        case ResidualVQConfig():
            return ResidualVQ(config)


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
        self.decoder = LandmarkDecoder(config.decoder, LANDMARKS)
        self.head = CTCHead(config.head) if config.ctc_weight > 0 else None
        drawing = config.decoder.flow
        self.flow = MotionFlow(drawing, config.decoder.blocks.dim) if drawing else None

    def loss(self, batch: LandmarkBatch) -> tuple[Tensor, Logs]:
        """SmoothL1 + CTC + commitment / 16 (paper 002, section 4), each logged. A flow learns beside them, and nothing
        from it; in evaluation the error is that of what it draws."""
        latent = self.bottleneck(self.encoder(batch.x, batch.present, batch.mask), batch.mask)
        x, presence = self.decoder(latent.z, batch.mask)
        if self.flow is not None and not self.training:
            x = self.flow.drawn(latent.z, x.float(), batch.mask)
        loss, logs = self.decoder.loss(x, presence, batch)
        if self.flow is not None and self.training:
            more, found = self.flow.loss(*self._as_in_use(batch), batch)
            loss, logs = loss + more, logs | found
        loss = loss + self.config.commitment_weight * latent.loss
        logs |= latent.logs
        if self.head is not None:
            ctc = self.head.loss(latent.z, batch)
            loss = loss + self.config.ctc_weight * ctc
            logs["ctc"] = ctc.detach()
        return loss, logs | {"loss": loss.detach()}

    @torch.no_grad()
    def _as_in_use(self, batch: LandmarkBatch) -> tuple[Float[Tensor, "b t d"], Float[Tensor, "b t k 2"]]:
        """The codes' vectors and the decoder's landmarks of hands that nothing is taken from, in a training step too,
        by as many codebooks as a batch may have."""
        modules = (self.encoder, self.bottleneck, self.decoder)
        for module in modules:
            module.eval()
        h = self.encoder(batch.x * batch.present.unsqueeze(-1), batch.present, batch.mask)
        z = self.bottleneck.some(h, batch.mask)
        x, _ = self.decoder(z, batch.mask)
        for module in modules:
            module.train()
        return z, x.float()

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

        steps, seed: of a decoder that samples; the noise is drawn for all frames at once, whatever the windows.
        Raises ValueError for steps where it does not, and below 0.
        """
        assert not self.training, "decode in evaluation mode: model.eval()"
        cuts = windows(len(z), self.config.window, self.config.margin)
        noise = None if self.flow is None else seeded_noise(len(z), seed).to(z.device)
        parts = [(self._decode(z[None], look, steps, noise), keep) for look, keep in cuts]
        return Reconstruction(
            torch.cat([part.x[0, keep] for part, keep in parts]),
            torch.cat([part.present[0, keep] for part, keep in parts]),
        )

    def _decode(
        self, z: Float[Tensor, "1 t d"], look: slice, steps: int | None, noise: Float[Tensor, "1 t k 2"] | None
    ) -> Reconstruction:
        x, presence = self.decoder(z[:, look])
        x = x.float()
        if self.flow is not None and noise is not None:
            x = self.flow.drawn(z[:, look], x, None, steps, noise[:, look])
        elif steps is not None:
            raise ValueError(f"steps={steps}: this decoder does not sample; leave steps out")
        return Reconstruction(x, x[..., 0] == x[..., 0] if presence is None else presence > 0)

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
