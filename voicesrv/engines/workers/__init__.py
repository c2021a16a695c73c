"""Engines that live in processes of their own, and the pipe they are spoken to through.

::

    pool.py     asyncio side: starts, watches and replaces the processes
    stream.py   asyncio side: one stream on one of them
    frames.py   the bytes on the pipe; pure
    child.py    what every child program does: reads frames, answers pings, ends with its parent
    *_child.py  one program an engine, each the only importer of its backend

A child program imports no asyncio; what it computes is in modules beside it. A backend under the GPL is loaded by its
child alone: what passes between the two is bytes on a pipe.
"""
