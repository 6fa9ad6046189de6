"""Simulated room responses: what a wall-reflected sound looks like at a microphone.

Source: Allen and Berkley, "Image method for efficiently simulating small-room acoustics" (1979): every reflection in
a box-shaped room is a mirror image of the speaker, as far away as the way is long, and weaker by each wall it met.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
SPEED_OF_SOUND = 343.0

Samples = NDArray[np.float32]
Point = NDArray[np.float64]


def random_room(rng: np.random.Generator) -> Samples:
    """The response of a room of 2 to 10 m, with speaker and microphone 0.3 to 3 m apart; RT60 of 0.1 to 0.6 s."""
    size = rng.uniform([2.5, 2.5, 2.2], [10.0, 8.0, 4.0])
    microphone = rng.uniform(0.15, 0.85, 3) * size
    direction = rng.standard_normal(3)
    speaker = microphone + direction / np.linalg.norm(direction) * rng.uniform(0.3, 3.0)
    speaker = np.clip(speaker, 0.1, size - 0.1)
    return room_response(size, speaker, microphone, reverberation=float(rng.uniform(0.1, 0.6)))


def room_response(size: Point, speaker: Point, microphone: Point, reverberation: float) -> Samples:
    """The impulse response at 16 kHz, the direct sound first and of strength 1.

    Args:
        size: of the room, three lengths in metres.
        speaker, microphone: where they are in it.
        reverberation: RT60, seconds until sound has lost 60 dB; the walls absorb what it takes for that (Eyring).
    """
    surface = 2 * (size[0] * size[1] + size[1] * size[2] + size[0] * size[2])
    absorption = 1 - np.exp(-0.161 * np.prod(size) / (surface * reverberation))
    reflected = np.sqrt(1 - absorption)
    reach = SPEED_OF_SOUND * reverberation * 0.6  # 36 dB down, where the rest is inaudible under speech
    axes = [_images(size[axis], speaker[axis], microphone[axis], reach) for axis in range(3)]
    (x, bounces_x), (y, bounces_y), (z, bounces_z) = axes
    distance = np.sqrt(x[:, None, None] ** 2 + y[None, :, None] ** 2 + z[None, None, :] ** 2).ravel()
    bounces = (bounces_x[:, None, None] + bounces_y[None, :, None] + bounces_z[None, None, :]).ravel()
    near = distance < reach
    distance, bounces = distance[near], bounces[near]
    direct = float(np.linalg.norm(speaker - microphone))
    delay = np.rint((distance - direct) / SPEED_OF_SOUND * SAMPLE_RATE).astype(np.int64)
    strength = reflected**bounces * direct / np.maximum(distance, 1e-3)
    response = np.bincount(np.maximum(delay, 0), weights=strength)
    return response.astype(np.float32)


def _images(size: float, speaker: float, microphone: float, reach: float) -> tuple[Point, Point]:
    """Along one axis: how far each mirror image is from the microphone, and how many walls its sound has met."""
    most = int(np.ceil(reach / (2 * size))) + 1
    order = np.arange(-most, most + 1)
    straight, mirrored = 2 * order * size + speaker, 2 * order * size - speaker
    distances = np.concatenate([straight, mirrored]) - microphone
    return distances, np.concatenate([np.abs(2 * order), np.abs(2 * order - 1)]).astype(np.float64)
