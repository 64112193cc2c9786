"""The kinematic hand: 21 joints in 3-D from joint angles and the bones of a signer, and how a camera sees them.

The palm is rigid and lies in the plane z = 0: the wrist at the origin, the knuckle of the middle finger at (0, 1, 0),
the palm looking along +z, the thumb of a right hand at x > 0. Lengths are in palm lengths (wrist to that knuckle),
angles in radians. Points are in MediaPipe's order: wrist, then four for thumb, index, middle, ring and little finger.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor

ANGLES = (
    *("thumb azimuth", "thumb elevation", "thumb roll", "thumb mcp", "thumb ip"),
    *(
        f"{finger} {joint}"
        for finger in ("index", "middle", "ring", "little")
        for joint in ("abduction", "mcp", "pip", "dip")
    ),
)
"""The 21 degrees of freedom. Flexion bends towards the palm; abduction is towards the thumb."""

_FINGER_LIMITS = ((-35, 35), (-35, 100), (-10, 120), (-15, 90))
LIMITS = torch.deg2rad(
    torch.tensor([(-40, 100), (-35, 85), (-120, 120), (-35, 85), (-35, 100), *_FINGER_LIMITS * 4]).double()
).float()
"""(21, 2): lowest and highest of each angle; wider than the textbook's, for trackers see joints inexactly."""


@dataclass(frozen=True, eq=False)
class Bones:
    """The hand of a signer, or of N of them (leading dimension).

    base: (*n, 5, 3), where thumb and fingers begin: landmarks 1, 5, 9, 13, 17.
    lengths: (*n, 5, 3), the three bones of each, from the palm outwards.
    splay: (*n, 4), where the straight fingers point at abduction 0, radians from the y axis towards the thumb.
    """

    base: Float[Tensor, "*n 5 3"]
    lengths: Float[Tensor, "*n 5 3"]
    splay: Float[Tensor, "*n 4"]


AVERAGE = Bones(
    base=torch.tensor([[0.30, 0.25, 0.10], [0.24, 0.96, 0.0], [0.0, 1.0, 0.0], [-0.20, 0.93, 0.0], [-0.37, 0.82, 0.0]]),
    lengths=torch.tensor(
        [[0.42, 0.36, 0.30], [0.45, 0.27, 0.23], [0.50, 0.31, 0.25], [0.46, 0.29, 0.25], [0.36, 0.22, 0.22]]
    ),
    splay=torch.tensor([0.12, 0.0, -0.12, -0.25]),
)
"""Where a fit starts: rough proportions of an adult hand."""


def to_tensor(array: ArrayLike) -> Tensor:
    """float32, whatever it was."""
    return torch.from_numpy(np.asarray(array, np.float32))


def joints(angles: Float[Tensor, "n 21"], bones: Bones) -> Float[Tensor, "n 21 3"]:
    """Forward kinematics. `bones` are those of one hand or of n."""
    thumb, fingers = angles[:, :5], angles[:, 5:].unflatten(1, (4, 4))
    shape = (len(angles), 5, 3)
    base, lengths = bones.base.expand(shape), bones.lengths.expand(shape)
    directions = torch.cat([_thumb(thumb)[:, None], _fingers(fingers, bones.splay)], 1)  # (n,5,3 bones,3)
    chain = base[:, :, None] + (lengths[..., None] * directions).cumsum(2)
    points = torch.cat([base[:, :, None], chain], 2).flatten(1, 2)  # (n,20,3)
    return torch.cat([torch.zeros_like(points[:, :1]), points], 1)


def _fingers(angles: Float[Tensor, "n 4 4"], splay: Float[Tensor, "*n 4"]) -> Float[Tensor, "n 4 3 3"]:
    """Unit vectors along the bones: each finger bends in a plane that abduction turns about z."""
    turn = (angles[..., 0] + splay)[..., None]
    bend = angles[..., 1:].cumsum(-1)
    return torch.stack([turn.sin() * bend.cos(), turn.cos() * bend.cos(), bend.sin()], -1)


def _thumb(angles: Float[Tensor, "n 5"]) -> Float[Tensor, "n 3 3"]:
    """The metacarpal points anywhere; roll turns the plane in which the two other bones bend about it."""
    azimuth, elevation, roll, first, second = angles.unbind(1)
    flat = torch.stack([azimuth.sin(), azimuth.cos(), torch.zeros_like(azimuth)], -1)
    along = flat * elevation.cos()[:, None] + _Z * elevation.sin()[:, None]
    up = _Z * elevation.cos()[:, None] - flat * elevation.sin()[:, None]
    side = torch.cross(along, up, dim=-1)
    towards = up * roll.cos()[:, None] + side * roll.sin()[:, None]
    bend = torch.stack([torch.zeros_like(first), first, first + second], -1)[..., None]
    return along[:, None] * bend.cos() + towards[:, None] * bend.sin()


_Z = torch.tensor([0.0, 0.0, 1.0])


def rotation(quaternion: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n 3 3"]:
    """Rotation matrices of quaternions (w, x, y, z) of any length but 0."""
    w, x, y, z = (quaternion / quaternion.norm(dim=-1, keepdim=True)).unbind(-1)
    rows = [
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def project(
    points: Float[Tensor, "n k 3"], turn: Float[Tensor, "n 3 3"], distance: Float[Tensor, "*n"]
) -> Float[Tensor, "n k 2"]:
    """The hand, turned about its wrist, as a pinhole camera on the z axis sees it `distance` palm lengths away.

    In palm lengths at the wrist's depth, y down as in pictures, the wrist at 0.
    """
    return pinhole(points @ turn.mT, distance)


def pinhole(points: Float[Tensor, "n k 3"], distance: Float[Tensor, "*n"]) -> Float[Tensor, "n k 2"]:
    """`project` of points that lie before the camera already: x to the right, y up, z towards it."""
    depth = 1 - points[..., 2] / distance[..., None]
    return torch.stack([points[..., 0], -points[..., 1]], -1) / depth[..., None]


def clamp(angles: Float[Tensor, "*n 21"]) -> Float[Tensor, "*n 21"]:
    """Within the limits of the joints."""
    return angles.clamp(LIMITS[:, 0].to(angles), LIMITS[:, 1].to(angles))


def axis_angle(vector: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 4"]:
    """The quaternion of a rotation by |vector| radians about it: the exponential map."""
    half = vector.norm(dim=-1, keepdim=True) / 2
    scale = torch.where(half > 1e-6, half.sin() / (2 * half).clamp(min=1e-12), 0.5 - half**2 / 12)
    return torch.cat([half.cos(), vector * scale], -1)


def rotation_vector(quaternion: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n 3"]:
    """The inverse of `axis_angle`: at most pi long."""
    unit = quaternion / quaternion.norm(dim=-1, keepdim=True)
    unit = unit * torch.where(unit[..., :1] < 0, -1.0, 1.0)
    sine = unit[..., 1:].norm(dim=-1, keepdim=True)
    angle = 2 * torch.atan2(sine, unit[..., :1])
    return unit[..., 1:] * torch.where(sine > 1e-6, angle / sine.clamp(min=1e-12), 2.0)


def multiply(a: Float[Tensor, "*#n 4"], b: Float[Tensor, "*#n 4"]) -> Float[Tensor, "*n 4"]:
    """The rotation that turns by b first and by a then."""
    real = a[..., :1] * b[..., :1] - (a[..., 1:] * b[..., 1:]).sum(-1, keepdim=True)
    a3, b3 = torch.broadcast_tensors(a[..., 1:], b[..., 1:])
    imaginary = a[..., :1] * b[..., 1:] + b[..., :1] * a[..., 1:] + torch.cross(a3, b3, dim=-1)
    return torch.cat([real, imaginary], -1)


def inverse(quaternion: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n 4"]:
    """Of a unit quaternion."""
    return quaternion * quaternion.new_tensor([1.0, -1.0, -1.0, -1.0])


def mean_rotation(quaternions: Float[Tensor, "n 4"]) -> Float[Tensor, "4"]:
    """The mean of unit quaternions in which q and -q are one (Markley et al. 2007)."""
    return torch.linalg.eigh(quaternions.T @ quaternions).eigenvectors[:, -1]


assert len(ANGLES) == len(LIMITS) == 21
assert math.isclose(float(AVERAGE.base[2, 1]), 1.0)
