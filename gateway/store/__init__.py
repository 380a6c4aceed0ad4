"""SQLite: the only buffer and the only state. SQL stands nowhere else."""
