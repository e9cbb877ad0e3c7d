"""Draw mirror balls on a chequered floor, in characters.

Usage: raytracer.py [WIDTH]      (samples per line; 2600 takes about 3 s on PyPy)
"""

from __future__ import annotations

import math
import sys

SHADES = " .:-=+*#%@"
COLUMNS, LINES = 72, 26
MAX_BOUNCES = 4
EPSILON = 1e-6


class Vector:
    """Three numbers.  Almost none is ever allocated once PyPy has compiled the loops."""

    def __init__(self, x: float, y: float, z: float) -> None:
        self.x = x
        self.y = y
        self.z = z

    def __add__(self, other: Vector) -> Vector:
        return Vector(self.x + other.x, self.y + other.y, self.z + other.z)

    def __sub__(self, other: Vector) -> Vector:
        return Vector(self.x - other.x, self.y - other.y, self.z - other.z)

    def __mul__(self, factor: float) -> Vector:
        return Vector(self.x * factor, self.y * factor, self.z * factor)

    def dot(self, other: Vector) -> float:
        return self.x * other.x + self.y * other.y + self.z * other.z

    def unit(self) -> Vector:
        return self * (1.0 / math.sqrt(self.dot(self)))

    def mirrored(self, normal: Vector) -> Vector:
        return self - normal * (2.0 * self.dot(normal))


class Ray:
    def __init__(self, origin: Vector, direction: Vector) -> None:
        self.origin = origin
        self.direction = direction

    def at(self, distance: float) -> Vector:
        return self.origin + self.direction * distance


class Ball:
    """A sphere that reflects a part of the light."""

    def __init__(self, centre: Vector, radius: float, brightness: float, mirror: float) -> None:
        self.centre = centre
        self.radius = radius
        self.brightness = brightness
        self.mirror = mirror

    def distance(self, ray: Ray) -> float:
        to_centre = self.centre - ray.origin
        along = to_centre.dot(ray.direction)
        inside = self.radius * self.radius - to_centre.dot(to_centre) + along * along
        if inside < 0.0:
            return math.inf
        half = math.sqrt(inside)
        near = along - half
        far = along + half
        return near if near > EPSILON else far if far > EPSILON else math.inf

    def normal(self, point: Vector) -> Vector:
        return (point - self.centre) * (1.0 / self.radius)

    def shade(self, point: Vector) -> float:
        return self.brightness


class Floor:
    """The plane y = 0 in black and white squares."""

    mirror = 0.15

    def distance(self, ray: Ray) -> float:
        if ray.direction.y > -EPSILON:
            return math.inf
        away = -ray.origin.y / ray.direction.y
        return away if away > EPSILON else math.inf

    def normal(self, point: Vector) -> Vector:
        return Vector(0.0, 1.0, 0.0)

    def shade(self, point: Vector) -> float:
        return 0.9 if (math.floor(point.x) + math.floor(point.z)) % 2 else 0.25


class Scene:
    def __init__(self, things: list[Ball | Floor], light: Vector) -> None:
        self.things = things
        self.light = light

    def nearest(self, ray: Ray) -> tuple[Ball | Floor | None, float]:
        best, best_distance = None, math.inf
        for thing in self.things:
            distance = thing.distance(ray)
            if distance < best_distance:
                best, best_distance = thing, distance
        return best, best_distance

    def brightness(self, ray: Ray, bounces: int = 0) -> float:
        thing, distance = self.nearest(ray)
        if thing is None:
            return 0.35 + 0.45 * max(ray.direction.y, 0.0)
        point = ray.at(distance)
        normal = thing.normal(point)
        own = thing.shade(point) * self.lit(point, normal)
        if thing.mirror == 0.0 or bounces == MAX_BOUNCES:
            return own
        reflected = self.brightness(Ray(point, ray.direction.mirrored(normal)), bounces + 1)
        return own * (1.0 - thing.mirror) + reflected * thing.mirror

    def lit(self, point: Vector, normal: Vector) -> float:
        to_light = (self.light - point).unit()
        slope = normal.dot(to_light)
        if slope <= 0.0 or self.nearest(Ray(point, to_light))[0] is not None:
            return 0.15
        return 0.15 + 0.85 * slope


def still_life() -> Scene:
    balls = [
        Ball(Vector(-2.3, 1.0, 6.5), 1.0, 0.6, 0.55),
        Ball(Vector(0.2, 1.4, 8.0), 1.4, 0.9, 0.25),
        Ball(Vector(2.4, 0.8, 5.6), 0.8, 0.3, 0.7),
        Ball(Vector(0.3, 0.45, 4.4), 0.45, 1.0, 0.0),
    ]
    return Scene([Floor(), *balls], Vector(-6.0, 9.0, -2.0))


def render(scene: Scene, width: int) -> list[list[float]]:
    height = max(width * LINES // COLUMNS, 1)
    eye = Vector(0.0, 1.6, -1.0)
    rows = []
    for row in range(height):
        up = 0.2 - 0.68 * row / height
        line = []
        for column in range(width):
            right = 1.3 * (column + 0.5) / width - 0.65
            line.append(scene.brightness(Ray(eye, Vector(right, up, 1.0).unit())))
        rows.append(line)
    return rows


def in_characters(rows: list[list[float]]) -> str:
    def character(line: int, column: int) -> str:
        value = rows[line * len(rows) // LINES][column * len(rows[0]) // COLUMNS]
        return SHADES[min(int(value * len(SHADES)), len(SHADES) - 1)]

    return "\n".join("".join(character(line, column) for column in range(COLUMNS)) for line in range(LINES))


def main() -> None:
    width = int(sys.argv[1]) if len(sys.argv) > 1 else 2600
    rows = render(still_life(), width)
    print(in_characters(rows))
    mean = sum(map(sum, rows)) / (len(rows) * width)
    print(f"{width} x {len(rows)} samples, mean brightness {mean:.4f}")


if __name__ == "__main__":
    main()
