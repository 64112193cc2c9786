"""The picture half of CLIP, for CMMD; the weights are the user's.

Radford et al. 2021, arXiv 2103.00020. Tensors are named as in transformers' CLIPVisionModelWithProjection. Only models
of OpenAI: 64 channels a head and the quick GELU are theirs, and cannot be told from the weights.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from signtok.nn.perceptual_weights import fill_named, read_safetensors

HEAD = 64
MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class ClipShape:
    """Size of a vision transformer: `size` pixels a side, in patches of `patch` pixels a side."""

    size: int
    patch: int
    width: int
    layers: int
    hidden: int
    embedding: int


class Embeddings(nn.Module):
    """Pictures to a class token and one token a patch, with their positions."""

    def __init__(self, shape: ClipShape) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.zeros(shape.width))
        self.patch_embedding = nn.Conv2d(3, shape.width, shape.patch, stride=shape.patch, bias=False)
        self.position_embedding = nn.Embedding((shape.size // shape.patch) ** 2 + 1, shape.width)

    def forward(self, x: Tensor) -> Float[Tensor, "b t d"]:
        patches = rearrange(self.patch_embedding(x), "b d h w -> b (h w) d")
        first = self.class_embedding.expand(len(x), 1, -1)
        return torch.cat([first, patches], 1) + self.position_embedding.weight


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        split = (
            rearrange(project(x), "b t (n c) -> b n t c", c=HEAD) for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        return self.out_proj(rearrange(F.scaled_dot_product_attention(*split), "b n t c -> b t (n c)"))


class FeedForward(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        x = self.fc1(x)
        return self.fc2(x * torch.sigmoid(1.702 * x))  # the quick GELU


class Layer(nn.Module):
    def __init__(self, shape: ClipShape) -> None:
        super().__init__()
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(shape.width), nn.LayerNorm(shape.width)
        self.self_attn, self.mlp = Attention(shape.width), FeedForward(shape.width, shape.hidden)

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class VisionModel(nn.Module):
    """Normalised pictures to the class token of the last layer. The second name is spelt so in every file."""

    def __init__(self, shape: ClipShape) -> None:
        super().__init__()
        self.embeddings = Embeddings(shape)
        self.pre_layrnorm = nn.LayerNorm(shape.width)
        self.encoder = nn.ModuleDict({"layers": nn.Sequential(*(Layer(shape) for _ in range(shape.layers)))})
        self.post_layernorm = nn.LayerNorm(shape.width)

    def forward(self, x: Tensor) -> Float[Tensor, "b d"]:
        tokens = self.encoder["layers"](self.pre_layrnorm(self.embeddings(x)))
        return self.post_layernorm(tokens[:, 0])


class ClipVision(nn.Module):
    """Pictures (B, 3, H, W) in [0, 1] to embeddings (B, E), not scaled to unit length. In eval mode, weights fixed."""

    name = "CLIP"
    mean: Tensor
    deviation: Tensor

    def __init__(self, shape: ClipShape) -> None:
        super().__init__()
        self.shape = shape
        self.vision_model = VisionModel(shape)
        self.visual_projection = nn.Linear(shape.width, shape.embedding, bias=False)
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.eval()

    def forward(self, pictures: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b e"]:
        """Resized to the model's size without cropping, as CMMD's authors do (bicubic, antialiased), and normalised."""
        x = F.interpolate(pictures, (self.shape.size, self.shape.size), mode="bicubic", antialias=True)
        return self.visual_projection(self.vision_model((x - self.mean) / self.deviation))


def clip_shape(weights: Mapping[str, Tensor]) -> ClipShape | None:
    """Read off the shapes of the weights; None where they are not of a square vision transformer with heads of 64."""
    try:
        width, _, patch, _ = weights["vision_model.embeddings.patch_embedding.weight"].shape
        places = len(weights["vision_model.embeddings.position_embedding.weight"]) - 1
        hidden = len(weights["vision_model.encoder.layers.0.mlp.fc1.weight"])
        embedding = len(weights["visual_projection.weight"])
    except (KeyError, ValueError):
        return None
    side = round(places**0.5)
    layers = len({name.split(".")[3] for name in weights if name.startswith("vision_model.encoder.layers.")})
    if side**2 != places or width % HEAD:
        return None
    return ClipShape(side * patch, patch, width, layers, hidden, embedding)


def load_clip_vision(path: str | os.PathLike[str]) -> ClipVision:
    """From the user's .safetensors file of a CLIP model in transformers' naming; its text half is left out.

    Any size of OpenAI's; CMMD is defined on openai/clip-vit-large-patch14-336.
    Raises ValueError for a file that is missing, damaged, pickled, or of another network.
    """
    weights = read_safetensors(path)
    other = f"{path} is not an OpenAI CLIP vision model with projection as transformers names it"
    shape = clip_shape(weights)
    if shape is None:
        raise ValueError(f"{other}: save openai/clip-vit-large-patch14-336 as safetensors")
    network = ClipVision(shape)
    fill_named(network, weights, other)
    return network
