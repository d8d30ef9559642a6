# A file is larger than any disk.
truncate -s 4T ~/huge /tmp/huge
