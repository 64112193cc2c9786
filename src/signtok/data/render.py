"""Pictures of the generated hand: tapered capsules round its bones, shaded, before a background, through a camera.

Colours are linear until the camera; everything is one batched tensor operation, so a batch costs little more than its
pixels. It is meant to teach, not to fool: there are no nails, wrinkles or sleeves.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from signtok.data.fingerspelling import moved, performed, poses_of
from signtok.data.hand_model import to_tensor
from signtok.data.handshapes import DELETE, Handshapes
from signtok.data.signers import GeneratedSigner, draw_signer

CLASSES = (*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "del", "nothing", "space")
"""As in the ASL Alphabet set, sorted."""

_FINGERS = [(first + k, first + k + 1) for first in (1, 5, 9, 13, 17) for k in range(3)]
_PALM = [(0, 1), (0, 5), (0, 9), (0, 13), (0, 17), (5, 9), (9, 13), (13, 17), (1, 5)]
CAPSULES = torch.tensor([*_FINGERS, *_PALM, (0, 21)])
"""From joint to joint; 21 is a point down the forearm."""
_FINGER_RADII = [r for thick in (1.15, 1.0, 1.0, 0.95, 0.82) for r in (0.105 * thick, 0.095 * thick, 0.085 * thick)]
_FINGER_ENDS = [r for thick in (1.15, 1.0, 1.0, 0.95, 0.82) for r in (0.095 * thick, 0.085 * thick, 0.07 * thick)]
RADII = torch.tensor(
    [
        [*_FINGER_RADII, 0.19, 0.19, 0.17, 0.17, 0.18, 0.115, 0.11, 0.105, 0.13, 0.2],
        [*_FINGER_ENDS, 0.13, 0.115, 0.115, 0.11, 0.1, 0.115, 0.11, 0.105, 0.11, 0.24],
    ]
).T
"""(capsules, 2), at either end, in palm lengths."""

FAR = 100.0
"""Lower than any hand, in pictures."""
NOWHERE = torch.linspace(-10, -11, 22)[:, None].expand(22, 3)
"""A hand that no pixel shows."""

SKIN = np.array(
    [
        [0.86, 0.62, 0.50],
        [0.78, 0.51, 0.38],
        [0.62, 0.36, 0.23],
        [0.46, 0.24, 0.14],
        [0.28, 0.14, 0.08],
        [0.14, 0.07, 0.04],
    ]
)
"""Linear RGB, from light to dark; a signer's is between two neighbours."""


@dataclass(frozen=True, eq=False)
class Scene:
    """N hands. points: (N, 22, 3) in pictures (x to the right, y down, [0, 1] inside; z towards the camera), of the 21
    joints and a point down the forearm; palm: (N,) the length of a palm."""

    points: Float[Tensor, "n 22 3"]
    palm: Float[Tensor, " n"]


def still(character: str, signer: GeneratedSigner, rng: np.random.Generator) -> Float[Tensor, "21 3"]:
    """The hand in some moment of a character."""
    poses, _ = poses_of(character, signer, rng)
    movement = moved(poses, rng)
    points = performed(movement, signer, rng)
    return points[rng.integers(len(points))]


def placed(points: Float[Tensor, "21 3"], signer: GeneratedSigner, rng: np.random.Generator) -> tuple[Tensor, float]:
    """In the picture, near its middle and filling most of it; and the palm's length there."""
    wrist_to_knuckles = points[[5, 9, 13, 17]].mean(0)
    bend = to_tensor(rng.normal(0, 0.3, 3))
    arm = -1.6 * wrist_to_knuckles / wrist_to_knuckles.norm() + bend - torch.tensor([0.0, 0.5, 0.0])
    every = torch.cat([points, arm[None]]) / (1 - points[:, 2].mean() / signer.distance)
    if signer.left_handed:
        every = every * torch.tensor([-1.0, 1.0, 1.0])
    low, high = every[:21, :2].amin(0), every[:21, :2].amax(0)
    palm = float(rng.uniform(0.42, 0.85) / (high - low).max().clamp(min=1.0))
    centre = to_tensor(0.5 + rng.normal(0, 0.06, 2))
    middle = (low + high) / 2
    x = (every[:, 0] - middle[0]) * palm + centre[0]
    y = (middle[1] - every[:, 1]) * palm + centre[1]
    return torch.stack([x, y, every[:, 2] * palm], -1), palm


@dataclass(frozen=True, eq=False)
class Surface:
    """What a pixel shows of the hand. height: towards the camera, in pictures; normal: x right, y down, z towards the
    camera; cover: share of the pixel, in [0, 1]."""

    height: Float[Tensor, "n s s"]
    normal: Float[Tensor, "n s s 3"]
    cover: Float[Tensor, "n s s"]


def surface(scene: Scene, size: int) -> Surface:
    """The frontmost capsule of each pixel; where there is none, the one whose edge is nearest."""
    axis = (torch.arange(size) + 0.5) / size
    x, y = axis[None, None, :], axis[None, :, None]
    shape = (len(scene.palm), size, size)
    top, edge, which = (
        torch.full(shape, -torch.inf),
        torch.full(shape, -torch.inf),
        torch.zeros(shape, dtype=torch.long),
    )
    for index in range(len(CAPSULES)):
        _, _, _, rise, depth, gap = _capsule(scene, torch.tensor(index), x, y)
        height = torch.where(gap > 0, depth + rise, gap - FAR)
        which[height > top] = index
        top = torch.maximum(top, height)
        edge = torch.maximum(edge, gap)
    dx, dy, radius, rise, depth, _ = _capsule(scene, which, x, y)
    normal = torch.stack([dx, dy, rise], -1) / radius[..., None]
    return Surface(depth + rise, normal, (edge * size + 0.5).clamp(0, 1))


def _capsule(scene: Scene, index: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    """Of a capsule, or another one at each pixel: from its axis to the pixel in x and y, its radius there, how high it
    rises above its axis, how high its axis lies, and how far inside its edge the pixel is."""
    batch = torch.arange(len(scene.palm))[:, None, None]
    start, end = scene.points[batch, CAPSULES[index, 0]], scene.points[batch, CAPSULES[index, 1]]  # (n,1 or s,1 or s,3)
    first, last = (scene.palm[:, None, None] * RADII[index, k] for k in (0, 1))
    (ax, ay, az), (bx, by, bz) = start.unbind(-1), end.unbind(-1)
    ux, uy = bx - ax, by - ay
    share = (((x - ax) * ux + (y - ay) * uy) / (ux * ux + uy * uy).clamp(min=1e-8)).clamp_(0, 1)
    dx, dy = x - ax - share * ux, y - ay - share * uy
    radius = first + share * (last - first)
    square = dx * dx + dy * dy
    rise = (radius * radius - square).clamp_(min=0).sqrt_()
    return dx, dy, radius, rise, az + share * (bz - az), radius - square.sqrt_()


def skin(rng: np.random.Generator) -> np.ndarray:
    """Linear RGB."""
    at = rng.uniform(0, len(SKIN) - 1)
    low = min(int(at), len(SKIN) - 2)
    return (SKIN[low] + (at - low) * (SKIN[low + 1] - SKIN[low])) * np.exp(rng.normal(0, 0.05, 3))


def backgrounds(count: int, size: int, rng: np.random.Generator) -> Float[Tensor, "n s s 3"]:
    """Walls: a gradient, boxes of other colours, and soft stains, linear RGB."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size
    out = np.empty((count, size, size, 3), np.float32)
    for picture in out:
        base = rng.uniform(0.02, 0.8) * np.exp(rng.normal(0, 0.12, 3))
        slope = rng.normal(0, 0.4, 2)
        picture[:] = base * np.exp(slope[0] * axis[:, None, None] + slope[1] * axis[None, :, None])
        for _ in range(rng.integers(0, 6)):
            (top, bottom), (left, right) = (np.sort(rng.integers(0, size + 1, 2)) for _ in range(2))
            picture[top:bottom, left:right] = rng.uniform(0.01, 0.95) * np.exp(rng.normal(0, 0.25, 3))
    stain = rng.normal(0, 0.3, (count, 1, 6, 6)) + rng.normal(0, 0.08, (count, 3, 6, 6))
    coarse = to_tensor(np.exp(stain))
    stains = F.interpolate(coarse, (size, size), mode="bilinear").permute(0, 2, 3, 1)
    return torch.from_numpy(out) * stains


def shaded(hand: Surface, palm: Float[Tensor, " n"], rng: np.random.Generator) -> Float[Tensor, "n s s 3"]:
    """Lambert's law under one lamp and a bright room, a little gloss, and darkness between the fingers."""
    count, normal = len(palm), hand.normal
    light = rng.normal(0, 1, (count, 3)) * [1, 0.7, 0.3] + [0, -0.6, 0.9]
    light /= np.linalg.norm(light, axis=1, keepdims=True)
    lamp = to_tensor(light)[:, None, None]
    facing = (normal * lamp).sum(-1).clamp(min=0)
    gloss = to_tensor(rng.uniform(0, 0.12, count))[:, None, None] * facing**12
    ambient = to_tensor(rng.uniform(0.2, 0.6, count))[:, None, None]
    room = ambient * (0.35 + 0.65 * normal[..., 2])
    deep = (_around(hand.height) - hand.height) / palm[:, None, None]
    light_left = torch.exp(-1.2 * deep.clamp(min=0))
    colour = to_tensor(np.stack([skin(rng) for _ in range(count)]))[:, None, None]
    strength = to_tensor(rng.uniform(0.3, 0.9, count))[:, None, None]
    return colour * ((room + strength * facing) * light_left)[..., None] + gloss[..., None]


def _around(height: Float[Tensor, "n s s"]) -> Float[Tensor, "n s s"]:
    """The mean height nearby."""
    reach = max(3, height.shape[-1] // 12) | 1
    return F.avg_pool2d(height[:, None], reach, 1, reach // 2, count_include_pad=False)[:, 0]


def photographed(linear: Float[Tensor, "n s s 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "n s s 3"]:
    """Blur, exposure, white balance, gamma, noise and 8 bits."""
    count, size = len(linear), linear.shape[1]
    exposure = to_tensor(np.exp(rng.normal(0, 0.3, (count, 1)) + rng.normal(0, 0.08, (count, 3))))
    picture = (linear * exposure[:, None, None]).permute(0, 3, 1, 2)
    picture = _blurred(picture, size / 64 * rng.uniform(0.2, 1.1, count))
    picture = picture.clamp(0, 1) ** (1 / 2.2)
    noise = torch.from_numpy(rng.standard_normal(picture.shape, np.float32))
    grain = to_tensor(rng.uniform(0, 0.04, count))[:, None, None, None]
    return ((picture + grain * noise).clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def _blurred(picture: Float[Tensor, "n 3 s s"], sigma: np.ndarray) -> Float[Tensor, "n 3 s s"]:
    """A Gaussian of its own for each picture, sigma in pixels."""
    reach = max(1, int(np.ceil(2.5 * sigma.max())))
    at = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (at / to_tensor(sigma)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, 0)[:, None]  # (3n,1,k)
    n, _, size, _ = picture.shape
    flat = F.pad(picture.reshape(1, 3 * n, size, size), (reach, reach, reach, reach), mode="replicate")
    flat = F.conv2d(flat, kernel[:, :, None], groups=3 * n)
    return F.conv2d(flat, kernel[..., None], groups=3 * n).view(n, 3, size, size)


def render(table: Handshapes, classes: list[str], size: int, rng: np.random.Generator) -> UInt8[np.ndarray, "n s s 3"]:
    """One picture for each name of CLASSES, each of another signer in another room.

    Raises ValueError for a name that is none of CLASSES and for a size outside 32 to 512.
    """
    if not 32 <= size <= 512:
        raise ValueError(f"pictures of {size} pixels; choose a size from 32 to 512")
    points, palms = [], []
    for name in classes:
        if name not in CLASSES:
            raise ValueError(f"no class {name!r}; the classes are {', '.join(CLASSES)}")
        if name == "nothing":
            points.append(NOWHERE)
            palms.append(0.1)
            continue
        signer = draw_signer(table, rng)
        character = {"del": DELETE, "space": " "}.get(name, name.lower())
        hand, palm = placed(still(character, signer, rng), signer, rng)
        points.append(hand)
        palms.append(palm)
    scene = Scene(torch.stack(points), torch.tensor(palms))
    return photograph(scene, size, rng)


def photograph(scene: Scene, size: int, rng: np.random.Generator) -> UInt8[np.ndarray, "n s s 3"]:
    """Hands of some skin, under some light, in some rooms."""
    seen = surface(scene, size)
    cover = seen.cover[..., None]
    room = backgrounds(len(scene.palm), size, rng)
    return photographed(cover * shaded(seen, scene.palm, rng) + (1 - cover) * room, rng)


def pictures(
    table: Handshapes, count: int, seed: int, size: int, batch: int = 16
) -> Iterator[tuple[str, UInt8[np.ndarray, "s s 3"]]]:
    """`count` pictures with their class, the classes in turn; the same seed gives the same ones. Raises as `render`."""
    for first in range(0, count, batch):
        names = [CLASSES[index % len(CLASSES)] for index in range(first, min(first + batch, count))]
        made = render(table, names, size, np.random.default_rng([seed, first]))
        yield from zip(names, made, strict=True)
