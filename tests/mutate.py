"""Random damage to files, reproducible from a seed; checksums are often repaired, so that decoders read on."""

import json
import re
import struct
import zlib
from collections.abc import Callable
from random import Random

NUMBERS = [0, 1, 2, 3, 7, 8, 15, 16, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1]
VALUES = ["0", "-1", "1.5", "1e999", "NaN", "true", "null", '""', '"x"', "[]", "{}", "[[1]]", "1" * 400, "[" * 3000]
VALUES += ["2", "2.0", "64", "1024", "[8]", "[1, 1]", "[1024, 1024]", '"pre"', '"sum"', '"\\ud800"']


def flip_bits(random: Random, data: bytearray) -> None:
    """Flip a few bits."""
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        data[choose_place(random, data)] ^= 1 << random.randrange(8)


def put_number(random: Random, data: bytearray) -> None:
    """Put a number that is hard on arithmetic, in one, two or four bytes of either order."""
    kind = random.choice(("B", "<H", ">H", "<I", ">I"))
    value = struct.pack(kind, random.choice(NUMBERS) % 256 ** struct.calcsize(kind))
    at = choose_place(random, data)
    data[at : at + len(value)] = value


def put_noise(random: Random, data: bytearray) -> None:
    """Replace a range of bytes by random ones, more or fewer."""
    at = choose_place(random, data)
    data[at : at + random.choice((1, 4, 32, 400))] = random.randbytes(random.choice((1, 4, 32, 400)))


def cut_end(random: Random, data: bytearray) -> None:
    """Remove the end."""
    del data[choose_place(random, data) :]


def remove_range(random: Random, data: bytearray) -> None:
    """Remove a range of bytes."""
    at = choose_place(random, data)
    del data[at : at + random.choice((1, 2, 12, 100, 1000))]


def repeat_range(random: Random, data: bytearray) -> None:
    """Insert a copy of a range of bytes, or many, at another place."""
    at, length = choose_place(random, data), random.choice((1, 12, 100, 1000))
    piece = bytes(data[at : at + length]) * random.choice((1, 1, 2, 50))
    at = choose_place(random, data)
    data[at:at] = piece


MUTATIONS: list[Callable[[Random, bytearray], None]] = [flip_bits] * 2 + [put_number] * 3
MUTATIONS += [put_noise, cut_end, remove_range, repeat_range]


def choose_place(random: Random, data: bytearray) -> int:
    """Return an index, more often near the start, where headers are."""
    stop = random.choice((32, 256, len(data), len(data)))
    return random.randrange(max(1, min(stop, len(data))))


def mutate(random: Random, data: bytes, other: bytes) -> bytes:
    """Damage a file one to four times, or join it with another; most PNGs get correct checksums."""
    broken = bytearray(data)
    if random.random() < 0.05:
        broken[choose_place(random, broken) :] = other[random.randrange(len(other)) :]
    for _ in range(random.choice((1, 1, 2, 4))):
        if broken:
            random.choice(MUTATIONS)(random, broken)
    return repair_checksums(bytes(broken)) if random.random() < 0.7 else bytes(broken)


def repair_checksums(data: bytes) -> bytes:
    """Return a PNG with the correct checksum in every chunk; any other file unchanged."""
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


def mutate_json(random: Random, data: bytes) -> bytes:
    """Replace one to three values of JSON by odd ones, or damage it as any file."""
    if random.random() < 0.3:
        return mutate(random, data, data)
    text = data.decode()
    for _ in range(random.choice((1, 1, 2, 3))):
        values = list(re.finditer(r'-?\d+(\.\d+)?|"[^"]*"|true|false|\[[^\[\]]*\]', text))
        if values:
            value = random.choice(values)
            text = text[: value.start()] + random.choice(VALUES) + text[value.end() :]
    return text.encode(errors="surrogatepass")


def mutate_weights(random: Random, data: bytes) -> bytes:
    """Give a safetensors file an odd header of the right length, or damage it as any file."""
    if random.random() < 0.4:
        return mutate(random, data, data)
    (length,) = struct.unpack_from("<Q", data)
    header, tensors = data[8 : 8 + length], data[8 + length :]
    if random.random() < 0.3:  # well-formed, but with the fields of other tensors
        table = json.loads(header)
        names = [name for name in table if name != "__metadata__"]
        for _ in range(random.choice((1, 2))):
            one, two = random.choice(names), random.choice(names)
            field = random.choice(("data_offsets", "shape", "dtype"))
            table[one][field] = random.choice((table[two][field], "F16", "BF16", "I64", [0, 2**63], [-1, 8], None))
        header = json.dumps(table).encode()
    else:
        header = mutate_json(random, header)
    return struct.pack("<Q", len(header)) + header + tensors
