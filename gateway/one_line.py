"""Strangers' text where people read it: on one line, and nothing in it steers a terminal."""


def one_line(text: str) -> str:
    """Line ends become spaces, control and format characters question marks."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)
