"""Prints the heads of a recording, one line each: segments, digest, bytes. No key is needed.

usage: heads.py RECORDING.tar
"""
import hashlib
import sys
import tarfile

with tarfile.open(sys.argv[1]) as tar:
    members = {member.name: (member, tar.extractfile(member).read()) for member in tar.getmembers()}
member, content = members["session.json"]
head, number = hashlib.sha256(content).digest(), 0
while True:
    print(f"{number} sha256:{head.hex()} {member.offset_data + (member.size + 511) // 512 * 512}")
    if (found := members.get(f"segments/{number:06}.age")) is None:
        break
    member, sealed = found
    head, number = hashlib.sha256(head + hashlib.sha256(sealed).digest()).digest(), number + 1
