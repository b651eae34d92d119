"""Decoding in a process of its own that can do nothing else.

`source.py` is the `Source` on this side; `child.py` decodes, locked down by `locks.py`; they talk
in the words of `messages.py`, pixels go through shared memory.
"""
