"""The radio board and its channels: profiles and plans are read, written, imported and applied."""
