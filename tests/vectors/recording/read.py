"""Reads a recording by its specification alone, with tar, age and zstd, and prints one line per event.

usage: read.py RECORDING.tar REVIEW-KEY-FILE
"""
import hashlib
import subprocess
import sys
import tarfile

NAMES = ["started", "input", "output", "error output", "window", "signal", "end of input", "end of output",
         "exit status", "exit signal", "closed", "refused", "note", "host event", "file", "omitted"]
STANDING = 16  # where programs stand, for readers that begin in the middle


def item(data, at):
    """One CBOR item and where the next one begins."""
    major, low, at = data[at] >> 5, data[at] & 31, at + 1
    if major == 7:
        return {20: False, 21: True, 22: None}[low], at
    if low >= 24:
        width = 1 << (low - 24)
        low, at = int.from_bytes(data[at:at + width], "big"), at + width
    if major == 0:
        return low, at
    if major in (2, 3):
        assert at + low <= len(data), "cut short"
        content = data[at:at + low]
        return (content if major == 2 else content.decode()), at + low
    assert major == 4, f"major type {major}"
    items = []
    for _ in range(low):
        value, at = item(data, at)
        items.append(value)
    return items, at


def sequence(data):
    at = 0
    while at < len(data):
        value, at = item(data, at)
        yield value


def read(path, key):
    with tarfile.open(path) as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar.getmembers()}
    previous, number = hashlib.sha256(members["session.json"]).digest(), 0
    while (sealed := members.get(f"segments/{number:06}.age")) is not None:
        opened = subprocess.run(["age", "-d", "-i", key], input=sealed, capture_output=True, check=True).stdout
        raw = subprocess.run(["zstd", "-q", "-d", "-c"], input=opened, capture_output=True, check=True).stdout
        items = sequence(raw)
        version, session, stated, before = next(items)
        assert (version, stated, before) == (1, number, previous), f"segment {number} does not belong here"
        yield from (event for event in items if event[0] != STANDING)
        previous, number = hashlib.sha256(sealed).digest(), number + 1


if __name__ == "__main__":
    for tag, at, channel, *fields in read(*sys.argv[1:]):
        print(f"{at} {channel} {NAMES[tag]} {fields}")
