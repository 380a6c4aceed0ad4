"""The devices of this gateway: their file, their stickers and tables, and what each has done."""
