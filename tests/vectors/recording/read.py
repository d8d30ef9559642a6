"""Reads a recording by its specification alone, with tar, age and zstd, and prints one line per event.

usage: read.py RECORDING.tar REVIEW-KEY-FILE
       read.py RECORDING.tar                   prints its heads, for which no key is needed
       read.py ITEMS.cbor                      prints where programs stand
"""
import hashlib
import subprocess
import sys
import tarfile

NAMES = ["started", "input", "output", "error output", "window", "signal", "end of input", "end of output",
         "exit status", "exit signal", "closed", "refused", "note", "host event", "file", "omitted", "screen"]


def item(data, at):
    """One CBOR item and where the next one begins."""
    major, low = data[at] >> 5, data[at] & 31
    at += 1
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


def standing(programs):
    for channel, started, segment, terminal in programs:
        shows = "no terminal"
        if terminal is not None:
            columns, rows, shown = terminal
            shows = f"{columns}x{rows} " + (f"not drawn since {shown}" if isinstance(shown, int) else f"draw {shown}")
        yield f"channel {channel}, started {started} in segment {segment}: {shows}"


def stands(path):
    for tag, at, channel, *fields in sequence(open(path, "rb").read()):
        assert (tag, channel) == (16, 0)
        print(at, *standing(*fields), sep="\n  ")


def main(path, key):
    with tarfile.open(path) as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar.getmembers()}
    previous = hashlib.sha256(members["session.json"]).digest()
    number = 0
    while (sealed := members.get(f"segments/{number:06}.age")) is not None:
        opened = subprocess.run(["age", "-d", "-i", key], input=sealed, capture_output=True, check=True).stdout
        raw = subprocess.run(["zstd", "-q", "-d", "-c"], input=opened, capture_output=True, check=True).stdout
        items = sequence(raw)
        version, session, stated, before = next(items)
        assert (version, stated, before) == (1, number, previous), f"segment {number} does not belong here"
        for tag, at, channel, *fields in items:
            if tag == 16:
                list(standing(*fields))  # for readers that begin in the middle
                continue
            print(f"{at} {channel} {NAMES[tag]} {fields}")
        previous = hashlib.sha256(sealed).digest()
        number += 1


def heads(path):
    with tarfile.open(path) as tar:
        members = {member.name: (member, tar.extractfile(member).read()) for member in tar.getmembers()}
    member, content = members["session.json"]
    head, number = hashlib.sha256(content).digest(), 0
    while True:
        print(f"{number} sha256:{head.hex()} {member.offset_data + (member.size + 511) // 512 * 512}")
        if (found := members.get(f"segments/{number:06}.age")) is None:
            return
        member, sealed = found
        head, number = hashlib.sha256(head + hashlib.sha256(sealed).digest()).digest(), number + 1


usage = main if len(sys.argv) > 2 else stands if sys.argv[1].endswith(".cbor") else heads
usage(*sys.argv[1:])
