"""Codecs from other networks' device repositories, one vendor's folder at a time.

What stands in such a folder is strangers': names do not lead out of it, files are of bounded size,
and what cannot be used is left out with its reason.
"""
