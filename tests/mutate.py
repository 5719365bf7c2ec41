"""Damage done to files: seeded, so that a case is known by its number; some of it mended again, to get further in."""

import json
import re
import struct
import zlib
from collections.abc import Callable
from random import Random

NUMBERS = [0, 1, 2, 3, 7, 8, 15, 16, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1]
VALUES = ["0", "-1", "1.5", "1e999", "NaN", "true", "null", '""', '"x"', "[]", "{}", "[[1]]", "1" * 400, "[" * 3000]
VALUES += ["2", "2.0", "64", "1024", "[8]", "[1, 1]", "[1024, 1024]", '"pre"', '"sum"', '"\\ud800"']


def bits(random: Random, data: bytearray) -> None:
    """A few bits the other way."""
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        data[place(random, data)] ^= 1 << random.randrange(8)


def number(random: Random, data: bytearray) -> None:
    """A number that is hard on arithmetic, in one, two or four bytes of either order."""
    kind = random.choice(("B", "<H", ">H", "<I", ">I"))
    value = struct.pack(kind, random.choice(NUMBERS) % 256 ** struct.calcsize(kind))
    at = place(random, data)
    data[at : at + len(value)] = value


def noise(random: Random, data: bytearray) -> None:
    """A stretch of anything."""
    at = place(random, data)
    data[at : at + random.choice((1, 4, 32, 400))] = random.randbytes(random.choice((1, 4, 32, 400)))


def cut(random: Random, data: bytearray) -> None:
    """The end is missing."""
    del data[place(random, data) :]


def lose(random: Random, data: bytearray) -> None:
    """A stretch is missing."""
    at = place(random, data)
    del data[at : at + random.choice((1, 2, 12, 100, 1000))]


def repeat(random: Random, data: bytearray) -> None:
    """A stretch comes again, elsewhere or many times."""
    at, length = place(random, data), random.choice((1, 12, 100, 1000))
    piece = bytes(data[at : at + length]) * random.choice((1, 1, 2, 50))
    at = place(random, data)
    data[at:at] = piece


MUTATIONS: list[Callable[[Random, bytearray], None]] = [bits, bits, number, number, number, noise, cut, lose, repeat]


def place(random: Random, data: bytearray) -> int:
    """Anywhere, and more often near the start, where headers are."""
    most = random.choice((32, 256, len(data), len(data)))
    return random.randrange(max(1, min(most, len(data))))


def mutated(random: Random, data: bytes, other: bytes) -> bytes:
    """A picture with one to four damages, or joined with another; a PNG mostly with sound checksums."""
    broken = bytearray(data)
    if random.random() < 0.05:
        broken[place(random, broken) :] = other[random.randrange(len(other)) :]
    for _ in range(random.choice((1, 1, 2, 4))):
        if broken:
            random.choice(MUTATIONS)(random, broken)
    return with_checksums(bytes(broken)) if random.random() < 0.7 else bytes(broken)


def with_checksums(data: bytes) -> bytes:
    """A PNG whose chunks have the checksums of what they hold now; anything else as it is."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    out, at = bytearray(data), 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if at + 12 + length > len(data):
            break
        struct.pack_into(">I", out, at + 8 + length, zlib.crc32(data[at + 4 : at + 8 + length]))
        at += 12 + length
    return bytes(out)


def mutated_text(random: Random, data: bytes) -> bytes:
    """JSON with one to three values replaced by odd ones, or damaged as any file."""
    if random.random() < 0.3:
        return mutated(random, data, data)
    text = data.decode()
    for _ in range(random.choice((1, 1, 2, 3))):
        found = list(re.finditer(r'-?\d+(\.\d+)?|"[^"]*"|true|false|\[[^\[\]]*\]', text))
        if found:
            spot = random.choice(found)
            text = text[: spot.start()] + random.choice(VALUES) + text[spot.end() :]
    return text.encode(errors="surrogatepass")


def mutated_weights(random: Random, data: bytes) -> bytes:
    """A safetensors file with an odd header of the right length, or damaged as any file."""
    if random.random() < 0.4:
        return mutated(random, data, data)
    (length,) = struct.unpack_from("<Q", data)
    header, tensors = data[8 : 8 + length], data[8 + length :]
    if random.random() < 0.3:  # well-formed, but tensors have changed places
        table = json.loads(header)
        names = [name for name in table if name != "__metadata__"]
        for _ in range(random.choice((1, 2))):
            one, two = random.choice(names), random.choice(names)
            field = random.choice(("data_offsets", "shape", "dtype"))
            table[one][field] = random.choice((table[two][field], "F16", "BF16", "I64", [0, 2**63], [-1, 8], None))
        header = json.dumps(table).encode()
    else:
        header = mutated_text(random, header)
    return struct.pack("<Q", len(header)) + header + tensors
