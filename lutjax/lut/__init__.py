"""Look-up tables: the value itself, sampling, composition, and files."""
