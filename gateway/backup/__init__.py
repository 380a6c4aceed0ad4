"""A gateway's whole state in one sealed file, and a replacement that carries on from it."""
