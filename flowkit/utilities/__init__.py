"""Tools, under their homes in Prefect classic."""
