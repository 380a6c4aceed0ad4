"""`kogge doctor`: checks, each with a result, what it means and what to do next.

A group gathers facts (files, sockets, programs: the only part that waits), and its checks judge
them: each is a small pure function of what is known to a `Finding`. Groups gather at the same time,
each in a thread of its own, and whatever hangs is given up after `SECONDS`.
"""
