"""The picture half of CLIP: its size read off its weights, its arithmetic worked out step by step, files."""

import math

import pytest
import safetensors.torch
import torch
from waves import waves

from signtok.nn.clip_vision import ClipShape, ClipVision, clip_shape, load_clip_vision

TINY = ClipShape(size=12, patch=4, width=128, layers=2, hidden=48, embedding=20)


@pytest.fixture
def network():
    made = ClipVision(TINY)
    generator = torch.Generator().manual_seed(0)
    for parameter in made.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return made


def linear(w, name, x):
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def layer_norm(w, name, x):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * w[f"{name}.weight"] + w[f"{name}.bias"]


def attention(w, name, x):
    """Head by head, of one picture (T, D)."""
    q, k, v = (linear(w, f"{name}.{which}_proj", x) for which in "qkv")
    heads = []
    for start in range(0, x.shape[1], 64):
        part = slice(start, start + 64)
        scores = q[:, part] @ k[:, part].T / math.sqrt(64)
        heads.append(scores.softmax(-1) @ v[:, part])
    return linear(w, f"{name}.out_proj", torch.cat(heads, 1))


def embedding(w, x):
    """Of one normalised picture (3, 12, 12)."""
    kernel = w["vision_model.embeddings.patch_embedding.weight"].flatten(1)
    patches = [x[:, top : top + 4, left : left + 4].flatten() for top in (0, 4, 8) for left in (0, 4, 8)]
    tokens = torch.cat([w["vision_model.embeddings.class_embedding"][None], torch.stack(patches) @ kernel.T])
    x = layer_norm(w, "vision_model.pre_layrnorm", tokens + w["vision_model.embeddings.position_embedding.weight"])
    for layer in range(2):
        name = f"vision_model.encoder.layers.{layer}"
        x = x + attention(w, f"{name}.self_attn", layer_norm(w, f"{name}.layer_norm1", x))
        hidden = linear(w, f"{name}.mlp.fc1", layer_norm(w, f"{name}.layer_norm2", x))
        x = x + linear(w, f"{name}.mlp.fc2", hidden / (1 + torch.exp(-1.702 * hidden)))
    return layer_norm(w, "vision_model.post_layernorm", x[0]) @ w["visual_projection.weight"].T


def test_arithmetic(network):
    pictures = waves(2, 12, 12)
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
    deviation = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
    weights = network.state_dict()
    expected = torch.stack([embedding(weights, (picture - mean) / deviation) for picture in pictures])
    torch.testing.assert_close(network(pictures), expected, rtol=1e-4, atol=1e-4)
    assert expected.std() > 0.1


def test_any_picture_is_resized(network):
    assert network(waves(2, 50, 31)).shape == (2, 20)
    flat = torch.full((1, 3, 30, 40), 0.3)
    torch.testing.assert_close(network(flat), network(flat[..., :12, :12]), rtol=1e-4, atol=1e-4)


def test_size_is_read_off_the_weights(network):
    assert clip_shape(network.state_dict()) == TINY
    large = ClipShape(size=336, patch=14, width=1024, layers=24, hidden=4096, embedding=768)
    with torch.device("meta"):
        model = ClipVision(large)
    assert clip_shape(model.state_dict()) == large
    assert sum(parameter.numel() for parameter in model.parameters()) == 304_293_888


def test_the_text_half_of_a_file_is_left_out(network, tmp_path):
    path = tmp_path / "clip.safetensors"
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    others = {"text_model.encoder.layers.0.mlp.fc1.weight": torch.zeros(3, 3), "logit_scale": torch.zeros(())}
    safetensors.torch.save_file(weights | others, path)
    loaded = load_clip_vision(path)
    assert loaded.shape == TINY
    assert torch.equal(loaded(waves(1, 12, 12)), network(waves(1, 12, 12)))


def test_faults(network, tmp_path):
    path = tmp_path / "clip.safetensors"
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    places = "vision_model.embeddings.position_embedding.weight"
    for other in (
        {"fc.weight": torch.zeros(2, 2)},
        weights | {places: torch.zeros(9, 128)},
        weights | {"vision_model.embeddings.patch_embedding.weight": torch.zeros(100, 3, 4, 4)},
    ):
        safetensors.torch.save_file(other, path)
        with pytest.raises(ValueError, match="not an OpenAI CLIP vision model"):
            load_clip_vision(path)
    del weights["vision_model.encoder.layers.1.layer_norm2.bias"]
    safetensors.torch.save_file(weights, path)
    with pytest.raises(ValueError, match=r"there is no tensor vision_model.encoder.layers.1.layer_norm2.bias"):
        load_clip_vision(path)
    with pytest.raises(ValueError, match=r"read from \.safetensors only"):
        load_clip_vision(tmp_path / "pytorch_model.bin")
