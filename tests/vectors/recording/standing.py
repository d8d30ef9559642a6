"""Prints items that say where programs stand.

usage: standing.py ITEMS.cbor
"""
import sys

sys.dont_write_bytecode = True
from read import STANDING, sequence


def stands(channel, started, segment, terminal):
    shows = "no terminal"
    if terminal is not None:
        columns, rows, shown = terminal
        shows = f"{columns}x{rows} " + (f"not drawn since {shown}" if isinstance(shown, int) else f"draw {shown}")
    return f"channel {channel}, started {started} in segment {segment}: {shows}"


with open(sys.argv[1], "rb") as items:
    for tag, at, channel, programs in sequence(items.read()):
        assert (tag, channel) == (STANDING, 0)
        print(at, *(stands(*program) for program in programs), sep="\n  ")
